//! Cases with values that nobody sends by chance, and attempts that a server can tell apart.

use std::borrow::Cow;

use bitting_spec::Parameter;
use bitting_spec::table::Location;
use serde_json::Value;

use super::Shape;
use crate::generate::{Case, runner};

/// Texts that mean something in a pattern or a query, and one that ends texts of C and columns of a database.
const ODD: [&str; 2] = ["([{*?\\%_'\"", "a\u{0}b"];
/// The most cases with such texts.
const MOST_ODD: usize = 12;

impl Shape {
    /// Cases with a number in the path or query that is as large as its schema lets it be: a server may refuse it, and
    /// must not break.
    pub(crate) fn far(&self, base: &Case) -> Vec<Case> {
        let is_there = |one: &Parameter| matches!(one.location, Location::Path | Location::Query);
        let numbers = self.parameters.iter().filter(|(parameter, _)| is_there(parameter));
        let far = numbers.filter_map(|(parameter, generator)| {
            let generator = generator.as_ref().filter(|generator| !generator.accepts(&Value::from("bitting")))?;
            // No integer of 64 bits with a sign holds the first, no float the second exactly.
            let sizes = [Value::from(u64::MAX), Value::from(9_007_199_254_740_991_i64), Value::from(i32::MAX)];
            let values = sizes.into_iter().filter(|value| generator.accepts(value)).take(2);
            Some(values.map(|value| base.clone().with(parameter, value)))
        });
        far.flatten().collect()
    }

    /// Cases with a text that means something to what a server is made of: a server may refuse it, and must not break.
    pub(crate) fn odd(&self, base: &Case) -> Vec<Case> {
        let mut cases = Vec::new();
        for text in ODD.map(Value::from) {
            for (parameter, generator) in self.parameters.iter().filter(|(one, _)| one.location == Location::Query) {
                if generator.as_ref().is_some_and(|generator| generator.accepts(&text)) {
                    cases.push(base.clone().with(parameter, text.clone()));
                }
            }
            let Some((media_type, Value::Object(members))) = &base.body else { continue };
            for name in members.iter().filter(|(_, value)| value.is_string()).map(|(name, _)| name) {
                let mut members = members.clone();
                members.insert(name.clone(), text.clone());
                let body = Value::Object(members);
                if self.takes(&body) {
                    cases.push(Case { body: Some((media_type.clone(), body)), ..base.clone() });
                }
            }
        }
        cases.truncate(MOST_ODD);
        cases
    }

    /// The case as an attempt of its own, where a header tells attempts apart: under a key that was used before a server
    /// answers what it answered then, or that the key is taken.
    pub(in crate::run) fn attempt<'c>(&self, case: &'c Case, number: u64) -> Cow<'c, Case> {
        let fresh = || {
            let (parameter, generator) = self.parameters.iter().find(|(one, _)| self.is_attempt(one))?;
            let accepts = |sent: &&Value| generator.as_ref().is_some_and(|generator| generator.accepts(sent));
            // What is broken on purpose stays so.
            case.value(&parameter.name, Location::Header).filter(accepts)?;
            Some((parameter, self.fresh_key(number)?))
        };
        match fresh() {
            Some((parameter, fresh)) => Cow::Owned(case.clone().with(parameter, fresh)),
            None => Cow::Borrowed(case),
        }
    }

    /// The key of an attempt, as the document wants it.
    pub(in crate::run) fn fresh_key(&self, number: u64) -> Option<Value> {
        let named = [format!("bitting-{number}"), format!("00000000-0000-4000-8000-{number:012x}")].map(Value::from);
        let Some((parameter, Some(generator))) = self.parameters.iter().find(|(one, _)| self.is_attempt(one)) else {
            return named.into_iter().next();
        };
        let sample = || generator.sample(&mut runner(number, &self.operation, &parameter.name, 0));
        named.into_iter().find(|name| generator.accepts(name)).or_else(sample)
    }

    fn is_attempt(&self, parameter: &Parameter) -> bool {
        let is_it = |header: &String| header.eq_ignore_ascii_case(&parameter.name);
        parameter.location == Location::Header && self.idempotency_key.as_ref().is_some_and(is_it)
    }
}
