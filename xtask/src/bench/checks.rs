//! The suite beside Schemathesis: both check one server, a process of its own, in turns. Each says itself how many
//! cases it made.

use std::process::{Command, Stdio};

use serde::Serialize;
use serde_json::{Value, json};

use super::build::Built;
use super::peers::Peer;
use super::serve::Served;
use super::{Effort, median};
use crate::shell::{self, command};
use crate::{clock, processor};

/// What both check.
const DOCUMENT: &str = "spec/openapi/roboticks.yaml";
/// Whose key Schemathesis gets; ours orders its own.
const USER: &str = "ada@acme.example";

/// Where ours finds keys and a login for a server that it can order nothing from; such a server takes any key.
const CREDENTIALS: &str = "conformance/tests/programs/principals.toml";
const KEY: &str = "rbtk_test_valid";

/// What was seen of a suite; every figure is the median of its runs.
#[derive(Serialize)]
pub(super) struct Checks {
    /// The server that was checked.
    pub(super) server: &'static str,
    pub(super) tool: &'static str,
    pub(super) version: Option<String>,
    /// Requests of one run.
    pub(super) cases: f64,
    pub(super) seconds: f64,
    pub(super) per_second: f64,
    /// Microseconds of the suite's own processor time for one case.
    pub(super) cpu_us: Option<f64>,
    /// Its part of the processor time that it and the server have had.
    pub(super) share: Option<f64>,
}

/// One run of a suite.
struct Run {
    cases: f64,
    seconds: f64,
    /// Seconds of processor time: its own and the server's.
    spent: Option<(f64, f64)>,
}

/// Runs the suites once in each turn on each server, each turn with a seed of its own and a new server for each: on ours,
/// which is fast, and on Prism, which takes the time that servers commonly take. Of each server ours is the first one.
pub(super) fn measure(
    built: &Built,
    prism: Option<&Peer>,
    schemathesis: Option<&Peer>,
    effort: Effort,
) -> Result<Vec<Checks>, String> {
    let mut all = beside("bitting serve", || Served::start(&built.cli, DOCUMENT), built, schemathesis, effort)?;
    if let Some(prism) = prism {
        all.extend(beside("Prism", || Served::prism(prism, DOCUMENT), built, schemathesis, effort)?);
    }
    Ok(all)
}

fn beside(
    server: &'static str,
    start: impl Fn() -> Result<Served, String>,
    built: &Built,
    schemathesis: Option<&Peer>,
    effort: Effort,
) -> Result<Vec<Checks>, String> {
    let (mut ours, mut theirs) = (Vec::new(), Vec::new());
    for turn in 0..effort.turns {
        let served = start()?;
        shell::note(&format!("{server}, turn {}: bitting check", turn + 1));
        ours.push(run(&served, bitting(built, &served, turn, effort), " requests in ")?);
        let Some(peer) = schemathesis else { continue };
        // A suite may be the end of a server, as ours is of Prism.
        drop(served);
        let served = start()?;
        shell::note(&format!("{server}, turn {}: schemathesis", turn + 1));
        theirs.push(run(&served, rival(peer, &served, turn, effort)?, " generated")?);
    }
    let mut all = vec![Checks::of(server, "bitting check", None, &ours)];
    all.extend(schemathesis.map(|peer| Checks::of(server, "Schemathesis", Some(peer.version.clone()), &theirs)));
    Ok(all)
}

fn bitting(built: &Built, served: &Served, seed: usize, effort: Effort) -> Command {
    let (seed, cases) = (seed.to_string(), effort.cases.to_string());
    let at = ["check", DOCUMENT, "--url", served.text("base_url")];
    let whose = match served.text("control_url") {
        "" => ["--credentials", CREDENTIALS],
        control => ["--control-url", control],
    };
    let how = ["--seed", &seed, "--max-cases", &cases, "--quiet"];
    let mut check = command(&built.cli, ".", &[at.as_slice(), &whose, &how].concat());
    check.env("BITTING_CONTROL_TOKEN", served.text("control_token"));
    check
}

