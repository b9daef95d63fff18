//! Servers that lie about their answers: the suite reports it, and neither hangs nor dies.

use std::time::Duration;

use bitting_conformance::{Credentials, Error, Options, Outcome, Report, Target, run};
use bitting_spec::Document;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};

/// How a server lies.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Lie {
    /// The body is shorter than Content-Length says.
    WrongLength,
    /// The body has no end.
    Endless,
    /// The JSON is no UTF-8.
    InvalidUtf8,
    /// The JSON is 100,000 lists deep.
    Deep,
    /// Every answer leads to another.
    Redirects,
    /// A byte now and then.
    Drip,
    /// No HTTP at all.
    Noise,
    /// The connection closes without an answer.
    Hangup,
    /// The connection stays open, and nothing comes.
    Silence,
    /// Fields of the header without end.
    HeaderFlood,
    /// The head of the answer stops in the middle.
    HalfHeader,
    /// Interim answers without end (RFC 9110, 15.2).
    Interim,
    /// The body ends when the connection does, and that stays open (RFC 9112, 6.3).
    Unending,
    /// A chunk's length is none.
    BadChunk,
    /// Two lengths that differ.
    TwoLengths,
    /// A few bytes that unpack to a gigabyte.
    GzipBomb,
    /// A second answer that nobody asked for.
    TwoAnswers,
}

const DOCUMENT: &str = r#"
openapi: 3.1.0
info: {title: Liar, version: '1'}
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

/// The beginning of a gzip stream (RFC 1952) whose one block says that it repeats a zero for very long.
const BOMB: &[u8] =
    &[0x1f, 0x8b, 8, 0, 0, 0, 0, 0, 0, 3, 0xec, 0xc1, 1, 1, 0, 0, 0, 0x80, 0x90, 0xfe, 0xaf, 0xee, 8, 0xff, 0xff, 0xff];

const HEAD: &str = "HTTP/1.1 200 OK\r\ncontent-type: application/json\r\n";

/// What a lie says at once. Some go on for ever after it ([`repeated`]), some hang up in the middle.
fn said(lie: Lie) -> Vec<u8> {
    let head = |rest: &str| format!("{HEAD}{rest}").into_bytes();
    let whole = |body: &[u8]| [head(&format!("content-length: {}\r\n\r\n", body.len())), body.to_vec()].concat();
    match lie {
        Lie::WrongLength => head("content-length: 100\r\n\r\n[1]"),
        Lie::Endless => head("transfer-encoding: chunked\r\n\r\n"),
        Lie::InvalidUtf8 => whole(b"[\"\xff\xfe\"]"),
        Lie::Deep => whole("[".repeat(100_000).as_bytes()),
        Lie::Redirects => b"HTTP/1.1 302 Found\r\nlocation: /things\r\ncontent-length: 0\r\n\r\n".to_vec(),
        Lie::Drip => head("content-length: 1000\r\n\r\n"),
        Lie::Noise => b"220 mail.example ESMTP\r\n".to_vec(),
        Lie::Hangup | Lie::Silence | Lie::Interim => Vec::new(),
        Lie::HeaderFlood => head(""),
        Lie::HalfHeader => b"HTTP/1.1 200 OK\r\ncontent-ty".to_vec(),
        Lie::Unending => head("\r\n[1]"),
        Lie::BadChunk => head("transfer-encoding: chunked\r\n\r\nxyz\r\n[1]"),
        Lie::TwoLengths => head("content-length: 3\r\ncontent-length: 30\r\n\r\n[1]"),
        Lie::GzipBomb => {
            let length = format!("content-encoding: gzip\r\ncontent-length: {}\r\n\r\n", BOMB.len());
            [head(&length), BOMB.to_vec()].concat()
        }
        Lie::TwoAnswers => [whole(b"[1]"), whole(b"[\"another\"]")].concat(),
    }
}

/// What a lie repeats until the other side has enough, and how long it pauses in between.
fn repeated(lie: Lie) -> Option<(Vec<u8>, Duration)> {
    let flood = |bytes: Vec<u8>| Some((bytes, Duration::ZERO));
    match lie {
        Lie::Endless => flood([b"10000\r\n".as_slice(), &[b' '; 0x10000], b"\r\n"].concat()),
        Lie::Drip => Some((b" ".to_vec(), Duration::from_millis(50))),
        Lie::HeaderFlood => flood([b"x-more: ".as_slice(), &[b'a'; 1000], b"\r\n"].concat()),
        Lie::Interim => flood(b"HTTP/1.1 100 Continue\r\n\r\n".to_vec()),
        _ => None,
    }
}

