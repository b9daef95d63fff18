//! A server as a process of its own, so that its memory and its processor time are known.

use std::io::{BufRead as _, BufReader, Write as _};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use serde_json::{Value, json};

use crate::{Failure, clock};

/// In how many ticks of a second Linux counts processor time (`USER_HZ`, the same on every machine that it runs on).
const TICKS: u64 = 100;

/// How long a server may take to start.
const PATIENCE: Duration = Duration::from_secs(60);
/// The document that every server here is of.
const DOCUMENT: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../spec/openapi/roboticks.yaml");

/// A server, which ends with this value.
pub(crate) struct Server {
    child: Child,
    pub(crate) address: SocketAddr,
    /// The key that it lets in.
    pub(crate) key: String,
}

impl Server {
    /// Starts `serve NAME` of this program; a peer gets the key that it lets in and the body that it answers.
    pub(crate) fn start(name: &str, key: &str, body: &str) -> Result<Self, Failure> {
        let mut command = Command::new(std::env::current_exe()?);
        let mut child = command.args(["serve", name]).stdin(Stdio::piped()).stdout(Stdio::piped()).spawn()?;
        let input = child.stdin.as_mut().ok_or("the server has no input")?;
        writeln!(input, "{}", json!({"key": key, "body": body}))?;
        let output = child.stdout.as_mut().ok_or("the server has no output")?;
        let mut line = String::new();
        BufReader::new(output).read_line(&mut line)?;
        let about: Value = serde_json::from_str(&line).map_err(|_| format!("the server `{name}` did not start"))?;
        let text = |member: &str| about[member].as_str().unwrap_or_default();
        let key = if about["key"].is_string() { text("key") } else { key };
        Ok(Self { child, address: text("address").parse()?, key: key.to_owned() })
    }

    /// Starts Prism with the document of the reference server. It takes any key.
    pub(crate) fn prism(program: &str, key: &str) -> Result<Self, Failure> {
        let address = TcpListener::bind(("127.0.0.1", 0))?.local_addr()?;
        let port = address.port().to_string();
        let mut command = Command::new(program);
        command.args(["mock", DOCUMENT, "--host", "127.0.0.1", "--port", &port]).stdout(Stdio::null());
        let mut server = Self { child: command.spawn()?, address, key: key.to_owned() };
        let start = clock::now();
        while TcpStream::connect(address).is_err() {
            if server.child.try_wait()?.is_some() || start.elapsed() > PATIENCE {
                return Err(format!("`{program}` did not start").into());
            }
            std::thread::sleep(Duration::from_millis(10));
        }
        Ok(server)
    }

    /// The processor time that it has had; `None` where the system does not say.
    pub(crate) fn processor_time(&self) -> Option<Duration> {
        let stat = std::fs::read_to_string(format!("/proc/{}/stat", self.child.id())).ok()?;
        // The name of the program may hold blanks; it ends with the last bracket. Then `state` is field 3.
        let (_, fields) = stat.rsplit_once(") ")?;
        let times = fields.split(' ').skip(11).take(2).map(str::parse::<u64>);
        let ticks = times.sum::<Result<u64, _>>().ok()?;
        Some(Duration::from_millis(ticks * 1000 / TICKS))
    }

    /// The bytes of memory that it holds; `None` where the system does not say.
    pub(crate) fn memory(&self) -> Option<u64> {
        let status = std::fs::read_to_string(format!("/proc/{}/status", self.child.id())).ok()?;
        let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:"))?;
        let kibibytes: u64 = line.trim().strip_suffix("kB")?.trim().parse().ok()?;
        Some(kibibytes * 1024)
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        // It may have ended by itself.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// What a peer is told when it starts.
pub(crate) struct Task {
    /// The key that it lets in.
    pub(crate) key: String,
    /// The body that it answers.
    pub(crate) body: String,
}

impl Task {
    /// Reads it from the input.
    pub(crate) fn read() -> Result<Self, Failure> {
        let mut line = String::new();
        std::io::stdin().read_line(&mut line)?;
        let task: Value = serde_json::from_str(&line).map_err(|_| "`compare` starts this server; run that")?;
        let text = |member: &str| task[member].as_str().unwrap_or_default().to_owned();
        Ok(Self { key: text("key"), body: text("body") })
    }
}
