//! Servers that speak HTTP/2: by ALPN behind TLS, by prior knowledge without, and ones that lie in it.

use std::sync::Arc;
use std::time::Duration;

use bitting_conformance::{Credentials, Options, Report, Target, report, run};
use bitting_spec::Document;
use bytes::Bytes;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::TcpListener;
use tokio_rustls::TlsAcceptor;
use tokio_rustls::rustls::{ServerConfig, crypto::ring};

use crate::{failed, server, target};

/// What a server of HTTP/2 does with a request.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Way {
    /// It answers as the document says.
    Fair,
    /// It resets the stream in the middle of the body.
    Reset,
    /// Its body has no end.
    Endless,
    /// Its body begins and nothing more comes.
    Silent,
    /// It says that it goes away before it has answered anything.
    Away,
}

const DOCUMENT: &str = r#"
openapi: 3.1.0
info: {title: Two, version: '1'}
paths:
  /things:
    get:
      operationId: listThings
      security: []
      responses:
        '200':
          description: Things.
          content: {application/json: {schema: {type: array, items: {type: integer}}}}
"#;

async fn answer<T: AsyncRead + AsyncWrite + Unpin>(way: Way, stream: T) -> Result<(), h2::Error> {
    let mut connection = h2::server::handshake(stream).await?;
    while let Some(request) = connection.accept().await {
        let (request, mut respond) = request?;
        if way == Way::Away {
            connection.abrupt_shutdown(h2::Reason::ENHANCE_YOUR_CALM);
            continue;
        }
        let status = match (request.method().as_str(), request.uri().path()) {
            ("GET" | "HEAD", "/things") => 200,
            (_, "/things") => 405,
            _ => 404,
        };
        let head = http::Response::builder().status(status).header("allow", "GET, HEAD");
        let head = head.header("content-type", "application/json").body(()).expect("it is an answer");
        let is_empty = status != 200 || request.method() == "HEAD";
        let mut body = respond.send_response(head, is_empty)?;
        if is_empty {
            continue;
        }
        match way {
            Way::Fair | Way::Away => body.send_data(Bytes::from_static(b"[1, 2]"), true)?,
            Way::Reset => {
                body.send_data(Bytes::from_static(b"[1,"), false)?;
                body.send_reset(h2::Reason::INTERNAL_ERROR);
            }
            // Waits in the connection's buffer until there is room, and so as long as anybody reads.
            Way::Endless => body.send_data(Bytes::from(vec![b' '; 64 * 1024 * 1024]), false)?,
            Way::Silent => body.send_data(Bytes::from_static(b"["), false)?,
        }
        tokio::spawn(async move {
            tokio::time::sleep(Duration::from_secs(30)).await;
            drop(body);
        });
    }
    Ok(())
}

/// A server on a free port; with a certificate it speaks TLS, and HTTP/2 alone.
async fn serve(way: Way, tls: Option<TlsAcceptor>) -> u16 {
    let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port is free");
    let port = listener.local_addr().expect("it is bound").port();
    tokio::spawn(async move {
        while let Ok((stream, _)) = listener.accept().await {
            let tls = tls.clone();
            // A client that has heard enough closes the connection: that is no fault here.
            tokio::spawn(async move {
                match tls {
                    Some(tls) => match tls.accept(stream).await {
                        Ok(stream) => answer(way, stream).await.ok(),
                        Err(_) => None,
                    },
                    None => answer(way, stream).await.ok(),
                }
            });
        }
    });
    port
}

async fn checked(base_url: String, options: Options) -> Report {
    let document = Document::parse("two.yaml", DOCUMENT).expect("it is valid");
    let target = Target { base_url, credentials: Credentials::default() };
    let options = Options { timeout: Duration::from_secs(2), ..options };
    let run = run(&document, target, options, |_| {});
    tokio::time::timeout(Duration::from_secs(60), run).await.expect("it ends").expect("it runs")
}

/// Without TLS nobody says which HTTP it is: with `http2` it is the second, without it the first.
#[tokio::test(flavor = "multi_thread")]
async fn prior_knowledge_is_enough() {
    let url = format!("http://127.0.0.1:{}", serve(Way::Fair, None).await);
    let report = checked(url.clone(), Options { http2: true, ..Options::default() }).await;
    assert_eq!(failed(&report), Vec::<&str>::new(), "{}", report::terminal(&report, false));
    assert!(report.operations[0].reached);
    let report = checked(url, Options::default()).await;
    assert!(failed(&report).contains(&"response.readable"), "{}", report::terminal(&report, false));
}

/// Behind TLS the server chooses the second HTTP (RFC 7301), and nobody needs to say so.
#[tokio::test(flavor = "multi_thread")]
async fn a_server_behind_tls_chooses() {
    let made = rcgen::generate_simple_self_signed(vec!["localhost".to_owned()]).expect("a certificate can be made");
    let key = made.signing_key.serialize_der().try_into().expect("it is a key");
    let config = ServerConfig::builder_with_provider(Arc::new(ring::default_provider()))
        .with_safe_default_protocol_versions()
        .and_then(|builder| builder.with_no_client_auth().with_single_cert(vec![made.cert.der().clone()], key));
    let mut config = config.expect("it is a certificate with its key");
    config.alpn_protocols = vec![b"h2".to_vec()];
    let port = serve(Way::Fair, Some(TlsAcceptor::from(Arc::new(config)))).await;
    let authorities = made.cert.pem().into_bytes();
    // Prior knowledge is for servers without TLS, and does no harm here.
    for http2 in [false, true] {
        let options = Options { authorities: authorities.clone(), http2, ..Options::default() };
        let report = checked(format!("https://localhost:{port}"), options).await;
        assert_eq!(failed(&report), Vec::<&str>::new(), "{}", report::terminal(&report, false));
        assert!(report.operations[0].reached);
    }
}

/// The suite reports, and neither hangs nor dies.
#[tokio::test(flavor = "multi_thread")]
async fn lies_in_http2_are_reported() {
    for (way, says) in [
        (Way::Reset, "the answer breaks HTTP"),
        (Way::Endless, "the body has no end"),
        (Way::Silent, "the answer did not come in time"),
        (Way::Away, "the answer breaks HTTP"),
    ] {
        let url = format!("http://127.0.0.1:{}", serve(way, None).await);
        let report = checked(url, Options { http2: true, ..Options::default() }).await;
        let findings = report.findings();
        let found = findings.iter().find(|finding| finding.check == "response.readable");
        assert!(found.is_some_and(|finding| finding.cause.contains(says)), "{way:?}: {findings:#?}");
    }
}

/// The reference server speaks it too, and nothing is found there.
#[tokio::test(flavor = "multi_thread")]
async fn the_reference_server_is_clean_in_http2() {
    let document = crate::document("artos");
    let server = server(&document, None, 7).await;
    let options = Options { http2: true, max_cases: 20, ..Options::default() };
    let report = run(&document, target(&document, &server).await, options, |_| {}).await.expect("it runs");
    assert_eq!(failed(&report), Vec::<&str>::new(), "{}", report::terminal(&report, false));
    assert!(report.operations.iter().all(|operation| operation.reached));
    server.shutdown().await;
}
