//! The reference server beside its peers: the benchmark of `mock-server` measures them and says what it saw.

use std::fs;

use serde::{Deserialize, Serialize};

use super::Effort;
use super::build::Built;
use super::peers::{Peer, argument};
use crate::shell::{self, command};

/// What was seen of a server.
#[derive(Serialize, Deserialize)]
pub(super) struct Server {
    #[serde(rename = "server")]
    pub(super) name: String,
    /// The version of its crate or package.
    pub(super) version: Option<String>,
    /// The size of the body that each of them answers.
    pub(super) body_bytes: f64,
    pub(super) requests: f64,
    /// The median of the turns.
    pub(super) per_second: f64,
    pub(super) p50_us: f64,
    pub(super) p99_us: f64,
    /// Microseconds of processor time for one request.
    pub(super) cpu_us: Option<f64>,
    /// What the process holds at the end.
    pub(super) memory_bytes: Option<f64>,
}

/// What the reference server holds on the way to very many requests.
#[derive(Serialize, Deserialize)]
pub(super) struct Endurance {
    pub(super) seconds: f64,
    /// After how many requests it was looked at, and the bytes that it held.
    pub(super) memory_bytes: Vec<(f64, Option<f64>)>,
}

/// Sends a million requests to the reference server.
pub(super) fn endure(built: &Built) -> Result<Endurance, String> {
    shell::note("a million requests");
    let output = shell::output(command(&built.server, ".", &["endure"]))?;
    serde_json::from_str(&output).map_err(|error| format!("the servers' benchmark printed `{output}`: {error}"))
}

/// Measures the servers in turns; ours is the first one.
pub(super) fn measure(built: &Built, prism: Option<&Peer>, effort: Effort) -> Result<Vec<Server>, String> {
    shell::note("servers, in turns");
    let (seconds, turns) = (effort.server.to_string(), effort.turns.to_string());
    let program = prism.map(|peer| argument(&peer.program)).unwrap_or_default();
    let arguments = ["compare", "--seconds", &seconds, "--turns", &turns, "--prism", &program];
    let output = shell::output(command(&built.server, ".", &arguments))?;
    let lock = fs::read_to_string(shell::root().join("Cargo.lock")).map_err(|error| format!("Cargo.lock: {error}"))?;
    let server = |line| {
        let server = serde_json::from_str(line);
        let server: Server = server.map_err(|error| format!("the servers' benchmark printed `{line}`: {error}"))?;
        let version = match server.name.as_str() {
            "prism" => prism.map(|peer| peer.version.clone()),
            name => locked(&lock, name),
        };
        Ok(Server { version, ..server })
    };
    output.lines().map(server).collect()
}

/// The version of a crate that cargo chose.
fn locked(lock: &str, name: &str) -> Option<String> {
    let (_, entry) = lock.split_once(&format!("name = \"{name}\"\nversion = \""))?;
    entry.split_once('"').map(|(version, _)| version.to_owned())
}
