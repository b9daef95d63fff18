//! Servers as processes of their own: `bitting serve`, with what a test orders from its control plane, and Prism.

use std::io::{BufRead as _, BufReader, Read as _, Write as _};
use std::net::{TcpListener, TcpStream};
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::thread;
use std::time::{Duration, Instant};

use serde_json::{Value, json};

use super::peers::Peer;
use crate::shell::command;
use crate::{clock, processor};

/// How long a program may take to begin.
const PATIENCE: Duration = Duration::from_secs(120);

/// A running server, which ends with this value.
pub(super) struct Served {
    child: Child,
    ready: Value,
}

impl Served {
    /// Starts the server and waits until it says that it is ready.
    pub(super) fn start(bitting: &Path, document: &str) -> Result<Self, String> {
        let fault = |error| format!("`bitting serve {document}`: {error}");
        let mut serve = command(bitting, ".", &["serve", document]);
        let mut child = serve.stdout(Stdio::piped()).stderr(Stdio::null()).spawn().map_err(fault)?;
        let mut line = String::new();
        if let Some(output) = child.stdout.as_mut() {
            BufReader::new(output).read_line(&mut line).map_err(fault)?;
        }
        let ready = serde_json::from_str(&line).unwrap_or_default();
        let served = Self { child, ready };
        if served.text("base_url").is_empty() {
            return Err(format!("`bitting serve {document}` did not start"));
        }
        Ok(served)
    }

    /// Starts Prism and waits until it takes a connection.
    pub(super) fn prism(peer: &Peer, document: &str) -> Result<Self, String> {
        let address = listener()?.local_addr().map_err(|error| error.to_string())?;
        let port = address.port().to_string();
        let arguments = ["mock", document, "--host", "127.0.0.1", "--port", &port];
        let child = spawned(&mut command(&peer.program, ".", &arguments))?;
        let mut served = Self { child, ready: json!({"base_url": format!("http://{address}")}) };
        until(&mut served.child, clock::now(), || TcpStream::connect(address).is_ok())?;
        Ok(served)
    }

    /// A member of the line that it began with, such as `base_url`.
    pub(super) fn text(&self, member: &str) -> &str {
        self.ready[member].as_str().unwrap_or_default()
    }

    /// The processor time that it has had, in seconds; `None` where the system does not say.
    pub(super) fn processor_seconds(&self) -> Option<f64> {
        processor::own(self.child.id())
    }

    /// An order to the control plane, and its answer; `null` where it has none.
    pub(super) fn order(&self, method: &str, path: &str, body: &Value) -> Result<Value, String> {
        let address = self.text("control_url").trim_start_matches("http://");
        let fault = |error| format!("{method} {path} of the control plane: {error}");
        let mut stream = TcpStream::connect(address).map_err(fault)?;
        let (token, body) = (self.text("control_token"), body.to_string());
        let head = format!("{method} {path} HTTP/1.1\r\nhost: {address}\r\nauthorization: Bearer {token}\r\n");
        let tail = format!("content-type: application/json\r\ncontent-length: {}\r\nconnection: close\r\n", body.len());
        stream.write_all(format!("{head}{tail}\r\n{body}").as_bytes()).map_err(fault)?;
        let mut answer = String::new();
        stream.read_to_string(&mut answer).map_err(fault)?;
        let (head, body) = answer.split_once("\r\n\r\n").unwrap_or_default();
        if !head.starts_with("HTTP/1.1 2") {
            return Err(format!("{method} {path} of the control plane was answered with `{answer}`"));
        }
        Ok(serde_json::from_str(body).unwrap_or_default())
    }
}

impl Drop for Served {
    fn drop(&mut self) {
        // It may have ended by itself.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

pub(super) fn listener() -> Result<TcpListener, String> {
    TcpListener::bind(("127.0.0.1", 0)).map_err(|error| error.to_string())
}

pub(super) fn spawned(command: &mut Command) -> Result<Child, String> {
    let child = command.stdout(Stdio::null()).stderr(Stdio::null()).spawn();
    child.map_err(|error| format!("{}: {error}", command.get_program().to_string_lossy()))
}

/// How long it is from `start` until `done`, looked at often.
pub(super) fn until(child: &mut Child, start: Instant, done: impl Fn() -> bool) -> Result<Duration, String> {
    while !done() {
        if start.elapsed() > PATIENCE || child.try_wait().is_ok_and(|status| status.is_some()) {
            return Err("a program that was to be measured did not start".to_owned());
        }
        thread::sleep(Duration::from_micros(200));
    }
    Ok(start.elapsed())
}
