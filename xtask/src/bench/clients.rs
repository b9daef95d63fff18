//! The clients of Python and Node beside their peers, each in a process of its own against one server of fixed pages.

use std::io::{BufRead as _, BufReader};
use std::path::Path;
use std::process::{Child, Command, Stdio};

use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::build::Built;
use super::{Effort, median};
use crate::shell::{self, command};
use crate::test;

/// Clients that are compared with each other; the first one is ours.
pub(super) struct Group {
    /// The part of the benchmark that it belongs to.
    pub(super) part: &'static str,
    pub(super) title: &'static str,
    /// Names in the benchmark and in the table.
    pub(super) clients: &'static [(&'static str, &'static str)],
}

/// Every group, in the order of the table.
pub(super) fn groups() -> [Group; 3] {
    [
        Group {
            part: "python",
            title: "Python, sync",
            clients: &[("bitting", "bitting"), ("httpx", "httpx"), ("requests", "requests")],
        },
        Group {
            part: "python",
            title: "Python, async",
            clients: &[
                ("bitting-async", "bitting"),
                ("bitting-async+uvloop", "bitting on uvloop"),
                ("httpx-async", "httpx"),
                ("aiohttp", "aiohttp"),
                ("aiohttp+uvloop", "aiohttp on uvloop"),
            ],
        },
        Group {
            part: "node",
            title: "Node",
            clients: &[("bitting", "bitting"), ("fetch", "fetch"), ("undici.request", "undici.request")],
        },
    ]
}

/// What was seen of a client in one case.
#[derive(Serialize)]
pub(super) struct Calls {
    pub(super) title: &'static str,
    pub(super) client: String,
    /// The peer's version.
    pub(super) version: Option<String>,
    /// The project whose page was asked for: `warehouse` has 0.3 KB, `factory` 10 KB.
    pub(super) project: String,
    pub(super) in_flight: u64,
    /// The median of the turns.
    pub(super) per_second: f64,
    /// Microseconds of processor time for one call, all threads together.
    pub(super) cpu_us: f64,
}

/// A line that a benchmark prints.
#[derive(Deserialize)]
struct Line {
    client: String,
    version: Option<String>,
    project: String,
    in_flight: u64,
    calls: f64,
    seconds: f64,
    cpu_seconds: f64,
}

/// Measures the clients of `groups`, one after the other, in turns.
pub(super) fn measure(built: &Built, groups: &[Group], effort: Effort) -> Result<Vec<Calls>, String> {
    if groups.iter().any(|group| group.part == "python") {
        test::environment("bindings/python/benches/requirements.txt")?;
    }
    if groups.iter().any(|group| group.part == "node") {
        test::modules()?;
    }
    let server = Pages::start(&built.server)?;
    let mut lines: Vec<(&'static str, Line)> = Vec::new();
    for turn in 1..=effort.turns {
        for (group, client) in groups.iter().flat_map(|group| group.clients.iter().map(move |(name, _)| (group, *name)))
        {
            shell::note(&format!("turn {turn}: {}, {client}", group.title));
            let output =
                shell::output(benchmark(built, group.part, &[client, &server.base_url, &effort.client.to_string()]))?;
            for line in output.lines() {
                let line = serde_json::from_str(line).map_err(|error| format!("{client} printed `{line}`: {error}"))?;
                lines.push((group.title, line));
            }
        }
    }
    Ok(summed_up(lines))
}

/// The program that measures one client.
fn benchmark(built: &Built, part: &str, arguments: &[&str]) -> Command {
    let (program, folder) =
        if part == "python" { (test::venv("python"), "bindings/python") } else { ("node".into(), "bindings/node") };
    let script = if part == "python" { "benches/clients.py" } else { "benches/clients.mjs" };
    let mut command = command(program, folder, &[&[script], arguments].concat());
    command.env("PYTHONPATH", &built.python).env("BITTING_NATIVE_PATH", &built.node);
    command
}

/// The turns of each case in one.
fn summed_up(lines: Vec<(&'static str, Line)>) -> Vec<Calls> {
    let mut cases: Vec<(&'static str, Vec<Line>)> = Vec::new();
    for (title, line) in lines {
        let is_same = |(its, turns): &&mut (&'static str, Vec<Line>)| {
            *its == title && turns.first().is_some_and(|turn| turn.case() == line.case())
        };
        match cases.iter_mut().find(is_same) {
            Some((_, turns)) => turns.push(line),
            None => cases.push((title, vec![line])),
        }
    }
    cases.into_iter().filter_map(|(title, turns)| Calls::of(title, turns)).collect()
}

impl Line {
    fn case(&self) -> (&str, &str, u64) {
        (&self.client, &self.project, self.in_flight)
    }
}

impl Calls {
    fn of(title: &'static str, turns: Vec<Line>) -> Option<Self> {
        let per_second = median(turns.iter().map(|turn| turn.calls / turn.seconds).collect());
        let cpu_us = median(turns.iter().map(|turn| turn.cpu_seconds * 1e6 / turn.calls).collect());
        let Line { client, version, project, in_flight, .. } = turns.into_iter().next()?;
        Some(Self { title, client, version, project, in_flight, per_second, cpu_us })
    }
}

/// The server of fixed pages, which ends with this value.
struct Pages {
    child: Child,
    base_url: String,
}

impl Pages {
    fn start(program: &Path) -> Result<Self, String> {
        let fault = |error| format!("{}: {error}", program.display());
        let mut child = command(program, ".", &["static"]).stdout(Stdio::piped()).spawn().map_err(fault)?;
        let mut line = String::new();
        if let Some(output) = child.stdout.as_mut() {
            BufReader::new(output).read_line(&mut line).map_err(fault)?;
        }
        let about: Value = serde_json::from_str(&line).unwrap_or_default();
        let base_url = about["base_url"].as_str().unwrap_or_default().to_owned();
        let server = Self { child, base_url };
        if server.base_url.is_empty() { Err("the server of fixed pages did not start".to_owned()) } else { Ok(server) }
    }
}

impl Drop for Pages {
    fn drop(&mut self) {
        // It may have ended by itself.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Issue 2, "First figures": a figure is the median of its turns, and cases are not mixed.
    #[test]
    fn turns_of_a_case_become_one_figure() {
        let line = |client: &str, in_flight, calls| Line {
            client: client.to_owned(),
            version: None,
            project: "factory".to_owned(),
            in_flight,
            calls,
            seconds: 2.0,
            cpu_seconds: 1.0,
        };
        let turns =
            [line("a", 1, 200.0), line("b", 1, 10.0), line("a", 64, 900.0), line("a", 1, 8.0), line("a", 1, 400.0)];
        let figures = summed_up(turns.into_iter().map(|turn| ("Node", turn)).collect());
        let rates: Vec<_> =
            figures.iter().map(|calls| (calls.client.as_str(), calls.in_flight, calls.per_second)).collect();
        assert_eq!(rates, [("a", 1, 100.0), ("b", 1, 5.0), ("a", 64, 450.0)]);
        assert!((figures[0].cpu_us - 5_000.0).abs() < 1e-6);
    }
}
