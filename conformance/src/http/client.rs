//! The client: hyper with keep-alive, and a limit on everything that a server could make endless.

use std::error::Error as _;
use std::sync::Arc;
use std::time::Duration;

use bytes::{Bytes, BytesMut};
use http_body_util::{BodyExt, Full};
use hyper::body::Incoming;
use hyper_rustls::{HttpsConnector, HttpsConnectorBuilder};
use hyper_util::client::legacy;
use hyper_util::client::legacy::connect::HttpConnector;
use hyper_util::rt::{TokioExecutor, TokioTimer};
use rustls::pki_types::CertificateDer;
use rustls::pki_types::pem::PemObject;
use rustls_platform_verifier::{BuilderVerifierExt, Verifier};

use super::{Answer, Broken, Request};
use crate::clock;
use crate::error::Error;

/// The longest body that is read, in bytes.
const MAX_BODY: usize = 8 * 1024 * 1024;

/// Where requests go: an absolute URL, without a slash at its end.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Base(String);

/// The most time for fetching a document.
const FETCHING: Duration = Duration::from_secs(30);

impl Base {
    /// Reads a base URL.
    pub(crate) fn parse(text: &str) -> Result<Self, Error> {
        let remedy = "give an absolute URL such as http://127.0.0.1:8080";
        let url =
            url::Url::parse(text).map_err(|error| Error::config(format!("URL `{text}`"), error.to_string(), remedy))?;
        if !matches!(url.scheme(), "http" | "https") || url.host_str().is_none() {
            return Err(Error::config(format!("URL `{text}`"), "it is neither http nor https", remedy));
        }
        if url.query().is_some() || url.fragment().is_some() || !url.username().is_empty() {
            let message = "a base URL has no query, no fragment and no user";
            return Err(Error::config("URL", message, remedy));
        }
        Ok(Self(url.as_str().trim_end_matches('/').to_owned()))
    }

    /// The URL that a request goes to; a target that is a whole URL is one of this server already.
    pub(crate) fn join(&self, target: &str) -> String {
        if target.starts_with('/') || target.is_empty() { format!("{}{target}", self.0) } else { target.to_owned() }
    }

    /// Where a reference leads that leaves this base and stays on its server.
    pub(crate) fn beside(&self, from: &str, reference: &str) -> Option<String> {
        let to = url::Url::parse(&self.join(from)).ok()?.join(reference).ok()?;
        let own = url::Url::parse(&self.0).ok()?;
        (to.origin() == own.origin() && to.username().is_empty()).then(|| to.as_str().to_owned())
    }

    pub(crate) fn as_str(&self) -> &str {
        &self.0
    }

    fn is_secure(&self) -> bool {
        self.0.starts_with("https:")
    }

    /// Whether the server is on this machine, by its address or by the name that always means it (RFC 6761, 6.3).
    pub(crate) fn is_loopback(&self) -> bool {
        let url = url::Url::parse(&self.0);
        url.is_ok_and(|url| match url.host() {
            Some(url::Host::Ipv4(address)) => address.is_loopback(),
            Some(url::Host::Ipv6(address)) => address.is_loopback(),
            Some(url::Host::Domain(name)) => name == "localhost" || name.ends_with(".localhost"),
            None => false,
        })
    }

    /// The same server under the other scheme of `http` and `https`.
    pub(crate) fn other_scheme(&self) -> Self {
        Self(match self.0.strip_prefix("https:") {
            Some(rest) => format!("http:{rest}"),
            None => self.0.replacen("http:", "https:", 1),
        })
    }

    /// Where a reference in the answer to `from` leads (RFC 3986, 5), as a target below this base. `None`: elsewhere, where
    /// no credential of this server may go.
    pub(crate) fn target(&self, from: &str, reference: &str) -> Option<String> {
        let to = url::Url::parse(&self.join(from)).ok()?.join(reference).ok()?;
        let rest = to.as_str().strip_prefix(&self.0)?;
        let rest = rest.split('#').next().unwrap_or_default();
        // The base without a slash at its end could be the beginning of another host's name.
        rest.starts_with('/').then(|| rest.to_owned())
    }
}

/// A client for one base URL that follows no redirect, keeps connections open and gives up in time.
#[derive(Debug, Clone)]
pub(crate) struct Client {
    connections: Connections,
    timeout: Duration,
}

