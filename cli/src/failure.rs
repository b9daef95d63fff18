//! Why a command could not do its work, and the exit code that says so to scripts.

use std::fmt::Write as _;

use anstyle::{AnsiColor, Style};

use crate::document::note;

/// A command that could not do its work.
#[derive(Debug)]
pub(crate) enum Failure {
    /// Wrong usage, or a document that cannot be used.
    Usage(String),
    /// A server is out of reach, nothing of it was reached, or a credential that should work does not.
    Unreachable(String),
}

impl Failure {
    /// A fault of usage with what to do about it.
    pub(crate) fn usage(what: impl std::fmt::Display, help: impl std::fmt::Display) -> Self {
        Self::Usage(format!("{what}\n  help: {help}"))
    }

    pub(crate) fn code(&self) -> u8 {
        match self {
            Self::Usage(_) => 2,
            Self::Unreachable(_) => 3,
        }
    }

    pub(crate) fn print(&self) {
        let (Self::Usage(text) | Self::Unreachable(text)) = self;
        let (error, help) = (AnsiColor::Red.on_default().bold(), Style::new().bold());
        let mut lines = text.lines();
        let mut out = format!("{error}error{error:#}: {}", lines.next().unwrap_or_default());
        for line in lines {
            let line = match line.trim_start().strip_prefix("help:") {
                Some(rest) => format!("  {help}help{help:#}:{rest}"),
                None => line.to_owned(),
            };
            let _ = write!(out, "\n{line}");
        }
        anstream::eprintln!("{out}");
    }
}

/// Says what made a command do less than it could, and what to do about it.
pub(crate) fn warn(what: impl std::fmt::Display, help: impl std::fmt::Display) {
    let bold = Style::new().bold();
    note(&format!("{what}\n  {bold}help{bold:#}: {help}"));
}

impl From<bitting_spec::Error> for Failure {
    fn from(error: bitting_spec::Error) -> Self {
        Self::Usage(error.to_string())
    }
}
