//! `state.sequence`: creations, changes, refused changes, deletions and reads in an order that chance chooses, against a
//! model of what must hold after each of them. What fails is played again with fewer steps, down to the fewest.

mod family;
mod world;

use bitting_spec::template_names;
use futures_util::future::join_all;

use self::family::Family;
use self::world::World;
use crate::check::{Check, CheckInfo, Need, Phase};
use crate::credentials::Role;
use crate::finding::Observation;
use crate::generate::{pick, runner};
use crate::options::Options;
use crate::run::{Stop, Trial};

/// The fewest and the most steps of a sequence.
const LENGTH: std::ops::RangeInclusive<usize> = 3..=12;
/// So many sequences are played one after another: each calls a server that does nothing else, which shows what other
/// calls would hide, such as a list that is only written anew by a creation. More of them are played beside each other.
const ALONE: u32 = 24;
/// How often a sequence that fails is played again to make it shorter.
const MAX_REPLAYS: u32 = 60;

pub(super) const CHECKS: &[Check] = &[Check {
    info: CheckInfo {
        id: "state.sequence",
        title: "whatever the order of the calls, each object is what was last made of it",
        rule: "After any sequence of creations, changes, refused changes, deletions and reads, an object that is there \
               can be read, has the values that were written last and stands in its list; one that was deleted, or that \
               stood below one that was deleted, does not; and a call about one object changes no other.",
        source: "RFC 9110, 9.3 and 15.5; RFC 5789, 2; OpenAPI 3.1, 4.8.20 (links)",
        needs: &[Need::Valid],
        phase: Phase::State,
    },
    applies: |document, operation| Family::of(document, operation).is_some_and(|family| family.is_telling()),
    run: |trial| Box::pin(sequences(trial)),
}];

/// What is done in a step. Objects are called by the number of the step that makes them, so that a sequence that has
/// lost some of its steps means the same with the others.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Act {
    /// Makes a parent, or an object; below the parent of that step, where the objects have parents of their own.
    Create { is_parent: bool, below: Option<u32> },
    /// Changes the object.
    Change(u32),
    /// Asks for a change that the document does not allow.
    Break(u32),
    /// Deletes the object.
    Remove(u32),
    /// Reads the object.
    Read(u32),
    /// Reads the list in which the object stands.
    List(u32),
}

impl Act {
    /// The step without which this one means nothing.
    fn about(self) -> Option<u32> {
        match self {
            Self::Create { below, .. } => below,
            Self::Change(of) | Self::Break(of) | Self::Remove(of) | Self::Read(of) | Self::List(of) => Some(of),
        }
    }
}

/// One step. What is sent in it grows from its number, whatever the other steps are.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Step {
    number: u32,
    act: Act,
}

/// The steps of a sequence: the same for the same seed. At the end everything that was made is looked at.
fn steps(family: &Family<'_>, seed: u64, sequence: u32) -> Vec<Step> {
    let mut chance = runner(seed, &family.create.id, "steps", sequence);
    let length = LENGTH.start() + pick(&mut chance, LENGTH.end() - LENGTH.start() + 1);
    let (mut parents, mut objects, mut steps): (Vec<u32>, Vec<u32>, Vec<Step>) = Default::default();
    for number in (0..).take(length) {
        let mut one = |from: &[u32]| from.get(pick(&mut chance, from.len().max(1))).copied();
        let all: Vec<u32> = parents.iter().chain(&objects).copied().collect();
        let (parent, of) = (one(&parents), one(&all).unwrap_or_default());
        let is_parent = family.parent.is_some() && parents.is_empty();
        let act = match pick(&mut chance, 10) {
            _ if is_parent => Act::Create { is_parent, below: None },
            _ if objects.is_empty() => Act::Create { is_parent, below: parent },
            0 | 1 => Act::Create { is_parent, below: parent },
            2 if family.parent.is_some() => Act::Create { is_parent: true, below: None },
            3 | 4 => Act::Change(of),
            5 => Act::Break(of),
            6 | 7 => Act::Remove(of),
            8 => Act::List(of),
            _ => Act::Read(of),
        };
        match act {
            Act::Create { is_parent: true, .. } => parents.push(number),
            Act::Create { .. } => objects.push(number),
            _ => {}
        }
        steps.push(Step { number, act });
    }
    let made = parents.iter().chain(&objects);
    let looks = made.flat_map(|of| [Act::Read(*of), Act::List(*of)]);
    let numbers = u32::try_from(length).unwrap_or(u32::MAX)..;
    steps.extend(numbers.zip(looks).map(|(number, act)| Step { number, act }));
    steps
}

