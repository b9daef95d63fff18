//! Running other programs and saying what is done.

use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

/// The folder of the workspace.
pub(crate) fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("..")
}

/// A line for whoever runs the task.
#[expect(clippy::print_stdout, reason = "the one place that prints")]
pub(crate) fn say(text: &str) {
    println!("{text}");
}

/// A line about what is being done.
#[expect(clippy::print_stderr, reason = "the one place that prints")]
pub(crate) fn note(text: &str) {
    eprintln!("{text}");
}

/// A line about what went wrong.
pub(crate) fn complain(text: &str) {
    note(&format!("error: {text}"));
}

/// A command that runs in `folder` of the workspace.
pub(crate) fn command(program: impl AsRef<Path>, folder: &str, arguments: &[&str]) -> Command {
    let mut command = Command::new(program.as_ref());
    command.current_dir(root().join(folder)).args(arguments);
    // What cargo told this program about itself is not for the commands that it runs: build scripts watch some of it,
    // and would build again whenever the same command comes from elsewhere.
    for (name, _) in std::env::vars_os() {
        let ours = name.to_string_lossy();
        if ["CARGO_PKG_", "CARGO_MANIFEST_", "CARGO_BIN_", "CARGO_CRATE_"].iter().any(|own| ours.starts_with(own)) {
            command.env_remove(&name);
        }
    }
    command
}

/// Runs `command`, which says itself what it does.
pub(crate) fn run(mut command: Command) -> Result<(), String> {
    let line = line(&command);
    note(&format!("$ {line}"));
    match command.status() {
        Ok(status) if status.success() => Ok(()),
        Ok(status) => Err(format!("`{line}` ended with {status}")),
        Err(error) => Err(format!("`{line}` could not be started: {error}")),
    }
}

/// Runs `command` and answers what it prints.
pub(crate) fn output(mut command: Command) -> Result<String, String> {
    let line = line(&command);
    let output = command.stderr(Stdio::inherit()).output();
    let output = output.map_err(|error| format!("`{line}` could not be started: {error}"))?;
    if !output.status.success() {
        return Err(format!("`{line}` ended with {}", output.status));
    }
    Ok(String::from_utf8_lossy(&output.stdout).into_owned())
}

fn line(command: &Command) -> String {
    let program = Path::new(command.get_program());
    let program = program.file_name().unwrap_or(program.as_os_str()).to_string_lossy().into_owned();
    let arguments = command.get_args().map(|argument| argument.to_string_lossy().into_owned());
    std::iter::once(program).chain(arguments).collect::<Vec<_>>().join(" ")
}
