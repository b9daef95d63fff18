//! What was asked and answered, as the control plane tells it: a list, an archive, a stream, and whether it is what a
//! test expects.

use serde_json::{Value, json};

use crate::control::{Control, Input, Problem, follow, told};
use crate::exchange::Answer;
use crate::journal::record::Message;
use crate::journal::{Entry, Expectation, Wanted};

/// The number in a query parameter.
fn number(input: &Input<'_>, name: &'static str) -> Result<Option<u64>, Problem> {
    let parse = |text: String| {
        let fault = |_| Problem::new(400, format!("`{name}` must be a number"), "leave it out for all");
        text.parse::<u64>().map_err(fault)
    };
    input.query(name).map(parse).transpose()
}

pub(super) fn journal(control: &Control, input: &Input<'_>) -> Result<Answer, Problem> {
    let status = number(input, "status")?.map(|status| u16::try_from(status).unwrap_or(u16::MAX));
    let since = number(input, "since")?.unwrap_or(0);
    let wanted = Wanted { since, status, operation: input.query("operation"), principal: input.query("principal") };
    told(&json!({"entries": control.core.journal().entries(&wanted)}))
}

/// The entries as server-sent events. Over a network the front goes on with those that come; see `follow.rs`.
pub(super) fn stream(control: &Control, input: &Input<'_>) -> Result<Answer, Problem> {
    let since = number(input, "since")?.unwrap_or(0);
    let entries = control.core.journal().entries(&Wanted { since, ..Wanted::default() });
    let bytes: Vec<u8> = entries.iter().flat_map(|entry| follow::event(entry).to_vec()).collect();
    Ok(Answer { media: follow::MEDIA.to_owned(), raw: Some(bytes.into()), ..Answer::empty(200) })
}

pub(super) fn verify(control: &Control, input: &Input<'_>) -> Result<Answer, Problem> {
    let expected: Expectation = input.body()?;
    if expected.order && expected.times.is_some() {
        let error = "`times` cannot be stated of requests in order";
        return Err(Problem::new(400, error, "GET /v1/openapi.yaml describes the body"));
    }
    told(&control.core.journal().verify(&expected))
}

/// The journal as an HTTP Archive 1.2, which the network tools of browsers open; with headers and bodies where they are
/// recorded.
pub(super) fn har(control: &Control, _: &Input<'_>) -> Result<Answer, Problem> {
    let core = &control.core;
    let base = core.origin.get().map_or("", String::as_str);
    let entries = core.journal().entries(&Wanted::default()).into_iter().map(|entry| {
        let exchange = core.recording.as_ref().and_then(|recording| recording.of(entry.sequence));
        json!({
            "startedDateTime": entry.at, "time": 0, "cache": {},
            "request": request(base, &entry, exchange.as_ref().map(|exchange| &exchange.request)),
            "response": response(&entry, exchange.as_ref().map(|exchange| &exchange.response)),
            "timings": {"send": 0, "wait": 0, "receive": 0},
            "comment": entry.operation.unwrap_or_default(),
        })
    });
    let creator = json!({"name": "bitting", "version": env!("CARGO_PKG_VERSION")});
    told(&json!({"log": {"version": "1.2", "creator": creator, "entries": entries.collect::<Vec<_>>()}}))
}

/// What requests and responses of an archive have in common.
fn message(message: Option<&Message>) -> Value {
    let headers = message.map_or_else(|| json!([]), Message::pairs);
    let size = message.map_or(json!(-1), |message| json!(message.size));
    json!({"httpVersion": "HTTP/1.1", "cookies": [], "headers": headers, "headersSize": -1, "bodySize": size})
}

fn request(base: &str, entry: &Entry, recorded: Option<&Message>) -> Value {
    let mut request = message(recorded);
    let query = entry.target.split_once('?').map_or("", |(_, query)| query);
    let pairs = form_urlencoded::parse(query.as_bytes()).map(|(name, value)| json!({"name": name, "value": value}));
    request["queryString"] = pairs.collect();
    request["method"] = json!(entry.method);
    request["url"] = json!(format!("{base}{}", entry.target));
    if let Some(text) = recorded.and_then(|message| message.text.as_ref()) {
        let media = recorded.map_or("", |message| &message.media);
        request["postData"] = json!({"mimeType": media, "params": [], "text": text});
    }
    request
}

fn response(entry: &Entry, recorded: Option<&Message>) -> Value {
    let mut response = message(recorded);
    response["status"] = json!(entry.status);
    response["statusText"] = json!(entry.reason.unwrap_or_default());
    let size = recorded.map_or(json!(-1), |message| json!(message.size));
    response["content"] = json!({"size": size, "mimeType": recorded.map_or("", |message| &message.media)});
    if let Some(text) = recorded.and_then(|message| message.text.as_ref()) {
        response["content"]["text"] = json!(text);
    }
    response["redirectURL"] = json!("");
    response
}
