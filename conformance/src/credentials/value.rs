//! A text of a settings file: as it stands, or where it is to be found. Secrets belong in the second kind.

use std::path::Path;
use std::process::{Command, Stdio};

use serde::Deserialize;

use crate::error::Error;

/// What stands in a settings file for a value that somebody has to fill in.
pub(crate) const BLANK: &str = "…";

/// A text as it stands, or where it is.
#[derive(Deserialize)]
#[serde(
    untagged,
    expecting = "expected a text, { env = \"NAME\" }, { file = \"PATH\" } or { command = [\"PROGRAM\", \"ARGUMENT\"] }"
)]
pub(crate) enum Value {
    Text(String),
    Variable(Variable),
    File(FileName),
    Output(Output),
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Variable {
    env: String,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct FileName {
    file: String,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Output {
    command: Vec<String>,
}

/// Where values are looked for, and what errors call the file that names them.
#[derive(Clone, Copy)]
pub(crate) struct Source<'a> {
    /// The settings file.
    pub(crate) name: &'a str,
    /// What relative paths start from, and the folder that commands run in.
    pub(crate) folder: &'a Path,
    /// What an environment variable holds.
    pub(crate) lookup: &'a dyn Fn(&str) -> Option<String>,
}

impl Value {
    /// The text. White space around it goes, where it comes from elsewhere: a line's end is no part of a secret.
    pub(crate) fn read(self, source: Source<'_>) -> Result<String, Error> {
        match self {
            Self::Text(text) if text == BLANK => {
                let message = format!("a value is still `{BLANK}`");
                Err(Error::config(source.name, message, "write the value, or leave the member out"))
            }
            Self::Text(text) => Ok(text),
            Self::Variable(Variable { env }) => {
                let wrong = |what: &str| {
                    let message = format!("the environment variable `{env}` is {what}");
                    Error::config(source.name, message, format!("export {env}=…"))
                };
                let text = (source.lookup)(&env).ok_or_else(|| wrong("not set"))?;
                let text = text.trim();
                if text.is_empty() { Err(wrong("empty")) } else { Ok(text.to_owned()) }
            }
            Self::File(FileName { file }) => {
                std::fs::read_to_string(source.folder.join(&file)).map(|text| text.trim().to_owned()).map_err(|error| {
                    let message = format!("`{file}` cannot be read: {error}");
                    Error::config(source.name, message, "write a path that starts from the folder of this file")
                })
            }
            Self::Output(Output { command }) => output(&command, source),
        }
    }
}

/// What a command prints; what it writes to its standard error is the user's to see.
fn output(words: &[String], source: Source<'_>) -> Result<String, Error> {
    let wrong = |message: String| Error::config(source.name, message, "try the command by hand");
    let (program, arguments) = words.split_first().ok_or_else(|| wrong("`command` names no program".to_owned()))?;
    let output = Command::new(program)
        .args(arguments)
        .current_dir(if source.folder.as_os_str().is_empty() { Path::new(".") } else { source.folder })
        .stdin(Stdio::null())
        .stderr(Stdio::inherit())
        .output()
        .map_err(|error| wrong(format!("the command `{program}` cannot be started: {error}")))?;
    if !output.status.success() {
        return Err(wrong(format!("the command `{program}` failed: {}", output.status)));
    }
    // What it printed may be a secret: no error repeats it.
    let text = String::from_utf8(output.stdout).map_err(|_| wrong(format!("`{program}` printed no UTF-8")))?;
    let text = text.trim();
    if text.is_empty() {
        return Err(wrong(format!("the command `{program}` printed nothing")));
    }
    Ok(text.to_owned())
}
