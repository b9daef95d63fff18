//! The address on this machine that a browser is sent back to (RFC 8252, 7.3): one request, one path, then closed (D2).

use std::convert::Infallible;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use bytes::Bytes;
use http::header::{CACHE_CONTROL, CONNECTION, CONTENT_SECURITY_POLICY, CONTENT_TYPE, HOST, REFERRER_POLICY};
use http::{HeaderValue, Method, Request, Response, StatusCode};
use http_body_util::Full;
use hyper::body::Incoming;
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::rt::TokioIo;
use tokio::net::{TcpListener, TcpStream};
use tokio::task::JoinSet;

use super::LoginError;
use crate::clock::{Clock, within};

/// The one path that is answered.
const PATH: &str = "/callback";

/// What the user sees; nothing of the request is in it.
const PAGE: &str = "<!doctype html><html lang=\"en\"><meta charset=\"utf-8\"><title>bitting</title>\
<p>The answer has arrived. You can close this window and go back to the program.</p></html>";

/// More connections at a time than any browser opens ahead.
const MOST_CONNECTIONS: usize = 32;

/// The longest request that is read. A code is far shorter.
const LARGEST: usize = 16 * 1024;

/// A listener for one answer, on a port that the system chooses.
#[derive(Debug)]
pub(super) struct Loopback {
    listener: TcpListener,
    /// The address as it stands in the redirect URI, and in the `Host` of who comes by it.
    authority: String,
}

impl Loopback {
    /// Listens on 127.0.0.1, or on [::1] where there is no IPv4. `port` 0: any.
    pub(super) async fn bind(port: u16) -> Result<Self, LoginError> {
        let addresses = [IpAddr::V4(Ipv4Addr::LOCALHOST), IpAddr::V6(Ipv6Addr::LOCALHOST)];
        let mut problem = String::new();
        for address in addresses {
            match Self::at(SocketAddr::new(address, port)).await {
                Ok(loopback) => return Ok(loopback),
                Err(error) => problem = error.to_string(),
            }
        }
        Err(LoginError::Config(format!("no port of this machine can be opened for the browser's answer: {problem}")))
    }

    async fn at(address: SocketAddr) -> std::io::Result<Self> {
        let listener = TcpListener::bind(address).await?;
        let authority = listener.local_addr()?.to_string();
        Ok(Self { listener, authority })
    }

    /// Where the browser must be sent back to: an address and never the name `localhost`, which others may answer for
    /// (RFC 8252, 8.3).
    pub(super) fn redirect_uri(&self) -> String {
        format!("http://{}{PATH}", self.authority)
    }

    /// Waits for the browser, and answers the URL that it came by. Afterwards nothing listens any more.
    pub(super) async fn answer(self, clock: &dyn Clock, timeout: Duration) -> Result<String, LoginError> {
        let limit = clock.now().mono.saturating_add(timeout);
        let query = within(clock, Some(limit), self.accept()).await.ok_or(LoginError::TimedOut(timeout))?;
        Ok(format!("{}?{query}", self.redirect_uri()))
    }

    /// Serves connections next to each other, since a browser opens some that it never uses.
    async fn accept(&self) -> String {
        let mut connections = JoinSet::new();
        loop {
            tokio::select! {
                Ok((stream, _)) = self.listener.accept(), if connections.len() < MOST_CONNECTIONS => {
                    connections.spawn(serve(stream, self.authority.clone()));
                }
                Some(served) = connections.join_next() => {
                    if let Ok(Some(query)) = served {
                        return query;
                    }
                }
            }
        }
    }
}

/// Serves one request of a connection; the query, if it was the browser's answer.
async fn serve(stream: TcpStream, authority: String) -> Option<String> {
    let found = Arc::new(Mutex::new(None));
    let service = service_fn(|request: Request<Incoming>| {
        let query = callback(&request, &authority);
        let response = response(query.as_ref().err().copied());
        if let Ok(query) = query {
            *found.lock().unwrap_or_else(PoisonError::into_inner) = Some(query);
        }
        std::future::ready(Ok::<_, Infallible>(response))
    });
    let mut http = http1::Builder::new();
    http.keep_alive(false).max_buf_size(LARGEST);
    // A browser that hangs up has been served or will come again.
    let _ = http.serve_connection(TokioIo::new(stream), service).await;
    found.lock().unwrap_or_else(PoisonError::into_inner).take()
}

/// The query of the browser's answer; the status for anything else. A page of another site that has its name resolve to
/// this machine shows itself by its `Host`.
fn callback(request: &Request<Incoming>, authority: &str) -> Result<String, StatusCode> {
    let mut hosts = request.headers().get_all(HOST).iter();
    let host = hosts.next().and_then(|host| host.to_str().ok());
    match request.uri().query() {
        _ if host != Some(authority) || hosts.next().is_some() => Err(StatusCode::MISDIRECTED_REQUEST),
        _ if request.uri().path() != PATH => Err(StatusCode::NOT_FOUND),
        _ if request.method() != Method::GET => Err(StatusCode::METHOD_NOT_ALLOWED),
        Some(query) if !query.is_empty() => Ok(query.to_owned()),
        _ => Err(StatusCode::BAD_REQUEST),
    }
}

fn response(refusal: Option<StatusCode>) -> Response<Full<Bytes>> {
    let page = if refusal.is_none() { PAGE } else { "" };
    let mut response = Response::new(Full::new(Bytes::from_static(page.as_bytes())));
    *response.status_mut() = refusal.unwrap_or(StatusCode::OK);
    let headers = [
        (CONTENT_TYPE, "text/html; charset=utf-8"),
        (CONTENT_SECURITY_POLICY, "default-src 'none'"),
        (REFERRER_POLICY, "no-referrer"),
        (CACHE_CONTROL, "no-store"),
        (CONNECTION, "close"),
    ];
    response.headers_mut().extend(headers.map(|(name, value)| (name, HeaderValue::from_static(value))));
    response
}
