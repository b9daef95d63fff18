//! `bitting serve` as a process of its own, and what a test orders from its control plane.

use std::io::{BufRead as _, BufReader, Read as _, Write as _};
use std::net::TcpStream;
use std::path::Path;
use std::process::{Child, Stdio};

use serde_json::Value;

use crate::processor;
use crate::shell::command;

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
