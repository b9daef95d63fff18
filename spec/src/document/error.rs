//! What can be wrong with a document, and where.

use std::fmt;

/// A document that cannot be used: what is wrong, in which file, on which line, at which JSON pointer, and what to do.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Error {
    /// The kind of fault.
    pub kind: ErrorKind,
    /// The file's name as it was given.
    pub file: String,
    /// The line, counted from 1, where it is known.
    pub line: Option<usize>,
    /// The place in the document (RFC 6901); empty for the whole.
    pub pointer: String,
    /// What is wrong.
    pub message: String,
    /// What to do about it.
    pub remedy: Option<String>,
}

/// The kinds of fault in a document.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum ErrorKind {
    /// The file cannot be read.
    Unreadable,
    /// It is no YAML and no JSON.
    Syntax,
    /// It is no OpenAPI document, or of a version that is not supported.
    Version,
    /// A reference leads nowhere, outside the document, or round in a circle; or what is named is not declared.
    Reference,
    /// A part of the document has a wrong form.
    Structure,
    /// One of bitting's extensions has a wrong form.
    Extension,
    /// The overlay cannot be applied.
    Overlay,
}

impl ErrorKind {
    /// What to do where the fault itself says no more.
    fn remedy(self) -> &'static str {
        match self {
            Self::Unreadable => "check the path and the file's permissions",
            Self::Syntax => "a document is one object in YAML or JSON, in UTF-8",
            Self::Version => "the document begins with `openapi: 3.1.0`",
            Self::Reference => "a reference is a text such as `#/components/schemas/Thing`",
            Self::Structure => "https://spec.openapis.org/oas/v3.1.0 says what may stand there",
            Self::Extension => "spec/README.md describes the extensions",
            Self::Overlay => "https://spec.openapis.org/overlay/v1.0.0 says what may stand there",
        }
    }
}

impl fmt::Display for Error {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(&self.file)?;
        if let Some(line) = self.line {
            write!(formatter, ":{line}")?;
        }
        if !self.pointer.is_empty() {
            write!(formatter, ": at {}", self.pointer)?;
        }
        write!(formatter, ": {}", self.message)?;
        match &self.remedy {
            Some(remedy) => write!(formatter, "\n  help: {remedy}"),
            None => Ok(()),
        }
    }
}

impl std::error::Error for Error {}

/// Something in a document that is worth knowing and does not keep it from being used.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Warning {
    /// The place in the document (RFC 6901).
    pub pointer: String,
    /// What was found, and what is done about it.
    pub message: String,
}

/// A fault before its file and line are known.
#[derive(Debug)]
pub(super) struct Fault {
    pub(super) kind: ErrorKind,
    pub(super) pointer: String,
    pub(super) message: String,
    pub(super) remedy: Option<String>,
}

impl Fault {
    pub(super) fn new(kind: ErrorKind, pointer: impl Into<String>, message: impl Into<String>) -> Self {
        Self { kind, pointer: pointer.into(), message: message.into(), remedy: None }
    }

    pub(super) fn remedy(mut self, remedy: impl Into<String>) -> Self {
        self.remedy = Some(remedy.into());
        self
    }

    /// Adds what those do who cannot change the document.
    pub(super) fn or_else(self, remedy: &str) -> Self {
        let first = self.remedy.clone().unwrap_or_else(|| self.kind.remedy().to_owned());
        self.remedy(format!("{first}\n  help: {remedy}"))
    }

    pub(super) fn at(self, file: &str, line: Option<usize>) -> Error {
        let Self { kind, pointer, message, remedy } = self;
        let remedy = remedy.or_else(|| Some(kind.remedy().to_owned()));
        Error { kind, file: file.to_owned(), line, pointer, message, remedy }
    }
}