async fn lie(lie: Lie, mut stream: TcpStream) -> std::io::Result<()> {
    let mut buffer = [0; 4096];
    while stream.read(&mut buffer).await? > 0 {
        // Who answers nothing at all is no server: that is another test.
        if matches!(lie, Lie::Silence | Lie::Interim) && buffer.starts_with(b"GET / ") {
            stream.write_all(b"HTTP/1.1 404 Not Found\r\ncontent-length: 0\r\n\r\n").await?;
            continue;
        }
        stream.write_all(&said(lie)).await?;
        if matches!(lie, Lie::WrongLength | Lie::HalfHeader | Lie::Hangup) {
            return stream.shutdown().await;
        }
        if let Some((bytes, pause)) = repeated(lie) {
            loop {
                stream.write_all(&bytes).await?;
                tokio::time::sleep(pause).await;
            }
        }
    }
    Ok(())
}

async fn serve(kind: Lie) -> String {
    let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port is free");
    let url = format!("http://{}", listener.local_addr().expect("it is bound"));
    tokio::spawn(async move {
        while let Ok((stream, _)) = listener.accept().await {
            // A client that has heard enough closes the connection: that is no fault here.
            tokio::spawn(async move { lie(kind, stream).await.ok() });
        }
    });
    url
}

async fn report(kind: Lie) -> Result<Report, Error> {
    let document = Document::parse("liar.yaml", DOCUMENT).expect("it is valid");
    let target = Target { base_url: serve(kind).await, credentials: Credentials::default() };
    // Only what never ends has to be waited for: what is broken is broken however busy the machine is.
    let never_ends = matches!(kind, Lie::Drip | Lie::Silence | Lie::Interim | Lie::Unending);
    let timeout = Duration::from_secs(if never_ends { 1 } else { 10 });
    let options = Options { timeout, ..Options::default() };
    let run = run(&document, target, options, |_| {});
    tokio::time::timeout(Duration::from_secs(60), run).await.expect("it ends")
}

/// Every lie ends in a finding of the check that is about it, and nothing that was not judged passes.
#[tokio::test(flavor = "multi_thread")]
async fn lies_are_reported() {
    for (kind, check, says) in [
        (Lie::WrongLength, "response.readable", "the answer breaks HTTP"),
        (Lie::Endless, "response.readable", "the body has no end"),
        (Lie::InvalidUtf8, "response.schema", "the body is no JSON"),
        (Lie::Deep, "response.schema", "the body is no JSON"),
        (Lie::Redirects, "public.open", ""),
        (Lie::Drip, "response.readable", "the answer did not come in time"),
        (Lie::Noise, "response.readable", "the answer breaks HTTP"),
        (Lie::Silence, "response.readable", "the answer did not come in time"),
        (Lie::Hangup, "response.readable", "the answer breaks HTTP"),
        (Lie::HeaderFlood, "response.readable", "the answer breaks HTTP"),
        (Lie::HalfHeader, "response.readable", "the answer breaks HTTP"),
        (Lie::Interim, "response.readable", "the answer did not come in time"),
        (Lie::Unending, "response.readable", "the answer did not come in time"),
        (Lie::BadChunk, "response.readable", "the answer breaks HTTP"),
        (Lie::TwoLengths, "response.readable", "the answer breaks HTTP"),
        (Lie::GzipBomb, "response.schema", "the body is no JSON"),
    ] {
        let report = report(kind).await.expect("it runs");
        if kind == Lie::Redirects {
            // The operation is never reached, and that is said on every verdict about it.
            let skipped =
                |outcome: &Outcome| matches!(outcome, Outcome::Skip { reason } if reason.contains("answered 302"));
            let judged = report.verdicts.iter().filter(|verdict| verdict.check != "response.readable");
            assert!(
                judged.clone().count() > 3 && judged.clone().all(|verdict| skipped(&verdict.outcome)),
                "{report:#?}"
            );
            continue;
        }
        let findings = report.findings();
        let found = findings.iter().find(|finding| finding.check == check);
        assert!(found.is_some_and(|finding| finding.cause.contains(says)), "{kind:?}: {findings:#?}");
    }
}

/// Issue 5, "Bad input": a server that takes connections and says nothing is told to be that at once, not operation by
/// operation.
#[tokio::test(flavor = "multi_thread")]
async fn a_silent_server_is_said_at_once() {
    let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port is free");
    let url = format!("http://{}", listener.local_addr().expect("it is bound"));
    let document = Document::parse("liar.yaml", DOCUMENT).expect("it is valid");
    let target = Target { base_url: url, credentials: Credentials::default() };
    let options = Options { timeout: Duration::from_secs(1), ..Options::default() };
    let error = run(&document, target, options, |_| {}).await.expect_err("nobody answers");
    assert!(error.to_string().contains("nothing came within 1 s"), "{error}");
    drop(listener);
}

/// An answer that nobody asked for is not taken for the next one's: the connection is given up.
#[tokio::test(flavor = "multi_thread")]
async fn an_answer_too_many_is_nobodys() {
    let report = report(Lie::TwoAnswers).await.expect("it runs");
    let findings = report.findings();
    assert!(!findings.iter().any(|finding| finding.check == "response.schema"), "{findings:#?}");
    assert!(report.operations[0].reached);
}
