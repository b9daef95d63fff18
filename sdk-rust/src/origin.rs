//! Where a credential may go: origins (RFC 6454), and which of them are safe without TLS.

use std::fmt;

use url::{Host, Url};

use crate::error::Error;

/// Scheme, host and port (RFC 6454, 4). Credentials are bound to a set of these (B4).
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Origin {
    scheme: String,
    host: Host<String>,
    port: u16,
}

impl Origin {
    /// The origin of `url`; `None` if it has none that a request could go to.
    pub(crate) fn of(url: &Url) -> Option<Self> {
        if !matches!(url.scheme(), "http" | "https") {
            return None;
        }
        let host = url.host()?.to_owned();
        Some(Self { scheme: url.scheme().to_owned(), host, port: url.port_or_known_default()? })
    }

    /// Whether the host is this machine: 127.0.0.0/8, `::1` or exactly `localhost` (B5). It is asked of the parsed
    /// host, since `localhost.evil.example` and `127.0.0.1.evil.example` pass any test on the text.
    pub(crate) fn is_loopback(&self) -> bool {
        match &self.host {
            Host::Ipv4(address) => address.is_loopback(),
            Host::Ipv6(address) => address.is_loopback(),
            Host::Domain(name) => name == "localhost",
        }
    }

    /// Whether a credential can go there unread by others (B5, ARTOS-8).
    pub(crate) fn is_private(&self) -> bool {
        self.scheme == "https" || self.is_loopback()
    }
}

impl fmt::Display for Origin {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "{}://{}:{}", self.scheme, self.host, self.port)
    }
}

/// Reads the URL of a server or token endpoint; `what` names it in errors.
pub(crate) fn parse(what: &str, text: &str, allow_insecure_http: bool) -> Result<Url, Error> {
    let url = Url::parse(text).map_err(|error| {
        Error::Config(format!(
            "{what} `{text}` is not a URL ({error}); give the whole address, such as https://api.example"
        ))
    })?;
    if !url.username().is_empty() || url.password().is_some() {
        let what = format!("{what} carries a user name or password; give credentials to the builder instead");
        return Err(Error::Config(what));
    }
    let Some(origin) = Origin::of(&url) else {
        return Err(Error::Config(format!(
            "{what} `{text}` is neither http nor https; give the whole address, such as https://api.example"
        )));
    };
    if !origin.is_private() && !allow_insecure_http {
        let remedy = "use https (http is accepted for 127.0.0.0/8, ::1 and localhost), or say allow_insecure_http";
        return Err(Error::Config(format!("{what} `{origin}` would send credentials in the clear; {remedy}")));
    }
    Ok(url)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn accepted(text: &str) -> bool {
        parse("base URL", text, false).is_ok()
    }

    /// B5, ARTOS-8: https, or loopback by its parsed host.
    #[test]
    fn http_is_for_loopback_only() {
        for good in
            ["https://api.example", "http://127.0.0.1:80", "http://127.9.8.7", "http://[::1]:1", "http://localhost"]
        {
            assert!(accepted(good), "{good}");
        }
        for bad in [
            "http://api.example",
            "http://localhost.evil.example",
            "http://127.0.0.1.evil.example",
            "http://evil.example/localhost",
            "http://128.0.0.1",
            "http://[::2]",
            "ftp://localhost",
            "https://user:secret@api.example",
            "not a url",
        ] {
            assert!(!accepted(bad), "{bad}");
        }
        assert!(parse("base URL", "http://api.example", true).is_ok());
    }

    /// B4: the port and the scheme are part of an origin.
    #[test]
    fn an_origin_is_scheme_host_and_port() {
        let origin = |text: &str| Url::parse(text).ok().and_then(|url| Origin::of(&url));
        assert_eq!(origin("https://api.example/a"), origin("https://API.example:443/b"));
        assert_ne!(origin("https://api.example"), origin("https://api.example:8443"));
        assert_ne!(origin("https://api.example"), origin("http://api.example"));
    }
}
