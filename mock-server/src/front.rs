//! The stand-alone front: HTTP/1.1 and HTTP/2 by hyper, in the clear (h2c by prior knowledge) or over TLS, with bounds on everything that a client can send, and with the faults
//! that only a connection can have.

mod parting;
pub(crate) mod tls;
mod wire;

use std::future::{Future as _, poll_fn};
use std::sync::Arc;
use std::task::Poll;
use std::time::Duration;

use bytes::Bytes;
use http_body_util::{BodyExt as _, LengthLimitError, Limited};
use hyper::body::{Body as _, Incoming};
use hyper::server::conn::{http1, http2};
use hyper::service::service_fn;
use hyper_util::rt::{TokioExecutor, TokioIo, TokioTimer};
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::{Notify, mpsc, watch};
use tokio::task::JoinSet;
use tokio_rustls::TlsAcceptor;

use crate::exchange::{Delivery, Manner, Outcome, Request};
use crate::fault::Gates;
use parting::Parting;
use wire::{Cut, Fate, FaultyStream, OutBody};

/// The largest body that is read.
const BODY: usize = 8 << 20;
/// The most bytes that a request's line and headers may have; hyper answers 431 to more.
const HEAD: usize = 128 << 10;
/// How long a client may take for its headers, and again for its body.
const PATIENCE: Duration = Duration::from_secs(30);
/// The most bytes of too long a body that are read and thrown away: who sends all of it first reads no answer before.
const WASTE: u64 = 32 << 20;
/// How long a shutdown waits for the answers that are on their way.
const DRAIN: Duration = Duration::from_secs(5);

/// Whatever answers requests.
pub(crate) trait Service: Send + Sync + 'static {
    /// The answer.
    fn answer(&self, request: Request) -> Outcome;

    /// The answer to what never became a request: it is noted like any other.
    fn refuse(&self, unread: &Unread) -> Outcome;

    /// The gates that its answers wait at.
    fn gates(&self) -> &Gates;

    /// An answer that has no end yet, where the request asks for one.
    fn stream(&self, _request: &Request) -> Option<Stream> {
        None
    }
}

/// What came and cannot be read as a request.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Unread {
    /// Its method and target; empty where they were not read.
    pub(crate) method: String,
    pub(crate) target: String,
    pub(crate) status: u16,
    /// For the journal.
    pub(crate) reason: &'static str,
    /// In words.
    pub(crate) detail: String,
}

/// An answer whose bytes come one after the other.
pub(crate) struct Stream {
    /// Its media type.
    pub(crate) media: &'static str,
    /// Its bytes; it ends when nobody sends any more.
    pub(crate) bytes: mpsc::Receiver<Bytes>,
}

/// Serves connections until `stop` is true, then lets the answers on their way finish.
pub(crate) async fn serve<S: Service>(
    listener: TcpListener,
    service: Arc<S>,
    tls: Option<TlsAcceptor>,
    stop: watch::Receiver<bool>,
) {
    let mut stopped = stop.clone();
    let mut connections = JoinSet::new();
    loop {
        tokio::select! {
            accepted = listener.accept() => match accepted {
                Ok((stream, _)) => drop(connections.spawn(connection(stream, Arc::clone(&service), tls.clone(), stop.clone()))),
                // Too many open files, or a client that went away: the next one may be luckier.
                Err(_) => tokio::time::sleep(Duration::from_millis(10)).await,
            },
            Some(_) = connections.join_next(), if !connections.is_empty() => {}
            () = ended(&mut stopped) => break,
        }
    }
    drop(listener);
    let drained = async { while connections.join_next().await.is_some() {} };
    // Whoever has not finished by then is cut off with the set.
    let _ = tokio::time::timeout(DRAIN, drained).await;
}

/// Waits until the server is to end.
async fn ended(stop: &mut watch::Receiver<bool>) {
    // No sender any more: nobody could say so later.
    let _ = stop.wait_for(|stop| *stop).await;
}

