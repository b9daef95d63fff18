//! Faults over a real connection: each kind goes wrong as it says, and only where it is planned.

use std::time::Duration;

use bitting_mock::RunningServer;
use bitting_mock::Setting;
use serde_json::{Value, json};

use crate::stage::*;
use crate::wire::{Reply, control, read, request, send};

/// A server, a key of ada, and a fault in force.
async fn faulty(fault: &Value) -> (RunningServer, String) {
    let server = running("roboticks").await;
    let key = key(server.core(), ADA);
    let reply = control(&server, "POST", "/v1/faults", fault).await;
    assert_eq!(reply.status, 201, "{}", reply.json());
    (server, key)
}

async fn one(effect: Value) -> (Reply, RunningServer) {
    let (server, key) = faulty(&json!({"effect": effect})).await;
    (read(&server, DEVICES, &key).await, server)
}

#[tokio::test]
async fn a_status_comes_with_what_the_document_says_and_retry_after() {
    let (reply, _server) = one(json!({"kind": "status", "status": 503, "retry_after": 2})).await;
    assert_eq!((reply.status, reply.header("retry-after")), (503, Some("2")));
    let (reply, _server) = one(json!({"kind": "status", "status": 429, "retry_after": {"date_in": 60}})).await;
    assert_eq!(reply.header("retry-after"), Some("Sat, 21 Nov 2026 12:01:00 GMT"));
    assert_eq!(reply.json()["retry_after"], 60);
    let (reply, _server) = one(json!({"kind": "status", "status": 500, "retry_after": "soon", "body": [1]})).await;
    assert_eq!((reply.header("retry-after"), reply.json()), (Some("soon"), json!([1])));
}

/// A retry date beyond the last that a date field can tell is refused, or told as that last one.
#[tokio::test]
async fn a_retry_date_beyond_the_end_of_time_is_no_fault_of_ours() {
    let effect = |date_in: u64| json!({"kind": "status", "status": 503, "retry_after": {"date_in": date_in}});
    let (server, key) = faulty(&json!({"effect": effect(60)})).await;
    server.core().clock().set(Setting::Frozen { at: Some("9999-12-31T23:59:59Z".parse().unwrap()) }).unwrap();
    assert_eq!(read(&server, DEVICES, &key).await.header("retry-after"), Some("Fri, 31 Dec 9999 23:59:59 GMT"));
    let refused = control(&server, "POST", "/v1/faults", &json!({"effect": effect(300_000_000_000)})).await;
    assert!(refused.status == 400 && refused.json()["error"].as_str().unwrap().contains("date_in"));
}

/// Plans act on the nth matching request, as often as they say, for their operation only.
#[tokio::test]
async fn plans_match_operation_and_number() {
    let fault = json!({"operation": "listDevices", "nth": 2, "times": 2, "effect": {"kind": "status", "status": 500}});
    let (server, key) = faulty(&fault).await;
    let mut statuses = Vec::new();
    for _ in 0..5 {
        statuses.push(read(&server, DEVICES, &key).await.status);
        assert_eq!(read(&server, "/api/v1/organizations/acme/devices", &key).await.status, 200);
    }
    assert_eq!(statuses, [200, 500, 500, 200, 200]);
    let plans = control(&server, "GET", "/v1/faults", &Value::Null).await.json();
    assert_eq!((&plans[0]["matched"], &plans[0]["acted"]), (&json!(5), &json!(2)));
    assert_eq!(control(&server, "DELETE", "/v1/faults", &Value::Null).await.status, 204);
    assert_eq!(control(&server, "GET", "/v1/faults", &Value::Null).await.json(), json!([]));
}

#[tokio::test]
async fn a_probability_is_kept_and_the_same_for_the_seed() {
    let run = || async {
        let (server, key) = faulty(&json!({"probability": 0.5, "effect": {"kind": "status", "status": 500}})).await;
        let answers = (0..100).map(|_| crate::stage::read(server.core(), DEVICES, &key).status == 500);
        answers.collect::<Vec<bool>>()
    };
    let first = run().await;
    let failed = first.iter().filter(|failed| **failed).count();
    assert!((30..70).contains(&failed), "{failed} of 100");
    assert_eq!(first, run().await);
}

