//! A run: the target is tried, then every planned check, phase by phase; what was created is removed at the end.

mod context;
mod exercise;
mod former;
mod grant;
mod issue;
mod keyring;
mod links;
mod needs;
mod paging;
mod preflight;
mod reference;
mod renewal;
mod shape;
mod stage;
mod trial;

use std::pin::Pin;
use std::time::Duration;

use bitting_spec::{Document, Operation};
use futures_util::StreamExt;
use futures_util::stream;

pub(crate) use context::Context;
pub(crate) use exercise::{Judge, Judging, Sign};
pub(crate) use grant::{asking, client_flow, exchanging, granting, password_flow};
pub(crate) use issue::{Issuer, issuer};
pub(crate) use keyring::{Wrong, apply, is_logout};
pub(crate) use paging::size_parameter;
pub(crate) use reference::reference_names;
pub(crate) use renewal::{refresh_case, renewing};
pub(crate) use stage::{certain_identity, identity, item_operation, listed_items, named_in};
pub(crate) use trial::{Stop, Trial, listed};

use crate::check::{Check, Phase};
use crate::checks;
use crate::clock;
use crate::credentials::Target;
use crate::error::Error;
use crate::finding::{Severity, finding, place};
use crate::infer::inferred;
use crate::options::{Level, Options};
use crate::plan::{Planned, plan_of};
use crate::verdict::{Covered, Outcome, Report, Unmet, Verdict};

/// The window of the limit that the suite sets while limits are not what is checked.
const WINDOW: Duration = Duration::from_secs(60);
/// A limit that no run reaches.
pub(crate) const NO_LIMIT: u64 = 1_000_000;

/// How far a run has come.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Progress {
    /// The part of the run.
    pub phase: Phase,
    /// Verdicts so far.
    pub done: usize,
    /// Verdicts in all.
    pub total: usize,
    /// Requests so far.
    pub cases: u64,
    /// Failed verdicts so far.
    pub findings: usize,
}

/// Checks the target and says how far it has come after each verdict.
///
/// # Errors
/// [`Error::Config`] for options that name nothing, [`Error::Unreachable`] when the target does not answer (any more),
/// [`Error::Credential`] when a credential that was given as working does not work.
pub async fn run(
    document: &Document,
    target: Target,
    options: Options,
    mut progress: impl FnMut(Progress),
) -> Result<Report, Error> {
    options.validate(document)?;
    target.credentials.validate(document)?;
    let (started, since) = (clock::unix(), clock::now());
    let document = &*inferred(document, &target.credentials);
    target.credentials.validate_use(document)?;
    let context = Context::new(document, &target, &options)?;
    context.known_bodies()?;
    context.preflight().await?;
    context.limit_rate(NO_LIMIT, WINDOW).await;
    let plan = plan_of(document, &target.credentials, &options);
    let planned = plan.planned;
    let (mut verdicts, jobs) = sorted_out(document, &planned);
    let total = planned.len();
    for phase in [Phase::Auth, Phase::Scenario, Phase::Generated, Phase::Rate] {
        if phase == Phase::Rate {
            // Whoever has used up a limit cannot tidy up for a while.
            context.tidy_up().await;
        }
        // Boxed one by one: a closure over borrowed jobs would keep the run from moving between threads.
        let mut trials: Vec<Running<'_>> = Vec::new();
        for job in jobs.iter().filter(|job| job.check.info.phase == phase) {
            trials.push(Box::pin(job.run(&context)));
        }
        let is_crowd = matches!(phase, Phase::Auth | Phase::Generated);
        let mut done = stream::iter(trials).buffer_unordered(if is_crowd { options.workers.max(1) } else { 1 });
        while let Some((index, verdict)) = done.next().await {
            verdicts.push((index, verdict));
            let findings = verdicts.iter().filter(|(_, verdict)| matches!(verdict.outcome, Outcome::Fail(_))).count();
            progress(Progress { phase, done: verdicts.len(), total, cases: context.requests(), findings });
        }
        context.still_there()?;
    }
    context.tidy_up().await;
    context.restore_member().await;
    context.restore_rate().await;
    verdicts.sort_by_key(|(index, _)| *index);
    let mut verdicts: Vec<Verdict> = verdicts.into_iter().map(|(_, verdict)| verdict).collect();
    find_lines(document, &mut verdicts);
    Ok(Report {
        operations: covered(&context),
        unmet: unmet(&options, &verdicts, &plan.without_subject),
        stale: Vec::new(),
        interrupted: options.interrupt.is_raised(),
        stranger: context.is_stranger && document.operations.iter().any(|operation| !operation.is_public()),
        document: document.file().to_owned(),
        title: document.title.clone(),
        target: context.base.as_str().to_owned(),
        verdicts,
        seed: options.seed,
        cases: context.requests(),
        started,
        elapsed: clock::now().duration_since(since),
        fail_on: options.fail_on,
    })
}

/// A job under way: its place in the report and its verdict.
type Running<'a> = Pin<Box<dyn Future<Output = (usize, Verdict)> + Send + 'a>>;

/// A check that will be tried on an operation.
struct Job<'a> {
    index: usize,
    check: &'static Check,
    operation: &'a Operation,
}

