//! The exercise of an operation: generated requests, valid and invalid, each answer shown to every judge. What a judge
//! finds is made as small as it gets.

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::sync::{Arc, Mutex, PoisonError};

use bitting_spec::Operation;
use bitting_spec::table::Location;
use futures_util::future::join_all;
use tokio::sync::OnceCell;

use super::shape::Broken as BrokenCase;
use super::{Context, Stop, Trial};
use crate::checks;
use crate::credentials::Role;
use crate::finding::Observation;
use crate::generate::{Case, runner, smaller};
use crate::http::{Broken, Exchange};

/// The most requests for making one failing case smaller.
const MAX_REPLAYS: u32 = 40;

/// What a case is meant to be.
#[derive(Debug, Clone, PartialEq)]
pub(crate) enum Sign {
    /// Everything about it is valid.
    Valid,
    /// One rule is broken.
    Invalid {
        /// The part of the request.
        place: String,
        /// The keyword of the schema.
        keyword: &'static str,
    },
    /// It is valid, and comes without a credential.
    Anonymous,
    /// It is valid, and about an object that does not exist, or with a value that nobody sends.
    Unknown,
}

/// An answer before its judges.
pub(crate) struct Judging<'a> {
    pub(crate) context: &'a Context<'a>,
    pub(crate) operation: &'a Operation,
    pub(crate) case: &'a Case,
    pub(crate) sign: &'a Sign,
    pub(crate) exchange: &'a Exchange,
}

/// Looks at every answer for what one check is about.
pub(crate) struct Judge {
    /// The check's id.
    pub(crate) check: &'static str,
    pub(crate) sees: fn(&Judging<'_>) -> Option<Observation>,
}

/// What the exercise of an operation showed.
#[derive(Debug, Default)]
pub(crate) struct Exercised {
    pub(crate) cases: u32,
    seen: BTreeMap<&'static str, Observation>,
    /// The first answer that could not be read.
    broken: Option<Broken>,
    /// Why the first of those was not sent that were not.
    unsent: Option<String>,
}

type Cell = Arc<OnceCell<Result<Exercised, String>>>;

/// The exercises so far.
#[derive(Debug, Default)]
pub(super) struct Exercises {
    known: Mutex<HashMap<String, Cell>>,
}

impl Trial<'_> {
    /// Stops with what the judge of `check` saw in the exercise of this operation, which is made once for all judges.
    pub(crate) async fn exercised(&self, check: &'static str) -> Result<(), Stop> {
        let cell = {
            let mut known = self.context.exercises.known.lock().unwrap_or_else(PoisonError::into_inner);
            Arc::clone(known.entry(self.operation.id.clone()).or_default())
        };
        let exercise = || async { exercise(self.context, self.operation).await.map_err(Stop::reason) };
        let exercised = cell.get_or_init(exercise).await.as_ref().map_err(|reason| Stop::Skip(reason.clone()))?;
        self.count(exercised.cases);
        match (exercised.seen.get(check), &exercised.broken) {
            (Some(seen), _) => Err(seen.clone().into()),
            (None, Some(broken)) => Err(Stop::broken(broken)),
            (None, None) => Ok(()),
        }
    }

    /// Stops with the answer that could not be read, if the exercise met one.
    pub(crate) async fn readable(&self, unreadable: fn(&Broken) -> Observation) -> Result<(), Stop> {
        match self.probe().await {
            Err(Broken::Request(reason)) => return Err(Stop::Skip(reason)),
            Err(limited @ Broken::Limited) => return Err(Stop::broken(&limited)),
            Err(broken) => return Err(unreadable(&broken).into()),
            Ok(()) => {}
        }
        if let Err(Stop::Skip(reason)) = self.exercised("response.readable").await
            && self.met_broken().is_none()
        {
            return Err(Stop::Skip(reason));
        }
        match self.met_broken() {
            None => Ok(()),
            Some(limited @ Broken::Limited) => Err(Stop::broken(&limited)),
            Some(broken) => Err(unreadable(&broken).into()),
        }
    }

