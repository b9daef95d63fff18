//! A run: the target is tried, then every planned check, phase by phase; what was created is removed at the end.

mod context;
mod exercise;
mod former;
mod grant;
mod issue;
mod keep;
mod keyring;
mod life;
mod links;
mod needs;
mod paging;
mod preflight;
mod prepare;
mod reference;
mod renewal;
mod shape;
mod stage;
mod trial;

use std::collections::HashMap;
use std::pin::{Pin, pin};
use std::time::Duration;

use bitting_spec::{Document, Operation};
use futures_util::future::{Either, select};
use futures_util::{StreamExt, stream};

pub(crate) use context::Context;
use context::TIME_UP;
pub(crate) use exercise::{Judge, Judging, Sign};
pub(crate) use grant::{asking, client_flow, exchanging, granting, password_flow};
pub(crate) use issue::{Issuer, issuer};
pub(crate) use keep::writable;
pub(crate) use keyring::{Wrong, apply, claims};
pub(crate) use life::logout;
pub(crate) use links::{found, linking};
pub(crate) use paging::{MAX_PAGES, all_items, size_parameter};
pub(crate) use reference::{is_alone, reference_names, referred};
pub(crate) use renewal::{refresh_case, renewing};
pub(crate) use stage::{certain_identity, held, identity, is_path_of, item_operation, items, listed_items, named_in};
pub(crate) use trial::{Stop, Trial, listed, skip};

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
/// The parts of a run. Tokens that are left to end have all the time of the parts before.
const PHASES: [Phase; 7] =
    [Phase::Auth, Phase::Scenario, Phase::Generated, Phase::State, Phase::Time, Phase::End, Phase::Rate];
/// How long checks may go on when a run is over, to tell what they have seen; what still waits then is given up.
const MOMENT: Duration = Duration::from_millis(300);

/// How far a run has come.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Progress<'a> {
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
    /// The verdict that has just come.
    pub verdict: &'a Verdict,
}

