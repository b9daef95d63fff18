//! Asking for tokens: a login operation or an OAuth token endpoint, and the styles of renewal (A19).

use std::sync::Arc;
use std::time::Duration;

use bitting_spec::extension::{AfterExpiry, TokenPointers};
use bytes::Bytes;
use http::header::{ACCEPT, AUTHORIZATION, CONTENT_TYPE, USER_AGENT};
use http::{HeaderMap, HeaderValue, Method};
use serde_json::{Map, Value};
use url::Url;

use super::grant::{Grant, TokenProblem, read};
use super::{Previous, Token, TokenSource};
use crate::clock::{BoxFuture, Clock, within};
use crate::secret::Secret;
use crate::transport::{Outgoing, Transport};

/// How long one request for a token may take, whatever its caller's deadline is (A17).
const TIMEOUT: Duration = Duration::from_secs(30);

/// How a request for a token is written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Format {
    /// `application/json`.
    Json,
    /// `application/x-www-form-urlencoded`, as OAuth asks (RFC 6749, 4.4.2).
    Form,
}

/// A request for a token, but for what changes each time.
#[derive(Debug, Clone)]
pub(crate) struct TokenRequest {
    pub(crate) method: Method,
    pub(crate) url: Url,
    pub(crate) format: Format,
    /// Values by JSON pointer.
    pub(crate) fields: Vec<(String, Secret)>,
    /// The client's own authentication (RFC 6749, 2.3.1).
    pub(crate) authorization: Option<HeaderValue>,
    /// Where the token stands in the answer.
    pub(crate) answer: TokenPointers,
}

/// How a token is renewed.
#[derive(Debug)]
pub(crate) enum Renew {
    /// It is acquired anew.
    Reacquire,
    /// By the token itself, in its usual place (ROBOTICKS-3).
    CurrentToken(TokenRequest, AfterExpiry),
    /// By a refresh token, which stands at this pointer of the request.
    RefreshToken(TokenRequest, String),
}

/// A source of tokens that speaks HTTP.
#[derive(Debug)]
pub(crate) struct HttpSource {
    pub(crate) acquire: TokenRequest,
    pub(crate) renew: Renew,
    pub(crate) transport: Transport,
    pub(crate) clock: Arc<dyn Clock>,
    pub(crate) user_agent: HeaderValue,
    /// What is sent that no message may repeat (B8).
    pub(crate) secret: Secret,
}

impl TokenSource for HttpSource {
    fn fetch<'a>(&'a self, previous: Option<Previous<'a>>) -> BoxFuture<'a, Result<Grant, TokenProblem>> {
        Box::pin(async move {
            match self.renewed(previous).await {
                // Only a refusal of the token leads back to the login: a failure that may pass must not (A9).
                Some(Err(problem)) if problem.terminal => self.acquired().await,
                Some(result) => result,
                None => self.acquired().await,
            }
        })
    }
}

impl HttpSource {
    async fn acquired(&self) -> Result<Grant, TokenProblem> {
        self.ask(&self.acquire, None, None).await
    }

    /// Renews `previous`; `None` where that is not possible.
    async fn renewed(&self, previous: Option<Previous<'_>>) -> Option<Result<Grant, TokenProblem>> {
        let Previous { token, refused } = previous?;
        match &self.renew {
            Renew::Reacquire => None,
            Renew::CurrentToken(request, after_expiry) => {
                let alive = !refused && token.timing.is_alive(self.clock.now());
                if !alive && *after_expiry == AfterExpiry::Rejected {
                    return None;
                }
                Some(self.ask(request, Some(token), None).await)
            }
            Renew::RefreshToken(request, pointer) => {
                let refresh = token.refresh.as_ref()?;
                let grant = self.ask(request, None, Some((pointer, refresh))).await;
                // An answer without a refresh token leaves the old one in force (A16).
                Some(grant.map(|grant| Grant { refresh: grant.refresh.or_else(|| token.refresh.clone()), ..grant }))
            }
        }
    }

