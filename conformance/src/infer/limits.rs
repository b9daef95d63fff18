//! The header fields that tell a limit, by their names.

use std::collections::BTreeSet;

use bitting_spec::extension::{RateLimit, RateLimitExceeded, RateLimitHeaders, ResetFormat, ResetHeader};
use bitting_spec::{Document, Operation};

use super::{answered_errors, plain};

/// Whether a success of an operation tells the limit.
pub(super) fn shows(operation: &Operation, headers: &RateLimitHeaders) -> bool {
    operation.successes().any(|response| response.headers.contains_key(&headers.limit))
}

/// The rule that the document's answers show: their header fields, and how a 429 tells the time to wait.
pub(super) fn infer(document: &Document) -> Option<RateLimit> {
    let responses = document.operations.iter().flat_map(|operation| &operation.responses);
    let names: BTreeSet<&str> = responses.flat_map(|response| response.headers.keys()).map(String::as_str).collect();
    let told = |end: &str| {
        names
            .iter()
            .find(|name| plain(name).contains("ratelimit") && plain(name).ends_with(end))
            .map(|name| (*name).to_owned())
    };
    let headers = match (
        told("limit").filter(|name| plain(name).ends_with("ratelimitlimit")),
        told("remaining"),
        told("reset"),
    ) {
        (Some(limit), Some(remaining), Some(reset)) => {
            // `X-RateLimit-Reset` is a Unix time by custom, `RateLimit-Reset` a number of seconds by the draft of the IETF.
            let format = if reset.starts_with("x-") { ResetFormat::UnixSeconds } else { ResetFormat::DeltaSeconds };
            Some(RateLimitHeaders { limit, remaining, reset: ResetHeader { name: reset, format } })
        }
        _ => None,
    };
    let refuses = document
        .operations
        .iter()
        .any(|operation| operation.responses.iter().any(|response| response.status == bitting_spec::Status::Code(429)));
    if headers.is_none() && !refuses {
        return None;
    }
    let mut exceeded = RateLimitExceeded::default();
    let member =
        document.operations.iter().find_map(|operation| answered_errors(document, operation, 429, "retryafter"));
    exceeded.retry_after.extend(member.map(|pointer| format!("body:{pointer}")));
    Some(RateLimit { headers, exceeded: Some(exceeded), ..RateLimit::default() })
}
