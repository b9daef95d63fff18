//! How the server says no: the document's own words where it has some, else words that fit its schema.

use bitting_spec::extension::AuthCase;
use bitting_spec::{Document, MediaType, Operation};
use serde_json::{Map, Value, json};

use crate::exchange::Answer;
use crate::fake::{Fake, flatten};
use crate::scheme::{Place, Scheme};

/// Properties that say in words what is wrong, in the order in which they are looked for.
const WORDS: [&str; 8] = ["detail", "message", "error_description", "msg", "error", "title", "reason", "description"];
/// Members in which such a property stands where the body itself has none, before all others.
const AROUND: [&str; 4] = ["error", "errors", "detail", "details"];
/// The fewest characters in which something can be said.
const LEAST: usize = 20;
/// How deep it is looked for.
const DEEPEST: usize = 3;

/// The refusals of one operation.
#[derive(Debug)]
pub(crate) struct Refusals {
    known: Vec<Refusal>,
}

/// Members that say in a number what status a body comes with.
const STATUS: [&str; 3] = ["status", "statusCode", "status_code"];

/// What the document says about one status: a body for each case, the first being for any other.
#[derive(Debug)]
struct Refusal {
    status: u16,
    media: String,
    bodies: Vec<(Vec<AuthCase>, Value)>,
    /// Where the words stand, as a JSON pointer, and how many characters they may have.
    words: Option<(String, usize)>,
}

impl Refusals {
    /// The refusals that the document describes for `operation`.
    pub(crate) fn new(document: &Document, operation: &Operation) -> Self {
        let known = [400, 401, 403, 404, 409, 415, 422, 429, 500, 502, 503, 504].into_iter().filter_map(|status| {
            let response = operation.response(status)?;
            let json = response.content.iter().find(|(name, _)| name.contains("json"));
            let (media, content) = json.or(response.content.iter().next())?;
            let media = sent(media);
            let schema = content.schema.as_ref().map(|schema| &schema.value);
            let (words, body) = schema.and_then(|schema| worded(document, schema, plain(status), 0)).unzip();
            let bodies = match media.contains("json") {
                true => bodies(document, content, body),
                false => vec![(Vec::new(), Value::from(plain(status)))],
            };
            Some(Refusal { status, media, bodies, words })
        });
        Self { known: known.collect() }
    }

    /// Whether the document has a body for exactly this case under this status.
    fn states(&self, status: u16, case: AuthCase) -> bool {
        let refusal = self.known.iter().find(|refusal| refusal.status == status);
        refusal.is_some_and(|refusal| refusal.bodies.iter().any(|(cases, _)| cases.contains(&case)))
    }

    /// A refusal with `status`. `detail` replaces the words of the document where it is given.
    pub(crate) fn answer(&self, status: u16, case: Option<AuthCase>, detail: Option<&str>) -> Answer {
        let Some(refusal) = self.known.iter().find(|refusal| refusal.status == status) else {
            return Answer::json(status, json!({"detail": detail.unwrap_or(plain(status))}));
        };
        let for_case = refusal.bodies.iter().find(|(cases, _)| case.is_some_and(|case| cases.contains(&case)));
        let body = for_case.or(refusal.bodies.first()).map_or_else(|| json!({}), |(_, body)| body.clone());
        let mut answer = Answer { media: refusal.media.clone(), ..Answer::json(status, body) };
        if let (Some(detail), Some((place, most)), Some(body)) = (detail, &refusal.words, answer.body.as_mut()) {
            let text: String = detail.chars().take(*most).collect();
            let name = place.trim_start_matches('/');
            if let Some(words) = body.pointer_mut(place) {
                *words = Value::from(text);
            } else if let Some(object) = body.as_object_mut().filter(|_| !name.contains('/')) {
                // An example may leave it out.
                object.insert(name.to_owned(), Value::from(text));
            }
        }
        // A body names the status that it comes with (RFC 9457, 3.1.2, has it of a problem).
        for name in STATUS {
            let stated = answer.body.as_mut().and_then(|body| body.get_mut(name));
            if let Some(stated) = stated.filter(|stated| stated.is_number()) {
                *stated = Value::from(status);
            }
        }
        answer
    }

