//! What the reference server holds after very many requests: pages that it has answered before and pages that it has
//! not, over a few connections.

use std::sync::Arc;

use serde_json::json;

use crate::load::{self, Until};
use crate::process::Server;
use crate::{Failure, announce};

/// After how many requests the memory is looked at, besides the last one.
const LOOKS: [usize; 3] = [0, 10_000, 100_000];
/// One in so many requests asks for a page that hardly anybody has asked for.
const RARE: usize = 4;
/// So many different pages there are.
const PAGES: usize = 40_000;

/// Sends `count` requests and prints one line.
pub(crate) async fn run(count: usize) -> Result<(), Failure> {
    let server = Server::start("bitting", "", "")?;
    let query = |page: usize| match page % RARE {
        0 => format!("?limit={}&offset={}", 1 + page % 100, page / 100),
        _ => String::new(),
    };
    let request = |page| load::request(server.address, &server.key, &query(page));
    let requests: Arc<[_]> = (0..PAGES).map(request).collect();
    let (mut sent, mut seconds, mut memory) = (0, 0.0, Vec::new());
    for goal in LOOKS.into_iter().filter(|look| *look < count).chain([count]) {
        let seen = load::run(server.address, &requests, Until::Requests(goal - sent)).await?;
        sent += seen.latencies.len();
        seconds += seen.elapsed.as_secs_f64();
        memory.push((sent, server.memory()));
    }
    announce(&json!({"requests": sent, "seconds": seconds, "memory_bytes": memory}));
    Ok(())
}