/// Open connections. To read the system's authorities takes longer than all else that a run begins with: it is done
/// for those who need them.
#[derive(Debug, Clone)]
enum Connections {
    Plain(legacy::Client<HttpConnector, Full<Bytes>>),
    Secure(legacy::Client<HttpsConnector<HttpConnector>, Full<Bytes>>),
}

impl Client {
    /// A client that waits at most `timeout` for each answer, its body included, and trusts the system's authorities and
    /// those of `authorities` (PEM).
    pub(crate) fn new(base: &Base, timeout: Duration, authorities: &[u8]) -> Result<Self, Error> {
        Self::speaking(base, timeout, authorities, false)
    }

    /// The same, which speaks HTTP/2 and nothing else if `http2` (RFC 9113, 3.3).
    pub(crate) fn speaking(base: &Base, timeout: Duration, authorities: &[u8], http2: bool) -> Result<Self, Error> {
        let mut connector = HttpConnector::new();
        connector.enforce_http(false);
        connector.set_nodelay(true);
        connector.set_connect_timeout(Some(timeout));
        let mut builder = legacy::Client::builder(TokioExecutor::new());
        builder.pool_timer(TokioTimer::new()).pool_idle_timeout(Duration::from_secs(30)).http2_only(http2);
        if !base.is_secure() && authorities.is_empty() {
            return Ok(Self { connections: Connections::Plain(builder.build(connector)), timeout });
        }
        let connector = HttpsConnectorBuilder::new()
            .with_tls_config(tls(authorities)?)
            .https_or_http()
            .enable_http1()
            .enable_http2()
            .wrap_connector(connector);
        Ok(Self { connections: Connections::Secure(builder.build(connector)), timeout })
    }

    /// Sends `request` and reads the whole answer.
    pub(crate) async fn send(&self, base: &Base, request: &Request) -> Result<Answer, Broken> {
        let request = self.prepared(base, request)?;
        let (seconds, began) = (self.timeout.as_secs(), clock::now());
        let head = tokio::time::timeout(self.timeout, self.head(request)).await;
        let (parts, body) = head.unwrap_or(Err(Broken::Silent(seconds)))?.into_parts();
        let left = self.timeout.saturating_sub(clock::now().duration_since(began));
        let body = tokio::time::timeout(left, read(body)).await.unwrap_or(Err(Broken::Timeout(seconds)))?;
        Ok(Answer::new(parts.status.as_u16(), parts.headers, body))
    }

    fn prepared(&self, base: &Base, request: &Request) -> Result<http::Request<Full<Bytes>>, Broken> {
        let mut builder = http::Request::builder().method(request.method.as_str()).uri(base.join(&request.target));
        for (name, value) in &request.headers {
            builder = builder.header(name.as_str(), value.as_ref());
        }
        let body = Full::new(request.body.clone().unwrap_or_default());
        builder.body(body).map_err(|error| Broken::Request(error.to_string()))
    }

    async fn head(&self, request: http::Request<Full<Bytes>>) -> Result<http::Response<Incoming>, Broken> {
        let answer = match &self.connections {
            Connections::Plain(client) => client.request(request),
            Connections::Secure(client) => client.request(request),
        };
        answer.await.map_err(|error| {
            let cause = error.source().map_or_else(|| error.to_string(), causes);
            if error.is_connect() { Broken::Connect(cause) } else { Broken::Protocol(cause) }
        })
    }
}

/// What a URL answers to a plain GET, as text: the document that a server gives of itself. `authorities` (PEM) are trusted
/// beside those of the system.
///
/// # Errors
/// [`Error::Config`] for what is no URL or no text, [`Error::Unreachable`] for any answer but a success.
pub async fn fetch(url: &str, authorities: &[u8]) -> Result<String, Error> {
    let base = Base::parse(url)?;
    let unreachable = |reason: String| Error::Unreachable {
        url: url.to_owned(),
        reason,
        remedy: "check the URL of the document, and that its server runs".to_owned(),
    };
    let client = Client::new(&base, FETCHING, authorities)?;
    let answer =
        client.send(&base, &Request::new("GET", "")).await.map_err(|broken| unreachable(broken.to_string()))?;
    if !answer.is_success() {
        return Err(unreachable(format!("it answered {}", answer.status)));
    }
    String::from_utf8(answer.body.to_vec())
        .map_err(|_| Error::config(url, "it is no UTF-8", "a document is JSON or YAML in UTF-8"))
}

