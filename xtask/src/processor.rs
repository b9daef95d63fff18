//! Processor time of other programs, as Linux tells it.

use std::fs;

/// In how many ticks of a second Linux counts processor time (`USER_HZ`, the same on every machine that it runs on).
const TICKS: f64 = 100.0;

/// The processor time of the programs that this one ran and that have ended, in seconds; `None` where the system does
/// not say.
pub(crate) fn of_ended() -> Option<f64> {
    seconds("self", 13)
}

/// The processor time that the process has had, in seconds; `None` where the system does not say.
pub(crate) fn own(process: u32) -> Option<f64> {
    seconds(&process.to_string(), 11)
}

/// Two fields of a process's `stat`, time in user mode and in the system, counted from its `state`.
fn seconds(process: &str, field: usize) -> Option<f64> {
    let stat = fs::read_to_string(format!("/proc/{process}/stat")).ok()?;
    // The name of the program may hold blanks; it ends with the last bracket. Then `state` is field 3.
    let (_, fields) = stat.rsplit_once(") ")?;
    let ticks: Option<f64> = fields.split(' ').skip(field).take(2).map(|field| field.parse::<f64>().ok()).sum();
    ticks.map(|ticks| ticks / TICKS)
}
