//! How fast servers answer one operation: the reference server beside its peers, and the fixed page against which
//! the clients are measured. `cargo xtask bench` runs it; `cargo bench -p bitting-mock` compares the servers alone.

mod axum;
mod clock;
mod compare;
mod endure;
mod fixed;
mod load;
mod process;
mod reference;
mod wiremock;

use std::process::ExitCode;
use std::time::Duration;

use serde_json::Value;

/// Whatever goes wrong ends the run with a message.
type Failure = Box<dyn std::error::Error + Send + Sync>;

/// The operation that every server here answers: `listDevices`.
const PATH: &str = "/api/v1/organizations/acme/projects/warehouse/devices";

const HELP: &str = "\
Usage: server <COMMAND>

Commands:
  compare [--seconds S] [--turns N] [--prism PROGRAM]
                      Measure the reference server beside its peers; prints one line of JSON for each
  endure [--requests N]
                      What the reference server holds on the way to so many requests
  static [--port N]   Answer fixed pages of devices, until it is ended
  serve NAME          One of the servers that are compared; `compare` starts it";

fn main() -> ExitCode {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let arguments: Vec<&str> = arguments.iter().map(String::as_str).collect();
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
    let outcome = runtime.map_err(Failure::from).and_then(|runtime| runtime.block_on(run(&arguments)));
    match outcome {
        Ok(()) => ExitCode::SUCCESS,
        Err(failure) => {
            complain(&failure);
            ExitCode::FAILURE
        }
    }
}

async fn run(arguments: &[&str]) -> Result<(), Failure> {
    match arguments {
        // cargo says `--bench` to a benchmark.
        ["compare" | "--bench", rest @ ..] => {
            let seconds: f64 = option(rest, "--seconds", 3.0)?;
            let time = Duration::try_from_secs_f64(seconds)?;
            let prism: String = option(rest, "--prism", String::new())?;
            let prism = Some(prism.as_str()).filter(|program| !program.is_empty());
            compare::run(time, option(rest, "--turns", 3)?, prism).await
        }
        ["endure", rest @ ..] => endure::run(option(rest, "--requests", 1_000_000)?).await,
        ["static", rest @ ..] => fixed::run(option(rest, "--port", 0)?).await,
        ["serve", "bitting"] => reference::run().await,
        ["serve", "axum"] => axum::run().await,
        ["serve", "wiremock"] => wiremock::run().await,
        // Nothing is measured when the benchmarks are run as tests.
        [] => {
            say(HELP);
            Ok(())
        }
        other => Err(format!("`{}` is no command of this benchmark\n{HELP}", other.join(" ")).into()),
    }
}

/// The value of the option `name`.
fn option<T: std::str::FromStr>(arguments: &[&str], name: &str, default: T) -> Result<T, Failure> {
    let mut pairs = arguments.chunks(2);
    let Some(pair) = pairs.find(|pair| pair[0] == name) else { return Ok(default) };
    let value = pair.get(1).ok_or_else(|| format!("a value is missing behind {name}"))?;
    value.parse().map_err(|_| format!("`{value}` does not fit {name}").into())
}

/// A line of JSON for whoever started this program.
fn announce(line: &Value) {
    say(&line.to_string());
}

#[expect(clippy::print_stdout, reason = "the one place that prints")]
fn say(text: &str) {
    println!("{text}");
}

#[expect(clippy::print_stderr, reason = "the one place that complains")]
fn complain(failure: &Failure) {
    eprintln!("error: {failure}");
}
