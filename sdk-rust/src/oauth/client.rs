//! Who asks for a token: an OAuth client, and the ways in which it proves that (RFC 6749, 2.3; D4).

use std::fmt;
use std::sync::Arc;

use bitting_spec::extension::ClientAuth;
use http::header::AUTHORIZATION;
use http::{HeaderMap, HeaderValue};
use url::Url;

use crate::attach::basic;
use crate::secret::Secret;

/// What says that a field is a signed assertion (RFC 7523, 2.2).
const JWT_BEARER: &str = "urn:ietf:params:oauth:client-assertion-type:jwt-bearer";

/// Signs an assertion for a token endpoint, or says why it cannot.
type Sign = dyn Fn(&Url) -> Result<Secret, String> + Send + Sync;

/// An OAuth client: an app as the authorization server knows it.
#[derive(Clone)]
pub struct OAuthClient {
    id: String,
    proof: Proof,
    method: ClientAuth,
}

#[derive(Clone)]
enum Proof {
    /// A public client has none (RFC 6749, 2.1).
    None,
    Secret(Secret),
    Assertion(Arc<Sign>),
}

impl OAuthClient {
    /// A public client, such as an app on its user's machine.
    pub fn new(id: impl Into<String>) -> Self {
        Self { id: id.into(), proof: Proof::None, method: ClientAuth::ClientSecretPost }
    }

    /// The same client with a secret.
    #[must_use]
    pub fn secret(self, secret: impl Into<Secret>) -> Self {
        Self { proof: Proof::Secret(secret.into()), ..self }
    }

    /// The same client with a key of its own: `sign` is asked for a fresh JWT for each request, with the token
    /// endpoint's URL as its audience (`private_key_jwt`; RFC 7523, 2.2). What it answers instead becomes the error.
    #[must_use]
    pub fn signed_by(self, sign: impl Fn(&Url) -> Result<Secret, String> + Send + Sync + 'static) -> Self {
        Self { proof: Proof::Assertion(Arc::new(sign)), ..self }
    }

    /// How a secret is sent: in the form, unless the document says otherwise.
    #[must_use]
    pub fn method(self, method: ClientAuth) -> Self {
        Self { method, ..self }
    }

    /// The client as a document says that clients authenticate, if it does.
    pub(crate) fn declared(self, method: Option<ClientAuth>) -> Self {
        Self { method: method.unwrap_or(self.method), ..self }
    }

    /// `client_id`.
    #[must_use]
    pub fn id(&self) -> &str {
        &self.id
    }

    /// Its secret, if it has one.
    pub(crate) fn own(&self) -> Option<&Secret> {
        match &self.proof {
            Proof::Secret(secret) => Some(secret),
            Proof::None | Proof::Assertion(_) => None,
        }
    }

    /// Adds what says who the client is to a request to `url`.
    ///
    /// # Errors
    /// Why an assertion could not be signed, or that a secret can stand in no header.
    pub(crate) fn identify(
        &self,
        url: &Url,
        fields: &mut Vec<(String, Secret)>,
        headers: &mut HeaderMap,
    ) -> Result<(), String> {
        let mut field = |name: &str, value: Secret| fields.push((format!("/{name}"), value));
        match (&self.proof, self.method) {
            (Proof::Secret(secret), ClientAuth::ClientSecretBasic) => {
                headers.insert(AUTHORIZATION, self.basic(secret).ok_or("the client's secret can stand in no header")?);
            }
            (Proof::Secret(secret), ClientAuth::ClientSecretPost) => {
                field("client_id", Secret::new(self.id.as_str()));
                field("client_secret", secret.clone());
            }
            (Proof::Assertion(sign), _) => {
                field("client_id", Secret::new(self.id.as_str()));
                field("client_assertion_type", Secret::new(JWT_BEARER));
                field("client_assertion", sign(url)?);
            }
            (Proof::None, _) | (Proof::Secret(_), ClientAuth::None) => {
                field("client_id", Secret::new(self.id.as_str()));
            }
        }
        Ok(())
    }

    /// HTTP Basic, with both parts form-encoded first (RFC 6749, 2.3.1).
    fn basic(&self, secret: &Secret) -> Option<HeaderValue> {
        let encode = |text: &str| form_urlencoded::byte_serialize(text.as_bytes()).collect::<String>();
        basic(&encode(&self.id), &Secret::new(encode(secret.expose()))).header("Basic ")
    }
}

impl fmt::Debug for OAuthClient {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter
            .debug_struct("OAuthClient")
            .field("id", &self.id)
            .field("method", &self.method)
            .finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    type Sent = (Vec<(String, String)>, Option<String>);

    fn sent(client: &OAuthClient) -> Result<Sent, String> {
        let url = Url::parse("https://auth.example/token").expect("a URL");
        let (mut fields, mut headers) = (Vec::new(), HeaderMap::new());
        client.identify(&url, &mut fields, &mut headers)?;
        let fields = fields.into_iter().map(|(name, value)| (name, value.expose().to_owned())).collect();
        let header = headers.get(AUTHORIZATION).map(|value| value.to_str().expect("text").to_owned());
        Ok((fields, header))
    }

    fn pairs(pairs: &[(&str, &str)]) -> Vec<(String, String)> {
        pairs.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect()
    }

    /// D4: in the form; in HTTP Basic with both parts encoded; the id alone.
    #[test]
    fn a_client_says_who_it_is() {
        let client = OAuthClient::new("a:b").secret("test secret+%");
        let post = pairs(&[("/client_id", "a:b"), ("/client_secret", "test secret+%")]);
        assert_eq!(sent(&client), Ok((post, None)));
        let basic = sent(&client.clone().method(ClientAuth::ClientSecretBasic)).expect("a header");
        // base64 of `a%3Ab:test+secret%2B%25`
        assert_eq!(basic, (Vec::new(), Some("Basic YSUzQWI6dGVzdCtzZWNyZXQlMkIlMjU=".to_owned())));
        let alone = pairs(&[("/client_id", "a:b")]);
        assert_eq!(sent(&client.method(ClientAuth::None)), Ok((alone.clone(), None)));
        assert_eq!(sent(&OAuthClient::new("a:b")), Ok((alone, None)));
    }

    /// D4: an assertion is signed for the endpoint that it goes to, and a failure to sign is told.
    #[test]
    fn an_assertion_is_signed_for_its_endpoint() {
        let client = OAuthClient::new("app").signed_by(|url| Ok(Secret::new(format!("signed-for-{url}"))));
        let (fields, _) = sent(&client).expect("fields");
        assert_eq!(fields[2], ("/client_assertion".to_owned(), "signed-for-https://auth.example/token".to_owned()));
        assert_eq!(fields[1].1, JWT_BEARER);
        let broken = OAuthClient::new("app").signed_by(|_| Err("the key is locked".to_owned()));
        assert_eq!(sent(&broken), Err("the key is locked".to_owned()));
    }

    /// B7: a client shows its id and nothing of its proof.
    #[test]
    fn a_client_is_redacted() {
        assert!(!format!("{:?}", OAuthClient::new("app").secret("test-canary")).contains("canary"));
    }
}
