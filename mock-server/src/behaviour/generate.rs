//! Answers of operations that are about no object: the document's own example where it fits, else one made up.

use std::mem::discriminant;

use bitting_spec::table::Location;
use serde_json::{Map, Value};

use super::{Desk, body_schema};
use crate::exchange::Answer;
use crate::fake::{Fake, flatten, seed_of};

/// How many answers are made up until one fits: alternatives of a schema are tried one after the other.
const ATTEMPTS: usize = 8;

impl Desk<'_> {
    /// An answer from the document's example, else from its schema: the first that fits what the document says. Examples
    /// in the world's documents are often older than their schemas.
    pub(super) fn generate(&self) -> Answer {
        self.asked_part(self.told_of(self.made()))
    }

    /// The part of a list that the query asks for, where the answer holds one: an object may be a list, too.
    pub(super) fn asked_part(&self, answer: Answer) -> Answer {
        let asks = || self.plan.operation.parameters.iter().any(|one| one.location == Location::Query);
        match &self.plan.list {
            Some((pointer, schema)) if asks() => self.part_of(answer, pointer, schema),
            _ => answer,
        }
    }

    /// The answer with what the request says, or leaves to its defaults, in the members of the same names: whoever asks for
    /// a volume of a driver is not told of another one. What only the server sets stays.
    fn told_of(&self, answer: Answer) -> Answer {
        let document = &self.core.plan.document;
        let (Some(body), Some(shown)) = (body_schema(&self.plan.operation), &self.plan.success.schema) else {
            return answer;
        };
        let (Some(Value::Object(members)), body) = (&answer.body, flatten(document, body)) else { return answer };
        let shown = flatten(document, shown);
        let property = |flat: &Map<String, Value>, name: &str| {
            Some(flatten(document, flat.get("properties")?.get(name)?).into_owned())
        };
        let mut members = members.clone();
        for (name, value) in &mut members {
            let Some(asked) = property(&body, name).filter(|_| !self.core.plan.secrets.names(name)) else { continue };
            let is_owned =
                property(&shown, name).is_some_and(|shown| shown.get("readOnly") == Some(&Value::Bool(true)));
            let said = self.given.body.get(name).or_else(|| asked.get("default")).filter(|_| !is_owned);
            if let Some(said) = said.filter(|said| discriminant(*said) == discriminant(value)) {
                *value = said.clone();
            }
        }
        let told = Answer { body: Some(Value::Object(members)), ..answer.clone() };
        if self.plan.answers.fits(&told) { told } else { answer }
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