fn rival(peer: &Peer, served: &Served, seed: usize, effort: Effort) -> Result<Command, String> {
    let header = format!("Authorization: Bearer {}", key(served)?);
    let (seed, examples) = (seed.to_string(), effort.examples.to_string());
    let how = ["--seed", &seed, "--max-examples", &examples, "--no-color", "--continue-on-failure"];
    let at = ["run", DOCUMENT, "--url", served.text("base_url"), "-H", &header];
    Ok(command(&peer.program, ".", &[at.as_slice(), &how].concat()))
}

/// A key, on a server that counts none of its calls and knows nothing of the run before.
fn key(served: &Served) -> Result<String, String> {
    if served.text("control_url").is_empty() {
        return Ok(KEY.to_owned());
    }
    served.order("POST", "/v1/reset", &Value::Null)?;
    served.order("PUT", "/v1/rate-limits", &json!({"limit": 1_000_000, "window": 60}))?;
    let key = served.order("POST", "/v1/keys", &json!({"user": USER}))?;
    Ok(key["secret"].as_str().unwrap_or_default().to_owned())
}

/// Runs a suite, which says how many cases it made before `words`. Findings are no failure of the measurement.
fn run(served: &Served, mut suite: Command, words: &str) -> Result<Run, String> {
    let program = suite.get_program().to_string_lossy().into_owned();
    let times = || Some((processor::of_ended()?, served.processor_seconds()?));
    let (before, start) = (times(), clock::now());
    let output = suite.stderr(Stdio::null()).output().map_err(|error| format!("{program}: {error}"))?;
    let (seconds, after) = (start.elapsed().as_secs_f64(), times());
    let said = String::from_utf8_lossy(&output.stdout);
    let cases = count(&said, words);
    let cases = cases.ok_or_else(|| format!("{program} does not say how many cases it made: {said}"))?;
    let spent = after.zip(before).map(|(after, before)| (after.0 - before.0, after.1 - before.1));
    Ok(Run { cases, seconds, spent })
}

/// The number before `words`: `… 1234 requests in 5.6 s, seed 0`, `1,234 generated`.
fn count(said: &str, words: &str) -> Option<f64> {
    let (before, _) = said.rsplit_once(words)?;
    before.rsplit(char::is_whitespace).next()?.replace(',', "").parse().ok()
}

impl Checks {
    fn of(server: &'static str, tool: &'static str, version: Option<String>, runs: &[Run]) -> Self {
        let middle = |figure: fn(&Run) -> f64| median(runs.iter().map(figure).collect());
        let spent = |figure: fn((f64, f64), f64) -> f64| {
            let all: Option<Vec<f64>> = runs.iter().map(|run| Some(figure(run.spent?, run.cases))).collect();
            all.map(median)
        };
        Self {
            server,
            tool,
            version,
            cases: middle(|run| run.cases),
            seconds: middle(|run| run.seconds),
            per_second: middle(|run| run.cases / run.seconds),
            cpu_us: spent(|(own, _), cases| own * 1e6 / cases),
            share: spent(|(own, server), _| own / (own + server)),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Issue 5, "Proof": cases per second beside Schemathesis; each tool says itself how many there were.
    #[test]
    fn each_suite_says_how_many_cases_it_made() {
        let ours =
            "pass  Roboticks API at http://127.0.0.1:1: 0 errors in 9 verdicts; 1234 requests in 5.6 s, seed 0\n";
        assert_eq!(count(ours, " requests in "), Some(1234.0));
        assert_eq!(count("Test cases:\n  1,805 generated, 1,805 passed\n", " generated"), Some(1805.0));
        assert_eq!(count("nothing", " generated"), None);
    }

    /// Issue 5, "Proof": the suite's own share is measured against the server's part of the same run.
    #[test]
    fn the_share_is_its_part_of_both() {
        let run = |cases, own, server| Run { cases, seconds: 2.0, spent: Some((own, server)) };
        let checks = Checks::of("any", "any", None, &[run(100.0, 1.0, 3.0), run(100.0, 1.0, 4.0), run(10.0, 1.0, 1.0)]);
        assert_eq!((checks.cases, checks.per_second, checks.share), (100.0, 50.0, Some(0.25)));
        assert_eq!(checks.cpu_us, Some(10_000.0));
    }
}