/// A token that is good when the client sends it and expired when the server looks at it.
#[tokio::test]
async fn the_clock_moves_before_the_request_is_looked_at() {
    let fault = json!({"nth": 2, "times": 1, "effect": {"kind": "advance-clock", "seconds": 3600}});
    let (server, _) = faulty(&fault).await;
    let token = token(server.core(), ADA, bitting_mock::Tamper::None);
    assert_eq!(read(&server, DEVICES, &token).await.status, 200);
    assert_eq!(read(&server, DEVICES, &token).await.status, 401);
    assert_eq!(server.core().clock().unix(), NOW + 3600);
}

/// After the operation: the device is made, and the client cannot know.
#[tokio::test]
async fn a_write_can_succeed_and_its_answer_fail() {
    let fault = json!({"operation": "createDevice", "stage": "after", "effect": {"kind": "status", "status": 502}});
    let (server, key) = faulty(&fault).await;
    let body = json!({"name": "x", "serial_number": "RBT-0001"}).to_string();
    let header = format!("Bearer {key}");
    let headers = [("authorization", header.as_str()), ("content-type", "application/json")];
    assert_eq!(send(server.base_url(), &request("POST", DEVICES, &headers, &body)).await.status, 502);
    assert_eq!(read(&server, DEVICES, &key).await.json()["total"], 46);
}

#[tokio::test]
async fn latency_is_at_least_what_was_asked() {
    let (server, key) = faulty(&json!({"effect": {"kind": "latency", "milliseconds": 200}})).await;
    let mut late = std::pin::pin!(read(&server, DEVICES, &key));
    assert!(tokio::time::timeout(Duration::from_millis(150), late.as_mut()).await.is_err());
    assert_eq!(late.await.status, 200);
}

/// wiremock-rs issue 84: an answer waits for a signal.
#[tokio::test]
async fn a_gate_holds_answers_until_it_is_released() {
    let (server, key) = faulty(&json!({"effect": {"kind": "hold", "gate": "door"}})).await;
    let waiting = read(&server, DEVICES, &key);
    let mut waiting = std::pin::pin!(waiting);
    let early = tokio::time::timeout(Duration::from_millis(150), waiting.as_mut()).await;
    assert!(early.is_err(), "nothing comes through a closed gate");
    assert_eq!(control(&server, "POST", "/v1/gates/door/release", &Value::Null).await.status, 204);
    assert_eq!(waiting.await.status, 200);
}

#[tokio::test]
async fn connections_are_reset_cut_off_and_left_hanging() {
    let (reply, _server) = one(json!({"kind": "reset"})).await;
    assert_eq!((reply.status, reply.end.unwrap_err().kind()), (0, std::io::ErrorKind::ConnectionReset));

    let (reply, _server) = one(json!({"kind": "reset", "after_headers": true})).await;
    assert_eq!((reply.status, reply.body.len()), (200, 0));
    assert_eq!(reply.end.unwrap_err().kind(), std::io::ErrorKind::ConnectionReset);

    let (reply, _server) = one(json!({"kind": "truncate", "bytes": 10})).await;
    let promised: usize = reply.header("content-length").unwrap().parse().unwrap();
    assert_eq!((reply.status, reply.body.len(), promised > 10, reply.end.is_ok()), (200, 10, true, true));

    let (server, key) = faulty(&json!({"effect": {"kind": "hang"}})).await;
    let silent = tokio::time::timeout(Duration::from_millis(200), read(&server, DEVICES, &key)).await;
    assert!(silent.is_err());
}

#[tokio::test]
async fn a_body_is_dripped_and_arrives_whole() {
    let (server, key) = faulty(&json!({"effect": {"kind": "drip", "bytes": 500, "milliseconds": 20}})).await;
    let mut slow = std::pin::pin!(read(&server, DEVICES, &key));
    assert!(tokio::time::timeout(Duration::from_millis(80), slow.as_mut()).await.is_err());
    let reply = slow.await;
    assert_eq!((reply.status, reply.json()["total"].clone()), (200, json!(45)));
}

/// A credential must not follow a redirect to another origin.
#[tokio::test]
async fn a_redirect_leads_elsewhere() {
    let (reply, _server) = one(json!({"kind": "redirect", "location": "http://localhost:9/elsewhere"})).await;
    assert_eq!((reply.status, reply.header("location")), (302, Some("http://localhost:9/elsewhere")));
}

#[tokio::test]
async fn bodies_are_not_what_they_say() {
    let (reply, _server) = one(json!({"kind": "invalid-json"})).await;
    assert_eq!((reply.status, reply.header("content-type")), (200, Some("application/json")));
    assert!(serde_json::from_slice::<Value>(&reply.body).is_err());
    let (reply, _server) = one(json!({"kind": "content-type", "value": "text/html"})).await;
    assert_eq!(reply.header("content-type"), Some("text/html"));
    assert_eq!(reply.json()["total"], 45);
}

