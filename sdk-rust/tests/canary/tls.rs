//! The same over TLS and HTTP/2, whose stacks have logs of their own.

use std::process::Command;
use std::sync::Arc;

use bitting::{Call, Client};
use bitting_mock::{MintKey, Server};
use bitting_spec::Document;

use crate::Sink;

/// The variables by which the test below tells its child what to do. The child trusts one more certificate than this
/// process does, and that is read from the environment once.
const CHILD: [&str; 2] = ["BITTING_CANARY_URL", "BITTING_CANARY_KEY"];
const ADA: (&str, &str) = ("ada@acme.example", "correct-horse-7");

fn document() -> Document {
    let path = concat!(env!("CARGO_MANIFEST_DIR"), "/../spec/openapi/roboticks.yaml");
    Document::load(path, &|path: &str| std::fs::read_to_string(path)).expect("a document")
}

/// B7, B8, ARTOS-9: neither the logs of ours, of hyper, h2 and reqwest at TRACE over TLS and HTTP/2, nor an error holds a
/// password, a key or a token. The test runs itself as the client.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn nothing_is_logged_over_tls() {
    if let [Ok(url), Ok(key)] = CHILD.map(std::env::var) {
        return calls(&url, &key).await;
    }
    let server = Server::builder(document()).seed(7).tls(true).start().await.expect("a server");
    let folder = tempfile::tempdir().expect("a folder");
    let trusted = folder.path().join("trusted.pem");
    std::fs::write(&trusted, server.certificate().expect("a certificate")).expect("a file");
    let key = server.core().mint_key(&MintKey { user: ADA.0.to_owned(), ..MintKey::default() }).expect("a key").secret;
    let mut child = Command::new(std::env::current_exe().expect("this program"));
    child.args(["--exact", "tls::nothing_is_logged_over_tls"]).env("SSL_CERT_FILE", &trusted);
    child.env(CHILD[0], server.base_url()).env(CHILD[1], key);
    let output = tokio::task::spawn_blocking(move || child.output()).await.expect("no panic").expect("a process");
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stdout));
    server.shutdown().await;
}

async fn calls(url: &str, key: &str) {
    let sink = Sink::default();
    sink.listen();
    let builder = || Client::builder(Arc::new(document().table("roboticks"))).base_url(url).environment(|_| None);
    let mut text = String::new();
    for builder in [builder().login(ADA.0, ADA.1), builder().api_key(key), builder().api_key(format!("{key}x"))] {
        let client = builder.build().expect("a client");
        for organization in ["acme", "globex"] {
            let call = Call::new("listOrganizationDevices").argument("org_slug", organization);
            text.push_str(&match client.call(call).await {
                Ok(answer) => format!("{answer:?}"),
                Err(error) => format!("{error} {error:?} {:?}", error.headers()),
            });
        }
    }
    assert!(text.contains("200") && text.contains("401"), "{text}");
    let logs = sink.text();
    for stack in ["h2::", "hyper_util", "reqwest"] {
        assert!(logs.contains(stack), "the log of {stack} is not seen");
    }
    // Every JWT begins so.
    for secret in [key, ADA.1, "eyJ"] {
        assert!(!logs.contains(secret) && !text.contains(secret), "a secret is printed");
    }
}
