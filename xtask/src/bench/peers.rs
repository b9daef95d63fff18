//! Peers that a package registry has: installed for the benchmark alone, under `target`, and left out with a reason
//! where they cannot be had.

use std::fs;
use std::path::{Path, PathBuf};

use crate::shell::{self, command};
use crate::test;

const PRISM: &str = "@stoplight/prism-cli@5.14.2";
const SCHEMATHESIS: &str = "schemathesis==4.32.5";

/// A peer's program.
pub(super) struct Peer {
    pub(super) program: PathBuf,
    /// What it says itself.
    pub(super) version: String,
}

/// Prism, the mock server of most people, from npm.
pub(super) fn prism() -> Option<Peer> {
    had("Prism", || {
        let folder = folder("prism")?;
        let prefix = folder.to_string_lossy().into_owned();
        let quiet = ["--no-audit", "--no-fund", "--loglevel=error"];
        shell::output(command("npm", ".", &[&["install", "--prefix", &prefix, PRISM], quiet.as_slice()].concat()))?;
        peer(folder.join("node_modules/.bin/prism"))
    })
}

/// Schemathesis, the suite of most people, from PyPI.
pub(super) fn schemathesis() -> Option<Peer> {
    had("Schemathesis", || {
        let folder = folder("schemathesis")?;
        let (venv, python) = (folder.to_string_lossy().into_owned(), folder.join("bin/python"));
        if !python.exists() {
            shell::output(command("python3", ".", &["-m", "venv", &venv]))?;
        }
        shell::output(command(python, ".", &["-m", "pip", "install", "--quiet", SCHEMATHESIS]))?;
        peer(folder.join("bin/schemathesis"))
    })
}

/// The peer, or the reason why there is none, said at once.
fn had(name: &str, install: impl Fn() -> Result<Peer, String>) -> Option<Peer> {
    shell::note(&format!("installing {name}"));
    install().map_err(|reason| shell::note(&format!("{name} is left out: {reason}"))).ok()
}

fn folder(name: &str) -> Result<PathBuf, String> {
    let folder = test::target().join("bench").join(name);
    fs::create_dir_all(&folder).map_err(|error| format!("{}: {error}", folder.display()))?;
    // A program is started from the folder of the workspace, wherever this one was.
    folder.canonicalize().map_err(|error| format!("{}: {error}", folder.display()))
}

fn peer(program: PathBuf) -> Result<Peer, String> {
    let said = shell::output(command(&program, ".", &["--version"]))?;
    let version = said.split_whitespace().next_back().unwrap_or_default().to_owned();
    Ok(Peer { program, version })
}

/// The name of a peer with its version.
pub(super) fn titled(name: &str, version: Option<&str>) -> String {
    version.map_or(name.to_owned(), |version| format!("{name} {version}"))
}

/// A path as an argument of a program.
pub(super) fn argument(path: &Path) -> String {
    path.to_string_lossy().into_owned()
}