/// A fault for one caller lets the others alone.
#[tokio::test]
async fn a_fault_can_be_for_one_caller() {
    let (server, ada) = faulty(&json!({"principal": BOB, "effect": {"kind": "status", "status": 503}})).await;
    let bob = crate::stage::key(server.core(), BOB);
    assert_eq!(read(&server, DEVICES, &bob).await.status, 503);
    assert_eq!(read(&server, DEVICES, &ada).await.status, 200);
    assert_eq!(read(&server, DEVICES, "nonsense").await.status, 401);
}

/// Answers that no parser should trust.
#[tokio::test]
async fn answers_are_disfigured() {
    let (server, key) = faulty(&json!({"effect": {"kind": "garbage"}})).await;
    let reply = read(&server, DEVICES, &key).await;
    assert!(reply.status == 0 && reply.head.contains("this is no HTTP"), "{reply:?}");
    let (server, key) = faulty(&json!({"effect": {"kind": "content-length", "extra": 7}})).await;
    let reply = read(&server, DEVICES, &key).await;
    assert_eq!(reply.header("content-length").unwrap().parse::<usize>().unwrap(), reply.body.len() + 7);
    let (server, key) = faulty(&json!({"effect": {"kind": "duplicate-headers"}})).await;
    let reply = read(&server, DEVICES, &key).await;
    assert_eq!(reply.head.to_lowercase().matches("content-type:").count(), 2, "{}", reply.head);
    let (server, key) = faulty(&json!({"effect": {"kind": "oversized-header", "bytes": 100_000}})).await;
    assert_eq!(read(&server, DEVICES, &key).await.header("x-padding").unwrap().len(), 100_000);
}

/// A body that says that it is compressed, and is not.
#[tokio::test]
async fn gzip_is_broken() {
    let (reply, _server) = one(json!({"kind": "bad-gzip"})).await;
    assert_eq!((reply.status, reply.header("content-encoding")), (200, Some("gzip")));
    assert!(reply.body.starts_with(&[0x1f, 0x8b]) && reply.body.ends_with(b"not compressed"));
}

/// A pooled connection goes stale: the first answer is whole and says nothing of an end, the next request has none.
#[tokio::test]
async fn an_idle_connection_is_closed_without_a_word() {
    use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
    let (server, key) = faulty(&json!({"times": 1, "effect": {"kind": "close-idle", "milliseconds": 30}})).await;
    let mut stream = tokio::net::TcpStream::connect(server.base_url().trim_start_matches("http://")).await.unwrap();
    let request = format!("GET {DEVICES}?limit=1 HTTP/1.1\r\nhost: x\r\nauthorization: Bearer {key}\r\n\r\n");
    stream.write_all(request.as_bytes()).await.unwrap();
    let mut all = Vec::new();
    let end = tokio::time::timeout(Duration::from_secs(5), stream.read_to_end(&mut all)).await.unwrap();
    let text = String::from_utf8(all).unwrap();
    assert!(end.is_ok() && text.starts_with("HTTP/1.1 200") && text.ends_with('}'), "{text}");
    assert!(!text.to_lowercase().contains("connection: close"), "{text}");
    assert_eq!(read(&server, DEVICES, &key).await.status, 200, "the next connection is as it should be");
}

/// A connection that is told to go: `Connection: close` in HTTP/1.1.
#[tokio::test]
async fn a_connection_is_told_to_go() {
    use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
    let (server, key) = faulty(&json!({"effect": {"kind": "go-away"}})).await;
    let mut stream = tokio::net::TcpStream::connect(server.base_url().trim_start_matches("http://")).await.unwrap();
    let request = format!("GET {DEVICES}?limit=1 HTTP/1.1\r\nhost: x\r\nauthorization: Bearer {key}\r\n\r\n");
    stream.write_all(request.as_bytes()).await.unwrap();
    let mut text = String::new();
    tokio::time::timeout(Duration::from_secs(5), stream.read_to_string(&mut text)).await.unwrap().unwrap();
    assert!(text.starts_with("HTTP/1.1 200") && text.to_lowercase().contains("connection: close"), "{text}");
}

/// HTTP/2 that records what the server sends.
mod h2 {
    use std::io::Result;
    use std::pin::Pin;
    use std::sync::{Arc, Mutex};
    use std::task::{Context, Poll};

