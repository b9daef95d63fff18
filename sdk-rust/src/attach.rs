//! How a credential is put on a request: one placement per security scheme.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use bitting_spec::table::{Location, SchemeKind};
use http::header::{AUTHORIZATION, COOKIE};
use http::{HeaderMap, HeaderName, HeaderValue};
use percent_encoding::{AsciiSet, CONTROLS, NON_ALPHANUMERIC, utf8_percent_encode};
use zeroize::Zeroizing;

use crate::secret::Secret;
use crate::transport::Outgoing;

/// Where a scheme's credential stands in a request.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Placement {
    /// `Authorization: Bearer` (RFC 6750, 2.1).
    Bearer,
    /// `Authorization: Basic` (RFC 7617).
    Basic,
    /// A header of its own.
    Header(HeaderName),
    /// A query parameter.
    Query(String),
    /// A cookie.
    Cookie(String),
}

impl Placement {
    /// The placement of a scheme; `None` for schemes that no text can satisfy, such as a client certificate.
    pub(crate) fn of(kind: &SchemeKind) -> Option<Self> {
        match kind {
            SchemeKind::ApiKey { location: Location::Header, parameter } => {
                HeaderName::from_bytes(parameter.as_bytes()).ok().map(Self::Header)
            }
            SchemeKind::ApiKey { location: Location::Query, parameter } => Some(Self::Query(parameter.clone())),
            SchemeKind::ApiKey { location: Location::Cookie, parameter } => Some(Self::Cookie(parameter.clone())),
            SchemeKind::Http { scheme, .. } if scheme.eq_ignore_ascii_case("bearer") => Some(Self::Bearer),
            SchemeKind::Http { scheme, .. } if scheme.eq_ignore_ascii_case("basic") => Some(Self::Basic),
            SchemeKind::OAuth2 { .. } | SchemeKind::OpenIdConnect { .. } => Some(Self::Bearer),
            SchemeKind::ApiKey { location: Location::Path, .. } | SchemeKind::Http { .. } | SchemeKind::MutualTls => {
                None
            }
        }
    }

    /// The header that carries it, if a header does.
    pub(crate) fn header(&self) -> Option<HeaderName> {
        match self {
            Self::Bearer | Self::Basic => Some(AUTHORIZATION),
            Self::Header(name) => Some(name.clone()),
            Self::Cookie(_) => Some(COOKIE),
            Self::Query(_) => None,
        }
    }

    /// `secret`, ready to be put on requests; `None` if it has characters that no header can carry.
    pub(crate) fn attach(&self, secret: &Secret) -> Option<Attachment> {
        Some(match self {
            Self::Bearer => Attachment::Header(AUTHORIZATION, secret.header("Bearer ")?),
            Self::Basic => Attachment::Header(AUTHORIZATION, secret.header("Basic ")?),
            Self::Header(name) => Attachment::Header(name.clone(), secret.header("")?),
            Self::Query(name) => Attachment::Query(pair(name, secret, NON_ALPHANUMERIC)),
            Self::Cookie(name) => Attachment::Cookie(pair(name, secret, &NO_COOKIE)),
        })
    }
}

/// User name and password as HTTP Basic writes them (RFC 7617, 2).
pub(crate) fn basic(username: &str, password: &Secret) -> Secret {
    let text = Zeroizing::new(format!("{username}:{}", password.expose()));
    Secret::new(STANDARD.encode(text.as_bytes()))
}

/// What no value of a cookie can hold (RFC 6265, 4.1.1). All else goes as it is: servers do not decode it.
const NO_COOKIE: AsciiSet = CONTROLS.add(b' ').add(b'"').add(b',').add(b';').add(b'\\');

fn pair(name: &str, secret: &Secret, unsafe_characters: &'static AsciiSet) -> Secret {
    let escape = |text| utf8_percent_encode(text, unsafe_characters);
    Secret::new(format!("{}={}", escape(name), escape(secret.expose())))
}

/// A credential in the form in which it goes on a request. Made once, cloned per request.
#[derive(Debug, Clone)]
pub(crate) enum Attachment {
    /// A header, marked sensitive.
    Header(HeaderName, HeaderValue),
    /// `name=value` for the query.
    Query(Secret),
    /// `name=value` for the `Cookie` header.
    Cookie(Secret),
}

impl Attachment {
    /// The same, on memory of its own: clones of one header's value count their references in one place.
    pub(crate) fn twin(&self) -> Self {
        let Self::Header(name, value) = self else { return self.clone() };
        let own = || {
            let name = HeaderName::from_bytes(name.as_str().as_bytes()).ok()?;
            let mut value = HeaderValue::from_bytes(value.as_bytes()).ok()?;
            value.set_sensitive(true);
            Some(Self::Header(name, value))
        };
        own().unwrap_or_else(|| self.clone())
    }

    /// Puts the credential on a request.
    pub(crate) fn apply(&self, outgoing: &mut Outgoing) {
        match self {
            Self::Header(name, value) => {
                outgoing.headers.insert(name.clone(), value.clone());
            }
            Self::Query(pair) => {
                let query = match outgoing.url.query() {
                    Some(query) if !query.is_empty() => Zeroizing::new(format!("{query}&{}", pair.expose())),
                    _ => Zeroizing::new(pair.expose().to_owned()),
                };
                outgoing.url.set_query(Some(&query));
            }
            Self::Cookie(pair) => add_cookie(&mut outgoing.headers, pair.expose()),
        }
    }
}

/// Adds to the one `Cookie` header that a request may have (RFC 6265, 5.4).
pub(crate) fn add_cookie(headers: &mut HeaderMap, pair: &str) {
    let before = headers.get(COOKIE).and_then(|value| value.to_str().ok());
    let text = Zeroizing::new(before.map_or_else(|| pair.to_owned(), |before| format!("{before}; {pair}")));
    if let Ok(mut value) = HeaderValue::from_str(&text) {
        value.set_sensitive(true);
        headers.insert(COOKIE, value);
    }
}

#[cfg(test)]
mod tests {
    use http::Method;
    use url::Url;

    use super::*;

    fn applied(placement: &Placement) -> Outgoing {
        let url = Url::parse("https://api.example/devices?limit=1").expect("a URL");
        let mut outgoing = Outgoing { method: Method::GET, url, headers: HeaderMap::new(), body: None };
        placement.attach(&Secret::new("rbtk_test/1")).expect("visible ASCII").apply(&mut outgoing);
        outgoing
    }

    /// ROBOTICKS-1, ARROW-1: the same key as Bearer or in a header of its own; in the query and in a cookie.
    #[test]
    fn each_placement() {
        assert_eq!(applied(&Placement::Bearer).headers[AUTHORIZATION], "Bearer rbtk_test/1");
        let header = applied(&Placement::Header(HeaderName::from_static("x-api-key")));
        assert_eq!(header.headers["x-api-key"], "rbtk_test/1");
        assert!(header.headers["x-api-key"].is_sensitive());
        assert_eq!(applied(&Placement::Query("key".into())).url.query(), Some("limit=1&key=rbtk%5Ftest%2F1"));
        assert_eq!(applied(&Placement::Cookie("sid".into())).headers[COOKIE], "sid=rbtk_test/1");
    }

    /// B7: a prepared credential shows nothing.
    #[test]
    fn an_attachment_is_redacted() {
        for placement in [Placement::Bearer, Placement::Query("key".into()), Placement::Cookie("sid".into())] {
            let attachment = placement.attach(&Secret::new("rbtk_test_canary"));
            assert!(!format!("{attachment:?}").contains("canary"));
        }
    }
}
