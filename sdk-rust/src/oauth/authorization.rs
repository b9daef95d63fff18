//! The authorization code grant (RFC 6749, 4.1): the URL that a browser opens, and the one answer to it (D1).

use url::Url;

use super::pkce::{Verifier, random};
use super::{LoginError, OAuthClient, OAuthError};
use crate::origin::Origin;
use crate::secret::Secret;
use crate::token::acquire::TokenRequest;

/// Where a code is asked for and exchanged.
#[derive(Debug, Clone)]
pub(super) struct Endpoints {
    pub(super) authorize: Url,
    pub(super) token: Url,
    /// The server's own name, if it is known (RFC 9207, 2.4).
    pub(super) issuer: Option<String>,
    /// Whether the server's answers carry its name without fail (RFC 9207, 3).
    pub(super) signs: bool,
}

/// A login in a browser that waits for its answer. It takes one answer: whatever comes second needs another login.
#[derive(Debug)]
pub struct Authorization {
    url: Url,
    redirect_uri: String,
    state: Secret,
    verifier: Verifier,
    endpoints: Endpoints,
    client: OAuthClient,
}

impl Authorization {
    pub(super) fn begin(
        endpoints: Endpoints,
        client: OAuthClient,
        redirect_uri: &str,
        scopes: &[String],
    ) -> Result<Self, LoginError> {
        checked(redirect_uri)?;
        let (state, verifier) = (random()?, Verifier::new()?);
        let mut url = endpoints.authorize.clone();
        {
            let mut query = url.query_pairs_mut();
            query.append_pair("response_type", "code").append_pair("client_id", client.id());
            query.append_pair("redirect_uri", redirect_uri);
            if !scopes.is_empty() {
                query.append_pair("scope", &scopes.join(" "));
            }
            query.append_pair("state", state.expose());
            query.append_pair("code_challenge", &verifier.challenge()).append_pair("code_challenge_method", "S256");
        }
        Ok(Self { url, redirect_uri: redirect_uri.to_owned(), state, verifier, endpoints, client })
    }

    /// The URL for the user's browser.
    #[must_use]
    pub fn url(&self) -> &Url {
        &self.url
    }

    /// Reads the URL that the browser was sent back to, and answers the request that exchanges its code.
    pub(super) fn accept(self, callback: &str) -> Result<TokenRequest, LoginError> {
        let foreign = |what: &str| LoginError::Foreign(what.to_owned());
        let callback = Url::parse(callback).map_err(|_| foreign("it is no URL"))?;
        let mut place = callback.clone();
        place.set_query(None);
        place.set_fragment(None);
        let registered = Url::parse(&self.redirect_uri).map_err(|_| foreign("there is no redirect URI"))?;
        if place != without_query(registered) {
            return Err(foreign("it came to another address than the redirect URI"));
        }
        let answer = Answer::read(&callback)?;
        // Secrets are compared in constant time.
        if answer.state.as_ref() != Some(&self.state) {
            return Err(foreign("its state is not the one that was sent"));
        }
        match &answer.issuer {
            Some(issuer) => self.check_issuer(issuer)?,
            None if self.endpoints.signs => return Err(foreign("it does not say who issued it")),
            None => {}
        }
        if let Some(error) = answer.error {
            return Err(LoginError::Refused(OAuthError { error, error_description: answer.description }));
        }
        let code = answer.code.ok_or_else(|| foreign("it has neither a code nor an error"))?;
        let fields = [
            ("grant_type", Secret::new("authorization_code")),
            ("code", code),
            ("redirect_uri", Secret::new(self.redirect_uri)),
            ("code_verifier", self.verifier.0),
        ];
        Ok(TokenRequest { client: Some(self.client), ..TokenRequest::form(self.endpoints.token, fields) })
    }

