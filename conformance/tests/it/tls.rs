//! Servers behind TLS: a certificate that is trusted, and one that is not.

use std::sync::Arc;

use bitting_conformance::{Error, Options, Target, report, run};
use bitting_mock::RunningServer;
use bitting_spec::Document;
use tokio::net::{TcpListener, TcpStream};
use tokio_rustls::TlsAcceptor;
use tokio_rustls::rustls::{ServerConfig, crypto::ring};

use crate::{document, failed, server, target};

/// A gate before `server` that speaks TLS and nothing else: its port, and its certificate in PEM.
pub(crate) async fn gate(server: &RunningServer) -> (u16, String) {
    let made = rcgen::generate_simple_self_signed(vec!["localhost".to_owned()]).expect("a certificate can be made");
    let key = rcgen::KeyPair::serialize_der(&made.signing_key).try_into().expect("it is a key");
    let config = ServerConfig::builder_with_provider(Arc::new(ring::default_provider()))
        .with_safe_default_protocol_versions()
        .and_then(|builder| builder.with_no_client_auth().with_single_cert(vec![made.cert.der().clone()], key));
    let acceptor = TlsAcceptor::from(Arc::new(config.expect("it is a certificate with its key")));
    let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port is free");
    let port = listener.local_addr().expect("it is bound").port();
    let behind = server.base_url().trim_start_matches("http://").to_owned();
    tokio::spawn(async move {
        while let Ok((stream, _)) = listener.accept().await {
            let (acceptor, behind) = (acceptor.clone(), behind.clone());
            // Whoever does not trust the certificate closes the connection, which is no fault here.
            tokio::spawn(async move { pass(acceptor, stream, &behind).await.ok() });
        }
    });
    (port, made.cert.pem())
}

async fn pass(acceptor: TlsAcceptor, stream: TcpStream, behind: &str) -> std::io::Result<()> {
    let mut outside = acceptor.accept(stream).await?;
    let mut inside = TcpStream::connect(behind).await?;
    tokio::io::copy_bidirectional(&mut outside, &mut inside).await.map(drop)
}

async fn behind_tls(document: &Document, port: u16, server: &RunningServer) -> Target {
    Target { base_url: format!("https://localhost:{port}"), ..target(document, server).await }
}

/// ARTOS-8: the checks go through TLS as without it, where the authority is trusted.
#[tokio::test(flavor = "multi_thread")]
async fn a_server_behind_tls_is_checked() {
    let document = document("artos");
    let server = server(&document, None, 7).await;
    let (port, certificate) = gate(&server).await;
    let options = Options { authorities: certificate.into_bytes(), max_cases: 10, ..Options::default() };
    let report = run(&document, behind_tls(&document, port, &server).await, options, |_| {}).await.expect("it runs");
    assert_eq!(failed(&report), Vec::<&str>::new(), "{}", report::terminal(&report, false));
    assert!(report.cases > 50 && report.operations.iter().all(|operation| operation.reached));
}

/// A certificate that nobody vouches for ends the run before any credential is sent.
#[tokio::test(flavor = "multi_thread")]
async fn a_certificate_that_is_not_trusted_ends_the_run() {
    let document = document("artos");
    let server = server(&document, None, 7).await;
    let (port, _) = gate(&server).await;
    let run_with = async |authorities: Vec<u8>| {
        let target = behind_tls(&document, port, &server).await;
        run(&document, target, Options { authorities, ..Options::default() }, |_| {}).await
    };
    assert!(matches!(run_with(Vec::new()).await, Err(Error::Unreachable { .. })));
    let none = run_with(b"no certificate".to_vec()).await.map(drop).expect_err("there is none in it");
    assert!(none.exit_code() == 2 && none.to_string().contains("holds no certificate"), "{none}");
}
