//! `cargo xtask bench`: our clients, server and suite beside their peers, in one run, as one table on stdout.
//!
//! Everything is measured in turns, so that whatever else the machine does hits all alike; rates are the median of the
//! turns. What is ours is built for release and kept apart from what the tests use.

mod build;
mod checks;
mod clients;
mod peers;
mod serve;
mod servers;
mod starts;
mod table;

use std::path::PathBuf;
use std::thread;

use serde::Serialize;
use serde_json::json;

use crate::shell;
use build::Built;

/// What can be measured, in the order of the table.
const PARTS: [&str; 5] = ["python", "node", "server", "start", "check"];

/// What is wanted.
struct Options {
    parts: Vec<String>,
    /// Seconds and turns for each figure.
    effort: Effort,
    /// Where the figures go as JSON.
    json: Option<PathBuf>,
}

/// How long each figure is measured.
#[derive(Debug, Clone, Copy, PartialEq)]
struct Effort {
    turns: usize,
    /// Seconds of each case of a client in each turn.
    client: f64,
    /// Seconds of each server in each turn.
    server: f64,
    /// Cases of our suite for each operation.
    cases: usize,
    /// Examples of Schemathesis for each operation; it makes more cases than that.
    examples: usize,
}

const FULL: Effort = Effort { turns: 3, client: 1.0, server: 3.0, cases: 2000, examples: 50 };
const QUICK: Effort = Effort { turns: 1, client: 0.3, server: 0.5, cases: 2000, examples: 20 };

/// Everything that was seen; what was not measured is empty.
#[derive(Default, Serialize)]
struct Seen {
    clients: Vec<clients::Calls>,
    servers: Vec<servers::Server>,
    endurance: Option<servers::Endurance>,
    starts: Vec<starts::Start>,
    checks: Vec<checks::Checks>,
}

pub(crate) fn run(arguments: &[&str]) -> Result<(), String> {
    let options = options(arguments)?;
    let wanted = |part: &str| options.parts.iter().any(|wanted| wanted == part);
    let built = Built::make()?;
    let mut seen = Seen::default();
    let is_any = |parts: &[&str]| parts.iter().any(|part| wanted(part));
    let prism = is_any(&["server", "start", "check"]).then(peers::prism).flatten();
    let schemathesis = is_any(&["check", "start"]).then(peers::schemathesis).flatten();
    if wanted("python") || wanted("node") {
        let groups: Vec<_> = clients::groups().into_iter().filter(|group| wanted(group.part)).collect();
        seen.clients = clients::measure(&built, &groups, options.effort)?;
    }
    if wanted("server") {
        seen.servers = servers::measure(&built, prism.as_ref(), options.effort)?;
        seen.endurance = Some(servers::endure(&built)?);
    }
    if wanted("start") {
        seen.starts = starts::measure(&built, prism.as_ref(), schemathesis.as_ref(), options.effort)?;
    }
    if wanted("check") {
        seen.checks = checks::measure(&built, prism.as_ref(), schemathesis.as_ref(), options.effort)?;
    }
    shell::say(&format!("{}\n\n{}", caption(options.effort), table::table(&seen)));
    if let Some(path) = &options.json {
        std::fs::write(path, format!("{:#}\n", json!(seen))).map_err(|error| format!("{}: {error}", path.display()))?;
    }
    Ok(())
}

fn options(arguments: &[&str]) -> Result<Options, String> {
    let mut options = Options { parts: Vec::new(), effort: FULL, json: None };
    let mut rest = arguments.iter();
    while let Some(&argument) = rest.next() {
        match argument {
            "--quick" => options.effort = QUICK,
            "--json" => options.json = Some(rest.next().ok_or("a path is missing behind --json")?.into()),
            part if PARTS.contains(&part) => options.parts.push(part.to_owned()),
            other => {
                return Err(format!("unknown part `{other}`; there are: {}, --quick, --json PATH", PARTS.join(", ")));
            }
        }
    }
    if options.parts.is_empty() {
        options.parts = PARTS.map(str::to_owned).to_vec();
    }
    Ok(options)
}

/// What the figures mean, and where they come from.
fn caption(effort: Effort) -> String {
    let cores = thread::available_parallelism().map_or(1, |cores| cores.get());
    format!(
        "Clients: calls per second · processor time of a call · how many times as many calls bitting makes. Each call \
         lists devices and decodes them, against one hyper server on the same machine. Servers: one thread each, the \
         same operation and answer (Prism: its example); axum looks the key up too, only ours checks scopes, limits, \
         validates and keeps state and a journal. Memory: a quarter of the requests asks for one of 10,000 \
         other pages. Start: until it answers, or until its first request. Checks: of \
         `bitting serve`, which is fast, and of Prism, which takes the time that servers commonly take, as processes \
         of their own; processor time is the suite's for one case, its share its part of what the suite and the server \
         took together. All on {cores} \
         cores, median of {} turns; × is how many times as fast ours is, and says more than a figure.",
        effort.turns
    )
}

/// The middle one of `numbers`.
fn median(mut numbers: Vec<f64>) -> f64 {
    numbers.sort_by(f64::total_cmp);
    numbers.get(numbers.len() / 2).copied().unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Issue 2, "First figures": one command measures all, a part or a short run can be asked for, a slip is named.
    #[test]
    fn parts_and_options_are_told_apart() {
        let all = options(&[]).unwrap();
        assert_eq!((all.parts.len(), all.effort, all.json), (PARTS.len(), FULL, None));
        let some = options(&["node", "--quick", "--json", "figures.json"]).unwrap();
        assert_eq!((some.parts, some.effort, some.json), (vec!["node".to_owned()], QUICK, Some("figures.json".into())));
        assert!(options(&["--json"]).is_err_and(|error| error.contains("path")));
        assert!(options(&["--fast"]).is_err_and(|error| error.contains("--quick")));
    }

    #[test]
    fn the_median_is_no_mean() {
        assert!((median(vec![9.0, 1.0, 2.0]) - 2.0).abs() < f64::EPSILON);
    }
}
