//! The suite: how many cases `bitting check` makes in a second, the start of the program and its own server included.

use std::fs;

use serde::Serialize;

use super::build::Built;
use super::{Effort, median};
use crate::clock;
use crate::shell::{self, command};

/// In how many ticks of a second Linux counts processor time (`USER_HZ`, the same on every machine that it runs on).
const TICKS: f64 = 100.0;

/// What was seen of the suite.
#[derive(Serialize)]
pub(super) struct Checks {
    /// Requests of one run; the median, as are the others.
    pub(super) cases: f64,
    pub(super) seconds: f64,
    pub(super) per_second: f64,
    /// Microseconds of processor time for one case, the server's part included.
    pub(super) cpu_us: Option<f64>,
}

/// Runs the suite once in each turn, each with a seed of its own.
pub(super) fn measure(built: &Built, effort: Effort) -> Result<Checks, String> {
    let (mut cases, mut seconds, mut rates) = (Vec::new(), Vec::new(), Vec::new());
    let before = processor_seconds();
    for seed in 0..effort.turns {
        shell::note(&format!("turn {}: bitting check", seed + 1));
        let seed = seed.to_string();
        let check = command(&built.cli, ".", &["check", "spec/openapi/roboticks.yaml", "--seed", &seed]);
        let start = clock::now();
        let output = shell::output(check)?;
        let elapsed = start.elapsed().as_secs_f64();
        let count = requests(&output).ok_or("`bitting check` no longer ends with how many requests it made")?;
        cases.push(count);
        seconds.push(elapsed);
        rates.push(count / elapsed);
    }
    let spent = processor_seconds().zip(before).map(|(after, before)| after - before);
    let cpu_us = spent.map(|spent| spent * 1e6 / cases.iter().sum::<f64>());
    Ok(Checks { cases: median(cases), seconds: median(seconds), per_second: median(rates), cpu_us })
}

/// How many requests a report says that it made: `… 1234 requests in 5.6 s, seed 0`.
fn requests(report: &str) -> Option<f64> {
    let (before, _) = report.trim_end().lines().next_back()?.rsplit_once(" requests in ")?;
    before.rsplit(' ').next()?.parse().ok()
}

/// The processor time of the programs that this one ran and that have ended; `None` where the system does not say.
fn processor_seconds() -> Option<f64> {
    let stat = fs::read_to_string("/proc/self/stat").ok()?;
    // The name of the program may hold blanks; it ends with the last bracket. Then `state` is field 3.
    let (_, fields) = stat.rsplit_once(") ")?;
    let ticks: Option<f64> = fields.split(' ').skip(13).take(2).map(|field| field.parse::<f64>().ok()).sum();
    ticks.map(|ticks| ticks / TICKS)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Issue 2, "First figures": cases per second of `check` are read from its last line.
    #[test]
    fn the_last_line_says_how_many_requests_there_were() {
        let line =
            "pass  Roboticks API at http://127.0.0.1:1: 0 errors and 2 notes in 9 verdicts (9 passed, 0 skipped); ";
        assert_eq!(requests(&format!("Findings\n\n{line}1234 requests in 5.6 s, seed 0\n")), Some(1234.0));
        assert_eq!(requests("nothing"), None);
    }
}
