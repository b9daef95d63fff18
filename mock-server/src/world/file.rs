//! The file that a world is described in, and what can be wrong with it: which file, on which line, at which place.

use std::fmt;
use std::sync::LazyLock;

use jsonschema::Validator;
use serde_json::Value;

use super::Population;

/// The form of the file. It is checked before it is read, so that every fault has its place.
const FORM: &str = include_str!("../../world.schema.json");

/// What is wrong with a world, and where in its description.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Misfit {
    pointer: String,
    message: String,
}

impl Misfit {
    pub(crate) fn new(pointer: impl Into<String>, message: impl Into<String>) -> Self {
        Self { pointer: pointer.into(), message: message.into() }
    }
}

/// A world that cannot be.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct WorldError {
    /// The file; `None`: the world was described in the program.
    pub file: Option<String>,
    /// The line, counted from 1, where it is known.
    pub line: Option<usize>,
    /// The place in the description (RFC 6901); empty for the whole.
    pub pointer: String,
    /// What is wrong.
    pub message: String,
}

impl fmt::Display for WorldError {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(self.file.as_deref().unwrap_or("the world cannot be used"))?;
        if let Some(line) = self.line {
            write!(formatter, ":{line}")?;
        }
        if !self.pointer.is_empty() {
            write!(formatter, ": at {}", self.pointer)?;
        }
        write!(formatter, ": {}", self.message)
    }
}

impl std::error::Error for WorldError {}

/// Where a population was described, so that a fault that is found later has its line too.
#[derive(Debug, Clone, Default)]
pub(crate) struct Origin {
    file: Option<(String, String)>,
}

impl Origin {
    /// The error of a fault in the description.
    pub(crate) fn error(&self, misfit: Misfit) -> WorldError {
        let Misfit { pointer, message } = misfit;
        let line = self.file.as_ref().and_then(|(_, text)| bitting_spec::line_of(text, &pointer));
        WorldError { file: self.file.as_ref().map(|(name, _)| name.clone()), line, pointer, message }
    }
}

/// Reads a population from the text of a file (YAML or JSON); `file` is what errors call it.
pub(crate) fn read(file: &str, text: &str) -> Result<(Population, Origin), WorldError> {
    let origin = Origin { file: Some((file.to_owned(), text.to_owned())) };
    let value = bitting_spec::read_value(file, text).map_err(|error| WorldError {
        file: Some(error.file),
        line: error.line,
        pointer: error.pointer,
        message: error.message,
    })?;
    if let Some(misfit) = misfit(&value) {
        return Err(origin.error(misfit));
    }
    let population: Population =
        serde_json::from_value(value).map_err(|error| origin.error(Misfit::new("", error.to_string())))?;
    population.check().map_err(|misfit| origin.error(misfit))?;
    Ok((population, origin))
}

/// What in a description has not the form of one; never a value, which may be a secret.
fn misfit(value: &Value) -> Option<Misfit> {
    static VALIDATOR: LazyLock<Option<Validator>> = LazyLock::new(|| {
        let form = serde_json::from_str(FORM).ok()?;
        jsonschema::validator_for(&form).ok()
    });
    let error = VALIDATOR.as_ref()?.iter_errors(value).next()?;
    Some(Misfit::new(error.instance_path().to_string(), error.masked().to_string()))
}
