//! The comparison: every server is asked in turns, so that what else the machine does hits them alike.

use std::sync::Arc;
use std::time::Duration;

use serde_json::json;

use crate::load::{self, Seen, Until};
use crate::process::Server;
use crate::{Failure, announce};

/// How long a server is asked before it counts.
const WARM_UP: Duration = Duration::from_secs(1);
const PEERS: [&str; 2] = ["axum", "wiremock"];

/// Asks each server for `time`, `turns` times, and prints a line for each. `prism` is the program of that name, where
/// it is installed.
pub(crate) async fn run(time: Duration, turns: usize, prism: Option<&str>) -> Result<(), Failure> {
    let reference = Server::start("bitting", "", "")?;
    let key = reference.key.clone();
    let body = load::body(reference.address, &load::request(reference.address, &key, "")).await?;
    let mut contests = vec![Contest::new("bitting", reference).await?];
    for name in PEERS {
        contests.push(Contest::new(name, Server::start(name, &key, &body)?).await?);
    }
    if let Some(program) = prism {
        contests.push(Contest::new("prism", Server::prism(program, &key)?).await?);
    }
    for contest in &contests {
        load::run(contest.server.address, &contest.request, Until::Time(WARM_UP.min(time))).await?;
    }
    for _ in 0..turns.max(1) {
        for contest in &mut contests {
            contest.turn(time).await?;
        }
    }
    for contest in contests {
        contest.report();
    }
    Ok(())
}

/// One server, and what was seen of it in its turns.
struct Contest {
    name: &'static str,
    server: Server,
    request: Arc<[Box<[u8]>]>,
    /// The length of what it answers.
    body: usize,
    turns: Vec<Seen>,
    processor_time: Option<Duration>,
}

impl Contest {
    async fn new(name: &'static str, server: Server) -> Result<Self, Failure> {
        let request = load::request(server.address, &server.key, "");
        let body = load::body(server.address, &request).await?.len();
        let request = Arc::new([request]);
        Ok(Self { name, server, request, body, turns: Vec::new(), processor_time: Some(Duration::ZERO) })
    }

    async fn turn(&mut self, time: Duration) -> Result<(), Failure> {
        let before = self.server.processor_time();
        self.turns.push(load::run(self.server.address, &self.request, Until::Time(time)).await?);
        let after = self.server.processor_time();
        let spent = after.zip(before).map(|(after, before)| after.saturating_sub(before));
        self.processor_time = self.processor_time.zip(spent).map(|(sum, spent)| sum + spent);
        Ok(())
    }

    /// Rates are the median of the turns; latencies are of all answers together.
    #[expect(clippy::cast_precision_loss, reason = "counts are far below 2^52")]
    fn report(self) {
        let rate = |seen: &Seen| seen.latencies.len() as f64 / seen.elapsed.as_secs_f64();
        let mut rates: Vec<f64> = self.turns.iter().map(rate).collect();
        rates.sort_by(f64::total_cmp);
        let mut latencies: Vec<u32> = self.turns.into_iter().flat_map(|turn| turn.latencies).collect();
        latencies.sort_unstable();
        let share =
            |percent: usize| latencies.get(latencies.len() * percent / 100).map(|nanos| f64::from(*nanos) / 1e3);
        let each = |time: Duration| time.as_secs_f64() * 1e6 / latencies.len().max(1) as f64;
        announce(&json!({
            "server": self.name,
            "body_bytes": self.body,
            "requests": latencies.len(),
            "per_second": rates.get(rates.len() / 2),
            "p50_us": share(50),
            "p99_us": share(99),
            "cpu_us": self.processor_time.map(each),
            "memory_bytes": self.server.memory(),
        }));
    }
}
