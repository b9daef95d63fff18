//! Values from schemas: valid ones by proptest strategies, invalid ones with one violation each, and smaller ones.

mod case;
mod direction;
mod negative;
mod pattern;
mod schema;
mod shrink;
mod strategy;

use bitting_spec::Document;
use jsonschema::{Draft, Validator};
use proptest::strategy::{SBoxedStrategy, Strategy, ValueTree};
use proptest::test_runner::{Config, RngAlgorithm, TestRng, TestRunner};
use serde_json::Value;
use sha2::{Digest, Sha256};

use direction::Direction;

pub(crate) use case::{Argument, Case, body_media, is_form};
pub(crate) use negative::{of_text, violations};
pub(crate) use schema::{Declared, property_names};
pub(crate) use shrink::smaller;

/// How often a strategy is asked before it counts as unable: keywords such as `not` are met by luck only.
const TRIES: usize = 48;

/// Makes values of one schema, and knows which values are of it.
pub(crate) struct Generator {
    strategy: SBoxedStrategy<Value>,
    validator: Validator,
}

impl Generator {
    /// A generator for values of `schema`. `None` when it is no valid schema.
    pub(crate) fn new(document: &Document, schema: &Value) -> Option<Self> {
        Some(Self {
            strategy: strategy::values(document, schema),
            validator: directed_validator(document, schema, Direction::Request)?,
        })
    }

    /// A value of the schema; `None` when none was found.
    pub(crate) fn sample(&self, runner: &mut TestRunner) -> Option<Value> {
        (0..TRIES).find_map(|_| {
            let value = self.strategy.new_tree(runner).ok()?.current();
            self.accepts(&value).then_some(value)
        })
    }

    /// Whether `value` is of the schema.
    pub(crate) fn accepts(&self, value: &Value) -> bool {
        self.validator.is_valid(value)
    }
}

/// A validator for answers of `schema` that judges formats too.
pub(crate) fn validator(document: &Document, schema: &Value) -> Option<Validator> {
    directed_validator(document, schema, Direction::Answer)
}

fn directed_validator(document: &Document, schema: &Value, direction: Direction) -> Option<Validator> {
    let schema = direction::directed(&document.bundle(schema), direction);
    jsonschema::options().with_draft(Draft::Draft202012).should_validate_formats(true).build(&schema).ok()
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

/// A fair coin.
pub(crate) fn coin(chance: &mut TestRunner) -> bool {
    use proptest::prelude::RngExt as _;
    chance.rng().random()
}