impl Job<'_> {
    async fn run(&self, context: &Context<'_>) -> (usize, Verdict) {
        let trial = Trial::new(context, self.operation);
        let ended = if context.options.interrupt.is_raised() {
            Err(Stop::Skip("the run was interrupted".to_owned()))
        } else if context.deadline.passed() {
            Err(Stop::Skip("the time was up (--max-time)".to_owned()))
        } else {
            (self.check.run)(&trial).await
        };
        let refusals = trial.refusals();
        let outcome = match trial.ended(ended) {
            Ok(cases) => Outcome::Pass { cases },
            Err(Stop::Skip(reason)) => Outcome::Skip { reason: context.vault.scrub(&reason) },
            Err(Stop::Fail(mut seen)) => {
                seen.severity = self.severity(context).unwrap_or(seen.severity);
                Outcome::Fail(Box::new(finding(context, &self.check.info, self.operation, *seen)))
            }
        };
        (self.index, Verdict { refusals, ..verdict(self.check.info.id, self.operation, outcome) })
    }
}

impl Job<'_> {
    /// The severity that a rule gives to what this check finds here.
    fn severity(&self, context: &Context<'_>) -> Option<Severity> {
        match context.options.rule(self.check.info.id, &self.operation.id)?.level {
            Level::Note => Some(Severity::Note),
            Level::Error => Some(Severity::Error),
            Level::Off => None,
        }
    }
}

fn verdict(check: &'static str, operation: &Operation, outcome: Outcome) -> Verdict {
    Verdict { check, operation: operation.id.clone(), place: place(operation), outcome, refusals: Vec::new() }
}

/// The operations that the run is about.
fn covered(context: &Context<'_>) -> Vec<Covered> {
    let document = context.document;
    let operations = document.operations.iter().filter(|operation| context.options.covers(&operation.id));
    let operations: Vec<&Operation> = operations.collect();
    let lines = document.lines(&operations.iter().map(|operation| operation.pointer.as_str()).collect::<Vec<_>>());
    let covered = |(operation, line): (&Operation, Option<usize>)| {
        let mut scopes: Vec<String> =
            operation.security.iter().flat_map(|one| one.values()).flatten().cloned().collect();
        scopes.sort_unstable();
        scopes.dedup();
        Covered {
            id: operation.id.clone(),
            place: place(operation),
            line,
            public: operation.is_public(),
            scopes,
            reached: context.was_reached(operation),
        }
    };
    operations.into_iter().zip(lines).map(covered).collect()
}

/// Finds the lines of what the findings are about, all at once: a large document takes a while to read.
fn find_lines(document: &Document, verdicts: &mut [Verdict]) {
    let findings = verdicts.iter_mut().filter_map(|verdict| match &mut verdict.outcome {
        Outcome::Fail(finding) => Some(finding),
        _ => None,
    });
    let mut findings: Vec<_> = findings.collect();
    let lines = document.lines(&findings.iter().map(|finding| finding.pointer.as_str()).collect::<Vec<_>>());
    findings.iter_mut().zip(lines).for_each(|(finding, line)| finding.line = line);
}

/// What was required and was not told: on some operation, or, where it was required by its own name, on none at all.
fn unmet(options: &Options, verdicts: &[Verdict], without_subject: &[&'static str]) -> Vec<Unmet> {
    let skipped = verdicts.iter().filter(|verdict| options.requires(verdict.check)).filter_map(|verdict| {
        let Outcome::Skip { reason } = &verdict.outcome else { return None };
        Some(Unmet { check: verdict.check, operation: Some(verdict.operation.clone()), reason: reason.clone() })
    });
    let named = without_subject.iter().filter(|check| options.require.iter().any(|id| id == *check));
    let nothing = |check: &&'static str| Unmet {
        check,
        operation: None,
        reason: "the document has no operation that it applies to".to_owned(),
    };
    skipped.chain(named.map(nothing)).collect()
}

/// The verdicts that are known without trying, and the jobs for the others; each with its place in the report.
fn sorted_out<'a>(document: &'a Document, planned: &[Planned]) -> (Vec<(usize, Verdict)>, Vec<Job<'a>>) {
    let (mut known, mut jobs) = (Vec::new(), Vec::new());
    for (index, planned) in planned.iter().enumerate() {
        let check = checks::all().find(|check| check.info.id == planned.check);
        let (Some(operation), Some(check)) = (document.operation(&planned.operation), check) else { continue };
        match &planned.skip {
            Some(reason) => {
                known.push((index, verdict(planned.check, operation, Outcome::Skip { reason: reason.clone() })));
            }
            None => jobs.push(Job { index, check, operation }),
        }
    }
    (known, jobs)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A run can be spawned: whoever embeds the suite needs it.
    #[test]
    fn a_run_can_move_between_threads() {
        fn is_send<T: Send>(_: &T) {}
        let document = Document::parse("empty.yaml", "openapi: 3.1.0\ninfo: {title: t, version: '1'}\npaths: {}");
        let document = document.expect("it is valid");
        let target = Target { base_url: String::new(), credentials: crate::Credentials::default() };
        is_send(&run(&document, target, Options::default(), |_| {}));
    }
}
