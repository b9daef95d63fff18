//! `leak.*`: answers that say more than the document does.

use std::collections::BTreeSet;
use std::sync::LazyLock;

use aho_corasick::{AhoCorasick, MatchKind};
use bitting_spec::infer::is_secret_name;
use bitting_spec::{Document, Schema};
use serde_json::Value;

use crate::check::{Check, CheckInfo, Need, Phase};
use crate::finding::Observation;
use crate::generate::{Declared, validator};
use crate::infer::{answered, plain, properties};
use crate::run::{Judge, Judging, Sign, Trial};

const NEEDS: &[Need] = &[Need::Valid];

pub(super) const CHECKS: &[Check] = &[
    Check {
        info: CheckInfo {
            id: "leak.secret",
            title: "no answer holds a secret that the document does not speak of",
            rule: "A body has no member with the name of a secret (a password or its hash, a key, a token) that its \
                   schema does not declare, and a success shows no credential that the suite knows under any name, unless \
                   the operation is there to give one.",
            source: "OWASP API3:2023; CWE-200",
            needs: NEEDS,
            phase: Phase::Generated,
        },
        applies: |_, _| true,
        run: |trial: &Trial<'_>| Box::pin(trial.exercised("leak.secret")),
    },
    Check {
        info: CheckInfo {
            id: "leak.undocumented",
            title: "every member of a body is documented",
            rule: "An object has the members that its schema declares. Where the schema is open, another one is a note: \
                   clients come to rely on it, and nobody reviewed that it may be shown.",
            source: "OWASP API3:2023; OpenAPI 3.1, 4.8.24",
            needs: NEEDS,
            phase: Phase::Generated,
        },
        applies: |_, _| true,
        run: |trial: &Trial<'_>| Box::pin(trial.exercised("leak.undocumented")),
    },
    Check {
        info: CheckInfo {
            id: "leak.trace",
            title: "no answer shows the inside of the server",
            rule: "A body holds no stack trace and no text of a database error.",
            source: "OWASP API8:2023; CWE-209",
            needs: NEEDS,
            phase: Phase::Generated,
        },
        applies: |_, _| true,
        run: |trial: &Trial<'_>| Box::pin(trial.exercised("leak.trace")),
    },
    Check {
        info: CheckInfo {
            id: "leak.write-only",
            title: "what is written only is not shown",
            rule: "A success shows no member that its schema marks `writeOnly`. One with the name of a secret, or of the \
                   format `password`, is an error, any other a note.",
            source: "OpenAPI 3.1, 4.8.24; JSON Schema 2020-12 Validation, 9.4; CWE-200",
            needs: NEEDS,
            phase: Phase::Generated,
        },
        applies: |_, _| true,
        run: |trial: &Trial<'_>| Box::pin(trial.exercised("leak.write-only")),
    },
    Check {
        info: CheckInfo {
            id: "leak.shared-cache",
            title: "no shared cache keeps what a credential opened",
            rule: "A success that took a credential is not `public` and has no `s-maxage`: a cache on the way would give it \
                   to the next one who asks. Where the operation belongs to no organization it is a note, since what all \
                   callers see may be kept for all of them.",
            source: "RFC 9111, 3.5 and 5.2.2.9; CWE-524",
            needs: NEEDS,
            phase: Phase::Generated,
        },
        applies: |_, operation| operation.method == "GET" && !operation.is_public(),
        run: |trial: &Trial<'_>| Box::pin(trial.exercised("leak.shared-cache")),
    },
];

pub(super) const JUDGES: &[Judge] = &[
    Judge { check: "leak.secret", sees: secret },
    Judge { check: "leak.undocumented", sees: undocumented },
    Judge { check: "leak.trace", sees: trace },
    Judge { check: "leak.write-only", sees: write_only },
    Judge { check: "leak.shared-cache", sees: shared_cache },
];

