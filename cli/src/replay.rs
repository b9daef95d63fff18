//! `bitting replay`: a finding of a report, tried again.

use std::process::ExitCode;

use bitting_conformance::{Outcome, report};
use clap::Parser;

use crate::check;
use crate::document;
use crate::failure::Failure;
use crate::lines::Lines;
use crate::options::{Command, Options, Replay};
use crate::settings;

pub(crate) fn run(options: &Replay) -> Result<ExitCode, Failure> {
    let text = std::fs::read_to_string(&options.report).map_err(|error| {
        Failure::usage(format!("{} cannot be read: {error}", options.report.display()), "check the path of --report")
    })?;
    let words = report::replay(&text, &options.id)?;
    let unusable = || Failure::usage("the report's command cannot be used", "make the report anew with this version");
    let Command::Check(mut check) = Options::try_parse_from(&words).map_err(|_| unusable())?.command else {
        return Err(unusable());
    };
    if let Some(url) = &options.url {
        check.url = Some(url.clone());
        check.defect.clear();
    }
    let run = settings::run(&check)?;
    let found = check::report(
        &document::load_trusting(&run.document, &run.options.authorities)?,
        &check,
        &run,
        &mut Lines::default(),
    )?;
    anstream::print!("{}", report::terminal(&found, std::io::IsTerminal::is_terminal(&std::io::stdout())));
    let again = found
        .verdicts
        .iter()
        .any(|verdict| matches!(&verdict.outcome, Outcome::Fail(finding) if finding.id == options.id));
    let judged = |outcome: &Outcome| !matches!(outcome, Outcome::Skip { .. });
    if found.interrupted || !found.verdicts.iter().any(|verdict| judged(&verdict.outcome)) {
        anstream::println!("\n{} could not be tried again: what it needs is said above", options.id);
        return Ok(ExitCode::from(if found.interrupted { 130 } else { 4 }));
    }
    // Whatever its severity: it was asked for by its id.
    let still = if again { "still there" } else { "not found any more" };
    anstream::println!("\n{} is {still}", options.id);
    Ok(ExitCode::from(u8::from(again)))
}
