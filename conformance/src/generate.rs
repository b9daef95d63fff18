//! Values from schemas: valid ones by proptest strategies, invalid ones with one violation each, and smaller ones.

mod canonical;
mod case;
mod kind;
mod multipart;
mod negative;
mod pattern;
mod reading;
mod schema;
mod shrink;
mod strategy;
#[cfg(test)]
mod tests;

use std::sync::OnceLock;

use bitting_spec::{Direction, Document, directed};
use jsonschema::{Draft, Validator};
use proptest::strategy::{SBoxedStrategy, Strategy, ValueTree};
use proptest::test_runner::{Config, RngAlgorithm, TestRng, TestRunner};
use serde_json::Value;
use sha2::{Digest, Sha256};

pub(crate) use case::{Argument, Case, body_media, is_blank, is_form, is_multipart, sayable, text_of};
pub(crate) use kind::{item_members, lists_what_is_shown};
pub(crate) use multipart::Parts;
pub(crate) use negative::{ALIKE, NULL, of_text, violations};
pub(crate) use schema::{Declared, property_names};
pub(crate) use shrink::smaller;

/// How often a strategy is asked before it counts as unable: keywords such as `not` are met by luck only.
const TRIES: usize = 48;

/// Makes values of one schema, and knows which values are of it.
pub(crate) struct Generator {
    strategy: SBoxedStrategy<Value>,
    validator: Validator,
    /// The schema with everything that it names, for what the strategy does not meet; `None` where it is very long.
    bundled: Option<Value>,
    /// Made when the strategy has failed once: it takes time, and few schemas need it.
    canonical: OnceLock<Option<SBoxedStrategy<Value>>>,
    /// Whether it makes no empty list or object.
    is_filled: bool,
}

/// Longer schemas, in bytes of JSON, are not rewritten.
const MAX_REWRITTEN: usize = 64 * 1024;

impl Generator {
    /// A generator for values of `schema`. `None` when it is no valid schema.
    pub(crate) fn new(document: &Document, schema: &Value) -> Option<Self> {
        let bundled = directed(&document.bundle(schema), Direction::Request);
        let validator = compiled(&bundled)?;
        let bundled = Some(bundled).filter(|bundled| bundled.to_string().len() <= MAX_REWRITTEN);
        let (strategy, canonical) = (strategy::values(document, schema), OnceLock::new());
        Some(Self { strategy, validator, bundled, canonical, is_filled: false })
    }

    /// The same for values that are sent in a header field: their texts are visible ASCII.
    pub(crate) fn visible(document: &Document, schema: &Value) -> Option<Self> {
        let made = Self::new(document, schema)?;
        let strategy = made.strategy.prop_map(visible).sboxed();
        Some(Self { strategy, bundled: None, ..made })
    }

    /// The same without empty lists and objects.
    pub(crate) fn filled(self) -> Self {
        Self { is_filled: true, ..self }
    }

    /// The same for the bodies of forms, where an empty list or object is written as nothing.
    pub(crate) fn of_form(self) -> Self {
        let strategy = self.strategy.prop_map(without_empty).sboxed();
        Self { strategy, bundled: None, ..self }
    }

    /// A value of the schema; `None` when none was found.
    pub(crate) fn sample(&self, runner: &mut TestRunner) -> Option<Value> {
        self.try_strategy(&self.strategy, runner).or_else(|| {
            let canonical = self.canonical.get_or_init(|| canonical::values(self.bundled.as_ref()?));
            self.try_strategy(canonical.as_ref()?, runner)
        })
    }

    /// A value that the schema refuses, by what it says of combinations: `not`, `oneOf`, `anyOf`, `if`. With the keyword.
    pub(crate) fn opposite(&self, runner: &mut TestRunner) -> Option<(&'static str, Value)> {
        let bundled = self.bundled.as_ref()?;
        let keyword = ["not", "oneOf", "anyOf", "if"].into_iter().find(|key| bundled.get(*key).is_some())?;
        let others = canonical::others(bundled)?;
        let value = (0..TRIES).find_map(|_| {
            let value = others.new_tree(runner).ok()?.current();
            (!self.accepts(&value)).then_some(value)
        });
        value.map(|value| (keyword, value))
    }

    fn try_strategy(&self, strategy: &SBoxedStrategy<Value>, runner: &mut TestRunner) -> Option<Value> {
        (0..TRIES).find_map(|_| {
            let value = strategy.new_tree(runner).ok()?.current();
            let is_empty = matches!(&value, Value::Array(items) if items.is_empty())
                || matches!(&value, Value::Object(members) if members.is_empty());
            (self.accepts(&value) && !(self.is_filled && is_empty)).then_some(value)
        })
    }

    /// Whether `value` is of the schema.
    pub(crate) fn accepts(&self, value: &Value) -> bool {
        self.validator.is_valid(value)
    }
}

/// A value whose texts are what a header field may hold, lists of them too.
fn visible(value: Value) -> Value {
    match value {
        Value::String(text) => {
            Value::String(text.replace(|letter: char| letter != ' ' && !letter.is_ascii_graphic(), "x"))
        }
        Value::Array(items) => items.into_iter().map(visible).collect(),
        other => other,
    }
}

/// An object without the members that a form writes as nothing.
fn without_empty(value: Value) -> Value {
    let Value::Object(mut members) = value else { return value };
    members.retain(|_, value| match value {
        Value::Array(items) => !items.is_empty(),
        Value::Object(members) => !members.is_empty(),
        _ => true,
    });
    Value::Object(members)
}

/// A validator for answers of `schema` that judges formats too.
pub(crate) fn validator(document: &Document, schema: &Value) -> Option<Validator> {
    compiled(&directed(&document.bundle(schema), Direction::Answer))
}

fn compiled(bundled: &Value) -> Option<Validator> {
    jsonschema::options().with_draft(Draft::Draft202012).should_validate_formats(true).build(bundled).ok()
}

/// The source of chance of one case. It depends on nothing but its own name, so that a case can be made again alone.
pub(crate) fn runner(seed: u64, operation: &str, purpose: &str, index: u32) -> TestRunner {
    let mut hash = Sha256::new();
    hash.update(seed.to_be_bytes());
    for part in [operation, purpose] {
        hash.update(part.as_bytes());
        hash.update([0]);
    }
    hash.update(index.to_be_bytes());
    let rng = TestRng::from_seed(RngAlgorithm::ChaCha, &hash.finalize());
    TestRunner::new_with_rng(Config { failure_persistence: None, ..Config::default() }, rng)
}

/// One of `count` numbers from 0 on; 0 where there is none to choose.
pub(crate) fn pick(chance: &mut TestRunner, count: usize) -> usize {
    use proptest::prelude::RngExt as _;
    chance.rng().random_range(0..count.max(1))
}

/// A fair coin.
pub(crate) fn coin(chance: &mut TestRunner) -> bool {
    use proptest::prelude::RngExt as _;
    chance.rng().random()
}
