//! The security schemes of a document as a server sees them: where a credential stands, and what kind it must be.

use std::borrow::Cow;

use bitting_spec::extension::Auth;
use bitting_spec::table::{Location, SchemeKind};
use bitting_spec::{Document, SecurityScheme, path_of};
use http::HeaderMap;
use http::header::{AUTHORIZATION, HeaderName};
use percent_encoding::percent_decode_str;

use crate::token::Algorithm;
use crate::world::lifecycle::Lifecycle;

/// Where a scheme's credential stands in a request.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Place {
    /// `Authorization`, after the name of the scheme, which is in lower case here.
    Authorization(String),
    /// A header, by the name that the document has for it, and as requests have it.
    Header(String, HeaderName),
    Query(String),
    Cookie(String),
    /// In the connection itself; this server sees none of it.
    Connection,
}

impl Place {
    /// A name that is the same for the same place: one `Authorization` header holds one credential.
    pub(crate) fn name(&self) -> String {
        match self {
            Self::Authorization(_) => "header authorization".to_owned(),
            Self::Header(_, name) => format!("header {name}"),
            Self::Query(name) => format!("query {name}"),
            Self::Cookie(name) => format!("cookie {name}"),
            Self::Connection => "connection".to_owned(),
        }
    }
}

/// What was found at a place.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Presented<'r> {
    /// Nothing, or a credential of another scheme.
    Nothing,
    /// Something that is no credential of this scheme.
    Malformed,
    /// A header that no credential can stand in: not ASCII, or there twice.
    Broken,
    /// The credential's text.
    Text(Cow<'r, str>),
}

/// A security scheme.
#[derive(Debug, Clone)]
pub(crate) struct Scheme {
    pub(crate) name: String,
    pub(crate) place: Place,
    /// A name that is the same for the same place.
    pub(crate) place_name: String,
    pub(crate) takes_keys: bool,
    pub(crate) takes_tokens: bool,
    pub(crate) takes_passwords: bool,
    /// Keys of one family work with each of its schemes: the same key as bearer token and in its own header
    /// (ROBOTICKS-1).
    pub(crate) family: String,
    pub(crate) auth: Auth,
    /// How its tokens may be signed, the one that signs first; none: by any, and HS256 signs.
    pub(crate) algorithms: Vec<Algorithm>,
    /// Scopes that it declares.
    pub(crate) scopes: Vec<String>,
    /// The environment that this server is (ARROTECH-5).
    pub(crate) environment: Option<String>,
    /// The path of its token endpoint (RFC 6749, 3.2).
    pub(crate) token_path: Option<String>,
    /// Whether a name and a password become a token there (RFC 6749, 4.3).
    pub(crate) has_password_grant: bool,
    /// The path of its authorization endpoint (RFC 6749, 3.1), on whichever host the document has it.
    pub(crate) authorize_path: Option<String>,
    /// What it demands of the life of its keys.
    pub(crate) lifecycle: Lifecycle,
}

impl Scheme {
    /// The scheme as the document describes it.
    pub(crate) fn new(document: &Document, scheme: &SecurityScheme) -> Self {
        Self {
            name: scheme.name.clone(),
            place: place(scheme),
            place_name: place(scheme).name(),
            takes_keys: takes_keys(scheme),
            takes_tokens: takes_tokens(scheme),
            takes_passwords: matches!(&scheme.kind, SchemeKind::Http { scheme, .. } if scheme == "basic"),
            family: family(&scheme.auth),
            auth: scheme.auth.clone(),
            algorithms: algorithms(scheme),
            scopes: scopes(scheme),
            environment: environment(document, &scheme.auth),
            token_path: token_path(scheme),
            has_password_grant: matches!(&scheme.kind, SchemeKind::OAuth2 { flows } if flows.password.is_some()),
            authorize_path: authorize_path(scheme),
            lifecycle: Lifecycle::new(scheme.auth.key.as_ref()),
        }
    }

    /// What every key of it begins with.
    pub(crate) fn prefix(&self) -> &str {
        self.auth.key.as_ref().and_then(|rules| rules.prefix.as_deref()).unwrap_or("key_")
    }

    /// What its tokens are signed with.
    pub(crate) fn algorithm(&self) -> Algorithm {
        self.algorithms.first().copied().unwrap_or_default()
    }

    /// Where a claim stands in its tokens, as a JSON pointer.
    pub(crate) fn claim(&self, part: &str, default: &'static str) -> &str {
        self.auth.claims.get(part).map_or(default, String::as_str)
    }
}