/// Names of members that hold secrets, without hyphens and underscores.
const SECRETS: [&str; 14] = [
    "password",
    "passwordhash",
    "hashedpassword",
    "passwd",
    "pwhash",
    "secret",
    "clientsecret",
    "secrethash",
    "keyhash",
    "privatekey",
    "apikey",
    "accesstoken",
    "refreshtoken",
    "mfasecret",
];

/// What only a trace or a database's error says.
const TRACES: [&str; 14] = [
    "Traceback (most recent call last)",
    "\n\tat java.",
    "\n\tat org.",
    "goroutine 1 [running]",
    "panicked at ",
    "System.NullReferenceException",
    "   at Microsoft.AspNetCore",
    "node_modules/",
    "SQLSTATE[",
    "ORA-00",
    "psycopg2.errors",
    "sqlalchemy.exc",
    "PG::SyntaxError",
    "com.mysql.jdbc",
];

/// Every mark at once: a body is gone through one time only, many bytes in one step where the leftmost mark is wanted.
static MARKS: LazyLock<Option<AhoCorasick>> =
    LazyLock::new(|| AhoCorasick::builder().match_kind(MatchKind::LeftmostFirst).build(TRACES).ok());

fn secret(judging: &Judging<'_>) -> Option<Observation> {
    shown_credential(judging).or_else(|| undeclared_secret(judging))
}

/// A credential of the run that stands in an answer which is not there to give one, under whatever name.
fn shown_credential(judging: &Judging<'_>) -> Option<Observation> {
    let answer = &judging.exchange.answer;
    if *judging.sign != Sign::Valid || !answer.is_success() {
        return None;
    }
    let what = judging.context.vault.held_in(&answer.body)?;
    let answered = answered(judging.context.document, judging.operation);
    if answered.iter().any(|(name, _)| is_secret_name(name)) {
        return None;
    }
    let cause = format!("the answer shows a credential: {what}");
    Some(Observation::error(
        cause,
        "no credential in an answer that the document does not have one in",
        judging.exchange,
    ))
}

fn undeclared_secret(judging: &Judging<'_>) -> Option<Observation> {
    let (pointer, names) = undeclared(judging)?;
    let name = names.iter().find(|name| is_secret(name))?;
    let cause = format!("the body has a member `{name}` that its schema does not declare");
    Some(Observation::error(cause, "no secret that the document does not speak of", judging.exchange).at(&pointer))
}

/// Whether a member is called like a secret.
pub(super) fn is_secret(name: &str) -> bool {
    SECRETS.contains(&plain(name).as_str())
}

fn write_only(judging: &Judging<'_>) -> Option<Observation> {
    let answer = judging.exchange.answer.parsed().filter(|_| judging.exchange.answer.is_success())?;
    let schema = schema_of(judging)?;
    let (name, is_password) = shown(judging.context.document, &schema.value, answer, 0)?;
    let make = if is_password || is_secret(&name) { Observation::error } else { Observation::note };
    let cause = format!("the answer shows `{name}`, which is written only");
    Some(make(cause, format!("no `{name}`"), judging.exchange).at(&schema.pointer))
}

fn alternatives(schema: &Value) -> Option<&Vec<Value>> {
    ["oneOf", "anyOf"].iter().find_map(|key| schema.get(*key)?.as_array())
}

/// The first member of a value that its schema marks `writeOnly`, and whether it is a password.
fn shown(document: &Document, schema: &Value, value: &Value, depth: usize) -> Option<(String, bool)> {
    let schema = document.resolve(schema);
    if depth > MAX_DEPTH {
        return None;
    }
    if let Some(all) = alternatives(schema) {
        let found: Vec<_> = all.iter().map(|one| shown(document, one, value, depth + 1)).collect();
        // Of several schemas the one that the value is of; mostly none has such a member, and which it is does not matter.
        let is_it = |one: &Value| validator(document, one).is_some_and(|validator| validator.is_valid(value));
        let is_any = found.iter().any(Option::is_some);
        return all.iter().zip(found).find(|(one, _)| is_any && is_it(one))?.1;
    }
    match value {
        Value::Object(members) => properties(document, schema).into_iter().find_map(|(name, schema)| {
            let member = members.get(name).filter(|member| !member.is_null())?;
            let says = |key: &str, value: Value| {
                [schema, document.resolve(schema)].iter().any(|one| one.get(key) == Some(&value))
            };
            match says("writeOnly", Value::Bool(true)) {
                true => Some((name.to_owned(), says("format", Value::from("password")))),
                false => shown(document, schema, member, depth + 1),
            }
        }),
        Value::Array(items) => {
            items.iter().take(5).find_map(|item| shown(document, schema.get("items")?, item, depth + 1))
        }
        _ => None,
    }
}

