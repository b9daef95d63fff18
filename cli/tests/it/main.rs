//! The command as people and scripts meet it: what it prints, and the exit code.

#![allow(clippy::unwrap_used, reason = "a test that cannot go on should say where")]

mod bad_input;
mod check;
mod generate;
mod help;
mod serve;
mod settings;
mod time;

use std::path::PathBuf;
use std::process::Command;

/// What a command did.
struct Done {
    code: Option<i32>,
    out: String,
    err: String,
}

/// Runs `bitting` in the workspace's root.
fn bitting(arguments: &[&str]) -> Done {
    let root = concat!(env!("CARGO_MANIFEST_DIR"), "/..");
    let output = Command::new(env!("CARGO_BIN_EXE_bitting"))
        .args(arguments)
        .current_dir(root)
        .env_remove("ROBOTICKS_API_KEY")
        .env("COLUMNS", "100")
        .output()
        .unwrap();
    let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
    Done { code: output.status.code(), out: text(&output.stdout), err: text(&output.stderr) }
}

/// A folder of its own for a test.
fn folder(name: &str) -> PathBuf {
    let folder = std::env::temp_dir().join(format!("bitting-cli-{}-{name}", std::process::id()));
    std::fs::create_dir_all(&folder).unwrap();
    folder
}