async fn sequences(trial: &Trial<'_>) -> Result<(), Stop> {
    let family = Family::of(trial.context.document, trial.operation);
    let mut family = family.ok_or_else(|| Stop::Skip("it makes nothing that can be followed".to_owned()))?;
    // Where somebody says which parent it is, others may not be for this principal.
    let given = |name: &&str| trial.context.given(trial.operation, name, Role::Valid).is_some();
    if template_names(&trial.operation.path).last().is_some_and(given) {
        family.parent = None;
    }
    let family = &family;
    trial.case().await?;
    let Options { max_cases, seed, workers, .. } = *trial.context.options;
    let workers = u32::try_from(workers).unwrap_or(u32::MAX);
    let (mut next, mut made) = (0, 0);
    while next == 0 || next < max_cases && trial.cases() < max_cases && !trial.context.is_over() {
        let together = if next < ALONE { 1 } else { workers };
        let numbers = next..next.saturating_add(together).min(max_cases.max(1));
        next = numbers.end;
        let plays = numbers.map(|sequence| async move {
            let steps = steps(family, seed, sequence);
            (sequence, play(trial, family, sequence, &steps).await, steps)
        });
        for (sequence, played, steps) in join_all(plays).await {
            let played = match played {
                // A list that others change while it is read page by page shows what is not so.
                Err((_, Stop::Fail(_))) if together > 1 => play(trial, family, sequence, &steps).await,
                played => played,
            };
            match played {
                Err((at, Stop::Fail(seen))) => {
                    let steps = steps[..=at].to_vec();
                    return Err(shortest(trial, family, sequence, steps, *seen).await.into());
                }
                Err((_, stop)) => return Err(stop),
                Ok(objects) => made += objects,
            }
        }
    }
    if made == 0 { Err(Stop::Skip("no object was made that could be followed".to_owned())) } else { Ok(()) }
}

/// Takes the steps in a world of their own: how many objects there were, or which step showed what.
async fn play(trial: &Trial<'_>, family: &Family<'_>, sequence: u32, steps: &[Step]) -> Result<usize, (usize, Stop)> {
    let mut world = World::new(trial, family, sequence);
    let mut played = Ok(());
    for (at, step) in steps.iter().enumerate() {
        played = world.take(*step).await.map_err(|stop| (at, stop));
        if played.is_err() {
            break;
        }
    }
    let objects = world.objects();
    world.clear().await;
    played.map(|()| objects)
}

/// The failure with as few steps as still show it, found within a bound.
async fn shortest(
    trial: &Trial<'_>,
    family: &Family<'_>,
    sequence: u32,
    mut steps: Vec<Step>,
    mut seen: Observation,
) -> Observation {
    let (mut replays, mut before) = (0, usize::MAX);
    while steps.len() < before {
        before = steps.len();
        let mut at = steps.len();
        while at > 0 && replays < MAX_REPLAYS && !trial.context.is_over() {
            at = (at - 1).min(steps.len() - 1);
            replays += 1;
            let fewer = without(&steps, at);
            if let Err((last, Stop::Fail(again))) = play(trial, family, sequence, &fewer).await
                && again.cause == seen.cause
            {
                (steps, seen) = (fewer[..=last].to_vec(), *again);
            }
        }
    }
    seen
}

/// The steps but for one, and for those that mean nothing without it.
fn without(steps: &[Step], at: usize) -> Vec<Step> {
    let mut kept: Vec<Step> = Vec::with_capacity(steps.len());
    for (index, step) in steps.iter().enumerate() {
        let stands = step.act.about().is_none_or(|about| kept.iter().any(|other| other.number == about));
        if index != at && stands {
            kept.push(*step);
        }
    }
    kept
}

#[cfg(test)]
mod tests {
    use bitting_spec::Document;

    use super::*;

    const DOCUMENT: &str = r#"{"openapi": "3.1.0", "info": {"title": "t", "version": "1"}, "paths": {
        "/shelves": {"post": {"operationId": "shelf", "responses": {"201": {"description": "d"}}}},
        "/shelves/{shelf}": {"delete": {"responses": {"204": {"description": "d"}}}},
        "/shelves/{shelf}/books": {"post": {"operationId": "book", "responses": {"201": {"description": "d", "links":
            {"one": {"operationId": "look", "parameters": {"code": "$response.body#/data/code"}}}}}}},
        "/shelves/{shelf}/books/{book}": {"delete": {"responses": {"204": {"description": "d"}}}},
        "/catalogue/{code}": {"get": {"operationId": "look", "responses": {"200": {"description": "d"}}}}}}"#;

    /// Links of the document come before what paths tell, and what stands below another has a parent.
    #[test]
    fn links_and_paths_tell_what_goes_together() {
        let document = Document::parse("t.json", DOCUMENT).expect("it is valid");
        let book = Family::of(&document, document.operation("book").expect("it is there")).expect("a family");
        assert_eq!(book.read.map(|item| (item.operation.id.as_str(), item.name)), Some(("look", "code")));
        assert_eq!(book.remove.map(|item| item.name), Some("book"));
        assert!(book.is_telling() && book.parent.is_some_and(|shelf| shelf.create.id == "shelf"));
        let shelf = Family::of(&document, document.operation("shelf").expect("it is there")).expect("a family");
        assert!(!shelf.is_telling(), "nobody could look at it");
    }

    /// The same seed makes the same steps; each is about a step before it, and stays so when others are left out.
    #[test]
    fn steps_depend_on_the_seed_alone_and_on_earlier_ones() {
        let document = Document::parse("t.json", DOCUMENT).expect("it is valid");
        let family = Family::of(&document, document.operation("book").expect("it is there")).expect("a family");
        for sequence in 0..50 {
            let steps = steps(&family, 7, sequence);
            assert_eq!(steps, super::steps(&family, 7, sequence));
            assert!(steps.len() > *LENGTH.start());
            let is_whole = |steps: &[Step]| {
                steps
                    .iter()
                    .all(|step| step.act.about().is_none_or(|about| steps.iter().any(|one| one.number == about)))
            };
            assert!(is_whole(&steps), "{steps:?}");
            for at in 0..steps.len() {
                let fewer = without(&steps, at);
                assert!(is_whole(&fewer) && fewer.len() < steps.len(), "{fewer:?}");
            }
        }
        assert_ne!(steps(&family, 7, 0), steps(&family, 8, 0));
    }
}
