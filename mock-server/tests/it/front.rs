//! The front speaks HTTP/1.1 and HTTP/2, in the clear and over TLS.

use bitting_mock::{RunningServer, Server};
use reqwest::{Certificate, ClientBuilder, Version};

use crate::stage::*;

fn builder() -> ClientBuilder {
    // Whoever was first has installed it.
    let _ = tokio_rustls::rustls::crypto::ring::default_provider().install_default();
    reqwest::Client::builder().no_proxy()
}

async fn ask(server: &RunningServer, client: ClientBuilder) -> (u16, Version) {
    let key = key(server.core(), ADA);
    let request = client.build().unwrap().get(format!("{}{DEVICES}", server.base_url())).bearer_auth(key);
    let response = request.send().await.unwrap();
    (response.status().as_u16(), response.version())
}

/// RFC 9113, 3.3: a client that knows may begin with HTTP/2 at once.
#[tokio::test]
async fn both_versions_are_spoken_in_the_clear() {
    let server = running("roboticks").await;
    assert_eq!(ask(&server, builder().http1_only()).await, (200, Version::HTTP_11));
    assert_eq!(ask(&server, builder().http2_prior_knowledge()).await, (200, Version::HTTP_2));
}

/// ARTOS-8: a client that speaks TLS only is answered, if it trusts the certificate that the server tells.
#[tokio::test]
async fn tls_is_spoken_with_the_certificate_that_is_told() {
    let server = Server::builder(document("roboticks")).seed(7).clock(frozen()).tls(true).start().await.unwrap();
    assert!(server.base_url().starts_with("https://127.0.0.1:") && server.control_url().starts_with("http://"));
    let certificate = Certificate::from_pem(server.certificate().unwrap().as_bytes()).unwrap();
    let trusting = || builder().tls_certs_only([certificate.clone()]);
    assert_eq!(ask(&server, trusting()).await, (200, Version::HTTP_2));
    assert_eq!(ask(&server, trusting().http1_only()).await, (200, Version::HTTP_11));
    let stranger = builder().tls_certs_only([]).build().unwrap().get(server.base_url()).send().await;
    assert!(stranger.is_err(), "nobody else vouches for it");
    server.shutdown().await;
}

/// A connection that sends nothing of use does not keep the server from ending, nor others from being answered.
#[tokio::test]
async fn a_silent_connection_hinders_nobody() {
    use tokio::io::AsyncWriteExt as _;
    let server = running("roboticks").await;
    let address = server.base_url().trim_start_matches("http://").to_owned();
    let mut silent = tokio::net::TcpStream::connect(&address).await.unwrap();
    silent.write_all(b"PR").await.unwrap();
    assert_eq!(ask(&server, builder().http1_only()).await.0, 200);
    tokio::time::timeout(std::time::Duration::from_secs(3), server.shutdown()).await.unwrap();
}

/// RFC 9110, 9.3.2: the answer to HEAD has no content, in HTTP/2 no more than in HTTP/1.1.
#[tokio::test]
async fn head_has_no_content_in_either_version() {
    let server = running("roboticks").await;
    let key = key(server.core(), ADA);
    for client in [builder().http1_only(), builder().http2_prior_knowledge()] {
        let client = client.build().unwrap();
        let ask = |key: &str| client.head(format!("{}{DEVICES}", server.base_url())).bearer_auth(key).send();
        let (allowed, refused) = (ask(&key).await.unwrap(), ask("nobodys").await.unwrap());
        assert_eq!((allowed.status().as_u16(), refused.status().as_u16()), (200, 401));
        assert!(allowed.bytes().await.unwrap().is_empty() && refused.bytes().await.unwrap().is_empty());
    }
}