/// Where the credential of a scheme stands.
pub(crate) fn place(scheme: &SecurityScheme) -> Place {
    match &scheme.kind {
        SchemeKind::ApiKey { location, parameter } => match location {
            Location::Query => Place::Query(parameter.clone()),
            Location::Cookie => Place::Cookie(parameter.clone()),
            // What no header can be called stands nowhere.
            Location::Header | Location::Path => match HeaderName::from_bytes(parameter.as_bytes()) {
                Ok(name) => Place::Header(parameter.clone(), name),
                Err(_) => Place::Connection,
            },
        },
        SchemeKind::Http { scheme, .. } => Place::Authorization(scheme.clone()),
        SchemeKind::OAuth2 { .. } | SchemeKind::OpenIdConnect { .. } => Place::Authorization("bearer".to_owned()),
        SchemeKind::MutualTls => Place::Connection,
    }
}

/// Whether its credentials are tokens that this server signs.
pub(crate) fn takes_tokens(scheme: &SecurityScheme) -> bool {
    match &scheme.kind {
        SchemeKind::Http { scheme: name, bearer_format } if name == "bearer" => {
            let auth = &scheme.auth;
            let is_issued = auth.acquire.is_some() || auth.refresh.is_some() || !auth.claims.is_empty();
            // `bearerFormat` is a hint for people (OpenAPI 3.1, 4.8.27): `opaque` and `sk_…` are tokens to whoever asks
            // for one, unless the document has rules for keys.
            let is_for_keys = auth.key.is_some() || auth.env.contains_key("key");
            is_issued || !is_for_keys || bearer_format.as_deref().is_none_or(is_jwt)
        }
        SchemeKind::OAuth2 { .. } | SchemeKind::OpenIdConnect { .. } => true,
        _ => false,
    }
}

fn is_jwt(format: &str) -> bool {
    format.to_ascii_lowercase().contains("jwt")
}

/// Whether its credentials are API keys.
pub(crate) fn takes_keys(scheme: &SecurityScheme) -> bool {
    match &scheme.kind {
        SchemeKind::ApiKey { .. } => true,
        SchemeKind::Http { scheme: name, bearer_format } if name == "bearer" => {
            scheme.auth.key.is_some() || !bearer_format.as_deref().is_some_and(is_jwt) || !takes_tokens(scheme)
        }
        _ => false,
    }
}

/// The algorithms that the document names and this server has.
fn algorithms(scheme: &SecurityScheme) -> Vec<Algorithm> {
    let format = match &scheme.kind {
        SchemeKind::Http { bearer_format: Some(format), .. } if scheme.auth.algorithms.is_empty() => format.as_str(),
        _ => "",
    };
    let named = scheme.auth.algorithms.iter().map(String::as_str);
    let words = named.chain(format.split(|character: char| !character.is_ascii_alphanumeric()));
    let known = words.filter_map(|word| Algorithm::ALL.into_iter().find(|it| it.name().eq_ignore_ascii_case(word)));
    known.collect()
}

fn family(auth: &Auth) -> String {
    let prefix = auth.key.as_ref().and_then(|rules| rules.prefix.as_deref()).unwrap_or_default();
    format!("{prefix}/{}", auth.env.get("key").map_or("", String::as_str))
}

fn scopes(scheme: &SecurityScheme) -> Vec<String> {
    let mut scopes: Vec<String> = scheme.auth.scopes.keys().cloned().collect();
    if let SchemeKind::OAuth2 { flows } = &scheme.kind {
        let flows = [&flows.client_credentials, &flows.authorization_code, &flows.password, &flows.implicit];
        scopes.extend(flows.into_iter().flatten().flat_map(|flow| flow.scopes.keys().cloned()));
    }
    scopes.sort();
    scopes.dedup();
    scopes
}

/// The environment whose server is the document's first one, else the first that has a server.
fn environment(document: &Document, auth: &Auth) -> Option<String> {
    let url = document.servers.first().map(|server| server.url.as_str());
    let is_ours = |host: &Option<String>| host.as_deref().map(|host| host.trim_end_matches('/')) == url;
    let ours = auth.environments.iter().find(|(_, host)| host.is_some() && is_ours(host));
    let named = ours.or_else(|| auth.environments.iter().find(|(_, host)| host.is_some()));
    named.or_else(|| auth.environments.iter().next()).map(|(name, _)| name.clone())
}

fn token_path(scheme: &SecurityScheme) -> Option<String> {
    let SchemeKind::OAuth2 { flows } = &scheme.kind else { return None };
    let flows = [&flows.client_credentials, &flows.authorization_code, &flows.password];
    let url = flows.into_iter().flatten().find_map(|flow| flow.token_url.as_deref())?;
    Some(path_of(url))
}

fn authorize_path(scheme: &SecurityScheme) -> Option<String> {
    let SchemeKind::OAuth2 { flows } = &scheme.kind else { return None };
    Some(path_of(flows.authorization_code.as_ref()?.authorization_url.as_deref()?))
}

/// What a request holds at a place, and how strictly that is read.
pub(crate) struct Wire<'r> {
    pub(crate) headers: &'r HeaderMap,
    pub(crate) query: &'r str,
    /// Scheme names are taken in the spelling `Bearer` only (defect M15).
    pub(crate) exact_spelling: bool,
}