/// An error with its causes. What a cause repeats of the one before is said once.
fn causes(error: &(dyn std::error::Error + 'static)) -> String {
    let mut text = error.to_string();
    let mut next = error.source();
    while let Some(cause) = next {
        let said = cause.to_string();
        if !text.contains(&said) {
            text = format!("{text}: {said}");
        }
        next = cause.source();
    }
    text
}

async fn read(mut body: Incoming) -> Result<Bytes, Broken> {
    let mut bytes = BytesMut::new();
    while let Some(frame) = body.frame().await {
        let frame = frame.map_err(|error| Broken::Protocol(error.to_string()))?;
        let Some(data) = frame.data_ref() else { continue };
        if bytes.len() + data.len() > MAX_BODY {
            return Err(Broken::TooLong(MAX_BODY));
        }
        bytes.extend_from_slice(data);
    }
    Ok(bytes.freeze())
}

fn tls(authorities: &[u8]) -> Result<rustls::ClientConfig, Error> {
    let failed =
        |error: rustls::Error| Error::config("TLS", error.to_string(), "check the certificates of this system");
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let builder = rustls::ClientConfig::builder_with_provider(Arc::clone(&provider))
        .with_safe_default_protocol_versions()
        .map_err(failed)?;
    if authorities.is_empty() {
        return Ok(builder.with_platform_verifier().map_err(failed)?.with_no_client_auth());
    }
    let wrong = |what: String| Error::config("--ca", what, "give a file with certificates in PEM");
    let roots: Vec<_> = CertificateDer::pem_slice_iter(authorities)
        .collect::<Result<_, _>>()
        .map_err(|error| wrong(format!("a certificate cannot be read: {error}")))?;
    if roots.is_empty() {
        return Err(wrong("it holds no certificate".to_owned()));
    }
    let verifier = Verifier::new_with_extra_roots(roots, provider).map_err(failed)?;
    // The verifier is the platform's own, with more roots: nothing about a certificate goes unchecked.
    Ok(builder.dangerous().with_custom_certificate_verifier(Arc::new(verifier)).with_no_client_auth())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_reference_that_leads_elsewhere_is_not_followed() {
        let base = Base::parse("http://127.0.0.1:80/api").expect("a URL");
        let to = |reference: &str| base.target("/v1/things", reference);
        assert_eq!(to("/api/v1/things/5"), Some("/v1/things/5".to_owned()));
        assert_eq!(to("things/5#x"), Some("/v1/things/5".to_owned()));
        assert_eq!(to("http://127.0.0.1/api/v1/things/5"), Some("/v1/things/5".to_owned()));
        for other in
            ["http://other.example/api/x", "//other.example/api", "https://127.0.0.1/api/x", "/apix/y", "http://["]
        {
            assert_eq!(to(other), None, "{other}");
        }
    }

    #[test]
    fn this_machine_is_known() {
        let is_here = |text: &str| Base::parse(text).expect("a URL").is_loopback();
        for here in
            ["http://127.0.0.1:1", "http://127.1.2.3", "https://localhost/x", "http://[::1]:1", "http://api.localhost"]
        {
            assert!(is_here(here), "{here}");
        }
        for other in ["http://10.0.0.1", "http://localhost.example.com", "https://example.com", "http://[::2]"] {
            assert!(!is_here(other), "{other}");
        }
        let other = |text: &str| Base::parse(text).expect("a URL").other_scheme().as_str().to_owned();
        assert_eq!(
            (other("http://a.example:80/x"), other("https://a.example")),
            ("https://a.example/x".to_owned(), "http://a.example".to_owned())
        );
    }

    #[test]
    fn a_base_url_is_absolute_and_plain() {
        assert_eq!(
            Base::parse("http://127.0.0.1:8080/").map(|base| base.join("/v1")),
            Ok("http://127.0.0.1:8080/v1".to_owned())
        );
        assert_eq!(
            Base::parse("https://a.example/api").map(|base| base.join("/v1")),
            Ok("https://a.example/api/v1".to_owned())
        );
        for wrong in ["example.com", "ftp://example.com", "http://u:p@example.com", "http://example.com?x=1", ""] {
            assert_eq!(Base::parse(wrong).map_err(|error| error.exit_code()), Err(2), "{wrong}");
        }
    }
}
