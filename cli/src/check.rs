//! `bitting check`: a server against its document.

use std::io::{IsTerminal, Write};
use std::path::Path;
use std::process::ExitCode;
use std::sync::Arc;

use bitting_conformance::provision::ControlPlane;
use bitting_conformance::{
    Baseline, Credentials, Error, Interrupt, Options, Outcome, Progress, Report, Severity, Target, report,
};
use bitting_mock::RunningServer;
use bitting_spec::Document;

use crate::document;
use crate::failure::Failure;
use crate::options::{self, Check, FailOn, Form};
use crate::plan;
use crate::serve;

/// The variable that holds the token of a control plane given with --control-url.
const CONTROL_TOKEN: &str = "BITTING_CONTROL_TOKEN";

pub(crate) fn run(options: &Check) -> Result<ExitCode, Failure> {
    if options.list {
        list();
        return Ok(ExitCode::SUCCESS);
    }
    if options.plan {
        return planned(options);
    }
    let baseline = match &options.baseline {
        Some(path) if !options.write_baseline => {
            Some(Baseline::parse(&read(path, "--baseline")?).map_err(|error| in_file(path, error))?)
        }
        _ => None,
    };
    let document = document(options)?;
    let mut report = report(&document, options)?;
    if let Some(baseline) = &baseline {
        report.accept(baseline);
    }
    if let (Some(path), true) = (&options.baseline, options.write_baseline) {
        let text = Baseline::written(&report);
        report.accept(&Baseline::parse(&text)?);
        write(path, &text)?;
    }
    anstream::print!("{}", report::terminal(&report, std::io::stdout().is_terminal()));
    for wanted in &options.report {
        match wanted {
            options::Report::File(form, path) => write(path, &form.of(&report))?,
            options::Report::Github => github(&report)?,
        }
    }
    // Green must mean that something was checked.
    if report.verdicts.iter().all(|verdict| matches!(verdict.outcome, Outcome::Skip { .. })) {
        return Err(Failure::usage("nothing could be checked", remedy(&document)));
    }
    Ok(ExitCode::from(report.exit_code()))
}

impl Form {
    fn of(self, report: &Report) -> String {
        match self {
            Self::Html => report::html(report),
            Self::Json => report::json(report),
            Self::Junit => report::junit(report),
            Self::Sarif => report::sarif(report),
        }
    }
}

/// Annotations go to standard output, the summary to the file that the job names.
fn github(report: &Report) -> Result<(), Failure> {
    anstream::print!("{}", report::github(report));
    let Some(path) = std::env::var_os("GITHUB_STEP_SUMMARY") else { return Ok(()) };
    let file = std::fs::OpenOptions::new().append(true).create(true).open(&path);
    file.and_then(|mut file| file.write_all(report::summary(report).as_bytes())).map_err(|error| {
        let path = Path::new(&path).display();
        Failure::usage(format!("{path} cannot be written: {error}"), "check GITHUB_STEP_SUMMARY")
    })
}

/// The document that was named, its warnings said.
pub(crate) fn document(options: &Check) -> Result<Document, Failure> {
    let Some(path) = &options.document else {
        return Err(Failure::usage("no document is given", "bitting check DOCUMENT"));
    };
    let document = document::load(path)?;
    document::warn(&document);
    Ok(document)
}

/// Says what a run would do. Without a server it is asked what the built-in one could be asked.
fn planned(options: &Check) -> Result<ExitCode, Failure> {
    let document = document(options)?;
    let settings = settings(options)?;
    settings.validate(&document)?;
    let plan = serve::runtime()?.block_on(async {
        let credentials = match (&options.url, &options.credentials) {
            (None, None) => {
                let server = serve::start(document.clone(), options.seed, &[], (0, 0), (false, false)).await?;
                let credentials = credentials(&document, options, Some(&server)).await;
                server.shutdown().await;
                credentials?
            }
            _ => credentials(&document, options, None).await?,
        };
        Ok::<_, Failure>(bitting_conformance::plan(&document, &credentials, &settings))
    })?;
    plan::show(&plan);
    Ok(ExitCode::SUCCESS)
}

