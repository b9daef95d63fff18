//! `leak.*`: answers that say more than the document does.

use std::collections::BTreeSet;
use std::sync::LazyLock;

use aho_corasick::{AhoCorasick, MatchKind};
use bitting_spec::Document;
use serde_json::Value;

use crate::check::{Check, CheckInfo, Need, Phase};
use crate::finding::Observation;
use crate::generate::Declared;
use crate::run::{Judge, Judging, Trial};

const NEEDS: &[Need] = &[Need::Valid];

pub(super) const CHECKS: &[Check] = &[
    Check {
        info: CheckInfo {
            id: "leak.secret",
            title: "no answer holds a secret that the document does not speak of",
            rule: "A body has no member with the name of a secret (a password or its hash, a key, a token) that its \
                   schema does not declare.",
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
];

pub(super) const JUDGES: &[Judge] = &[
    Judge { check: "leak.secret", sees: secret },
    Judge { check: "leak.undocumented", sees: undocumented },
    Judge { check: "leak.trace", sees: trace },
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
    let (pointer, names) = undeclared(judging)?;
    let is_secret = |name: &&String| SECRETS.contains(&name.to_ascii_lowercase().replace(['-', '_'], "").as_str());
    let name = names.iter().find(is_secret)?;
    let cause = format!("the body has a member `{name}` that its schema does not declare");
    Some(Observation::error(cause, "no secret that the document does not speak of", judging.exchange).at(&pointer))
}

fn undocumented(judging: &Judging<'_>) -> Option<Observation> {
    let (pointer, names) = undeclared(judging)?;
    let listed = names.iter().map(|name| format!("`{name}`")).collect::<Vec<_>>().join(", ");
    let cause = format!("the body has members that its schema does not declare: {listed}");
    Some(Observation::note(cause, "members that the schema declares", judging.exchange).at(&pointer))
}

fn trace(judging: &Judging<'_>) -> Option<Observation> {
    let found = MARKS.as_ref()?.find(&judging.exchange.answer.body)?;
    let mark = TRACES.get(found.pattern().as_usize())?;
    let cause = format!("an answer shows the inside of the server: `{}`", mark.trim());
    Some(Observation::error(cause, "an error that says nothing of the server's inside", judging.exchange))
}

/// The members of a JSON body that its schema does not declare, with the schema's place; `None` where there are none.
fn undeclared(judging: &Judging<'_>) -> Option<(String, BTreeSet<String>)> {
    let answer = &judging.exchange.answer;
    let response = judging.operation.response(answer.status)?;
    let given = answer.media_type().filter(|given| given == "application/json" || given.ends_with("+json"))?;
    let schema = response.content.iter().find(|(name, _)| name.starts_with(&given))?.1.schema.as_ref()?;
    let mut names = BTreeSet::new();
    let declared = judging.context.declared(schema);
    collect(judging.context.document, &declared, answer.parsed()?, 0, &mut names);
    (!names.is_empty()).then(|| (schema.pointer.clone(), names))
}

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