    /// The refusal of a credential: 401, or 403 where the document says so for this case.
    pub(crate) fn credential(&self, case: AuthCase, schemes: &[&Scheme]) -> Answer {
        let rejected = schemes.iter().flat_map(|scheme| scheme.auth.rejected.iter().copied());
        let statuses: Vec<u16> = [401].into_iter().chain(rejected).chain([403]).collect();
        let status = statuses.into_iter().find(|status| self.states(*status, case));
        let first = || schemes.iter().find_map(|scheme| scheme.auth.rejected.first().copied());
        let status = status.or_else(first).unwrap_or(401);
        let mut answer = self.answer(status, Some(case), None).because(name(case));
        if status == 401 {
            challenge(&mut answer, schemes, case);
        }
        answer
    }

    /// The refusal for a lack of scopes (RFC 6750, 3.1).
    pub(crate) fn scope(&self, missing: &[String], schemes: &[&Scheme]) -> Answer {
        let refusal = self.answer(403, Some(AuthCase::InsufficientScope), None).because("insufficient-scope");
        let mut answer = refusal.saying(format!("the credential lacks {}", missing.join(", ")));
        if schemes.iter().any(|scheme| matches!(&scheme.place, Place::Authorization(name) if name == "bearer")) {
            answer.set(
                "www-authenticate",
                &format!("Bearer error=\"insufficient_scope\", scope=\"{}\"", missing.join(" ")),
            );
        }
        answer
    }
}

/// `WWW-Authenticate` (RFC 9110, 11.6.1): every scheme that would do, the error only where something was presented
/// (RFC 6750, 3).
pub(crate) fn challenge(answer: &mut Answer, schemes: &[&Scheme], case: AuthCase) {
    let mut challenges: Vec<String> = Vec::new();
    for scheme in schemes {
        let challenge = match &scheme.place {
            Place::Authorization(name) if name == "bearer" && case != AuthCase::Missing => {
                "Bearer error=\"invalid_token\"".to_owned()
            }
            Place::Authorization(name) if name == "bearer" => "Bearer".to_owned(),
            Place::Authorization(name) => format!("{name} realm=\"api\""),
            Place::Header(name, _) | Place::Query(name) | Place::Cookie(name) => format!("ApiKey name=\"{name}\""),
            Place::Connection => continue,
        };
        if !challenges.contains(&challenge) {
            challenges.push(challenge);
        }
    }
    if !challenges.is_empty() {
        answer.set("www-authenticate", &challenges.join(", "));
    }
}

/// The case as the document and the journal write it.
pub(crate) fn name(case: AuthCase) -> &'static str {
    match case {
        AuthCase::Missing => "missing",
        AuthCase::Malformed => "malformed",
        AuthCase::Unknown => "unknown",
        AuthCase::Expired => "expired",
        AuthCase::Revoked => "revoked",
        AuthCase::WrongOrganization => "wrong-organization",
        AuthCase::WrongEnvironment => "wrong-environment",
        AuthCase::InsufficientScope => "insufficient-scope",
        AuthCase::Forbidden => "forbidden",
    }
}

/// The media type to send where the document names `declared`, which may be a range (RFC 9110, 12.5.1).
pub(crate) fn sent(declared: &str) -> String {
    match declared.split(';').next().unwrap_or_default().trim() {
        "*/*" | "application/*" => "application/json".to_owned(),
        "text/*" => "text/plain".to_owned(),
        _ => declared.to_owned(),
    }
}

/// Words for a refusal that the document does not describe.
fn plain(status: u16) -> &'static str {
    http::StatusCode::from_u16(status).ok().and_then(|status| status.canonical_reason()).unwrap_or("Error")
}

