//! The report as HAR 1.2, which a browser's developer tools and proxies open: the exchange of each finding.

use serde_json::{Value, json};

use super::time::rfc3339;
use crate::finding::{Finding, Sent};
use crate::verdict::{Outcome, Report};

/// The exchanges of the findings as HAR 1.2, each with what is wrong as its comment. Secrets stand as variables, long
/// bodies are cut, and times are those of the run, since no exchange keeps its own.
#[must_use]
pub fn har(report: &Report) -> String {
    let started = rfc3339(report.started);
    let entries = report.verdicts.iter().filter_map(|verdict| match &verdict.outcome {
        Outcome::Fail(finding) => finding.request.as_ref().map(|request| entry(finding, request, &started)),
        _ => None,
    });
    let log = json!({
        "log": {
            "version": "1.2",
            "creator": {"name": "bitting", "version": env!("CARGO_PKG_VERSION")},
            "comment": format!("{} at {}", report.title, report.target),
            "entries": entries.collect::<Vec<_>>(),
        }
    });
    format!("{log:#}\n")
}

fn entry(finding: &Finding, request: &Sent, started: &str) -> Value {
    json!({
        "startedDateTime": started,
        "time": 0,
        "request": sent(request),
        "response": got(finding),
        "cache": {},
        "timings": {"send": 0, "wait": 0, "receive": 0},
        "comment": format!(
            "{} {} [{}]: {}. Expected: {}.", finding.severity, finding.check, finding.id, finding.got.summary, finding.expected
        ),
    })
}

fn sent(request: &Sent) -> Value {
    let query = request.url.split_once('?').map(|(_, query)| query).unwrap_or_default();
    let query = form_urlencoded::parse(query.as_bytes()).map(|(name, value)| json!({"name": name, "value": value}));
    let mut value = json!({
        "method": request.method,
        "url": request.url,
        "httpVersion": "HTTP/1.1",
        "cookies": [],
        "headers": fields(&request.headers),
        "queryString": query.collect::<Vec<_>>(),
        "headersSize": -1,
        "bodySize": -1,
    });
    if let Some(body) = &request.body {
        value["postData"] = json!({"mimeType": media_type(&request.headers), "text": body});
    }
    value
}

/// The answer; a status of 0 is how HAR says that none came.
fn got(finding: &Finding) -> Value {
    let got = &finding.got;
    let location = got.headers.iter().find(|(name, _)| name == "location").map(|(_, value)| value.as_str());
    json!({
        "status": got.status.unwrap_or(0),
        "statusText": "",
        "httpVersion": "HTTP/1.1",
        "cookies": [],
        "headers": fields(&got.headers),
        "content": {"size": got.body.len(), "mimeType": media_type(&got.headers), "text": got.body},
        "redirectURL": location.unwrap_or_default(),
        "headersSize": -1,
        "bodySize": -1,
    })
}

fn fields(headers: &[(String, String)]) -> Vec<Value> {
    headers.iter().map(|(name, value)| json!({"name": name, "value": value})).collect()
}

fn media_type(headers: &[(String, String)]) -> &str {
    headers.iter().find(|(name, _)| name == "content-type").map_or("", |(_, value)| value)
}