async fn connection<S: Service>(
    stream: TcpStream,
    service: Arc<S>,
    tls: Option<TlsAcceptor>,
    stop: watch::Receiver<bool>,
) {
    // Small answers must not wait for one another.
    let _ = stream.set_nodelay(true);
    let fate = Fate::default();
    let Some(tls) = tls else {
        let mut stopped = stop.clone();
        let mut stream = FaultyStream::new(stream, fate.clone());
        let is_h2 = tokio::select! {
            begun = tokio::time::timeout(PATIENCE, stream.begins_with_h2()) => begun.ok().and_then(Result::ok),
            () = ended(&mut stopped) => None,
        };
        let Some(is_h2) = is_h2 else { return };
        return speak(stream, is_h2, service, fate, stop).await;
    };
    let handshake = tls.accept(FaultyStream::new(stream, fate.clone()));
    // Whoever does not finish the handshake, or distrusts the certificate, goes away.
    let Ok(Ok(stream)) = tokio::time::timeout(PATIENCE, handshake).await else { return };
    let is_h2 = stream.get_ref().1.alpn_protocol() == Some(b"h2".as_slice());
    speak(stream, is_h2, service, fate, stop).await;
}

/// Answers the requests of one connection.
async fn speak<S: Service>(
    stream: impl AsyncRead + AsyncWrite + Unpin + Send + 'static,
    is_h2: bool,
    service: Arc<S>,
    fate: Fate,
    mut stop: watch::Receiver<bool>,
) {
    let noted = Arc::clone(&service);
    let handler = service_fn(|request| exchange(request, Arc::clone(&service), fate.clone()));
    // Whatever ends a connection ends only that connection.
    if is_h2 {
        let end = fate.clone();
        let io = TokioIo::new(Parting::new(stream, fate.clone()));
        let begun = Arc::new(Notify::new());
        let first = Arc::clone(&begun);
        let handler = service_fn(move |request| {
            first.notify_one();
            exchange(request, Arc::clone(&service), fate.clone())
        });
        // Before the first request nothing else looks at the time: not for the preface, nor for the settings.
        let is_late = async {
            if tokio::time::timeout(PATIENCE, begun.notified()).await.is_ok() {
                std::future::pending::<()>().await;
            }
        };
        let mut builder = http2::Builder::new(TokioExecutor::new());
        let head = u32::try_from(HEAD).unwrap_or(u32::MAX);
        builder.timer(TokioTimer::new()).max_header_list_size(head).keep_alive_interval(PATIENCE);
        let mut connection = std::pin::pin!(builder.serve_connection(io, handler));
        let fated = poll_fn(|cx| {
            let polled = connection.as_mut().poll(cx);
            if polled.is_pending() && end.is_leaving() {
                connection.as_mut().graceful_shutdown();
                return connection.as_mut().poll(cx).map(drop);
            }
            // Several streams share the connection: it must not wait for the others.
            if end.is_sealed() { Poll::Ready(()) } else { polled.map(drop) }
        });
        tokio::select! {
            () = fated => return,
            () = is_late => return,
            () = ended(&mut stop) => connection.as_mut().graceful_shutdown(),
        }
        let _ = connection.await;
        return;
    }
    let io = TokioIo::new(stream);
    let mut builder = http1::Builder::new();
    builder.timer(TokioTimer::new()).header_read_timeout(PATIENCE).max_buf_size(HEAD);
    let mut connection = std::pin::pin!(builder.serve_connection(io, handler));
    tokio::select! {
        done = connection.as_mut() => return done.err().map_or((), |error| note(&error, &*noted)),
        () = ended(&mut stop) => connection.as_mut().graceful_shutdown(),
    }
    let _ = connection.await;
}

/// Notes what was no HTTP: hyper has answered it by itself, with a status and nothing else.
fn note(error: &hyper::Error, service: &impl Service) {
    let (status, reason) = match error {
        error if error.is_parse_too_large() => (431, "head-too-long"),
        error if error.is_parse() => (400, "no-http"),
        _ => return,
    };
    let unread = Unread { method: String::new(), target: String::new(), status, reason, detail: error.to_string() };
    service.refuse(&unread);
}

