//! Answers of operations that are about no object: the document's own example where it fits, else one made up.

use serde_json::Value;

use super::Desk;
use crate::exchange::Answer;
use crate::fake::{Fake, seed_of};

/// How many answers are made up until one fits: alternatives of a schema are tried one after the other.
const ATTEMPTS: usize = 8;

impl Desk<'_> {
    /// An answer from the document's example, else from its schema: the first that fits what the document says. Examples
    /// in the world's documents are often older than their schemas.
    pub(super) fn generate(&self) -> Answer {
        let answer = self.made();
        match &self.plan.list {
            Some((pointer, _)) if self.plan.operation.pagination.is_some() => self.paged(answer, pointer),
            _ => answer,
        }
    }

    fn made(&self) -> Answer {
        let success = &self.plan.success;
        let Some(schema) = &success.schema else {
            return self.success(success.example.clone().unwrap_or(Value::Null));
        };
        let parts = self.path.iter().map(|(_, value)| value.as_str());
        let parts: Vec<&str> = [self.plan.operation.id.as_str()].into_iter().chain(parts).collect();
        let seed = seed_of(self.core.seed, &parts);
        let made = (0..ATTEMPTS).map(|turn| Fake::taking(&self.core.plan.document, seed, turn).value("", schema));
        let mut answers = success.example.iter().flat_map(read).chain(made).map(|body| self.success(body));
        let mut first = None;
        let fitting = answers.find(|answer| {
            first.get_or_insert_with(|| answer.clone());
            self.plan.answers.fits(answer)
        });
        // If none does, the self-check says what is wrong with the first.
        fitting.or(first).unwrap_or_else(|| self.success(Value::Null))
    }
}

/// An example as it stands, and where it is the text of a JSON value that value.
fn read(example: &Value) -> impl Iterator<Item = Value> + use<> {
    let parsed = example.as_str().and_then(|text| serde_json::from_str(text).ok());
    [Some(example.clone()), parsed].into_iter().flatten()
}
