//! HTTP/1.1 in the forms that clients seldom use and may: RFC 9110 and RFC 9112.

use std::time::Duration;

use bitting_mock::RunningServer;
use serde_json::json;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;

use crate::stage::*;
use crate::wire::{request, send};

const BODY: &str = "{\"name\": \"Picker\", \"serial_number\": \"RBT-0001\"}";

async fn connect(server: &RunningServer) -> TcpStream {
    let stream = TcpStream::connect(server.base_url().trim_start_matches("http://")).await.unwrap();
    stream.set_nodelay(true).unwrap();
    stream
}

/// Reads until `wanted` has come so often, for at most ten seconds.
async fn until(stream: &mut TcpStream, wanted: &str, times: usize) -> String {
    let (mut seen, mut bytes) = (String::new(), [0; 4096]);
    while seen.matches(wanted).count() < times {
        let length = tokio::time::timeout(Duration::from_secs(10), stream.read(&mut bytes)).await.unwrap().unwrap();
        assert!(length > 0, "the connection ended: {seen}");
        seen.push_str(&String::from_utf8_lossy(&bytes[..length]));
    }
    seen
}

/// A client that sends its headers one byte at a time is answered as any other.
#[tokio::test]
async fn headers_may_come_byte_by_byte() {
    let server = running("roboticks").await;
    let header = format!("Bearer {}", key(server.core(), ADA));
    let mut stream = connect(&server).await;
    for byte in request("GET", &format!("{DEVICES}?limit=1"), &[("authorization", &header)], "") {
        stream.write_all(&[byte]).await.unwrap();
        tokio::task::yield_now().await;
    }
    assert!(until(&mut stream, "\"total\":45", 1).await.starts_with("HTTP/1.1 200"));
}

/// RFC 9112, 9.3.2: requests that come without waiting are answered in their order, also where the first is slow.
#[tokio::test]
async fn requests_may_be_pipelined() {
    let server = running("roboticks").await;
    let slow = json!({"times": 1, "effect": {"kind": "latency", "milliseconds": 100}});
    assert_eq!(crate::wire::control(&server, "POST", "/v1/faults", &slow).await.status, 201);
    let secret = key(server.core(), ADA);
    let line = |limit: usize| {
        format!("GET {DEVICES}?limit={limit} HTTP/1.1\r\nhost: x\r\nauthorization: Bearer {secret}\r\n\r\n")
    };
    let mut stream = connect(&server).await;
    stream.write_all((line(3) + &line(1) + &line(2)).as_bytes()).await.unwrap();
    let seen = until(&mut stream, "\"total\":45", 3).await;
    let answers = seen.split("HTTP/1.1 200").skip(1);
    let sizes: Vec<usize> = answers.map(|each| each.matches("\"serial_number\"").count()).collect();
    assert_eq!(sizes, [3, 1, 2], "{seen}");
}

/// RFC 9110, 9.3.2: HEAD has the headers of GET, its length too, and no body; the connection goes on.
#[tokio::test]
async fn head_is_get_without_a_body() {
    let server = running("roboticks").await;
    let secret = key(server.core(), ADA);
    let head = |method: &str| {
        format!("{method} {DEVICES}?limit=1 HTTP/1.1\r\nhost: x\r\nauthorization: Bearer {secret}\r\n\r\n")
    };
    let mut stream = connect(&server).await;
    stream.write_all(head("HEAD").as_bytes()).await.unwrap();
    let first = until(&mut stream, "\r\n\r\n", 1).await;
    assert!(first.starts_with("HTTP/1.1 200") && first.ends_with("\r\n\r\n"), "{first}");
    stream.write_all(head("GET").as_bytes()).await.unwrap();
    let second = until(&mut stream, "\"total\":45", 1).await;
    let length = |text: &str| {
        let line = text.lines().find(|line| line.starts_with("content-length: ")).map(str::to_owned);
        line.unwrap_or_default()
    };
    assert_eq!(length(&first), length(&second));
    assert!(!length(&first).is_empty());
}

/// RFC 9110, 10.1.1: who asks first is told to go on, and answered once the body is there.
#[tokio::test]
async fn a_client_may_expect_to_be_told_to_go_on() {
    let server = running("roboticks").await;
    let secret = key(server.core(), ADA);
    let mut stream = connect(&server).await;
    let head = format!(
        "POST {DEVICES} HTTP/1.1\r\nhost: x\r\nauthorization: Bearer {secret}\r\nexpect: 100-continue\r\n\
         content-type: application/json\r\ncontent-length: {}\r\n\r\n",
        BODY.len()
    );
    stream.write_all(head.as_bytes()).await.unwrap();
    assert_eq!(until(&mut stream, "\r\n\r\n", 1).await, "HTTP/1.1 100 Continue\r\n\r\n");
    stream.write_all(BODY.as_bytes()).await.unwrap();
    assert!(until(&mut stream, "Picker", 1).await.starts_with("HTTP/1.1 201"));
}

/// RFC 9112, 7.1.2: what follows the last chunk belongs to no body and hurts nobody; the connection goes on.
#[tokio::test]
async fn chunked_bodies_may_have_trailers() {
    let server = running("roboticks").await;
    let secret = key(server.core(), ADA);
    let (first, second) = BODY.split_at(20);
    let chunk = |text: &str| format!("{:x};note=\"x\"\r\n{text}\r\n", text.len());
    let message = format!(
        "POST {DEVICES} HTTP/1.1\r\nhost: x\r\nauthorization: Bearer {secret}\r\ntrailer: x-sum\r\n\
         content-type: application/json\r\ntransfer-encoding: chunked\r\n\r\n{}{}0\r\nx-sum: 1\r\n\r\n",
        chunk(first),
        chunk(second)
    );
    let mut stream = connect(&server).await;
    for _ in 0..2 {
        stream.write_all(message.as_bytes()).await.unwrap();
        let answer = until(&mut stream, "\r\n\r\n", 1).await;
        assert!(answer.starts_with("HTTP/1.1 201") || answer.starts_with("HTTP/1.1 409"), "{answer}");
    }
}

/// RFC 9112, 3.2: the target may be a whole URI, as proxies get it, or the asterisk.
#[tokio::test]
async fn targets_have_several_forms() {
    let server = running("roboticks").await;
    let header = format!("Bearer {}", key(server.core(), ADA));
    let headers = [("authorization", header.as_str())];
    let whole = format!("{}{DEVICES}?limit=2", server.base_url());
    let reply = send(server.base_url(), &request("GET", &whole, &headers, "")).await;
    assert_eq!((reply.status, reply.json()["items"].as_array().map(Vec::len)), (200, Some(2)));
    // The path decides, whatever host stands before it: an organization is not changed by a name.
    let other = "http://evil.example/api/v1/organizations/globex/devices";
    assert_eq!(send(server.base_url(), &request("GET", other, &headers, "")).await.status, 403);
    let asterisk = send(server.base_url(), &request("OPTIONS", "*", &[], "")).await;
    assert_eq!(asterisk.status, 204, "{}", asterisk.head);
    let tunnel = send(server.base_url(), &request("CONNECT", "example.com:443", &[], "")).await;
    assert!((400..500).contains(&tunnel.status), "{}", tunnel.head);
}