async fn exchange<S: Service>(
    request: http::Request<Incoming>,
    service: Arc<S>,
    fate: Fate,
) -> Result<http::Response<OutBody>, Cut> {
    let is_h2 = request.version() == http::Version::HTTP_2;
    let is_head = request.method() == http::Method::HEAD;
    let outcome = match received(request).await {
        Ok(request) => match service.stream(&request) {
            Some(stream) => return Ok(streamed(stream)),
            None => service.answer(request),
        },
        Err(unread) => service.refuse(&unread),
    };
    let Delivery { delay, gate, manner } = &outcome.delivery;
    if !delay.is_zero() {
        tokio::time::sleep(*delay).await;
    }
    if let Some(gate) = gate {
        service.gates().wait(gate).await;
    }
    match manner {
        Manner::Hang => std::future::pending::<()>().await,
        Manner::ResetStream { code } if is_h2 => return Err(Cut::with(*code)),
        Manner::GoAway { code: code @ 1.. } if is_h2 => {
            fate.dismiss(*code);
            return Err(Cut::default());
        }
        Manner::Reset | Manner::ResetStream { .. } | Manner::GoAway { code: 1.. } => {
            fate.reset();
            return Err(Cut::default());
        }
        Manner::Garbage => {
            fate.garble();
            return Err(Cut::default());
        }
        // In HTTP/2 it is the stream that is reset, once the bytes before are out.
        Manner::Cut { reset: true, .. } if !is_h2 => fate.reset(),
        Manner::GoAway { code: 0 } if is_h2 => fate.leave(),
        Manner::Close { pause } => fate.close(*pause),
        _ => {}
    }
    let is_last = *manner == Manner::GoAway { code: 0 } && !is_h2;
    // RFC 9110, 9.3.2, 15.3.5 and 15.4.5: no content, of which hyper sees to it in HTTP/1.1 only.
    let is_empty = is_h2 && (is_head || [204, 304].contains(&outcome.status.as_u16()));
    let body = if is_empty { Bytes::new() } else { outcome.body };
    let mut response = http::Response::new(OutBody::new(body, outcome.delivery.manner));
    *response.status_mut() = outcome.status;
    *response.headers_mut() = outcome.headers;
    if is_last {
        response.headers_mut().insert(http::header::CONNECTION, http::HeaderValue::from_static("close"));
    }
    Ok(response)
}

/// The beginning of an answer that has no end yet.
fn streamed(stream: Stream) -> http::Response<OutBody> {
    let mut response = http::Response::new(OutBody::stream(stream.bytes));
    let headers = response.headers_mut();
    headers.insert(http::header::CONTENT_TYPE, http::HeaderValue::from_static(stream.media));
    headers.insert(http::header::CACHE_CONTROL, http::HeaderValue::from_static("no-store"));
    response
}

/// The whole request, or what is wrong with one that is too long, too slow, or says not whom it is for.
async fn received(request: http::Request<Incoming>) -> Result<Request, Box<Unread>> {
    let (parts, body) = request.into_parts();
    let target = parts.uri.path_and_query().map_or("/", |target| target.as_str()).to_owned();
    let refuse = |status, reason, detail: &str| {
        let (method, target) = (parts.method.to_string(), target.clone());
        Err(Box::new(Unread { method, target, status, reason, detail: detail.to_owned() }))
    };
    // RFC 9112, 3.2: not none, and not two.
    if parts.version == http::Version::HTTP_11 && parts.headers.get_all(http::header::HOST).iter().count() != 1 {
        return refuse(400, "host", "a request has exactly one Host header (RFC 9112, 3.2)");
    }
    if body.is_end_stream() {
        return Ok(Request { method: parts.method, target, headers: parts.headers, body: Bytes::new() });
    }
    let length = body.size_hint().lower();
    if length > BODY as u64 {
        if length <= WASTE && !parts.headers.contains_key(http::header::EXPECT) {
            // Late or broken, it is as much too long.
            let _ = tokio::time::timeout(PATIENCE, waste(body)).await;
        }
        return refuse(413, "body-too-long", &format!("the body has more than {BODY} bytes"));
    }
    let body = match tokio::time::timeout(PATIENCE, Limited::new(body, BODY).collect()).await {
        Ok(Ok(body)) => body.to_bytes(),
        Ok(Err(error)) if error.is::<LengthLimitError>() => {
            return refuse(413, "body-too-long", &format!("the body has more than {BODY} bytes"));
        }
        Ok(Err(_)) => return refuse(400, "body-broken", "the body cannot be read"),
        Err(_) => return refuse(408, "body-late", "the body did not come in time"),
    };
    Ok(Request { method: parts.method, target, headers: parts.headers, body })
}

/// Reads a body to its end and keeps nothing.
async fn waste(mut body: Incoming) {
    while let Some(Ok(_)) = body.frame().await {}
}

/// An address of this machine only.
pub(crate) async fn bind(port: u16) -> std::io::Result<TcpListener> {
    TcpListener::bind((std::net::Ipv4Addr::LOCALHOST, port)).await
}