impl<'r> Wire<'r> {
    /// What the request presents at `place`.
    pub(crate) fn at(&self, place: &Place) -> Presented<'r> {
        match place {
            Place::Authorization(scheme) => self.authorization(scheme),
            Place::Header(_, name) => {
                self.header(name).map_or_else(|presented| presented, |text| key(Cow::Borrowed(bare(name, text))))
            }
            Place::Query(name) => self.parameter(name),
            Place::Cookie(name) => self.cookie(name),
            Place::Connection => Presented::Nothing,
        }
    }

    /// The value of a header that must be there at most once.
    fn header(&self, name: &HeaderName) -> Result<&'r str, Presented<'r>> {
        let mut values = self.headers.get_all(name).iter();
        match (values.next(), values.next()) {
            (None, _) => Err(Presented::Nothing),
            (Some(value), None) => value.to_str().map_err(|_| Presented::Broken),
            _ => Err(Presented::Broken),
        }
    }

    /// RFC 9110, 11.4: the scheme's name in any case, spaces, then the credential (RFC 6750, 2.1).
    fn authorization(&self, scheme: &str) -> Presented<'r> {
        let value = match self.header(&AUTHORIZATION) {
            Ok(value) => value.trim(),
            Err(presented) => return presented,
        };
        let (name, text) = value.split_once(' ').unwrap_or((value, ""));
        let is_scheme = match self.exact_spelling {
            true => name.eq_ignore_ascii_case(scheme) && name.starts_with(char::is_uppercase),
            false => name.eq_ignore_ascii_case(scheme),
        };
        let text = text.trim_start_matches(' ');
        match is_scheme {
            false => Presented::Nothing,
            true => key(Cow::Borrowed(text)),
        }
    }

    pub(crate) fn parameter(&self, name: &str) -> Presented<'r> {
        let found = form_urlencoded::parse(self.query.as_bytes()).find(|(known, _)| known == name);
        found.map_or(Presented::Nothing, |(_, value)| key(value))
    }

    fn cookie(&self, name: &str) -> Presented<'r> {
        let lines = self.headers.get_all("cookie").iter().filter_map(|line| line.to_str().ok());
        let mut pairs = lines.flat_map(|line| line.split(';')).filter_map(|pair| pair.trim().split_once('='));
        let found = pairs.find(|(known, _)| *known == name);
        found.map_or(Presented::Nothing, |(_, value)| key(percent_decode_str(value).decode_utf8_lossy()))
    }
}

/// A key without the word that many put before it in `Authorization`, where the document speaks of no scheme.
fn bare<'t>(header: &HeaderName, text: &'t str) -> &'t str {
    let behind = text.split_once(' ').filter(|(word, _)| word.bytes().all(|byte| byte.is_ascii_alphabetic()));
    let Some((_, key)) = behind.filter(|_| *header == AUTHORIZATION) else { return text };
    // As Rails takes it: `Token token="KEY"`.
    let key = key.trim_start();
    key.strip_prefix("token=").map_or(key, |key| key.trim_matches('"'))
}

/// A credential is one word.
fn key(text: Cow<'_, str>) -> Presented<'_> {
    let is_word = !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_graphic());
    if is_word { Presented::Text(text) } else { Presented::Malformed }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn bearer(values: &[&str]) -> String {
        let mut headers = HeaderMap::new();
        for value in values {
            headers.append(AUTHORIZATION, http::HeaderValue::from_bytes(value.as_bytes()).unwrap());
        }
        let wire = Wire { headers: &headers, query: "", exact_spelling: false };
        format!("{:?}", wire.at(&Place::Authorization("bearer".to_owned())))
    }

    /// RFC 9110, 11.1: the scheme's name is case-insensitive; Prism takes `Bearer` only.
    #[test]
    fn the_scheme_name_is_taken_in_any_case() {
        for value in ["Bearer abc", "bearer abc", "BEARER   abc", " Bearer abc "] {
            assert_eq!(bearer(&[value]), "Text(\"abc\")", "{value}");
        }
    }

    /// A key in `Authorization` may have a word before it, of which an `apiKey` scheme says nothing; elsewhere it may not.
    #[test]
    fn a_word_before_a_key_is_no_part_of_it() {
        assert_eq!(["Token abc", "abc", "Bearer  abc"].map(|text| bare(&AUTHORIZATION, text)), ["abc"; 3]);
        assert_eq!(bare(&HeaderName::from_static("x-api-key"), "Token abc"), "Token abc");
    }

    #[test]
    fn what_is_no_credential_is_told_apart_from_none() {
        assert_eq!(bearer(&[]), "Nothing");
        assert_eq!(bearer(&["Basic abc"]), "Nothing");
        for value in ["Bearer", "Bearer ", "Bearer a b"] {
            assert_eq!(bearer(&[value]), "Malformed", "{value}");
        }
        assert_eq!(bearer(&["Bearer a", "Bearer b"]), "Broken");
        assert_eq!(bearer(&["Bearer é"]), "Broken");
    }
}
