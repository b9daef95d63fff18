//! Asking for tokens: a login operation or an OAuth token endpoint, and the styles of renewal (A19).

use std::sync::Arc;
use std::time::Duration;

use bitting_spec::extension::{AfterExpiry, TokenPointers};
use bytes::Bytes;
use http::header::{ACCEPT, CONTENT_TYPE, USER_AGENT};
use http::{HeaderMap, HeaderValue, Method};
use serde_json::{Map, Value};
use url::Url;

use super::cookies::{self, COOKIE};
use super::grant::{Grant, TokenProblem, read};
use super::{Previous, Token, TokenSource};
use crate::attach::add_cookie;
use crate::clock::{BoxFuture, Clock, Now, within};
use crate::oauth::{Discovery, OAuthClient};
use crate::secret::Secret;
use crate::sync::Mutex;
use crate::transport::{Incoming, Outgoing, Transport};

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

/// Where a request for a token goes.
#[derive(Debug, Clone)]
pub(crate) enum Place {
    /// To an address of the document.
    Known(Url),
    /// To the token endpoint of a server that describes itself.
    Described(Arc<Discovery>),
}

impl Place {
    /// The first address that is asked.
    pub(crate) fn url(&self) -> &Url {
        match self {
            Self::Known(url) => url,
            Self::Described(discovery) => discovery.url(),
        }
    }
}

impl From<Url> for Place {
    fn from(url: Url) -> Self {
        Self::Known(url)
    }
}

/// A request for a token, but for what changes each time.
#[derive(Debug, Clone)]
pub(crate) struct TokenRequest {
    pub(crate) method: Method,
    pub(crate) place: Place,
    pub(crate) format: Format,
    /// Values by JSON pointer.
    pub(crate) fields: Vec<(String, Secret)>,
    /// The OAuth client that asks, and says who it is (RFC 6749, 2.3.1).
    pub(crate) client: Option<OAuthClient>,
    /// Where the token stands in the answer.
    pub(crate) answer: TokenPointers,
}

impl TokenRequest {
    /// A form for a token endpoint (RFC 6749, 4).
    pub(crate) fn form<'a>(place: impl Into<Place>, fields: impl IntoIterator<Item = (&'a str, Secret)>) -> Self {
        let fields = fields.into_iter().map(|(name, value)| (format!("/{name}"), value)).collect();
        let answer = TokenPointers::default();
        Self { method: Method::POST, place: place.into(), format: Format::Form, fields, client: None, answer }
    }
}

/// How the first token comes about, and the next one where the last cannot be renewed.
#[derive(Debug)]
pub(crate) enum Acquire {
    /// By a request.
    Request(Box<TokenRequest>),
    /// By the user alone; the text says what to do.
    User(String),
}

/// How a token is renewed.
#[derive(Debug)]
pub(crate) enum Renew {
    /// It is acquired anew.
    Reacquire,
    /// By the token itself, in its usual place (ROBOTICKS-3).
    CurrentToken(TokenRequest, AfterExpiry),
    /// By a refresh token, which stands at this pointer of the request, or in cookies ([`COOKIE`], A22).
    RefreshToken(TokenRequest, String),
}

/// A source of tokens that speaks HTTP.
#[derive(Debug)]
pub(crate) struct HttpSource {
    acquire: Acquire,
    renew: Renew,
    pub(crate) endpoint: Endpoint,
    /// The last refresh token that the server refused. It is not offered again, also where no other token was to be had
    /// then: a server may take its second use for a theft (RFC 9700, 4.14.2).
    refused: Mutex<Option<Secret>>,
}

impl TokenSource for HttpSource {
    fn fetch<'a>(&'a self, previous: Option<Previous<'a>>) -> BoxFuture<'a, Result<Grant, TokenProblem>> {
        Box::pin(self.obtain(previous, None))
    }
}

impl HttpSource {
    pub(crate) fn new(acquire: Acquire, renew: Renew, endpoint: Endpoint) -> Self {
        Self { acquire, renew, endpoint, refused: Mutex::default() }
    }

    /// A renewal of `previous` where that is possible, else a new token. `client_secret` is the client's, where only
    /// the session itself knows it.
    pub(crate) async fn obtain(
        &self,
        previous: Option<Previous<'_>>,
        client_secret: Option<&Secret>,
    ) -> Result<Grant, TokenProblem> {
        let problem = match self.renewed(previous, client_secret).await {
            // Only a refusal of the token leads back to the login: a failure that may pass must not (A9).
            Some(Err(problem)) if problem.terminal => Some(problem),
            Some(result) => return result,
            None => None,
        };
        match &self.acquire {
            Acquire::Request(request) => self.endpoint.ask(request, None, None).await,
            Acquire::User(remedy) => Err(login_required(problem, remedy)),
        }
    }

    /// Renews `previous`; `None` where that is not possible.
    async fn renewed(
        &self,
        previous: Option<Previous<'_>>,
        client_secret: Option<&Secret>,
    ) -> Option<Result<Grant, TokenProblem>> {
        let Previous { token, refused } = previous?;
        match &self.renew {
            Renew::Reacquire => None,
            Renew::CurrentToken(request, after_expiry) => {
                let alive = !refused && token.timing.is_alive(self.endpoint.clock.now());
                if !alive && *after_expiry == AfterExpiry::Rejected {
                    return None;
                }
                Some(self.endpoint.ask(request, Some(token), None).await)
            }
            Renew::RefreshToken(request, pointer) => {
                let refresh =
                    token.refresh.as_ref().filter(|refresh| self.refused.lock().as_ref() != Some(*refresh))?;
                let mut request = request.clone();
                if let (Some(client), Some(secret)) = (request.client.take(), client_secret) {
                    request.client = Some(client.secret(secret.clone()));
                }
                let grant = self.endpoint.ask(&request, None, Some((pointer, refresh))).await;
                if grant.as_ref().is_err_and(TokenProblem::refuses_the_grant) {
                    *self.refused.lock() = Some(refresh.clone());
                }
                // An answer without a refresh token leaves the old one in force (A16).
                Some(grant.map(|grant| Grant { refresh: grant.refresh.or_else(|| token.refresh.clone()), ..grant }))
            }
        }
    }
}

