//! The table of figures, in Markdown: one row for each client and each server.

use super::Seen;
use super::checks::Checks;
use super::clients::{Calls, Group, groups};
use super::peers::titled;
use super::servers::{Endurance, Server};
use super::starts::Start;

/// The cases of a client in the order of the columns: calls in flight, the project whose page is asked for.
const CASES: [(u64, &str); 4] = [(1, "warehouse"), (64, "warehouse"), (1, "factory"), (64, "factory")];

/// The whole table; what was not measured has no rows.
pub(super) fn table(seen: &Seen) -> String {
    let Seen { clients: calls, servers, endurance, starts, checks } = seen;
    let heads = ["1 at a time, 0.3 KB", "64 in flight, 0.3 KB", "1 at a time, 10 KB", "64 in flight, 10 KB"];
    let mut rows = vec![row("", &heads), "|---|---|---|---|---|".to_owned()];
    for group in groups().iter().filter(|group| calls.iter().any(|calls| calls.title == group.title)) {
        rows.push(row(&format!("**{}**", group.title), &["", "", "", ""]));
        rows.extend(clients(group, calls));
    }
    if let Some(ours) = servers.first() {
        let title = format!("**Server**, 16 connections, {:.1} KB", ours.body_bytes / 1e3);
        rows.push(row(&title, &["*requests per second*", "*latency: median, 99 %*", "*processor time*", "*memory*"]));
        rows.extend(servers.iter().map(|server| server_row(server, ours)));
    }
    rows.extend(endurance.iter().flat_map(memory_rows));
    if let Some(ours) = starts.first() {
        rows.push(row("**Start**", &["*server, 26 KB document*", "*server, 1 MB document*", "*suite*", ""]));
        rows.extend(starts.iter().map(|start| start_row(start, ours)));
    }
    for ours in checks.iter().filter(|checks| checks.version.is_none()) {
        let title = format!("**Checks** of {}", ours.server);
        rows.push(row(&title, &["*cases per second*", "*one run*", "*processor time*", "*its share*"]));
        let alike = checks.iter().filter(|checks| checks.server == ours.server);
        rows.extend(alike.map(|checks| check_row(checks, ours)));
    }
    rows.join("\n")
}

/// The rows of a group: for each case the calls per second, the processor time of a call, and how many times as many
/// calls ours makes.
fn clients(group: &Group, calls: &[Calls]) -> Vec<String> {
    let find = |client: &str, (in_flight, project): (u64, &str)| {
        let is_case = |calls: &&Calls| calls.in_flight == in_flight && calls.project == project;
        calls.iter().filter(is_case).find(|calls| calls.title == group.title && calls.client == client)
    };
    let ours = group.clients.first().map_or("", |(name, _)| name);
    let cell = |name: &str, case| {
        let Some(its) = find(name, case) else { return "–".to_owned() };
        let figures = format!("{} · {}", thousands(its.per_second), microseconds(its.cpu_us));
        let ours = find(ours, case).filter(|ours| ours.client != its.client);
        ours.map_or(figures.clone(), |ours| format!("{figures} · {}", times(ours.per_second / its.per_second)))
    };
    let line = |(name, title): &(&str, &str)| {
        let version = calls.iter().find(|calls| calls.client == *name).and_then(|calls| calls.version.as_deref());
        let title = version.map_or((*title).to_owned(), |version| format!("{title} {version}"));
        row(&title, &CASES.map(|case| cell(name, case)))
    };
    group.clients.iter().map(line).collect()
}

fn server_row(server: &Server, ours: &Server) -> String {
    let rate = thousands(server.per_second);
    let ratio = format!("{rate} · {}", times(ours.per_second / server.per_second));
    let memory = megabytes(server.memory_bytes);
    let cells = [
        if server.name == ours.name { rate } else { ratio },
        format!("{}, {}", microseconds(server.p50_us), microseconds(server.p99_us)),
        server.cpu_us.map_or("–".to_owned(), microseconds),
        format!("{memory} after {} requests", thousands(server.requests)),
    ];
    let version = server.version.as_deref().unwrap_or_default();
    let title = format!("{} {version}", server.name);
    row(if server.name == ours.name { "bitting, everything on" } else { title.trim_end() }, &cells)
}

/// What the server held, from the start to the last request.
fn memory_rows(endurance: &Endurance) -> [String; 2] {
    let heads = endurance.memory_bytes.iter().map(|(count, _)| format!("*after {} requests*", thousands(*count)));
    let cells = endurance.memory_bytes.iter().map(|(_, bytes)| megabytes(*bytes));
    [row("**Memory** of the server", &heads.collect::<Vec<_>>()), row("bitting", &cells.collect::<Vec<_>>())]
}

fn start_row(start: &Start, ours: &Start) -> String {
    let cell = |its: Option<f64>, ours: Option<f64>| {
        let Some(its) = its else { return "–".to_owned() };
        let time = microseconds(its * 1e3);
        let ratio = ours.filter(|_| start.version.is_some()).map(|ours| format!(" · {}", times(its / ours)));
        time + &ratio.unwrap_or_default()
    };
    let cells =
        [cell(start.small, ours.small), cell(start.large, ours.large), cell(start.suite, ours.suite), String::new()];
    row(&titled(start.tool, start.version.as_deref()), &cells)
}