    use ::h2::client::SendRequest;
    use bytes::Bytes;
    use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
    use tokio::net::TcpStream;

    use super::*;

    /// The frame type of GOAWAY (RFC 9113, 6.8).
    pub(super) const GOAWAY: u8 = 7;

    struct Recorded {
        stream: TcpStream,
        seen: Arc<Mutex<Vec<u8>>>,
    }

    impl AsyncRead for Recorded {
        fn poll_read(mut self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &mut ReadBuf<'_>) -> Poll<Result<()>> {
            let before = buf.filled().len();
            let polled = Pin::new(&mut self.stream).poll_read(cx, buf);
            self.seen.lock().unwrap().extend(&buf.filled()[before..]);
            polled
        }
    }

    impl AsyncWrite for Recorded {
        fn poll_write(mut self: Pin<&mut Self>, cx: &mut Context<'_>, bytes: &[u8]) -> Poll<Result<usize>> {
            Pin::new(&mut self.stream).poll_write(cx, bytes)
        }

        fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Result<()>> {
            Pin::new(&mut self.stream).poll_flush(cx)
        }

        fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Result<()>> {
            Pin::new(&mut self.stream).poll_shutdown(cx)
        }
    }

    pub(super) struct Connection {
        pub(super) send: SendRequest<Bytes>,
        pub(super) task: tokio::task::JoinHandle<std::result::Result<(), ::h2::Error>>,
        seen: Arc<Mutex<Vec<u8>>>,
        url: String,
        key: String,
    }

    impl Connection {
        pub(super) async fn new(server: &RunningServer, key: &str) -> Self {
            let seen = Arc::default();
            let stream = TcpStream::connect(server.base_url().trim_start_matches("http://")).await.unwrap();
            let recorded = Recorded { stream, seen: Arc::clone(&seen) };
            let (send, connection) = ::h2::client::handshake(recorded).await.unwrap();
            let url = format!("{}{DEVICES}", server.base_url());
            Self { send, task: tokio::spawn(connection), seen, url, key: key.to_owned() }
        }

        /// The status of the answer to a request, and the length of its body.
        pub(super) async fn ask(&mut self) -> std::result::Result<(u16, usize), ::h2::Error> {
            let request = http::Request::get(&self.url).header("authorization", format!("Bearer {}", self.key));
            let (response, _) = self.send.send_request(request.body(()).unwrap(), true)?;
            let response = response.await?;
            let (status, mut body, mut length) = (response.status().as_u16(), response.into_body(), 0);
            while let Some(data) = body.data().await {
                length += data?.len();
            }
            Ok((status, length))
        }

        /// The types of the frames that came.
        pub(super) fn frames(&self) -> Vec<u8> {
            let seen = self.seen.lock().unwrap();
            let (mut frames, mut at) = (Vec::new(), 0);
            while at + 9 <= seen.len() {
                let length = usize::from(seen[at]) << 16 | usize::from(seen[at + 1]) << 8 | usize::from(seen[at + 2]);
                frames.push(seen[at + 3]);
                at += 9 + length;
            }
            frames
        }
    }
}

/// RFC 9113, 6.4: one stream is reset, with the code that was asked for; the others go on.
#[tokio::test]
async fn a_stream_is_reset() {
    let (server, key) = faulty(&json!({"times": 1, "effect": {"kind": "reset-stream", "code": 11}})).await;
    let mut connection = h2::Connection::new(&server, &key).await;
    let error = connection.ask().await.unwrap_err();
    assert!(error.is_reset() && error.is_remote(), "{error:?}");
    assert_eq!(error.reason(), Some(::h2::Reason::ENHANCE_YOUR_CALM));
    assert_eq!(connection.ask().await.unwrap().0, 200);
    let (reply, _server) = one(json!({"kind": "reset-stream"})).await;
    assert_eq!(reply.end.unwrap_err().kind(), std::io::ErrorKind::ConnectionReset, "HTTP/1.1 has no streams");
}

/// RFC 9113, 6.8: the answer comes whole, then GOAWAY, and the connection ends.
#[tokio::test]
async fn a_connection_goes_away() {
    let (server, key) = faulty(&json!({"times": 1, "effect": {"kind": "go-away"}})).await;
    let mut connection = h2::Connection::new(&server, &key).await;
    let (status, length) = connection.ask().await.unwrap();
    assert!(status == 200 && length > 100);
    let ended = tokio::time::timeout(Duration::from_secs(5), &mut connection.task).await;
    assert!(ended.unwrap().unwrap().is_ok());
    assert!(connection.frames().contains(&h2::GOAWAY), "{:?}", connection.frames());
    assert!(connection.ask().await.is_err());
    assert_eq!(h2::Connection::new(&server, &key).await.ask().await.unwrap().0, 200);
}

