//! The server's own limit, reached by as many requests as it allows. What each answer tells of it is held against what
//! comes next.

use super::{Own, number, refusals, rule};
use crate::finding::Observation;
use crate::http::Exchange;
use crate::run::{Stop, Trial};

/// A limit of more requests than these is not reached.
const MOST: i64 = 2_000;

/// What an answer tells of the limit.
#[derive(Debug, Clone, PartialEq)]
struct Told {
    limit: Option<i64>,
    left: i64,
    /// The end of the window, as it stands there.
    window: Option<String>,
}

/// Sends requests until one is refused: its answer.
pub(super) async fn limit(trial: &Trial<'_>, own: &Own<'_>) -> Result<Exchange, Stop> {
    let refused = refusals(trial);
    let stated = rule(trial.context.document, trial.operation).and_then(|rule| rule.limit);
    let stated = stated.and_then(|limit| i64::try_from(limit).ok());
    let (mut before, mut served, mut windows): (Option<Told>, u64, u32) = (None, own.used.unwrap_or(0), 0);
    for _ in 0..=MOST * 2 {
        let exchange = trial.with_secret(own.scheme, &own.secret).await?;
        if refused.contains(&exchange.answer.status) {
            let counted = own.used.is_some() && windows == 0;
            too_early(before.as_ref(), counted.then_some(served), &exchange)?;
            return Ok(exchange);
        }
        let now = told(trial, &exchange);
        let used_up = before.as_ref().is_some_and(|before| before.left == 0);
        if exchange.answer.status >= 500 && used_up {
            let cause = format!("the limit was answered with {}", exchange.answer.status);
            return Err(Observation::error(cause, crate::run::listed(&refused), &exchange).into());
        }
        let left =
            now.as_ref().map(|now| now.left).or(stated.map(|limit| limit - i64::try_from(served).unwrap_or(limit)));
        let Some(left) = left else { return Err(unreachable("no answer tells the limit")) };
        if left > MOST {
            return Err(unreachable(&format!("the limit of {left} requests more is too high to be reached")));
        }
        let same = before.as_ref().map(|before| &before.window) == now.as_ref().map(|now| &now.window);
        if used_up && same {
            let cause = "the limit does not hold";
            let expected = format!("{} after the last request that was left", crate::run::listed(&refused));
            return Err(Observation::error(cause, expected, &exchange).into());
        }
        windows += u32::from(before.is_some() && !same);
        served += 1;
        before = now;
    }
    Err(unreachable("its window ends before it is used up"))
}

fn unreachable(why: &str) -> Stop {
    Stop::Skip(format!("{why}: give a provisioner that sets rate limits"))
}

fn told(trial: &Trial<'_>, exchange: &Exchange) -> Option<Told> {
    let names = rule(trial.context.document, trial.operation)?.headers.as_ref()?;
    Some(Told {
        limit: number(exchange, &names.limit),
        left: number(exchange, &names.remaining)?,
        window: exchange.answer.header(&names.reset.name),
    })
}

/// Stops when the refusal came although more was left by what the last answer told, or by the limit and the count.
fn too_early(before: Option<&Told>, served: Option<u64>, refusal: &Exchange) -> Result<(), Stop> {
    let Some(before) = before else { return Ok(()) };
    if before.left > 0 {
        let cause = "a request was refused that was left by what the answer before it told";
        let saying = format!("{} requests were left", before.left);
        return Err(Observation::error(cause, "as many requests as were left", refusal).saying(saying).into());
    }
    let served = served.and_then(|served| i64::try_from(served).ok());
    // One more or less is a matter of what counts.
    if let (Some(limit), Some(served)) = (before.limit, served)
        && served + 1 < limit
    {
        let cause = "the limit is lower than the answers tell";
        let saying = format!("refused after {served} requests, and the limit is {limit}");
        return Err(Observation::error(cause, format!("{limit} requests are served"), refusal).saying(saying).into());
    }
    Ok(())
}