fn undocumented(judging: &Judging<'_>) -> Option<Observation> {
    let (pointer, names) = undeclared(judging)?;
    let listed = names.iter().map(|name| format!("`{name}`")).collect::<Vec<_>>().join(", ");
    let cause = format!("the body has members that its schema does not declare: {listed}");
    Some(Observation::note(cause, "members that the schema declares", judging.exchange).at(&pointer))
}

/// The directive of `Cache-Control` by which a shared cache may answer without asking again (RFC 9111, 5.2.2).
fn sharing(field: &str) -> Option<&str> {
    const CLOSED: [&str; 5] = ["no-store", "no-cache", "private", "max-age=0", "s-maxage=0"];
    let mut directives = field.split(',').map(str::trim);
    if directives.clone().any(|one| CLOSED.contains(&one)) {
        return None;
    }
    directives.find(|one| *one == "public" || one.starts_with("s-maxage"))
}

fn shared_cache(judging: &Judging<'_>) -> Option<Observation> {
    let (answer, operation) = (&judging.exchange.answer, judging.operation);
    let is_asked = operation.method == "GET" && !operation.is_public() && matches!(judging.sign, Sign::Valid);
    let field = answer.header("cache-control").filter(|_| is_asked && answer.is_success())?.to_ascii_lowercase();
    let shared = sharing(&field)?;
    // What depends on the credential is kept for it alone (RFC 9110, 12.5.5).
    let varies = answer.header("vary").unwrap_or_default().to_ascii_lowercase();
    let request = &judging.exchange.request;
    let carries = |name: &str| name == "*" || request.headers.iter().any(|(sent, _)| sent.eq_ignore_ascii_case(name));
    let is_common = |name: &&str| ["accept", "accept-encoding", "origin", "user-agent"].contains(name);
    if varies.split(',').map(str::trim).filter(|name| !is_common(name)).any(carries) {
        return None;
    }
    let make = if operation.tenant.is_some() { Observation::error } else { Observation::note };
    let cause = format!("what a credential opened may be kept by shared caches: `{shared}`");
    Some(make(cause, "`private` or `no-store`".to_owned(), judging.exchange))
}

fn trace(judging: &Judging<'_>) -> Option<Observation> {
    let found = MARKS.as_ref()?.find(&judging.exchange.answer.body)?;
    let mark = TRACES.get(found.pattern().as_usize())?;
    if is_documented(judging, mark) {
        return None;
    }
    let cause = format!("an answer shows the inside of the server: `{}`", mark.trim());
    Some(Observation::error(cause, "an error that says nothing of the server's inside", judging.exchange))
}

/// Whether an example of the answer says so too: what a document publishes is not inside.
fn is_documented(judging: &Judging<'_>, mark: &str) -> bool {
    let media = judging.operation.response(judging.exchange.answer.status).into_iter();
    let examples = media.flat_map(|response| response.content.values()).flat_map(|media| &media.examples);
    let written = |value: &serde_json::Value| value.as_str().map_or_else(|| value.to_string(), str::to_owned);
    examples.map(|example| written(&example.value)).any(|text| text.contains(mark))
}

/// The schema of a JSON answer.
fn schema_of<'a>(judging: &Judging<'a>) -> Option<&'a Schema> {
    let answer = &judging.exchange.answer;
    let response = judging.operation.response(answer.status)?;
    let given = answer.media_type().filter(|given| given == "application/json" || given.ends_with("+json"))?;
    response.content.iter().find(|(name, _)| name.starts_with(&given))?.1.schema.as_ref()
}

