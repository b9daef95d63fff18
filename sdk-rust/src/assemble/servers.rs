//! Where requests go: the base URL, the servers of operations, and which of them may see a credential (B4).

use bitting_spec::table::{Api, Operation};
use url::Url;

use crate::error::Error;
use crate::origin::{Origin, parse};

/// The servers of an API as this client uses them.
#[derive(Debug)]
pub(crate) struct Servers {
    base: Url,
    /// The document's own servers that have absolute URLs. The base URL takes the place of the first.
    documented: Vec<Url>,
    allow_insecure_http: bool,
}

impl Servers {
    /// `base`: what the user wants instead of the document's first server.
    pub(crate) fn new(api: &Api, base: Option<&str>, allow_insecure_http: bool) -> Result<Self, Error> {
        let documented: Vec<Url> = api.servers.iter().filter_map(|server| Url::parse(server).ok()).collect();
        let base = match (base, api.servers.first()) {
            (Some(base), _) => parse("the base URL", base, allow_insecure_http)?,
            (None, Some(server)) if Url::parse(server).is_ok() => parse("the server", server, allow_insecure_http)?,
            (None, _) => {
                let name = format!("{}_BASE_URL", api.env_prefix);
                let what =
                    format!("the document of {} names no server's full URL; give a base URL or set {name}", api.name);
                return Err(Error::Config(what));
            }
        };
        if base.query().is_some() || base.fragment().is_some() {
            return Err(Error::Config("the base URL must not have a query or fragment".to_owned()));
        }
        Ok(Self { base, documented, allow_insecure_http })
    }

    /// The base URL.
    pub(crate) fn base(&self) -> &Url {
        &self.base
    }

    /// The origin that tokens are for.
    pub(crate) fn origin(&self) -> String {
        Origin::of(&self.base).map(|origin| origin.to_string()).unwrap_or_default()
    }

    /// Whether the system's proxy may be used: not for a server on this machine, and not over plain http.
    pub(crate) fn proxied(&self) -> bool {
        Origin::of(&self.base).is_some_and(|origin| !origin.is_loopback())
    }

    /// The origin of the base URL, if what goes there can be read on the way (B5).
    pub(crate) fn exposed(&self) -> Option<Origin> {
        Origin::of(&self.base).filter(|origin| !origin.is_private())
    }

    /// The base URL of an operation, and whether a credential may go there.
    pub(crate) fn of(&self, operation: &Operation) -> Result<(String, bool), Error> {
        let Some(server) = operation.servers.first() else { return Ok((trimmed(&self.base), true)) };
        let url = self.resolve(&format!("the server of operation `{}`", operation.id), server)?;
        let trusted = self.trusts(&url);
        Ok((trimmed(&url), trusted))
    }

    /// The URL of a token endpoint. The document names it, so it may see the credentials that are meant for it, over
    /// https or on this machine.
    pub(crate) fn token_url(&self, scheme: &str, text: &str) -> Result<Url, Error> {
        let what = format!("the token URL of `{scheme}`");
        let url = self.resolve(&what, text)?;
        parse(&what, url.as_str(), self.allow_insecure_http)
    }

    fn trusts(&self, url: &Url) -> bool {
        let Some(origin) = Origin::of(url) else { return false };
        let known = std::iter::once(&self.base).chain(&self.documented);
        let known = known.filter_map(Origin::of).any(|known| known == origin);
        known && (origin.is_private() || self.allow_insecure_http)
    }

    /// An address of the document as this client uses it: relative ones from the base URL, and those under the first
    /// server under the base URL that replaces it.
    fn resolve(&self, what: &str, text: &str) -> Result<Url, Error> {
        if let Some(first) = self.documented.first()
            && let Some(rest) = text.strip_prefix(trimmed(first).as_str())
            && (rest.is_empty() || rest.starts_with('/'))
        {
            return parse_or(what, &format!("{}{rest}", trimmed(&self.base)));
        }
        let url = Url::options().base_url(Some(&self.base)).parse(text);
        let url = url.map_err(|error| Error::Config(format!("{what} `{text}` is not a URL: {error}")))?;
        match self.documented.first() {
            Some(first) if Origin::of(first) == Origin::of(&url) => parse_or(what, &self.moved(&url)),
            _ => Ok(url),
        }
    }

    /// The same path on the base URL's origin.
    fn moved(&self, url: &Url) -> String {
        let mut moved = self.base.clone();
        moved.set_path(url.path());
        moved.set_query(url.query());
        moved.to_string()
    }
}

fn parse_or(what: &str, text: &str) -> Result<Url, Error> {
    Url::parse(text).map_err(|error| Error::Config(format!("{what} `{text}` is not a URL: {error}")))
}

fn trimmed(url: &Url) -> String {
    url.as_str().trim_end_matches('/').to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn servers(base: Option<&str>) -> Servers {
        let api = serde_json::json!({"name": "t", "version": "1", "env_prefix": "T", "schemes": [], "operations": [],
            "servers": ["https://api.example/v1", "https://files.example"]});
        let api: Api = serde_json::from_value(api).expect("an API");
        Servers::new(&api, base, false).expect("servers")
    }

    fn at(servers: &Servers, server: &str) -> (String, bool) {
        let operation = serde_json::json!({"id": "op", "method": "GET", "path": "/x", "servers": [server]});
        servers.of(&serde_json::from_value(operation).expect("an operation")).expect("a server")
    }

    /// B4: a server of an operation sees a credential only if it is one of the document's.
    #[test]
    fn only_the_documents_servers_are_trusted() {
        let servers = servers(None);
        assert_eq!(at(&servers, "https://files.example"), ("https://files.example".to_owned(), true));
        assert_eq!(at(&servers, "https://api.example/v2"), ("https://api.example/v2".to_owned(), true));
        assert!(!at(&servers, "https://files.example:8443").1);
        assert!(!at(&servers, "http://files.example").1);
        assert!(!at(&servers, "https://evil.example").1);
    }

    #[test]
    fn a_base_url_takes_the_place_of_the_first_server() {
        let servers = servers(Some("http://127.0.0.1:8080/"));
        assert_eq!(at(&servers, "https://api.example/v1/sub").0, "http://127.0.0.1:8080/sub");
        assert_eq!(at(&servers, "https://api.example/other").0, "http://127.0.0.1:8080/other");
        let token_url = servers.token_url("OAuth", "https://api.example/v1/auth/token").expect("a URL");
        assert_eq!(token_url.as_str(), "http://127.0.0.1:8080/auth/token");
        assert_eq!(servers.token_url("OAuth", "token").expect("a URL").as_str(), "http://127.0.0.1:8080/token");
        assert!(servers.token_url("OAuth", "http://auth.example/token").is_err());
    }
}
