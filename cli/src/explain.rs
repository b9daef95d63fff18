//! `bitting explain`: what a check demands, and why.

use std::process::ExitCode;

use anstyle::Style;

use crate::failure::Failure;
use crate::options::Explain;

pub(crate) fn run(options: &Explain) -> Result<ExitCode, Failure> {
    if options.id == "provisioner" {
        anstream::print!("{}", bitting_conformance::provision::protocol());
        return Ok(ExitCode::SUCCESS);
    }
    let checks = bitting_conformance::checks();
    let Some(check) = checks.iter().find(|check| check.id == options.id) else {
        return Err(Failure::usage(
            format!("there is no check `{}`", options.id),
            format!("{}; `bitting check --list` lists all", nearest(&options.id)),
        ));
    };
    let bold = Style::new().bold();
    anstream::println!("{bold}{}{bold:#}  {}\n\n{}\n\nSource: {}", check.id, check.title, check.rule, check.source);
    for need in check.needs {
        anstream::println!("Needs {need}: {}", need.remedy());
    }
    Ok(ExitCode::SUCCESS)
}

/// The checks of the same family, or all families.
fn nearest(id: &str) -> String {
    let family = id.split('.').next().unwrap_or(id);
    let checks = bitting_conformance::checks();
    let same: Vec<&str> = checks.iter().filter(|check| check.family() == family).map(|check| check.id).collect();
    if !same.is_empty() {
        return format!("`{family}` has: {}", same.join(", "));
    }
    let mut families: Vec<&str> = checks.iter().map(|check| check.family()).collect();
    families.sort_unstable();
    families.dedup();
    format!("the families are: {}", families.join(", "))
}