/// RFC 9113, 6.8: a connection ends with an error code in place of the answer; HTTP/1.1 has none and is reset.
#[tokio::test]
async fn a_connection_goes_away_with_an_error_code() {
    let effect = json!({"kind": "go-away", "code": 11});
    let (server, key) = faulty(&json!({"times": 1, "effect": effect})).await;
    let mut connection = h2::Connection::new(&server, &key).await;
    assert!(connection.ask().await.is_err(), "the request has no answer");
    let ended = tokio::time::timeout(Duration::from_secs(5), &mut connection.task).await.unwrap().unwrap();
    assert_eq!(ended.unwrap_err().reason(), Some(::h2::Reason::ENHANCE_YOUR_CALM));
    assert_eq!(connection.frames().last(), Some(&h2::GOAWAY), "nothing comes after it");
    assert_eq!(h2::Connection::new(&server, &key).await.ask().await.unwrap().0, 200);
    let (reply, _server) = one(effect).await;
    assert_eq!(reply.end.unwrap_err().kind(), std::io::ErrorKind::ConnectionReset);
}

/// In HTTP/2 a reset ends the whole connection, a cut only its stream.
#[tokio::test]
async fn resets_and_cuts_in_http2() {
    let (server, key) = faulty(&json!({"times": 1, "effect": {"kind": "truncate", "bytes": 10, "reset": true}})).await;
    let mut connection = h2::Connection::new(&server, &key).await;
    assert!(connection.ask().await.unwrap_err().is_reset());
    assert_eq!(connection.ask().await.unwrap().0, 200);
    let reset = json!({"times": 1, "effect": {"kind": "reset"}});
    assert_eq!(control(&server, "POST", "/v1/faults", &reset).await.status, 201);
    assert!(connection.ask().await.is_err());
    assert!(connection.ask().await.is_err(), "the connection is gone");
}

/// A token of an issuer whose clock is wrong: over before it is used, or not yet valid.
#[tokio::test]
async fn a_token_is_issued_by_a_wrong_clock() {
    let issued = |seconds: i64| async move {
        let fault = json!({"operation": "login", "effect": {"kind": "clock-skew", "seconds": seconds}});
        let (server, _) = faulty(&fault).await;
        let token = login(server.core(), ADA, "correct-horse-7").json()["access_token"].as_str().unwrap().to_owned();
        (server, token)
    };
    let (server, late) = issued(-3600).await;
    assert_eq!(read(&server, DEVICES, &late).await.status, 401, "it is over");
    let (server, early) = issued(300).await;
    assert_eq!(read(&server, DEVICES, &early).await.status, 401, "it is not yet valid");
    server.core().clock().advance(300).unwrap();
    assert_eq!(read(&server, DEVICES, &early).await.status, 200);
}

/// All of n requests at once get 401, and those that come after it do not: a client should renew its token once.
#[tokio::test]
async fn a_storm_of_401() {
    let fault = json!({"operation": "listDevices", "times": 20, "effect": {"kind": "status", "status": 401}});
    let (server, key) = faulty(&fault).await;
    let asked = (0..20).map(|_| read(&server, DEVICES, &key));
    let replies = futures_util::future::join_all(asked).await;
    assert!(
        replies.iter().all(|reply| reply.status == 401 && reply.json()["detail"] == "Could not validate credentials")
    );
    assert_eq!(read(&server, DEVICES, &key).await.status, 200);
}

/// A token that cannot be renewed for the moment stays what it is.
#[tokio::test]
async fn a_refresh_fails_and_the_token_lives_on() {
    let fault = json!({"operation": "refreshToken", "times": 1, "effect": {"kind": "status", "status": 503}});
    let (server, _) = faulty(&fault).await;
    let token = token(server.core(), ADA, bitting_mock::Tamper::None);
    let header = format!("Bearer {token}");
    let refresh = || async {
        let request = request("POST", "/api/v1/auth/refresh", &[("authorization", &header)], "");
        send(server.base_url(), &request).await.status
    };
    assert_eq!((refresh().await, refresh().await), (503, 200));
    assert_eq!(read(&server, DEVICES, &token).await.status, 200);
}