    /// The answer that could not be read in the exercise of this operation.
    fn met_broken(&self) -> Option<Broken> {
        let known = self.context.exercises.known.lock().unwrap_or_else(PoisonError::into_inner);
        known.get(&self.operation.id).and_then(|cell| cell.get()?.as_ref().ok()?.broken.clone())
    }

    /// One anonymous request, which needs no reach.
    async fn probe(&self) -> Result<(), Broken> {
        let mut case = self.context.shape(self.operation).minimal(self.context, self.operation);
        for name in bitting_spec::template_names(&self.operation.path) {
            let given = self.context.given(self.operation, name, Role::Valid);
            case.set(name, Location::Path, given.unwrap_or_else(|| serde_json::Value::from("bitting")));
        }
        let request = case.request(self.operation).map_err(Broken::Request)?;
        self.count(1);
        self.context.exchange(request).await.map(drop)
    }
}

async fn exercise(context: &Context<'_>, operation: &Operation) -> Result<Exercised, Stop> {
    let base = context.positive(operation, Role::Valid).await?;
    let shape = context.shape(operation);
    let mut exercised = Exercised::default();
    // Each invalid case breaks something else, so there are more of them.
    let valid = context.options.max_cases.div_ceil(3);
    let invalid = context.options.max_cases - valid;
    // What has no input to vary is asked a few times only.
    let varies = operation.parameters.iter().any(|parameter| parameter.location != Location::Path);
    let valid = if varies || base.body.is_some() { valid } else { valid.min(3) };
    let mut tried = vec![(base.clone(), Sign::Anonymous)];
    let nowhere =
        shape.about_nothing(context, operation, &base).into_iter().chain(shape.far(&base)).chain(shape.odd(&base));
    tried.extend(nowhere.map(|nowhere| (nowhere, Sign::Unknown)));
    try_all(context, operation, tried, &mut exercised).await;
    let before = exercised.cases;
    let generated = (0..valid).map(|index| {
        let mut chance = runner(context.options.seed, &operation.id, "valid", index);
        (shape.valid(context, operation, &base, index, &mut chance), Sign::Valid)
    });
    let mut taken = vec![base.clone()];
    taken.extend(try_all(context, operation, generated, &mut exercised).await);
    // What met no valid request was not judged.
    if let Some(reason) = exercised.unsent.take_if(|_| exercised.cases == before) {
        return Err(Stop::Skip(reason));
    }
    let broken = in_turns(shape.invalid(context, operation, &taken)).into_iter();
    let broken = broken.map(|one| (one.case, Sign::Invalid { place: one.place, keyword: one.keyword }));
    try_all(context, operation, broken.take(usize::try_from(invalid).unwrap_or(usize::MAX)), &mut exercised).await;
    Ok(exercised)
}

/// One case of each keyword, then a second of each, and so on: where not all may be tried, each keyword is. What breaks a
/// keyword in one place in another way comes last.
fn in_turns(broken: Vec<BrokenCase>) -> Vec<BrokenCase> {
    let mut turns: BTreeMap<&'static str, BTreeSet<String>> = BTreeMap::new();
    let mut numbered: Vec<((bool, usize), BrokenCase)> = Vec::with_capacity(broken.len());
    for one in broken {
        let places = turns.entry(one.keyword).or_default();
        let is_again = !places.insert(one.place.clone());
        numbered.push(((is_again, places.len()), one));
    }
    numbered.sort_by_key(|(turn, _)| *turn);
    numbered.into_iter().map(|(_, one)| one).collect()
}

