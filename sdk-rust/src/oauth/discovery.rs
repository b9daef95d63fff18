//! What an authorization server says of itself: where it is asked for tokens, codes and revocations (OpenID Connect
//! Discovery 1.0, 4; RFC 8414).

use std::time::Duration;

use http::header::{ACCEPT, USER_AGENT};
use http::{HeaderMap, HeaderValue, Method};
use serde_json::Value;
use url::Url;

use crate::origin::Origin;
use crate::sync::Mutex;
use crate::token::TokenProblem;
use crate::token::acquire::Endpoint;
use crate::transport::Outgoing;

/// How long a description serves before the server is asked again.
const LIFE: Duration = Duration::from_secs(86_400);

/// Where OpenID providers and OAuth servers describe themselves.
const WELL_KNOWN: [&str; 2] = ["/.well-known/openid-configuration", "/.well-known/oauth-authorization-server"];

/// What a server says of itself.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Metadata {
    /// Its own name (RFC 8414, 2).
    pub(crate) issuer: String,
    pub(crate) token: Url,
    pub(crate) authorization: Option<Url>,
    pub(crate) device: Option<Url>,
    pub(crate) revocation: Option<Url>,
    /// Its answers to a browser carry its name, so that one without is not its own (RFC 9207, 3).
    pub(crate) signs: bool,
}

/// The description of one server: asked for when it is first needed, and kept.
#[derive(Debug)]
pub(crate) struct Discovery {
    url: Url,
    known: Mutex<Option<(Duration, Metadata)>>,
}

impl Discovery {
    /// The description at `url`, an address that may see a credential (B5). Nothing is sent yet (A4).
    pub(crate) fn new(url: Url) -> Self {
        Self { url, known: Mutex::default() }
    }

    /// Where the description is.
    pub(crate) fn url(&self) -> &Url {
        &self.url
    }

    /// The description, from the server or as it was told within the last day.
    ///
    /// # Errors
    /// When the server does not answer, or answers what it may not: a name that is not its own, an address that anybody
    /// can listen to.
    pub(crate) async fn metadata(&self, endpoint: &Endpoint) -> Result<Metadata, TokenProblem> {
        let now = endpoint.clock.now().mono;
        if let Some((told, metadata)) = self.known.lock().as_ref()
            && now.saturating_sub(*told) < LIFE
        {
            return Ok(metadata.clone());
        }
        let mut headers = HeaderMap::from_iter([(USER_AGENT, endpoint.user_agent.clone())]);
        headers.insert(ACCEPT, HeaderValue::from_static("application/json"));
        let (method, url) = (Method::GET, self.url.clone());
        let problem =
            |what: String| TokenProblem::transient(format!("the server's description at {} {what}", self.url));
        let sent = endpoint.send(Outgoing { method, url, headers, body: None }).await;
        let (incoming, _) = sent.map_err(|fault| problem(format!("cannot be had: {}", fault.message)))?;
        if !incoming.status.is_success() {
            return Err(problem(format!("cannot be had: it answered {}", incoming.status)));
        }
        let metadata = read(&self.url, &incoming.body).map_err(problem)?;
        *self.known.lock() = Some((now, metadata.clone()));
        Ok(metadata)
    }
}

/// Reads a description that was found at `url`. The error follows its address in a sentence.
fn read(url: &Url, body: &[u8]) -> Result<Metadata, String> {
    let body: Value = serde_json::from_slice(body).map_err(|_| "is not JSON".to_owned())?;
    let text = |name: &str| body.get(name).and_then(Value::as_str);
    let issuer = text("issuer").ok_or("has no `issuer`")?;
    if !names(issuer, url) {
        return Err(format!("is of another issuer, `{issuer}`: it is not believed (RFC 8414, 3.3)"));
    }
    let address = |name: &str| text(name).map(|text| checked(url, name, text)).transpose();
    Ok(Metadata {
        issuer: issuer.to_owned(),
        token: address("token_endpoint")?.ok_or("has no `token_endpoint`")?,
        authorization: address("authorization_endpoint")?,
        device: address("device_authorization_endpoint")?,
        revocation: address("revocation_endpoint")?,
        signs: body.get("authorization_response_iss_parameter_supported") == Some(&Value::Bool(true)),
    })
}

/// Whether `url` is where `issuer` describes itself: behind its name (OpenID Connect Discovery 1.0, 4), or between its
/// host and its path (RFC 8414, 3.1).
fn names(issuer: &str, url: &Url) -> bool {
    let Ok(own) = Url::parse(issuer) else { return false };
    let path = own.path().trim_end_matches('/');
    let places = WELL_KNOWN.iter().flat_map(|known| [format!("{path}{known}"), format!("{known}{path}")]);
    let is_plain = own.query().is_none() && own.fragment().is_none();
    is_plain && Origin::of(&own) == Origin::of(url) && places.into_iter().any(|place| place == url.path())
}

/// An address that a server gives: over https, or where its description came from (B5).
fn checked(from: &Url, name: &str, text: &str) -> Result<Url, String> {
    let url = Url::parse(text).map_err(|_| format!("has a `{name}` that is no URL"))?;
    if url.scheme() == "https" || (Origin::of(&url).is_some() && Origin::of(&url) == Origin::of(from)) {
        return Ok(url);
    }
    Err(format!("has a `{name}` that anybody on the way can read: `{text}`; it must be https"))
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    const AT: &str = "https://id.example/tenant/.well-known/openid-configuration";

    fn described(at: &str, change: impl FnOnce(&mut Value)) -> Result<Metadata, String> {
        let mut body = json!({"issuer": "https://id.example/tenant", "token_endpoint": "https://tokens.example/token",
            "authorization_endpoint": "https://id.example/authorize"});
        change(&mut body);
        read(&Url::parse(at).expect("a URL"), body.to_string().as_bytes())
    }

    /// D1, B4: a description is believed only of the server whose name leads to it, wherever that is written.
    #[test]
    fn a_server_describes_itself_and_no_other() {
        let own = described(AT, |_| {}).expect("a description");
        assert_eq!((own.issuer.as_str(), own.signs), ("https://id.example/tenant", false));
        let between = "https://id.example/.well-known/oauth-authorization-server/tenant";
        assert_eq!(described(between, |_| {}).as_ref(), Ok(&own));
        assert!(described(AT, |body| body["issuer"] = json!("https://id.example/tenant/")).is_ok());
        for foreign in ["https://id.example", "https://id.example/other", "https://evil.example/tenant", "tenant"] {
            let error = described(AT, |body| body["issuer"] = json!(foreign)).expect_err(foreign);
            assert!(error.contains("another issuer"), "{error}");
        }
    }

    /// B5: what a description names is https, or the place that it came from on this machine.
    #[test]
    fn a_description_leads_nowhere_in_the_open() {
        for bad in ["http://tokens.example/token", "ftp://id.example", "token"] {
            let error = described(AT, |body| body["token_endpoint"] = json!(bad)).expect_err(bad);
            assert!(error.contains("token_endpoint"), "{error}");
        }
        let here = "http://127.0.0.1:1/.well-known/openid-configuration";
        let local = |token: &str| {
            described(here, |body| {
                *body = json!({"issuer": "http://127.0.0.1:1", "token_endpoint": token});
            })
        };
        assert!(local("http://127.0.0.1:1/token").is_ok() && local("http://127.0.0.1:2/token").is_err());
        assert!(described(AT, |body| body["token_endpoint"] = Value::Null).is_err());
    }
}