/// No token, and none without the user.
fn login_required(problem: Option<TokenProblem>, remedy: &str) -> TokenProblem {
    let none = || TokenProblem { terminal: true, ..TokenProblem::transient("there is no session, or it has ended") };
    let problem = problem.unwrap_or_else(none);
    TokenProblem { message: format!("{}; {remedy}", problem.message), ..problem }
}

/// Where requests for tokens are sent, and what they have in common.
#[derive(Debug)]
pub(crate) struct Endpoint {
    pub(crate) transport: Transport,
    pub(crate) clock: Arc<dyn Clock>,
    pub(crate) user_agent: HeaderValue,
}

impl Endpoint {
    /// Sends one request for a token. A connection that could not be made is tried once more; an answer that was lost
    /// is not, since it may have used up a refresh token (A17).
    pub(crate) async fn ask(
        &self,
        request: &TokenRequest,
        token: Option<&Token>,
        field: Option<(&String, &Secret)>,
    ) -> Result<Grant, TokenProblem> {
        let own =
            request.fields.iter().map(|(_, value)| value).chain(request.client.as_ref().and_then(OAuthClient::own));
        let sent = own.chain(token.map(|token| &token.access)).chain(field.map(|(_, value)| value));
        let secrets: Vec<Secret> = sent.cloned().collect();
        let (incoming, asked) = self.exchange(request, token, field).await?;
        let grant = read(&incoming, &request.answer, asked, self.clock.now(), &secrets)?;
        if request.answer.refresh_token.as_deref() != Some(COOKIE) {
            return Ok(grant);
        }
        let refresh = cookies::after(field.map(|(_, cookies)| cookies), &incoming.headers);
        Ok(Grant { refresh, ..grant })
    }

    /// Sends a request with what changes each time: a token in its usual place, a field more.
    pub(crate) async fn exchange(
        &self,
        request: &TokenRequest,
        token: Option<&Token>,
        field: Option<(&String, &Secret)>,
    ) -> Result<(Incoming, Now), TokenProblem> {
        let url = match &request.place {
            Place::Known(url) => url.clone(),
            Place::Described(discovery) => discovery.metadata(self).await?.token,
        };
        let mut outgoing = self.outgoing(request, url, field)?;
        if let Some(token) = token {
            token.attachment.apply(&mut outgoing);
        }
        self.send(outgoing).await
    }

    /// Sends a request, and answers what came back and when it was sent. Redirects are answers like any other: nothing
    /// is sent to where they point (B6).
    pub(crate) async fn send(&self, outgoing: Outgoing) -> Result<(Incoming, Now), TokenProblem> {
        let mut tries = 0;
        loop {
            tries += 1;
            let asked = self.clock.now();
            let sent = within(&*self.clock, Some(asked.mono + TIMEOUT), self.transport.send(outgoing.clone())).await;
            match sent {
                None => return Err(TokenProblem::transient(format!("the server did not answer within {TIMEOUT:?}"))),
                Some(Err(fault)) if !fault.maybe_sent && tries < 2 => {}
                Some(Err(fault)) => return Err(fault.into()),
                Some(Ok(incoming)) => return Ok((incoming, asked)),
            }
        }
    }

    /// The request with its client's authentication and one more field.
    fn outgoing(
        &self,
        request: &TokenRequest,
        url: Url,
        field: Option<(&String, &Secret)>,
    ) -> Result<Outgoing, TokenProblem> {
        let mut headers = HeaderMap::new();
        headers.insert(USER_AGENT, self.user_agent.clone());
        headers.insert(ACCEPT, HeaderValue::from_static("application/json"));
        let mut fields = request.fields.clone();
        match field {
            Some((pointer, cookies)) if pointer == COOKIE => add_cookie(&mut headers, cookies.expose()),
            field => fields.extend(field.map(|(pointer, value)| (pointer.clone(), value.clone()))),
        }
        if let Some(client) = &request.client {
            let mut own = Vec::new();
            client.identify(&url, &mut own, &mut headers).map_err(TokenProblem::transient)?;
            // Behind the grant type, where the examples of RFC 6749 have them.
            let second = fields.len().min(1);
            fields.splice(second..second, own);
        }
        let body = (!fields.is_empty()).then(|| {
            let (media_type, body) = write(request.format, &fields);
            headers.insert(CONTENT_TYPE, HeaderValue::from_static(media_type));
            body
        });
        Ok(Outgoing { method: request.method.clone(), url, headers, body })
    }
}

fn write(format: Format, fields: &[(String, Secret)]) -> (&'static str, Bytes) {
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
        let field = |pointer: &str, text: &str| (pointer.to_owned(), Secret::new(text));
        let fields = [field("/email", "ada@example.com"), field("/user/pass~1word", "a&b")];
        let json = write(Format::Json, &fields);
        assert_eq!(json.1, r#"{"email":"ada@example.com","user":{"pass/word":"a&b"}}"#);
        let form = write(Format::Form, &[field("/username", "ada@example.com"), field("/password", "a&b")]);
        assert_eq!(form.1, "username=ada%40example.com&password=a%26b");
    }
}
