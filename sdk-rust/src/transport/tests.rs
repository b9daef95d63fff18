//! What HTTP/2 servers say about requests that they did not look at, frame by frame, and who sends those again; and a
//! server that opens to a client certificate only.

use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use http::{HeaderMap, Method};
use rustls::pki_types::PrivateKeyDer;
use rustls::server::WebPkiClientVerifier;
use rustls::{RootCertStore, ServerConfig};
use serde_json::json;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};

use tokio_rustls::TlsAcceptor;
use url::Url;

use super::{Outgoing, Transport};
use crate::call::Call;
use crate::client::Client;
use crate::error::Error;
use crate::response::Response;
use crate::secret::Secret;

/// What the server does with a request.
#[derive(Debug, Clone, Copy)]
enum Act {
    Answer,
    /// Resets the stream with this code (RFC 9113, 7).
    Reset(u8),
    /// Says that it is going away and did not look at the request (RFC 9113, 6.8).
    Leave,
    /// Says that it is going away, had taken the request, and hangs up without an answer.
    LeaveLate,
    /// Hangs up.
    HangUp,
}

const CANCEL: u8 = 8;
const REFUSED_STREAM: u8 = 7;

/// A server that does with each request what `acts` say, over as many connections as it takes.
#[derive(Debug)]
struct Server {
    address: SocketAddr,
    requests: Arc<AtomicUsize>,
}

impl Server {
    async fn new(acts: &'static [Act]) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
        let address = listener.local_addr().expect("an address");
        let requests = Arc::new(AtomicUsize::new(0));
        let count = Arc::clone(&requests);
        tokio::spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                tokio::spawn(serve(stream, acts, Arc::clone(&count)));
            }
        });
        Self { address, requests }
    }

    /// Makes one call over HTTP/2, and answers it with the number of requests that arrived.
    async fn called(&self, operation: &str) -> (Result<Response, Error>, usize) {
        let table = json!({"name": "t", "version": "1", "env_prefix": "T", "schemes": [],
            "servers": [format!("http://{}", self.address)],
            "operations": [{"id": "read", "method": "GET", "path": "/things"},
                           {"id": "write", "method": "POST", "path": "/things"}]});
        let api = Arc::new(serde_json::from_value(table).expect("an operation table"));
        let client: Client = Client::builder(api).environment(|_| None).build().expect("a client");
        let transport = Transport::new(false);
        let http = transport.configured().expect("a builder").http2_prior_knowledge().build().expect("an HTTP client");
        transport.client.set(Ok(http)).expect("no client yet");
        let client = Client { shared: client.shared, transport: Arc::new(transport) };
        let outcome = client.call(Call::new(operation)).await;
        (outcome, self.requests.load(Ordering::SeqCst))
    }
}

/// Serves one connection: the preface, our settings, then whatever each request's act says.
async fn serve(mut stream: TcpStream, acts: &[Act], count: Arc<AtomicUsize>) -> Option<()> {
    stream.read_exact(&mut [0; 24]).await.ok()?;
    stream.write_all(&frame(4, 0, 0, &[])).await.ok()?;
    loop {
        let mut head = [0; 9];
        stream.read_exact(&mut head).await.ok()?;
        let mut payload = vec![0; usize::from(head[1]) << 8 | usize::from(head[2])];
        stream.read_exact(&mut payload).await.ok()?;
        let id = head[8];
        let reply = match (head[3], head[4] & 1) {
            // Their settings are acknowledged; their acknowledgements are not.
            (4, 0) => frame(4, 1, 0, &[]),
            (1, _) => match acts[count.fetch_add(1, Ordering::SeqCst)] {
                // `:status: 200` is number 8 of the static table (RFC 7541, A).
                Act::Answer => frame(1, 5, id, &[0x88]),
                Act::Reset(code) => frame(3, 0, id, &[0, 0, 0, code]),
                Act::Leave => frame(7, 0, 0, &[0; 8]),
                Act::LeaveLate => {
                    stream.write_all(&frame(7, 0, 0, &[0, 0, 0, id, 0, 0, 0, 0])).await.ok()?;
                    return None;
                }
                Act::HangUp => return None,
            },
            _ => continue,
        };
        stream.write_all(&reply).await.ok()?;
    }
}

/// A frame of HTTP/2 (RFC 9113, 4.1).
fn frame(kind: u8, flags: u8, stream: u8, payload: &[u8]) -> Vec<u8> {
    let length = u8::try_from(payload.len()).expect("a short payload");
    let head = [0, 0, length, kind, flags, 0, 0, 0, stream];
    [head.as_slice(), payload].concat()
}