/// A redirect from TLS to plain HTTP: whoever follows it with a credential has shown it to everybody.
#[tokio::test]
async fn a_redirect_leaves_tls() {
    let server = bitting_mock::Server::builder(document("roboticks")).seed(7).clock(frozen()).tls(true);
    let server = server.start().await.unwrap();
    let plain = server.base_url().replacen("https:", "http:", 1) + DEVICES;
    let fault = json!({"effect": {"kind": "redirect", "status": 307, "location": plain}});
    assert_eq!(control(&server, "POST", "/v1/faults", &fault).await.status, 201);
    let _ = tokio_rustls::rustls::crypto::ring::default_provider().install_default();
    let certificate = reqwest::Certificate::from_pem(server.certificate().unwrap().as_bytes()).unwrap();
    let client = reqwest::Client::builder().no_proxy().tls_certs_only([certificate]);
    let client = client.redirect(reqwest::redirect::Policy::none()).build().unwrap();
    let response = client.get(format!("{}{DEVICES}", server.base_url())).send().await.unwrap();
    assert_eq!((response.status().as_u16(), response.headers()["location"].to_str().unwrap()), (307, plain.as_str()));
}

/// What cannot be done is refused when it is planned.
#[tokio::test]
async fn plans_have_bounds() {
    let server = running("roboticks").await;
    for effect in [
        json!({"kind": "close-idle", "milliseconds": 0}),
        json!({"kind": "reset-stream", "code": 14}),
        json!({"kind": "clock-skew", "seconds": i64::MAX}),
        json!({"kind": "content-length", "extra": 0}),
        json!({"kind": "oversized-header", "bytes": 1 << 21}),
        json!({"kind": "drip", "bytes": 0, "milliseconds": 1}),
        json!({"kind": "redirect", "status": 200, "location": "/"}),
    ] {
        let reply = control(&server, "POST", "/v1/faults", &json!({"effect": effect})).await;
        assert_eq!(reply.status, 400, "{effect}");
    }
}

/// A fault that leaves no answer comes before the operation, unless it is asked for after it; the journal tells that no
/// answer went out.
#[tokio::test]
async fn what_is_never_answered_happened_or_did_not_as_asked() {
    for (stage, total) in [("before", 45), ("after", 46)] {
        let fault = json!({"method": "POST", "stage": stage, "times": 1, "effect": {"kind": "reset"}});
        let (server, key) = faulty(&fault).await;
        let body = json!({"name": "x", "serial_number": "RBT-0001"}).to_string();
        let header = format!("Bearer {key}");
        let headers = [("authorization", header.as_str()), ("content-type", "application/json")];
        assert_eq!(send(server.base_url(), &request("POST", DEVICES, &headers, &body)).await.status, 0);
        assert_eq!(read(&server, DEVICES, &key).await.json()["total"], total, "{stage}");
        let entries = server.core().journal().entries(&bitting_mock::Wanted::default());
        let posted = entries.iter().find(|entry| entry.method == "POST").unwrap();
        assert_eq!((posted.status, posted.reason), (0, Some("fault")));
    }
}

/// Two plans for one answer: the second waits for the next request, and counts no answer that it did not spoil.
#[tokio::test]
async fn one_answer_meets_one_replacement() {
    let (server, key) = faulty(&json!({"times": 1, "effect": {"kind": "status", "status": 503}})).await;
    let second = json!({"times": 1, "effect": {"kind": "status", "status": 500}});
    assert_eq!(control(&server, "POST", "/v1/faults", &second).await.status, 201);
    let mut statuses = Vec::new();
    for _ in 0..3 {
        statuses.push(read(&server, DEVICES, &key).await.status);
    }
    assert_eq!(statuses, [503, 500, 200]);
}

/// What an injected answer says of the wait and of the challenge agrees with itself and with the document.
#[tokio::test]
async fn injected_refusals_do_not_contradict_themselves() {
    let (reply, _server) = one(json!({"kind": "status", "status": 429, "retry_after": 5})).await;
    assert_eq!((reply.header("retry-after"), &reply.json()["retry_after"]), (Some("5"), &json!(5)));
    assert!(reply.json()["detail"].as_str().unwrap().contains("5 seconds"), "{}", reply.json());
    let (reply, _server) = one(json!({"kind": "status", "status": 401})).await;
    assert!(reply.header("www-authenticate").unwrap().contains("Bearer"), "{}", reply.head);
}