/// Checks the target and says how far it has come after each verdict. When the time is up or the run is stopped, what
/// waits for an answer is given up, and what was not reached is skipped and says so.
///
/// # Errors
/// [`Error::Config`] for options that name nothing, [`Error::Unreachable`] when the target does not answer (any more),
/// [`Error::Credential`] when a credential that was given as working does not work.
pub async fn run(
    document: &Document,
    target: Target,
    options: Options,
    progress: impl FnMut(Progress<'_>),
) -> Result<Report, Error> {
    options.validate(document)?;
    target.credentials.validate(document)?;
    let (started, since) = (clock::unix(), clock::now());
    let document = &*inferred(document, &target.credentials);
    target.credentials.validate_use(document)?;
    let context = Context::new(document, &target, &options)?;
    context.known_bodies()?;
    let plan = plan_of(document, &target.credentials, &options);
    let (known, jobs) = sorted_out(&context, &plan.planned);
    let mut tally = Tally { verdicts: vec![None; plan.planned.len()], done: 0, findings: 0, progress };
    for (index, phase, verdict) in known {
        tally.add(&context, phase, index, verdict);
    }
    if let Either::Left((ready, _)) = select(pin!(begin(&context, &jobs)), pin!(context.over())).await {
        ready?;
        for phase in PHASES {
            if phase == Phase::Rate {
                // Whoever has used up a limit cannot tidy up for a while.
                context.in_time(context.tidy_up()).await;
            }
            make(&context, &jobs, phase, &mut tally).await;
            // Where a finding says what ended it, the report is worth more than the error.
            let is_found = |job: &Job<'_>| tally.verdicts[job.index].as_ref().is_some_and(Verdict::is_finding);
            if !jobs.iter().any(|job| job.phase == Phase::End && is_found(job)) {
                context.still_there()?;
            }
        }
    }
    for job in &jobs {
        if tally.verdicts[job.index].is_some() {
            continue;
        }
        let reason = context.why_over().unwrap_or("the run ended before").to_owned();
        tally.add(&context, job.phase, job.index, verdict(job.check.info.id, job.operation, Outcome::Skip { reason }));
    }
    context.in_time(context.close()).await;
    let is_late = |verdict: &Verdict| matches!(&verdict.outcome, Outcome::Skip { reason } if reason == TIME_UP);
    let verdicts: Vec<Verdict> = tally.verdicts.into_iter().flatten().collect();
    Ok(Report {
        operations: covered(&context),
        unmet: unmet(&options, &verdicts, &plan.without_subject),
        stale: Vec::new(),
        left: context.left(),
        interrupted: options.interrupt.is_raised(),
        late: verdicts.iter().filter(|verdict| is_late(verdict)).count(),
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

/// What comes before the checks.
async fn begin(context: &Context<'_>, jobs: &[Job<'_>]) -> Result<(), Error> {
    context.preflight().await?;
    context.limit_rate(NO_LIMIT, WINDOW).await;
    if jobs.iter().any(|job| job.phase == Phase::Time) {
        context.begin_ageing().await;
    }
    Ok(())
}

/// How often a check finds something alone before it is believed.
const SURE: usize = 3;

/// Makes the jobs of a phase, until they are made or the run is over.
async fn make<P: FnMut(Progress<'_>)>(context: &Context<'_>, jobs: &[Job<'_>], phase: Phase, tally: &mut Tally<P>) {
    // Boxed one by one: a closure over borrowed jobs would keep the run from moving between threads.
    let mut trials: Vec<Running<'_>> = Vec::new();
    for job in jobs.iter().filter(|job| job.phase == phase) {
        trials.push(Box::pin(job.run(context)));
    }
    let is_crowd = matches!(phase, Phase::Auth | Phase::Generated | Phase::Time);
    let at_once = if is_crowd { context.options.workers.max(1) } else { 1 };
    // Only waiting shows what happens in time, and nobody waits twice.
    let is_looked_at_again = at_once > 1 && phase != Phase::Time;
    let mut done = stream::iter(trials).buffer_unordered(at_once);
    let mut over = pin!(context.over());
    let mut doubtful = Vec::new();
    loop {
        match select(done.next(), over.as_mut()).await {
            Either::Left((Some((index, verdict)), _)) if is_looked_at_again && verdict.is_refusal() => {
                doubtful.push((index, verdict));
            }
            Either::Left((Some((index, verdict)), _)) => tally.add(context, phase, index, verdict),
            Either::Left((None, _)) => return again(context, jobs, phase, doubtful, tally).await,
            Either::Right(_) => break,
        }
    }
    for (index, verdict) in doubtful {
        tally.add(context, phase, index, verdict);
    }
    let rest = async {
        while let Some((index, verdict)) = done.next().await {
            tally.add(context, phase, index, verdict);
        }
    };
    // What does not end by itself now waits for an answer, and is given up.
    drop(tokio::time::timeout(MOMENT, rest).await);
}

/// Looks again, with nothing beside it, at what was refused in a crowd: another check's login, or its deletion, may have been
/// the cause. Where a check finds the same three times, it is right the other times too. What got in needs no second
/// look, and might not get in twice: a token that should have been refused may have logged itself out by then.
async fn again<P: FnMut(Progress<'_>)>(
    context: &Context<'_>,
    jobs: &[Job<'_>],
    phase: Phase,
    doubtful: Vec<(usize, Verdict)>,
    tally: &mut Tally<P>,
) {
    let mut confirmed: HashMap<&str, usize> = HashMap::new();
    for (index, verdict) in doubtful {
        let sure = confirmed.entry(verdict.check).or_default();
        let job = jobs.iter().find(|job| job.index == index);
        let Some(job) = job.filter(|_| *sure < SURE && !context.is_over()) else {
            tally.add(context, phase, index, verdict);
            continue;
        };
        // Where a user has one session at a time, another check's login has ended the one that was refused.
        context.log_in_anew().await;
        let (_, second) = job.run(context).await;
        match second.is_finding() {
            true => *sure += 1,
            false => *sure = 0,
        }
        // Where the time ends in between, the first look is all there is.
        tally.add(context, phase, index, if context.is_over() { verdict } else { second });
    }
}

/// The verdicts so far, each in its place in the report.
struct Tally<P> {
    verdicts: Vec<Option<Verdict>>,
    done: usize,
    findings: usize,
    progress: P,
}

impl<P: FnMut(Progress<'_>)> Tally<P> {
    fn add(&mut self, context: &Context<'_>, phase: Phase, index: usize, verdict: Verdict) {
        self.findings += usize::from(verdict.is_finding());
        self.done += 1;
        (self.progress)(Progress {
            phase,
            done: self.done,
            total: self.verdicts.len(),
            cases: context.requests(),
            findings: self.findings,
            verdict: &verdict,
        });
        self.verdicts[index] = Some(verdict);
    }
}

/// A job under way: its place in the report and its verdict.
type Running<'a> = Pin<Box<dyn Future<Output = (usize, Verdict)> + Send + 'a>>;

/// A check that will be tried on an operation.
struct Job<'a> {
    index: usize,
    check: &'static Check,
    operation: &'a Operation,
    phase: Phase,
}

impl Job<'_> {
    async fn run(&self, context: &Context<'_>) -> (usize, Verdict) {
        let trial = Trial::new(context, self.operation);
        // What one check computes must not keep the others, or a signal, from their turn.
        tokio::task::yield_now().await;
        let over = |_: ()| context.why_over().map_or(Ok(()), |reason| Err(Stop::Skip(reason.to_owned())));
        let ended = match over(()) {
            // What was cut short has not passed.
            Ok(()) => (self.check.run)(&trial).await.and_then(over),
            stop => stop,
        };
        let refusals = trial.refusals();
        let outcome = match trial.ended(ended) {
            // Green must mean that something was asked.
            Ok(0) => Outcome::Skip { reason: "it had nothing to send here".to_owned() },
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
    let covered = |operation: &Operation| {
        let mut scopes: Vec<String> =
            operation.security.iter().flat_map(|one| one.values()).flatten().cloned().collect();
        scopes.sort_unstable();
        scopes.dedup();
        let written = document.place(&operation.pointer);
        Covered {
            id: operation.id.clone(),
            place: place(operation),
            file: written.file.to_owned(),
            line: written.line,
            public: operation.is_public(),
            scopes,
            reached: context.was_reached(operation),
            refused: context.refused(operation),
        }
    };
    operations.map(covered).collect()
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
fn sorted_out<'a>(context: &Context<'a>, planned: &[Planned]) -> (Vec<(usize, Phase, Verdict)>, Vec<Job<'a>>) {
    let checks: HashMap<&str, &'static Check> = checks::all().map(|check| (check.info.id, check)).collect();
    let operations = &context.document.operations;
    let operations: HashMap<&str, &Operation> = operations.iter().map(|one| (one.id.as_str(), one)).collect();
    let (mut known, mut jobs) = (Vec::new(), Vec::new());
    for (index, planned) in planned.iter().enumerate() {
        let found = (operations.get(planned.operation.as_str()), checks.get(planned.check));
        let (Some(operation), Some(check)) = found else { continue };
        match &planned.skip {
            Some(reason) => {
                let skipped = verdict(planned.check, operation, Outcome::Skip { reason: reason.clone() });
                known.push((index, check.info.phase, skipped));
            }
            None => {
                let phase = if life::waits(check, context.credentials) { Phase::Time } else { check.info.phase };
                jobs.push(Job { index, check, operation, phase });
            }
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