    /// Refuses an answer of another server than the one that was asked (RFC 9207, 2.4). Where the server's name is not
    /// known, the name that it gives must at least be at one of its own origins.
    fn check_issuer(&self, issuer: &str) -> Result<(), LoginError> {
        let own = match &self.endpoints.issuer {
            Some(known) => known == issuer,
            None => {
                let origin = Url::parse(issuer).ok().as_ref().and_then(Origin::of);
                let own = [&self.endpoints.authorize, &self.endpoints.token].map(Origin::of);
                origin.is_some() && own.contains(&origin)
            }
        };
        if own { Ok(()) } else { Err(LoginError::Foreign("another server issued it".to_owned())) }
    }
}

/// The parameters of an answer (RFC 6749, 4.1.2; RFC 9207, 2).
#[derive(Default)]
struct Answer {
    state: Option<Secret>,
    code: Option<Secret>,
    issuer: Option<String>,
    error: Option<String>,
    description: Option<String>,
}

impl Answer {
    fn read(url: &Url) -> Result<Self, LoginError> {
        let mut answer = Self::default();
        for (name, value) in url.query_pairs() {
            let value = value.into_owned();
            let twice = match &*name {
                "state" => answer.state.replace(Secret::new(value)).is_some(),
                "code" => answer.code.replace(Secret::new(value)).is_some(),
                "iss" => answer.issuer.replace(value).is_some(),
                "error" => answer.error.replace(value).is_some(),
                "error_description" => answer.description.replace(value).is_some(),
                _ => false,
            };
            if twice {
                return Err(LoginError::Foreign(format!("it has `{name}` twice")));
            }
        }
        Ok(answer)
    }
}

/// A redirect URI that a code may come to: https, or http to this machine by its address (RFC 8252, 7.3 and 8.3), or a
/// scheme of the app's own (RFC 8252, 7.1).
fn checked(redirect_uri: &str) -> Result<(), LoginError> {
    let bad = |what: &str| LoginError::Config(format!("the redirect URI `{redirect_uri}` {what}"));
    let url = Url::parse(redirect_uri).map_err(|_| bad("is not a URL"))?;
    if url.fragment().is_some() {
        return Err(bad("has a fragment, which no answer can come to (RFC 6749, 3.1.2)"));
    }
    let is_localhost = url.host_str() == Some("localhost");
    match Origin::of(&url) {
        Some(_) if url.scheme() == "http" && is_localhost => Err(bad("must name 127.0.0.1 or [::1], not `localhost`")),
        Some(origin) if !origin.is_private() => Err(bad("would carry a code over plain http; use https")),
        _ => Ok(()),
    }
}

fn without_query(mut url: Url) -> Url {
    url.set_query(None);
    url
}

#[cfg(test)]
mod tests {
    use super::*;

    const REDIRECT: &str = "https://app.example.com/callback";

    fn begun(issuer: Option<&str>) -> Authorization {
        let url = |text| Url::parse(text).expect("a URL");
        let endpoints = Endpoints {
            authorize: url("https://hub.example/auth/authorize?tenant=1"),
            token: url("https://api.example/auth/token"),
            issuer: issuer.map(str::to_owned),
            signs: false,
        };
        let client = OAuthClient::new("app").secret("test-secret");
        Authorization::begin(endpoints, client, REDIRECT, &["data:read".into(), "x".into()]).expect("a login")
    }

    fn answered(issuer: Option<&str>, rest: impl Fn(&str) -> String) -> Result<TokenRequest, LoginError> {
        let authorization = begun(issuer);
        let callback = rest(authorization.state.expose());
        authorization.accept(&callback)
    }

