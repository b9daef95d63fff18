//! `cargo xtask bench`: our clients, server and suite beside their peers, in one run, as one table on stdout.
//!
//! Everything is measured in turns, so that whatever else the machine does hits all alike; rates are the median of the
//! turns. What is ours is built for release and kept apart from what the tests use.

mod build;
mod checks;
mod clients;
mod servers;
mod table;

use std::path::PathBuf;
use std::thread;

use serde_json::json;

use crate::shell;
use build::Built;

/// What can be measured, in the order of the table.
const PARTS: [&str; 4] = ["python", "node", "server", "check"];

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
}

const FULL: Effort = Effort { turns: 3, client: 1.0, server: 3.0 };
const QUICK: Effort = Effort { turns: 1, client: 0.3, server: 0.5 };

pub(crate) fn run(arguments: &[&str]) -> Result<(), String> {
    let options = options(arguments)?;
    let wanted = |part: &str| options.parts.iter().any(|wanted| wanted == part);
    let built = Built::make()?;
    let (mut calls, mut servers, mut checks) = (Vec::new(), Vec::new(), None);
    if wanted("python") || wanted("node") {
        let groups: Vec<_> = clients::groups().into_iter().filter(|group| wanted(group.part)).collect();
        calls = clients::measure(&built, &groups, options.effort)?;
    }
    if wanted("server") {
        servers = servers::measure(&built, options.effort)?;
    }
    if wanted("check") {
        checks = Some(checks::measure(&built, options.effort)?);
    }
    shell::say(&format!("{}\n\n{}", caption(options.effort), table::table(&calls, &servers, checks.as_ref())));
    if let Some(path) = &options.json {
        let figures = json!({"clients": calls, "servers": servers, "check": checks});
        std::fs::write(path, format!("{figures:#}\n")).map_err(|error| format!("{}: {error}", path.display()))?;
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
         same operation and answer; only ours validates, limits and keeps state. All on {cores} cores, median of {} \
         turns; ratios say more than figures.",
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
        assert_eq!((all.parts.len(), all.effort, all.json), (4, FULL, None));
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