fn check_row(checks: &Checks, ours: &Checks) -> String {
    let rate = thousands(checks.per_second);
    let ratio = format!("{rate} · {}", times(ours.per_second / checks.per_second));
    let cells = [
        if checks.version.is_some() { ratio } else { rate },
        format!("{} cases in {:.2} s", thousands(checks.cases), checks.seconds),
        checks.cpu_us.map_or("–".to_owned(), microseconds),
        checks.share.map_or("–".to_owned(), |share| format!("{:.0} %", share * 100.0)),
    ];
    row(&titled(checks.tool, checks.version.as_deref()), &cells)
}

fn megabytes(bytes: Option<f64>) -> String {
    bytes.map_or("–".to_owned(), |bytes| format!("{:.1} MB", bytes / 1e6))
}

fn row(title: &str, cells: &[impl AsRef<str>]) -> String {
    let cells: Vec<&str> = cells.iter().map(AsRef::as_ref).collect();
    format!("| {title} | {} |", cells.join(" | "))
}

/// `12,345`.
fn thousands(number: f64) -> String {
    let digits = format!("{number:.0}");
    let mut grouped = String::new();
    for (index, digit) in digits.chars().enumerate() {
        if index > 0 && (digits.len() - index) % 3 == 0 {
            grouped.push(',');
        }
        grouped.push(digit);
    }
    grouped
}

/// `7.5 µs`, `81 µs`, `2.4 ms`, `24 ms` or `2.4 s`.
fn microseconds(time: f64) -> String {
    match time {
        time if time < 10.0 => format!("{time:.1} µs"),
        time if time < 1e3 => format!("{time:.0} µs"),
        time if time < 1e4 => format!("{:.1} ms", time / 1e3),
        time if time < 1e6 => format!("{:.0} ms", time / 1e3),
        time => format!("{:.1} s", time / 1e6),
    }
}

/// `3.7×`, or `29×` where a tenth says nothing.
fn times(ratio: f64) -> String {
    if ratio < 10.0 { format!("{ratio:.1}×") } else { format!("{ratio:.0}×") }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Issue 2, "First figures": ours beside a peer, with the ratio in the peer's cell and none in ours.
    #[test]
    fn a_peer_stands_beside_ours_with_the_ratio() {
        let group = Group { part: "node", title: "Node", clients: &[("bitting", "bitting"), ("fetch", "fetch")] };
        let call = |client: &str, version: Option<&str>, per_second| Calls {
            title: "Node",
            client: client.to_owned(),
            version: version.map(str::to_owned),
            project: "warehouse".to_owned(),
            in_flight: 64,
            per_second,
            cpu_us: 25.0,
        };
        let rows = clients(&group, &[call("bitting", None, 43_657.0), call("fetch", Some("20.1"), 5_985.0)]);
        assert_eq!(
            rows,
            ["| bitting | – | 43,657 · 25 µs | – | – |", "| fetch 20.1 | – | 5,985 · 25 µs · 7.3× | – | – |"]
        );
    }

    /// Issue 5, "Proof": the suites stand beside each other for each server that they checked.
    #[test]
    fn suites_are_told_apart_by_the_server_that_they_checked() {
        let checks = |server, version: Option<&str>, per_second, share| Checks {
            server,
            tool: "suite",
            version: version.map(str::to_owned),
            cases: 100.0,
            seconds: 1.0,
            per_second,
            cpu_us: Some(40.0),
            share: Some(share),
        };
        let fast = [checks("fast", None, 7000.0, 0.5), checks("fast", Some("4"), 100.0, 0.9)];
        let slow = [checks("slow", None, 700.0, 0.1), checks("slow", Some("4"), 70.0, 0.8)];
        let table = table(&Seen { checks: fast.into_iter().chain(slow).collect(), ..Seen::default() });
        let rows: Vec<&str> = table.lines().skip(2).collect();
        assert!(rows[0].starts_with("| **Checks** of fast |") && rows[3].starts_with("| **Checks** of slow |"));
        assert_eq!(rows[1], "| suite | 7,000 | 100 cases in 1.00 s | 40 µs | 50 % |");
        assert_eq!(rows[2], "| suite 4 | 100 · 70× | 100 cases in 1.00 s | 40 µs | 90 % |");
        assert!(rows[5].contains("10×") && rows[5].ends_with("| 80 % |"), "{}", rows[5]);
    }

    /// Figures are short enough to be read.
    #[test]
    fn figures_are_short() {
        assert_eq!([thousands(7.0), thousands(123.4), thousands(1_234_567.0)], ["7", "123", "1,234,567"]);
        assert_eq!([microseconds(7.46), microseconds(81.2), microseconds(2_440.0)], ["7.5 µs", "81 µs", "2.4 ms"]);
        assert_eq!([microseconds(24_400.0), microseconds(2_440_000.0)], ["24 ms", "2.4 s"]);
        assert_eq!([times(0.84), times(9.94), times(29.4)], ["0.8×", "9.9×", "29×"]);
    }
}