/// The members of a JSON body that its schema does not declare, with the schema's place; `None` where there are none.
fn undeclared(judging: &Judging<'_>) -> Option<(String, BTreeSet<String>)> {
    let schema = schema_of(judging)?;
    let mut names = BTreeSet::new();
    let declared = judging.context.declared(schema);
    collect(judging.context.document, &declared, judging.exchange.answer.parsed()?, 0, &mut names);
    if judging.exchange.answer.media_type().is_some_and(|given| given == "application/problem+json") {
        names.retain(|name| !PROBLEM.contains(&name.as_str()));
    }
    (!names.is_empty()).then(|| (schema.pointer.clone(), names))
}

/// What any problem may have (RFC 9457, 3.1).
const PROBLEM: [&str; 5] = ["type", "title", "status", "detail", "instance"];

/// Deeper than this nobody looks.
const MAX_DEPTH: usize = 4;

fn collect(document: &Document, schema: &Declared, value: &Value, depth: usize, names: &mut BTreeSet<String>) {
    if depth > MAX_DEPTH {
        return;
    }
    match value {
        Value::Object(members) => {
            let Some(declared) = schema.members(document) else { return };
            for (name, member) in members {
                match declared.get(name) {
                    Some(Some(schema)) => collect(document, schema, member, depth + 1, names),
                    Some(None) => {}
                    None => drop(names.insert(name.clone())),
                }
            }
        }
        Value::Array(items) => {
            if let Some(schema) = schema.items(document) {
                items.iter().take(5).for_each(|item| collect(document, schema, item, depth + 1, names));
            }
        }
        _ => {}
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    /// What a cache has to ask for again, or keeps for one caller, reaches nobody else.
    #[test]
    fn only_what_is_given_without_asking_is_shared() {
        assert_eq!(sharing("public, max-age=60, must-revalidate"), Some("public"));
        assert_eq!(sharing("max-age=0x, s-maxage=60"), Some("s-maxage=60"));
        for closed in
            ["public, max-age=0, must-revalidate", "public, no-cache", "no-store, public", "private", "max-age=60", ""]
        {
            assert_eq!(sharing(closed), None, "{closed}");
        }
    }

    /// LC07: a member that is written only is seen wherever it stands, and where nothing is shown nothing is found.
    #[test]
    fn what_is_written_only_is_seen() {
        let text = r##"{"openapi": "3.1.0", "info": {"title": "t", "version": "1"}, "paths": {}, "components": {"schemas": {
            "Secret": {"type": "string", "writeOnly": true, "format": "password"},
            "User": {"type": "object", "properties": {"name": {"type": "string"}, "pin": {"$ref": "#/components/schemas/Secret"}}},
            "Hook": {"type": "object", "required": ["url"], "properties": {"url": {"type": "string"}, "salt": {"writeOnly": true}}},
            "Mail": {"type": "object", "required": ["to"], "properties": {"to": {"type": "string"}}}}}}"##;
        let document = Document::parse("t.json", text).expect("it is valid");
        let user = json!({"$ref": "#/components/schemas/User"});
        let channel = json!({"oneOf": [{"$ref": "#/components/schemas/Hook"}, {"$ref": "#/components/schemas/Mail"}]});
        let found = |schema: &Value, value: Value| shown(&document, schema, &value, 0);
        assert_eq!(found(&user, json!({"name": "a"})), None);
        assert_eq!(found(&user, json!({"name": "a", "pin": null})), None);
        assert_eq!(found(&user, json!({"pin": "1234"})), Some(("pin".to_owned(), true)));
        let list = json!({"type": "array", "items": user});
        assert_eq!(found(&list, json!([{"name": "a"}, {"pin": "1234"}])), Some(("pin".to_owned(), true)));
        assert_eq!(found(&channel, json!({"url": "x", "salt": "y"})), Some(("salt".to_owned(), false)));
        assert_eq!(found(&channel, json!({"to": "x", "salt": "y"})), None);
    }
}