/// Makes the run that the options describe.
pub(crate) fn report(document: &Document, options: &Check) -> Result<Report, Failure> {
    if options.url.is_some() {
        return serve::runtime_here()?.block_on(check(document, options, None));
    }
    // A server of our own has threads of its own, as any other has.
    let aside = serve::runtime()?;
    let start = serve::start(document.clone(), options.seed, &options.defect, (0, 0), (false, false));
    let server = aside.block_on(start)?;
    let report = serve::runtime_here()?.block_on(check(document, options, Some(&server)));
    aside.block_on(server.shutdown());
    report
}

/// What to give so that something can be checked.
fn remedy(document: &Document) -> String {
    let variables = document.security_schemes.iter().flat_map(|scheme| scheme.auth.env.values());
    let mut names: Vec<&str> = variables.map(String::as_str).collect();
    names.sort_unstable();
    names.dedup();
    let named = if names.is_empty() { String::new() } else { format!(", or set {}", names.join(", ")) };
    format!("say who the suite can be with --credentials FILE{named}; --plan says what is missing")
}

async fn check(document: &Document, options: &Check, server: Option<&RunningServer>) -> Result<Report, Failure> {
    let url = options.url.as_deref().or(server.map(RunningServer::base_url));
    let target = Target {
        base_url: url.unwrap_or_default().to_owned(),
        credentials: credentials(document, options, server).await?,
    };
    let is_shown = !options.quiet && std::io::stderr().is_terminal();
    let settings = settings(options)?;
    let watch = tokio::spawn(stopped(settings.interrupt.clone()));
    let report = bitting_conformance::run(document, target, settings, |progress| {
        if is_shown {
            show(progress);
        }
    })
    .await;
    watch.abort();
    if is_shown {
        anstream::eprint!("\r\x1b[2K");
    }
    Ok(report?)
}

/// The first signal ends the run in order: what it made is removed. The second ends it at once.
async fn stopped(interrupt: Interrupt) {
    serve::interrupted().await;
    interrupt.raise();
    anstream::eprintln!("\nstopping: what was made is being removed; once more to stop at once");
    serve::interrupted().await;
    std::process::exit(130);
}

fn settings(options: &Check) -> Result<Options, Failure> {
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
    if let Some(file) = &options.ca {
        add("--ca", &file.to_string_lossy());
    }
    options.defect.iter().for_each(|id| add("--defect", id));
    let authorities = match &options.ca {
        Some(path) => read(path, "--ca")?.into_bytes(),
        None => Vec::new(),
    };
    Ok(Options {
        authorities,
        only: options.only.clone(),
        operations: options.operation.clone(),
        seed: options.seed,
        max_cases: options.max_cases,
        max_time: options.max_time,
        rate: options.rate,
        require: options.require.clone(),
        fail_on: match options.fail_on {
            FailOn::Note => Severity::Note,
            FailOn::Error => Severity::Error,
        },
        target,
        ..Options::default()
    })
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
            let text = read(file, "--credentials")?;
            // Ours are TOML; those of Web Fuzzing Commons are YAML or JSON.
            let is_shared =
                file.extension().is_some_and(|kind| ["yaml", "yml", "json"].iter().any(|known| kind == *known));
            let credentials = if is_shared {
                Credentials::from_wfc(document, &file.to_string_lossy(), &text)?
            } else {
                Credentials::parse(&text, lookup).map_err(|error| in_file(file, error))?
            };
            Ok(match control {
                Some(control) => credentials.with_provisioner(Arc::new(control)),
                None => credentials.completed(document).await?,
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

fn read(path: &Path, option: &str) -> Result<String, Failure> {
    std::fs::read_to_string(path).map_err(|error| {
        Failure::usage(format!("{} cannot be read: {error}", path.display()), format!("check the path of {option}"))
    })
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
