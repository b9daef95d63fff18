//! The one place that puts requests on the wire: reqwest, without redirects and without resends of its own (B6, C18).

use std::error::Error as _;
use std::fmt;
use std::sync::{Arc, OnceLock};
use std::time::Duration;

use bytes::{Bytes, BytesMut};
use http::{HeaderMap, Method, StatusCode};
use url::Url;

use crate::clock::{BoxFuture, Clock, TokioClock, within};
use crate::secret::Secret;

/// How long a connection may take to come about.
const CONNECT_TIMEOUT: Duration = Duration::from_secs(10);

/// How long the body of an answer may stand still, however long the whole may take (C13).
const LONGEST_STALL: Duration = Duration::from_secs(20);

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

/// What carries requests: the network, or a server that a test simulates.
pub(crate) trait Wire: Send + Sync + fmt::Debug {
    /// Sends one request, once, and reads the answer to its end.
    fn send(&self, outgoing: Outgoing) -> BoxFuture<'_, Result<Incoming, Fault>>;
}

/// A pool of connections. It is made at the first request, so that building a client does no I/O (A4).
#[derive(Debug)]
pub(crate) struct Transport {
    client: OnceLock<Result<reqwest::Client, String>>,
    clock: Arc<dyn Clock>,
    proxied: bool,
    pooled: bool,
    /// The client certificate with its key, as PEM.
    certificate: Option<Secret>,
    /// What takes the network's place.
    wire: Option<Arc<dyn Wire>>,
}

impl Transport {
    /// A pool. `proxied`: through the system's proxy, which must not be asked for loopback addresses: a proxy would
    /// read what goes there over plain http (B5).
    pub(crate) fn new(proxied: bool) -> Self {
        let (client, clock) = (OnceLock::new(), Arc::new(TokioClock::new()));
        Self { client, clock, proxied, pooled: true, certificate: None, wire: None }
    }

    /// The same with a client certificate, if there is one. Servers that ask for it see it, and a proof that its key is
    /// held here; the key itself goes nowhere.
    pub(crate) fn with_certificate(self, certificate: Option<Secret>) -> Self {
        Self { certificate, ..self }
    }

    /// The same by another clock.
    pub(crate) fn with_clock(self, clock: Arc<dyn Clock>) -> Self {
        Self { clock, ..self }
    }

    /// The same over `wire`, if there is one.
    pub(crate) fn with_wire(self, wire: Option<Arc<dyn Wire>>) -> Self {
        Self { wire, ..self }
    }

    /// Another pool of the same kind.
    pub(crate) fn another(&self) -> Self {
        let (certificate, wire) = (self.certificate.clone(), self.wire.clone());
        Self { client: OnceLock::new(), clock: Arc::clone(&self.clock), certificate, wire, ..*self }
    }

    /// Connections for token requests, which are not kept.
    pub(crate) fn for_tokens(&self, proxied: bool) -> Self {
        Self { proxied, pooled: false, ..self.another() }
    }

    /// Sends one request, once, and reads the answer to its end.
    pub(crate) async fn send(&self, outgoing: Outgoing) -> Result<Incoming, Fault> {
        if let Some(wire) = &self.wire {
            return wire.send(outgoing).await;
        }
        let client = self.client.get_or_init(|| self.connect());
        let client = client.as_ref().map_err(|reason| Fault { maybe_sent: false, reason: reason.clone() })?;
        let mut request = reqwest::Request::new(outgoing.method, outgoing.url);
        *request.headers_mut() = outgoing.headers;
        *request.body_mut() = outgoing.body.map(reqwest::Body::from);
        let mut response = client.execute(request).await.map_err(fault)?;
        let (status, headers) = (response.status(), std::mem::take(response.headers_mut()));
        let body = self.body(response).await?;
        Ok(Incoming { status, headers, body })
    }

    /// The body, as long as it keeps coming (C13).
    async fn body(&self, mut response: reqwest::Response) -> Result<Bytes, Fault> {
        let mut body = BytesMut::new();
        loop {
            let limit = self.clock.now().mono.saturating_add(LONGEST_STALL);
            match within(&*self.clock, Some(limit), response.chunk()).await {
                Some(Ok(Some(chunk))) => body.extend_from_slice(&chunk),
                Some(Ok(None)) => return Ok(body.freeze()),
                Some(Err(error)) => return Err(Fault { maybe_sent: true, ..fault(error) }),
                None => {
                    let reason = format!("the answer stood still for {LONGEST_STALL:?}");
                    return Err(Fault { maybe_sent: true, reason });
                }
            }
        }
    }

    fn connect(&self) -> Result<reqwest::Client, String> {
        let client = self.configured().and_then(reqwest::ClientBuilder::build);
        client.map_err(|error| format!("no HTTP client: {}", chain(&error)))
    }

    /// How connections are made and used: nothing is followed and nothing is sent twice behind our back.
    fn configured(&self) -> Result<reqwest::ClientBuilder, reqwest::Error> {
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
        match &self.certificate {
            Some(pem) => Ok(builder.identity(identity(pem)?)),
            None => Ok(builder),
        }
    }
}

/// A client certificate with its key, read from PEM.
pub(crate) fn identity(pem: &Secret) -> Result<reqwest::Identity, reqwest::Error> {
    reqwest::Identity::from_pem(pem.expose().as_bytes())
}

fn fault(error: reqwest::Error) -> Fault {
    let maybe_sent = !(error.is_connect() || error.is_builder() || was_not_processed(&error));
    Fault { maybe_sent, reason: chain(&error.without_url()) }
}

/// Whether an HTTP/2 server says that it did not look at the request: it refused the stream, or is going away and told
/// up to where it got (RFC 9113, 6.8 and 8.7; C10).
fn was_not_processed(error: &reqwest::Error) -> bool {
    let mut cause = error.source();
    while let Some(error) = cause {
        if let Some(error) = error.downcast_ref::<h2::Error>() {
            let is_refused = error.is_reset() && error.reason() == Some(h2::Reason::REFUSED_STREAM);
            let is_leaving = error.is_go_away() && error.reason() == Some(h2::Reason::NO_ERROR);
            return error.is_remote() && (is_refused || is_leaving);
        }
        cause = error.source();
    }
    false
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

#[cfg(test)]
mod tests;
