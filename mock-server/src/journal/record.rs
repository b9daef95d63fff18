//! Headers and bodies of the latest requests and answers, where somebody wants them kept, with every secret masked.

use std::collections::VecDeque;
use std::sync::{Mutex, PoisonError};

use http::header::{AUTHORIZATION, CONTENT_TYPE, COOKIE, LOCATION, PROXY_AUTHORIZATION, SET_COOKIE};
use http::{HeaderMap, HeaderName};
use serde_json::{Value, json};

use super::mask::{MASK, Secrets};
use crate::exchange::{Outcome, Request};

/// How many exchanges are kept.
const EXCHANGES: usize = 1000;
/// How many bytes of text are kept.
const BYTES: usize = 16 << 20;
/// How many bytes of one body are kept.
const BODY: usize = 64 << 10;
/// A presented credential that is shorter could be a word of any text.
const SHORTEST: usize = 8;

/// The latest requests and answers in full.
#[derive(Debug, Default)]
pub(crate) struct Recording {
    ring: Mutex<Ring>,
}

#[derive(Debug, Default)]
struct Ring {
    exchanges: VecDeque<Exchange>,
    bytes: usize,
}

/// A request and its answer; no secret is in either.
#[derive(Debug, Clone)]
pub(crate) struct Exchange {
    /// The number of its entry in the journal.
    sequence: u64,
    pub(crate) request: Message,
    pub(crate) response: Message,
}

/// What is kept of a request or an answer.
#[derive(Debug, Clone)]
pub(crate) struct Message {
    pub(crate) headers: Vec<(String, String)>,
    pub(crate) media: String,
    /// The body, if it is text; at most its beginning.
    pub(crate) text: Option<String>,
    /// The length of the body as it went over the wire.
    pub(crate) size: usize,
}

impl Message {
    fn length(&self) -> usize {
        let headers: usize = self.headers.iter().map(|(name, value)| name.len() + value.len()).sum();
        headers + self.media.len() + self.text.as_ref().map_or(0, String::len)
    }

    /// Its headers as an HTTP Archive has them.
    pub(crate) fn pairs(&self) -> Value {
        self.headers.iter().map(|(name, value)| json!({"name": name, "value": value})).collect()
    }
}

/// What must not be shown of one exchange.
struct Censor<'a> {
    /// Names of the document's own credentials.
    own: &'a Secrets,
    /// The credentials that the request presents.
    presented: Vec<String>,
}

impl Censor<'_> {
    fn is_secret_header(&self, name: &HeaderName) -> bool {
        [AUTHORIZATION, PROXY_AUTHORIZATION, COOKIE, SET_COOKIE].contains(name)
            || name == "x-api-key"
            || self.own.names.iter().any(|own| own.eq_ignore_ascii_case(name.as_str()))
    }

    fn text(&self, text: &str) -> String {
        let known = self.presented.iter().fold(text.to_owned(), |text, secret| text.replace(secret, MASK));
        self.own.hidden(&known).into_owned()
    }

    fn json(&self, value: &mut Value) {
        match value {
            Value::Object(members) => {
                for (name, value) in members {
                    match value {
                        Value::String(text) if self.own.names(name) => MASK.clone_into(text),
                        value => self.json(value),
                    }
                }
            }
            Value::Array(items) => items.iter_mut().for_each(|item| self.json(item)),
            _ => {}
        }
    }

    fn body(&self, media: &str, body: &[u8]) -> Option<String> {
        let text = std::str::from_utf8(body).ok().filter(|text| !text.is_empty())?;
        let censored = if media.contains("json") {
            let mut value = serde_json::from_str(text).ok()?;
            self.json(&mut value);
            value.to_string()
        } else if media.starts_with("application/x-www-form-urlencoded") {
            let hidden = |(name, value): (std::borrow::Cow<'_, str>, std::borrow::Cow<'_, str>)| {
                let value = if self.own.names(&name) { MASK } else { &value };
                (name.into_owned(), value.to_owned())
            };
            let pairs = form_urlencoded::parse(text.as_bytes()).map(hidden);
            form_urlencoded::Serializer::new(String::new()).extend_pairs(pairs).finish()
        } else if media.starts_with("text/") {
            text.to_owned()
        } else {
            return None;
        };
        Some(self.text(&censored).chars().take(BODY).collect())
    }

    fn message(&self, headers: &HeaderMap, body: &[u8]) -> Message {
        let shown = |(name, value): (&HeaderName, &http::HeaderValue)| {
            let text = String::from_utf8_lossy(value.as_bytes());
            let text = match () {
                () if self.is_secret_header(name) => MASK.to_owned(),
                () if *name == LOCATION => self.text(&self.own.masked(&text)),
                () => self.text(&text),
            };
            (name.to_string(), text)
        };
        let media = headers.get(CONTENT_TYPE).and_then(|value| value.to_str().ok()).unwrap_or_default();
        Message {
            headers: headers.iter().map(shown).collect(),
            media: media.to_owned(),
            text: self.body(media, body),
            size: body.len(),
        }
    }
}

/// The credentials in the headers of a request.
fn presented(request: &Request, own: &Secrets) -> Vec<String> {
    let censor = Censor { own, presented: Vec::new() };
    let headers = request.headers.iter().filter(|(name, _)| censor.is_secret_header(name));
    let texts = headers.filter_map(|(_, value)| value.to_str().ok());
    let parts = texts.flat_map(|text| text.split([' ', ';', '=', ',']).chain([text]));
    let mut parts: Vec<String> = parts.filter(|part| part.len() >= SHORTEST).map(str::to_owned).collect();
    // The longest first, so that none is left in part.
    parts.sort_by_key(|part| std::cmp::Reverse(part.len()));
    parts
}

impl Recording {
    /// Keeps what belongs to the entry `sequence`; `own` is what is secret in its document.
    pub(crate) fn keep(&self, sequence: u64, request: &Request, outcome: &Outcome, own: &Secrets) {
        let censor = Censor { own, presented: presented(request, own) };
        let exchange = Exchange {
            sequence,
            request: censor.message(&request.headers, &request.body),
            response: censor.message(&outcome.headers, &outcome.body),
        };
        let length = |exchange: &Exchange| exchange.request.length() + exchange.response.length();
        let mut ring = self.ring.lock().unwrap_or_else(PoisonError::into_inner);
        ring.bytes += length(&exchange);
        ring.exchanges.push_back(exchange);
        while ring.exchanges.len() > EXCHANGES || ring.bytes > BYTES {
            let Some(oldest) = ring.exchanges.pop_front() else { break };
            ring.bytes -= length(&oldest);
        }
    }

    /// What belongs to the entry `sequence`, if it is still kept.
    pub(crate) fn of(&self, sequence: u64) -> Option<Exchange> {
        let ring = self.ring.lock().unwrap_or_else(PoisonError::into_inner);
        ring.exchanges.iter().find(|exchange| exchange.sequence == sequence).cloned()
    }
}