/// C10, C18: a stream that is refused, and one that a server which is going away did not look at, are sent again whatever
/// the method; and the client counts every request that arrives, since nobody below it sends any.
#[tokio::test]
async fn what_was_not_looked_at_is_sent_again() {
    const REFUSED: &[Act] = &[Act::Reset(REFUSED_STREAM), Act::Reset(REFUSED_STREAM), Act::Answer];
    const LEFT: &[Act] = &[Act::Leave, Act::Leave, Act::Answer];
    for acts in [REFUSED, LEFT] {
        for operation in ["write", "read"] {
            let (outcome, requests) = Server::new(acts).await.called(operation).await;
            let attempts = outcome.expect("an answer").meta.attempts;
            assert_eq!((attempts, requests), (3, 3), "{operation} {acts:?}");
        }
    }
}

/// C10, C18: what may have been done is not sent again, unless a repeat does no harm; then it is counted, too.
#[tokio::test]
async fn what_may_have_been_done_is_not_sent_again() {
    for first in [Act::Reset(CANCEL), Act::LeaveLate, Act::HangUp] {
        let acts: &'static [Act] = Box::leak(Box::new([first, Act::Answer]));
        let (outcome, requests) = Server::new(acts).await.called("write").await;
        let Err(Error::Connect(error)) = outcome else { panic!("{first:?}: {outcome:?}") };
        assert!(error.maybe_sent, "{first:?}: {error}");
        assert_eq!((error.meta.attempts, requests), (1, 1), "{first:?}");
        let (outcome, requests) = Server::new(acts).await.called("read").await;
        assert_eq!((outcome.expect("an answer").meta.attempts, requests), (2, 2), "{first:?}");
    }
}

/// A certificate for this machine that signs itself, and its key.
fn certificate() -> (rcgen::Certificate, rcgen::KeyPair) {
    let key = rcgen::KeyPair::generate().expect("a key");
    let params = rcgen::CertificateParams::new(vec!["127.0.0.1".to_owned()]).expect("a name");
    (params.self_signed(&key).expect("a certificate"), key)
}

/// A server that answers whoever shows the certificate `known`.
async fn door(own: &rcgen::Certificate, key: &rcgen::KeyPair, known: &rcgen::Certificate) -> SocketAddr {
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let mut roots = RootCertStore::empty();
    roots.add(known.der().clone()).expect("a certificate");
    let verifier = WebPkiClientVerifier::builder_with_provider(Arc::new(roots), Arc::clone(&provider));
    let config = ServerConfig::builder_with_provider(provider).with_safe_default_protocol_versions().expect("versions");
    let config = config.with_client_cert_verifier(verifier.build().expect("a verifier"));
    let key = PrivateKeyDer::try_from(key.serialize_der()).expect("a key");
    let config = config.with_single_cert(vec![own.der().clone()], key).expect("a server");
    let acceptor = TlsAcceptor::from(Arc::new(config));
    let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
    let address = listener.local_addr().expect("an address");
    tokio::spawn(async move {
        while let Ok((stream, _)) = listener.accept().await {
            if let Ok(mut stream) = acceptor.accept(stream).await {
                let _ = stream.read(&mut [0; 4_096]).await;
                let _ = stream.write_all(b"HTTP/1.1 200 OK\r\ncontent-length: 0\r\n\r\n").await;
            }
        }
    });
    address
}

/// B1: a client certificate satisfies `mutualTLS`; without it, and with another one, the server does not open.
#[tokio::test]
async fn a_certificate_opens_the_door() {
    let ((server, server_key), (own, own_key), (other, other_key)) = (certificate(), certificate(), certificate());
    let address = door(&server, &server_key, &own).await;
    let pem = |certificate: &rcgen::Certificate, key: &rcgen::KeyPair| {
        Some(Secret::new(certificate.pem() + &key.serialize_pem()))
    };
    for (shown, opens) in [(pem(&own, &own_key), true), (pem(&other, &other_key), false), (None, false)] {
        let transport = Transport::new(false).with_certificate(shown).for_tokens(false);
        let trusted = reqwest::Certificate::from_der(server.der()).expect("a certificate");
        let http =
            transport.configured().expect("a builder").tls_certs_only([trusted]).build().expect("an HTTP client");
        transport.client.set(Ok(http)).expect("no client yet");
        let url = Url::parse(&format!("https://{address}/")).expect("a URL");
        let outgoing = Outgoing { method: Method::GET, url, headers: HeaderMap::new(), body: None };
        let sent = transport.send(outgoing).await;
        assert_eq!(sent.is_ok_and(|incoming| incoming.status.is_success()), opens);
    }
}