    /// Sends one request for a token. A connection that could not be made is tried once more; an answer that was lost
    /// is not, since it may have used up a refresh token (A17).
    async fn ask(
        &self,
        request: &TokenRequest,
        token: Option<&Token>,
        field: Option<(&String, &Secret)>,
    ) -> Result<Grant, TokenProblem> {
        let fields = request.fields.iter().map(|(pointer, value)| (pointer.as_str(), value));
        let fields: Vec<_> = fields.chain(field.map(|(pointer, value)| (pointer.as_str(), value))).collect();
        let mut outgoing = self.outgoing(request, &fields);
        if let Some(token) = token {
            token.attachment.apply(&mut outgoing);
        }
        let sent = [Some(&self.secret), token.map(|token| &token.access), field.map(|(_, value)| value)];
        let secrets: Vec<Secret> = sent.into_iter().flatten().cloned().collect();
        let mut tries = 0;
        loop {
            tries += 1;
            let asked = self.clock.now();
            let sent = within(&*self.clock, Some(asked.mono + TIMEOUT), self.transport.send(outgoing.clone())).await;
            let Some(result) = sent else {
                return Err(TokenProblem::transient(format!("the token endpoint did not answer within {TIMEOUT:?}")));
            };
            match result {
                Err(fault) if !fault.maybe_sent && tries < 2 => {}
                Err(fault) => return Err(fault.into()),
                Ok(incoming) => return read(&incoming, &request.answer, asked, self.clock.now(), &secrets),
            }
        }
    }

    fn outgoing(&self, request: &TokenRequest, fields: &[(&str, &Secret)]) -> Outgoing {
        let mut headers = HeaderMap::new();
        headers.insert(USER_AGENT, self.user_agent.clone());
        headers.insert(ACCEPT, HeaderValue::from_static("application/json"));
        if let Some(authorization) = &request.authorization {
            headers.insert(AUTHORIZATION, authorization.clone());
        }
        let body = (!fields.is_empty()).then(|| {
            let (media_type, body) = write(request.format, fields);
            headers.insert(CONTENT_TYPE, HeaderValue::from_static(media_type));
            body
        });
        Outgoing { method: request.method.clone(), url: request.url.clone(), headers, body }
    }
}

fn write(format: Format, fields: &[(&str, &Secret)]) -> (&'static str, Bytes) {
    match format {
        Format::Json => {
            let mut body = Value::Object(Map::new());
            for (pointer, value) in fields {
                place(&mut body, pointer, value.expose());
            }
            ("application/json", Bytes::from(body.to_string()))
        }
        Format::Form => {
            let mut form = form_urlencoded::Serializer::new(String::new());
            for (pointer, value) in fields {
                form.append_pair(pointer.trim_start_matches('/'), value.expose());
            }
            ("application/x-www-form-urlencoded", Bytes::from(form.finish()))
        }
    }
}

/// Puts `text` at a JSON pointer (RFC 6901), making objects on the way.
fn place(body: &mut Value, pointer: &str, text: &str) {
    let mut place = body;
    for step in pointer.split('/').skip(1) {
        let key = step.replace("~1", "/").replace("~0", "~");
        if !place.is_object() {
            *place = Value::Object(Map::new());
        }
        let Value::Object(object) = place else { return };
        place = object.entry(key).or_insert(Value::Null);
    }
    *place = Value::String(text.to_owned());
}

#[cfg(test)]
mod tests {
    use super::*;

    /// ROBOTICKS-2, ARROTECH-2: a login in JSON, at any depth, and a token request as a form.
    #[test]
    fn fields_are_written_by_pointer() {
        let (name, password) = (Secret::new("ada@example.com"), Secret::new("a&b"));
        let json = write(Format::Json, &[("/email", &name), ("/user/pass~1word", &password)]);
        assert_eq!(json.1, r#"{"email":"ada@example.com","user":{"pass/word":"a&b"}}"#);
        let form = write(Format::Form, &[("/username", &name), ("/password", &password)]);
        assert_eq!(form.1, "username=ada%40example.com&password=a%26b");
    }
}
