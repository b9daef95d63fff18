//! The one place that puts requests on the wire: reqwest, without redirects and without resends of its own (B6, C18).

use std::error::Error as _;
use std::sync::OnceLock;
use std::time::Duration;

use bytes::Bytes;
use http::{HeaderMap, Method, StatusCode};
use url::Url;

/// How long a connection may take to come about.
const CONNECT_TIMEOUT: Duration = Duration::from_secs(10);

/// A request, complete.
#[derive(Debug, Clone)]
pub(crate) struct Outgoing {
    pub(crate) method: Method,
    pub(crate) url: Url,
    pub(crate) headers: HeaderMap,
    pub(crate) body: Option<Bytes>,
}

/// An answer, read to its end.
#[derive(Debug)]
pub(crate) struct Incoming {
    pub(crate) status: StatusCode,
    pub(crate) headers: HeaderMap,
    pub(crate) body: Bytes,
}

/// Why there is no answer.
#[derive(Debug, Clone)]
pub(crate) struct Fault {
    /// Whether the request may have reached the server.
    pub(crate) maybe_sent: bool,
    /// What happened, without the URL.
    pub(crate) reason: String,
}

/// A pool of connections. It is made at the first request, so that building a client does no I/O (A4).
#[derive(Debug)]
pub(crate) struct Transport {
    client: OnceLock<Result<reqwest::Client, String>>,
    proxied: bool,
    pooled: bool,
}

impl Transport {
    /// A pool. `proxied`: through the system's proxy, which must not be asked for loopback addresses: a proxy would
    /// read what goes there over plain http (B5).
    pub(crate) fn new(proxied: bool) -> Self {
        Self { client: OnceLock::new(), proxied, pooled: true }
    }

    /// Connections that are not kept: a pooled one would die with the runtime that it was made on, and token requests
    /// are rare and may come from any runtime.
    pub(crate) fn unpooled(proxied: bool) -> Self {
        Self { pooled: false, ..Self::new(proxied) }
    }

    /// Another pool of the same kind.
    pub(crate) fn another(&self) -> Self {
        Self { client: OnceLock::new(), ..*self }
    }

    /// Sends one request, once, and reads the answer to its end.
    pub(crate) async fn send(&self, outgoing: Outgoing) -> Result<Incoming, Fault> {
        let client = self.client.get_or_init(|| self.connect());
        let client = client.as_ref().map_err(|reason| Fault { maybe_sent: false, reason: reason.clone() })?;
        let mut request = reqwest::Request::new(outgoing.method, outgoing.url);
        *request.headers_mut() = outgoing.headers;
        *request.body_mut() = outgoing.body.map(reqwest::Body::from);
        let mut response = client.execute(request).await.map_err(fault)?;
        let (status, headers) = (response.status(), std::mem::take(response.headers_mut()));
        let body = response.bytes().await.map_err(fault)?;
        Ok(Incoming { status, headers, body })
    }

    fn connect(&self) -> Result<reqwest::Client, String> {
        if rustls::crypto::CryptoProvider::get_default().is_none() {
            // An error means that another thread was faster, which serves as well.
            let _ = rustls::crypto::ring::default_provider().install_default();
        }
        let builder = reqwest::Client::builder()
            .redirect(reqwest::redirect::Policy::none())
            .retry(reqwest::retry::never())
            .referer(false)
            .connect_timeout(CONNECT_TIMEOUT);
        let builder = if self.proxied { builder } else { builder.no_proxy() };
        let builder = if self.pooled { builder } else { builder.pool_max_idle_per_host(0) };
        builder.build().map_err(|error| format!("no HTTP client: {}", chain(&error)))
    }
}

fn fault(error: reqwest::Error) -> Fault {
    let maybe_sent = !(error.is_connect() || error.is_builder());
    Fault { maybe_sent, reason: chain(&error.without_url()) }
}

/// An error and its causes in one line.
fn chain(error: &reqwest::Error) -> String {
    let mut text = error.to_string();
    let mut cause = error.source();
    while let Some(error) = cause {
        text = format!("{text}: {error}");
        cause = error.source();
    }
    text
}