/// Sends cases, as many beside each other as there are workers, and shows the answers to every judge, one after another.
/// The cases that were a success.
async fn try_all(
    context: &Context<'_>,
    operation: &Operation,
    cases: impl IntoIterator<Item = (Case, Sign)>,
    exercised: &mut Exercised,
) -> Vec<Case> {
    let (mut cases, mut taken) = (cases.into_iter(), Vec::new());
    while !context.is_over() && exercised.broken.is_none() {
        let together: Vec<(Case, Sign)> = cases.by_ref().take(context.options.workers).collect();
        if together.is_empty() {
            break;
        }
        let sent = together.into_iter().map(|(case, sign)| async move {
            let sent = send(context, operation, &case, &sign).await;
            (case, sign, sent)
        });
        for (case, sign, sent) in join_all(sent).await {
            exercised.cases += u32::from(sent.is_ok());
            match sent {
                Ok(Ok(exchange)) => {
                    judge(context, operation, &case, &sign, &exchange, exercised).await;
                    if exchange.answer.is_success() {
                        taken.push(case);
                    }
                }
                Ok(Err(broken)) => drop(exercised.broken.get_or_insert(broken)),
                Err(stop) => drop(exercised.unsent.get_or_insert(stop.reason())),
            }
        }
    }
    taken
}

/// Shows an answer to every judge.
async fn judge(
    context: &Context<'_>,
    operation: &Operation,
    case: &Case,
    sign: &Sign,
    exchange: &Exchange,
    exercised: &mut Exercised,
) {
    for judge in judges(context) {
        let Some(seen) = (judge.sees)(&Judging { context, operation, case, sign, exchange }) else { continue };
        match exercised.seen.get_mut(judge.check) {
            Some(first) => first.also(&seen),
            None => {
                let smallest = shrink(context, operation, case, sign, judge, seen).await;
                exercised.seen.insert(judge.check, smallest);
            }
        }
    }
}

fn judges(context: &Context<'_>) -> impl Iterator<Item = &'static Judge> {
    checks::judges().filter(|judge| context.options.selects(judge.check))
}

/// Sends a case about an object that is still there, and deletes what it makes.
async fn send(
    context: &Context<'_>,
    operation: &Operation,
    case: &Case,
    sign: &Sign,
) -> Result<Result<Exchange, Broken>, Stop> {
    let about_path = matches!(sign, Sign::Invalid { place, .. } if place.starts_with("path"));
    let uses_up = operation.method == "DELETE" || context.is_done_once(operation);
    let case = context.attempt(operation, case);
    let request = match uses_up && !about_path && *sign != Sign::Unknown {
        true => case.into_owned().about(&context.arguments(operation, Role::Valid, true).await?).request(operation),
        false => case.request(operation),
    }
    .map_err(Stop::Skip)?;
    let sent = match sign {
        Sign::Anonymous => context.exchange(request).await,
        _ => context.send_as(operation, Role::Valid, request).await?,
    };
    if let Ok(exchange) = &sent
        && let Some(made) = context.note_made(operation, exchange)
    {
        context.unmake(&made).await;
    }
    Ok(sent)
}

/// The smallest case, found within a bound, in which the judge sees the same failure.
async fn shrink(
    context: &Context<'_>,
    operation: &Operation,
    case: &Case,
    sign: &Sign,
    judge: &Judge,
    seen: Observation,
) -> Observation {
    let shape = context.shape(operation);
    let of_sign = |case: &Case| match sign {
        Sign::Valid | Sign::Anonymous | Sign::Unknown => shape.is_valid(operation, case),
        Sign::Invalid { .. } => shape.is_invalid(operation, case),
    };
    let (mut case, mut seen, mut replays) = (case.clone(), seen, 0);
    'smaller: loop {
        for candidate in smaller(operation, &case).into_iter().filter(of_sign) {
            if replays >= MAX_REPLAYS || context.is_over() {
                break 'smaller;
            }
            replays += 1;
            let Ok(Ok(exchange)) = send(context, operation, &candidate, sign).await else { continue };
            let judging = Judging { context, operation, case: &candidate, sign, exchange: &exchange };
            let again = (judge.sees)(&judging);
            // Or a worse one.
            if let Some(again) = again.filter(|again| again.cause == seen.cause || again.severity > seen.severity) {
                (case, seen) = (candidate, again);
                continue 'smaller;
            }
        }
        break;
    }
    seen
}