    /// ARROTECH-3, D1: what the browser carries, with PKCE and state; the endpoint's own query stays.
    #[test]
    fn the_url_carries_everything() {
        let authorization = begun(None);
        let query: Vec<(String, String)> = authorization.url().query_pairs().into_owned().collect();
        let names: Vec<&str> = query.iter().map(|(name, _)| name.as_str()).collect();
        let expected = ["tenant", "response_type", "client_id", "redirect_uri", "scope", "state", "code_challenge"];
        assert_eq!(names, [expected.as_slice(), &["code_challenge_method"]].concat());
        let value = |name: &str| query.iter().find(|(known, _)| known == name).map(|(_, value)| value.as_str());
        assert_eq!(value("redirect_uri"), Some(REDIRECT));
        assert_eq!(value("scope"), Some("data:read x"));
        assert_eq!(value("code_challenge_method"), Some("S256"));
        assert_eq!(value("code_challenge"), Some(authorization.verifier.challenge().as_str()));
        assert!(!authorization.url().as_str().contains(authorization.verifier.0.expose()));
        assert!(!format!("{authorization:?}").contains("test-secret"));
    }

    /// D1: the code is exchanged with the same redirect URI, by the one who asked.
    #[test]
    fn a_code_is_exchanged() {
        let request = answered(None, |state| format!("{REDIRECT}?code=test-code&state={state}")).expect("a request");
        let names: Vec<&str> = request.fields.iter().map(|(name, _)| name.as_str()).collect();
        assert_eq!(names, ["/grant_type", "/code", "/redirect_uri", "/code_verifier"]);
        assert_eq!(request.fields[2].1.expose(), REDIRECT);
        assert_eq!(request.place.url().as_str(), "https://api.example/auth/token");
    }

    /// D1: state, redirect URI and issuer are checked before the code is looked at.
    #[test]
    fn a_foreign_answer_is_refused() {
        type Build = fn(&str) -> String;
        let cases: [Build; 9] = [
            |_| format!("{REDIRECT}?code=c"),
            |_| format!("{REDIRECT}?code=c&state=guess"),
            |state| format!("{REDIRECT}?code=c&state={}", &state[1..]),
            |state| format!("{REDIRECT}?code=c&state={state}&state={state}"),
            |state| format!("{REDIRECT}?code=c&code=d&state={state}"),
            |state| format!("{REDIRECT}?state={state}"),
            |state| format!("https://app.example.com/other?code=c&state={state}"),
            |state| format!("http://app.example.com/callback?code=c&state={state}"),
            |state| format!("{REDIRECT}?code=c&state={state}&iss=https://evil.example"),
        ];
        for (index, case) in cases.into_iter().enumerate() {
            let error = answered(None, case).expect_err("a refusal");
            assert!(matches!(error, LoginError::Foreign(_)), "{index}: {error}");
        }
        let own = answered(None, |state| format!("{REDIRECT}?code=c&state={state}&iss=https://hub.example"));
        assert!(own.is_ok());
        let known = |iss: &'static str| {
            let callback = move |state: &str| format!("{REDIRECT}?code=c&state={state}&iss={iss}");
            answered(Some("https://hub.example/tenant"), callback)
        };
        assert!(known("https://hub.example/tenant").is_ok());
        assert!(known("https://hub.example").is_err());
    }

    /// D1: an error of the server is typed, and believed only with the right state.
    #[test]
    fn a_refusal_is_typed() {
        let refused = answered(None, |state| {
            format!("{REDIRECT}?error=access_denied&error_description=No%20thanks&state={state}")
        });
        let error = OAuthError { error: "access_denied".into(), error_description: Some("No thanks".into()) };
        assert_eq!(refused.expect_err("a refusal"), LoginError::Refused(error));
        let forged = answered(None, |_| format!("{REDIRECT}?error=access_denied"));
        assert!(matches!(forged, Err(LoginError::Foreign(_))));
    }

    /// D2: a code goes to https or to this machine by its address, never to the name `localhost`.
    #[test]
    fn a_redirect_uri_is_checked() {
        for good in ["https://app.example/cb", "http://127.0.0.1:1/cb", "http://[::1]:1/cb", "com.example.app:/cb"] {
            assert!(checked(good).is_ok(), "{good}");
        }
        for bad in ["http://localhost:1/cb", "http://app.example/cb", "https://app.example/cb#x", "callback"] {
            assert!(checked(bad).is_err(), "{bad}");
        }
    }
}