/// The document's examples; without any, a body made from the schema.
fn bodies(document: &Document, content: &MediaType, worded: Option<Value>) -> Vec<(Vec<AuthCase>, Value)> {
    let mut bodies: Vec<_> = content
        .examples
        .iter()
        .map(|example| (example.auth_cases.clone(), read(document, content, &example.value)))
        .filter(|(_, body)| agrees(document, content, body))
        .collect();
    // What has no case of its own is for every case that has no body.
    bodies.sort_by_key(|(cases, _)| !cases.is_empty());
    if bodies.is_empty() {
        let body = match &content.schema {
            Some(schema) if is_object(document, schema) => {
                worded.unwrap_or_else(|| Value::Object(Fake::new(document, 0).required(&schema.value)))
            }
            Some(schema) => Fake::new(document, 0).value("", &schema.value),
            None => Value::Object(Map::new()),
        };
        bodies.push((Vec::new(), body));
    }
    bodies
}

fn is_object(document: &Document, schema: &bitting_spec::Schema) -> bool {
    flatten(document, &schema.value).get("type").is_none_or(|kind| kind == "object")
}

/// Whether an example is at least an object where the schema wants one, and none where it wants a list.
fn agrees(document: &Document, content: &MediaType, example: &Value) -> bool {
    let flat = content.schema.as_ref().map(|schema| flatten(document, &schema.value)).unwrap_or_default();
    match flat.get("type").and_then(Value::as_str) {
        Some("object") => example.is_object(),
        Some("array") => example.is_array(),
        _ => true,
    }
}

/// An example, read where it is the text of a JSON value and the schema wants no text.
fn read(document: &Document, content: &MediaType, example: &Value) -> Value {
    let is_text =
        |schema: &bitting_spec::Schema| flatten(document, &schema.value).get("type") == Some(&json!("string"));
    let parsed = || serde_json::from_str(example.as_str()?).ok();
    Some(())
        .filter(|()| !content.schema.as_ref().is_some_and(is_text))
        .and_then(|()| parsed())
        .unwrap_or_else(|| example.clone())
}

/// An error body of `schema` with `text` where it says in words what is wrong, and where that is: a free text among its
/// own properties, else in what stands in it, be it a list.
fn worded(document: &Document, schema: &Value, text: &str, depth: usize) -> Option<((String, usize), Value)> {
    let flat = flatten(document, schema);
    if depth > DEEPEST {
        return None;
    }
    if let Some(most) = free_text(&flat) {
        return Some(((String::new(), most), Value::from(text.chars().take(most).collect::<String>())));
    }
    if let Some(items) = flat.get("items") {
        let ((place, most), item) = worded(document, items, text, depth)?;
        return Some(((format!("/0{place}"), most), Value::Array(vec![item])));
    }
    let properties = flat.get("properties")?.as_object()?;
    let is_named = |known: &[&str], name: &String| known.contains(&name.as_str());
    let own = WORDS.iter().filter_map(|name| properties.get_key_value(*name));
    let own = own.filter(|(_, schema)| free_text(&flatten(document, schema)).is_some());
    let inner = |(_, schema): &(&String, &Value)| free_text(&flatten(document, schema)).is_none();
    let around = properties.iter().filter(inner).filter(|(name, _)| is_named(&AROUND, name));
    let is_object = |(_, schema): &(&String, &Value)| flatten(document, schema).contains_key("properties");
    let others = properties.iter().filter(is_object).filter(|(name, _)| !is_named(&AROUND, name));
    let (name, ((place, most), value)) = own
        .chain(around)
        .chain(others)
        .find_map(|(name, schema)| Some((name, worded(document, schema, text, depth + 1)?)))?;
    let mut body = Fake::new(document, 0).required(schema);
    body.insert(name.clone(), value);
    Some(((format!("{}{place}", bitting_spec::infer::pointer(name)), most), Value::Object(body)))
}

/// How many characters a text may have that is free to say anything.
fn free_text(flat: &Map<String, Value>) -> Option<usize> {
    let is_free = ["enum", "const", "pattern", "format"].iter().all(|key| !flat.contains_key(*key));
    let kind = flat.get("type")?;
    let is_text = kind == "string" || kind.as_array().is_some_and(|kinds| kinds.contains(&"string".into()));
    let most = flat.get("maxLength").and_then(Value::as_u64).map_or(usize::MAX, |most| most as usize);
    (is_free && is_text && most >= LEAST).then_some(most)
}
