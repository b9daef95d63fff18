//! `bitting check`: a server against its document.

use std::io::IsTerminal;
use std::path::Path;
use std::process::ExitCode;
use std::sync::Arc;

use bitting_conformance::provision::ControlPlane;
use bitting_conformance::{Credentials, Error, Options, Progress, Report, Target, report};
use bitting_mock::RunningServer;
use bitting_spec::Document;

use crate::document;
use crate::failure::Failure;
use crate::options::{Check, Form};
use crate::serve;

/// The variable that holds the token of a control plane given with --control-url.
const CONTROL_TOKEN: &str = "BITTING_CONTROL_TOKEN";

pub(crate) fn run(options: &Check) -> Result<ExitCode, Failure> {
    if options.list {
        list();
        return Ok(ExitCode::SUCCESS);
    }
    let Some(path) = &options.document else {
        return Err(Failure::usage("no document is given", "bitting check DOCUMENT"));
    };
    let document = document::load(path)?;
    document::warn(&document);
    let report = serve::runtime()?.block_on(check(&document, options))?;
    anstream::print!("{}", report::terminal(&report, std::io::stdout().is_terminal()));
    for wanted in &options.report {
        let text = match wanted.form {
            Form::Junit => report::junit(&report),
        };
        write(&wanted.path, &text)?;
    }
    Ok(ExitCode::from(report.exit_code()))
}

async fn check(document: &Document, options: &Check) -> Result<Report, Failure> {
    let server = match &options.url {
        Some(_) => None,
        None => Some(serve::start(document, options.seed, &options.defect, (0, 0), (false, false)).await?),
    };
    let target = Target {
        base_url: options
            .url
            .as_deref()
            .or(server.as_ref().map(RunningServer::base_url))
            .unwrap_or_default()
            .to_owned(),
        credentials: credentials(document, options, server.as_ref()).await?,
    };
    let is_shown = !options.quiet && std::io::stderr().is_terminal();
    let report = bitting_conformance::run(document, target, settings(options), |progress| {
        if is_shown {
            show(progress);
        }
    })
    .await;
    if is_shown {
        anstream::eprint!("\r\x1b[2K");
    }
    if let Some(server) = server {
        server.shutdown().await;
    }
    Ok(report?)
}

fn settings(options: &Check) -> Options {
    let mut target = Vec::new();
    let mut add = |option: &str, value: &str| target.extend([option.to_owned(), value.to_owned()]);
    if let Some(url) = &options.url {
        add("--url", url);
    }
    if let Some(url) = &options.control_url {
        add("--control-url", url);
    }
    if let Some(file) = &options.credentials {
        add("--credentials", &file.to_string_lossy());
    }
    options.defect.iter().for_each(|id| add("--defect", id));
    Options {
        only: options.only.clone(),
        operations: options.operation.clone(),
        seed: options.seed,
        max_cases: options.max_cases,
        max_time: options.max_time,
        target,
        ..Options::default()
    }
}

/// Who the suite can be: what the file says, what a control plane makes, or what the environment has.
async fn credentials(
    document: &Document,
    options: &Check,
    server: Option<&RunningServer>,
) -> Result<Credentials, Failure> {
    let lookup = |name: &str| std::env::var(name).ok();
    let control = match (server, &options.control_url) {
        (Some(server), _) => Some(ControlPlane::new(server.control_url(), server.control_token())?),
        (None, Some(url)) => {
            let token = lookup(CONTROL_TOKEN).ok_or_else(|| {
                Failure::usage(format!("{CONTROL_TOKEN} is not set"), "put the control plane's token into it")
            })?;
            Some(ControlPlane::new(url, token)?)
        }
        (None, None) => None,
    };
    match (&options.credentials, control) {
        (Some(file), control) => {
            let text = std::fs::read_to_string(file).map_err(|error| {
                Failure::usage(format!("{} cannot be read: {error}", file.display()), "check the path of --credentials")
            })?;
            let credentials = Credentials::parse(&text, lookup).map_err(|error| in_file(file, error))?;
            Ok(match control {
                Some(control) => credentials.with_provisioner(Arc::new(control)),
                None => credentials,
            })
        }
        (None, Some(control)) => Ok(Credentials::provisioned(document, Arc::new(control)).await?),
        (None, None) => Ok(Credentials::from_environment(document, lookup)),
    }
}

/// A fault in the credentials file, with the file's name before it.
fn in_file(file: &Path, error: Error) -> Failure {
    match Failure::from(error) {
        Failure::Usage(text) => Failure::Usage(format!("{}: {text}", file.display())),
        failure @ Failure::Unreachable(_) => failure,
    }
}

fn show(progress: Progress) {
    let Progress { phase, done, total, cases, findings } = progress;
    anstream::eprint!("\r\x1b[2K{phase}: {done} of {total} checked, {cases} requests, {findings} findings");
}

fn write(path: &Path, text: &str) -> Result<(), Failure> {
    std::fs::write(path, text).map_err(|error| {
        Failure::usage(format!("{} cannot be written: {error}", path.display()), "check the path of --report")
    })
}

/// Every check with what it needs.
fn list() {
    for check in bitting_conformance::checks() {
        let needs: Vec<String> = check.needs.iter().map(ToString::to_string).collect();
        let needs = if needs.is_empty() { String::new() } else { format!("  (needs {})", needs.join(", ")) };
        anstream::println!("{:<32} {}{needs}", check.id, check.title);
    }
}

impl From<Error> for Failure {
    fn from(error: Error) -> Self {
        if error.exit_code() == 2 { Self::Usage(error.to_string()) } else { Self::Unreachable(error.to_string()) }
    }
}
