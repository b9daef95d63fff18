//! `bitting check`: a server against its document.

use std::io::{IsTerminal, Write};
use std::path::Path;
use std::process::ExitCode;
use std::sync::Arc;
use std::time::Duration;

use bitting_conformance::provision::ControlPlane;
use bitting_conformance::{
    Baseline, Credentials, Error, Interrupt, Options, Progress, Report, Shortfall, Stopwatch, Target, report,
};
use bitting_mock::RunningServer;
use bitting_spec::{Document, Operation};

use crate::document;
use crate::failure::{self, Failure};
use crate::lines::Lines;
use crate::options::{self, Check, Form};
use crate::plan;
use crate::serve;
use crate::settings::{self, Run};

/// The variable that holds the token of a control plane given with --control-url.
const CONTROL_TOKEN: &str = "BITTING_CONTROL_TOKEN";

pub(crate) fn run(options: &Check) -> Result<ExitCode, Failure> {
    if options.list {
        list();
        return Ok(ExitCode::SUCCESS);
    }
    let watch = Stopwatch::start();
    let mut run = settings::run(options)?;
    let document = document::load_within(&run)?;
    document::warn(&document);
    if options.plan {
        return planned(&document, options, &run);
    }
    // Looked at before the run: a fault in it should not cost one.
    let baseline = match &run.baseline {
        Some(path) if !options.write_baseline || path.exists() => {
            let text = settings::read(path, "--baseline")?;
            Some(Baseline::parse(&text).map_err(|error| in_file(path, error))?)
        }
        _ => None,
    };
    let mut lines = Lines::open(&run.reports, baseline.as_ref())?;
    run.options.max_time = run.options.max_time.map(|time| time.saturating_sub(watch.elapsed()));
    let mut report = report(&document, options, &run, &mut lines)?;
    if let Some(baseline) = &baseline {
        report.accept(baseline);
    }
    let renewed = options.write_baseline.then(|| baseline.clone().unwrap_or_default().renewed(&report));
    if let Some(renewed) = renewed.as_ref().filter(|_| !report.interrupted) {
        report.accept(renewed);
    }
    lines.end(&report)?;
    told(options, &run.reports, &report)?;
    if let (Some(path), Some(renewed)) = (&run.baseline, &renewed) {
        accept(path, renewed, &report)?;
    }
    match report.shortfall() {
        Some(Shortfall::Unreached(answer)) => Err(Failure::Unreachable(format!(
            "no operation was reached, so nothing but refusals was judged: {answer}\n  help: check the path of the URL, \
             and who the suite is: --config, --credentials"
        ))),
        Some(Shortfall::Nothing) => {
            Err(Failure::usage("nothing could be checked", remedy(&document, &run.options, &report)))
        }
        None => {
            warn(&document, &run.options, &report);
            Ok(ExitCode::from(report.exit_code()))
        }
    }
}

/// Says what a run could not judge for want of credentials.
fn warn(document: &Document, options: &Options, report: &Report) {
    if document.operations.iter().all(Operation::is_public) {
        let what = "no operation of the document needs a credential, so nothing about credentials was checked";
        failure::warn(
            what,
            "where the API wants one, an overlay beside the document says so: see what `bitting init` writes",
        );
    }
    if report.stranger {
        let what = "nobody who may enter is known, so only the doors of protected operations were tried";
        failure::warn(what, remedy(document, options, report));
    }
}

/// Writes the baseline. Half a run says too little of what there is.
fn accept(path: &Path, renewed: &Baseline, report: &Report) -> Result<(), Failure> {
    if report.interrupted {
        failure::warn(
            format!("{} is left as it was: the run was interrupted", path.display()),
            "run it again to its end",
        );
        return Ok(());
    }
    write(path, &renewed.to_string(), "--baseline")?;
    anstream::eprintln!("{} is written, with {} findings", path.display(), renewed.ids().count());
    Ok(())
}

/// Writes every report, each even if another could not be written. Where one goes to standard output, what is for people
/// goes to standard error.
fn told(options: &Check, reports: &[options::Report], report: &Report) -> Result<(), Failure> {
    let to_output = |one: &options::Report| matches!(one, options::Report::File(_, path) if path.as_os_str() == "-");
    let text = |is_coloured| match options.quiet {
        true => report::quiet(report, is_coloured),
        false => report::terminal(report, is_coloured),
    };
    if reports.iter().any(to_output) {
        anstream::eprint!("{}", text(std::io::stderr().is_terminal()));
    } else {
        anstream::print!("{}", text(std::io::stdout().is_terminal()));
    }
    let done = reports.iter().map(|wanted| match wanted {
        // It was written line by line.
        options::Report::File(Form::Ndjson, _) => Ok(()),
        options::Report::File(form, path) => written(path, &form.of(report)),
        options::Report::Github => github(report),
    });
    done.collect::<Vec<_>>().into_iter().collect()
}

impl Form {
    fn of(self, report: &Report) -> String {
        match self {
            Self::Html => report::html(report),
            Self::Json => report::json(report),
            Self::Junit => report::junit(report),
            Self::Sarif => report::sarif(report),
            Self::Ndjson => report::ndjson(report),
            Self::Har => report::har(report),
            Self::Wfc => report::wfc(report),
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

/// Says what a run would do. Without a server it is asked what the built-in one could be asked.
fn planned(document: &Document, options: &Check, run: &Run) -> Result<ExitCode, Failure> {
    run.options.validate(document)?;
    let is_given = run.url.is_some() || options.credentials.is_some() || run.credentials.is_some();
    let plan = serve::runtime()?.block_on(async {
        let credentials = if is_given {
            credentials(document, options, run, None).await?
        } else {
            let server = serve::start(document.clone(), run.options.seed, &[]).await?;
            let credentials = credentials(document, options, run, Some(&server)).await;
            server.shutdown().await;
            credentials?
        };
        Ok::<_, Failure>(bitting_conformance::plan(document, &credentials, &run.options))
    })?;
    match options.report.as_slice() {
        [] => plan::show(&plan),
        [options::Report::File(Form::Json, path)] => written(path, &plan::json(&plan))?,
        _ => return Err(Failure::usage("a plan is no report", "leave --report out, or write `--report json=PATH`")),
    }
    Ok(ExitCode::SUCCESS)
}

/// Makes the run that the options describe.
pub(crate) fn report(
    document: &Document,
    options: &Check,
    run: &Run,
    lines: &mut Lines<'_>,
) -> Result<Report, Failure> {
    // A typing error is said before a server is started, or asked.
    run.options.validate(document)?;
    if run.url.is_some() {
        return serve::runtime_here()?.block_on(check(document, options, run, None, lines));
    }
    // A server of our own has threads of its own, as any other has.
    let aside = serve::runtime()?;
    let watch = Stopwatch::start();
    let (own, seed, defects) = (document.clone(), run.options.seed, options.defect.clone());
    let starting = aside.spawn(async move { serve::start(own, seed, &defects).await });
    let most = run.options.max_time.unwrap_or(Duration::MAX);
    let Ok(Ok(server)) = aside.block_on(async { tokio::time::timeout(most, starting).await }) else {
        aside.shutdown_background();
        return Err(document::late("the reference server had started"));
    };
    let (server, mut run) = (server?, run.clone());
    run.options.max_time = run.options.max_time.map(|time| time.saturating_sub(watch.elapsed()));
    let report = serve::runtime_here()?.block_on(check(document, options, &run, Some(&server), lines));
    aside.block_on(server.shutdown());
    // What was left went with the server.
    report.map(|report| Report { left: Vec::new(), ..report })
}

/// What to give so that something can be checked.
fn remedy(document: &Document, options: &Options, report: &Report) -> String {
    if report.late > 0 {
        return "the time was up before: give more with --max-time".to_owned();
    }
    if report.verdicts.is_empty() {
        return "the checks that were asked for have nothing to check in this document; `--plan` says which have"
            .to_owned();
    }
    if report.verdicts.iter().all(|one| options.switches_off(one.check, &one.operation)) {
        return "the rules of the settings file switch every check off: leave some on".to_owned();
    }
    let variables = document.security_schemes.iter().flat_map(|scheme| scheme.auth.env.values());
    let mut names: Vec<&str> = variables.map(String::as_str).collect();
    names.sort_unstable();
    names.dedup();
    let named = if names.is_empty() { String::new() } else { format!(", or set {}", names.join(", ")) };
    format!(
        "say who the suite can be with --config or --credentials{named}; `bitting init DOCUMENT` writes a file to begin with"
    )
}

async fn check(
    document: &Document,
    options: &Check,
    run: &Run,
    server: Option<&RunningServer>,
    lines: &mut Lines<'_>,
) -> Result<Report, Failure> {
    let base_url = run.url.as_deref().or(server.map(RunningServer::base_url)).unwrap_or_default();
    let target =
        Target { base_url: base_url.to_owned(), credentials: credentials(document, options, run, server).await? };
    let is_shown = !options.quiet && std::io::stderr().is_terminal();
    let settings = run.options.clone();
    let watch = tokio::spawn(stopped(settings.interrupt.clone(), is_shown));
    let report = bitting_conformance::run(document, target, settings, |progress| {
        lines.tell(progress.verdict);
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

/// The first signal ends the run in order: what it made is removed, and the reports are written. The second ends it at
/// once.
async fn stopped(interrupt: Interrupt, is_shown: bool) {
    serve::interrupted().await;
    interrupt.raise();
    let clear = if is_shown { "\r\x1b[2K" } else { "" };
    anstream::eprintln!("{clear}stopping: what the run made is being removed; once more to stop at once");
    serve::interrupted().await;
    std::process::exit(130);
}

/// Who the suite can be: what the file says, what a control plane makes, or what the environment has.
async fn credentials(
    document: &Document,
    options: &Check,
    run: &Run,
    server: Option<&RunningServer>,
) -> Result<Credentials, Failure> {
    let lookup = |name: &str| std::env::var(name).ok();
    let control = match (server, &options.control_url) {
        (Some(server), _) => Some(ControlPlane::new(server.control_url(), server.control_token())?),
        (None, Some(url)) => {
            let token = lookup(CONTROL_TOKEN).ok_or_else(|| {
                Failure::usage(format!("{CONTROL_TOKEN} is not set"), "put the control plane's token into it")
            })?;
            Some(ControlPlane::trusting(url, token, &run.options.authorities)?)
        }
        (None, None) => None,
    };
    let given = match &options.credentials {
        Some(file) => Some(from_file(document, file)?),
        None => run.credentials.clone(),
    };
    match (given, control) {
        (Some(given), Some(control)) => Ok(given.with_provisioner(Arc::new(control))),
        (Some(given), None) => Ok(given.completed(document).await?),
        (None, Some(control)) => Ok(Credentials::provisioned(document, Arc::new(control)).await?),
        (None, None) => Ok(Credentials::from_environment(document, lookup)),
    }
}

/// The principals of a file: ours are TOML, those of Web Fuzzing Commons are YAML or JSON.
fn from_file(document: &Document, file: &Path) -> Result<Credentials, Failure> {
    let (name, text) = (file.to_string_lossy(), settings::read(file, "--credentials")?);
    if file.extension().is_some_and(|kind| ["yaml", "yml", "json"].iter().any(|known| kind == *known)) {
        return Ok(Credentials::from_wfc(document, &name, &text)?);
    }
    Ok(Credentials::parse(&name, &text, |name| std::env::var(name).ok())?)
}

/// A fault in a file, with the file's name before it.
fn in_file(file: &Path, error: Error) -> Failure {
    match Failure::from(error) {
        Failure::Usage(text) => Failure::Usage(format!("{}: {text}", file.display())),
        failure @ Failure::Unreachable(_) => failure,
    }
}

fn show(progress: Progress<'_>) {
    let Progress { phase, done, total, cases, findings, .. } = progress;
    let found = match findings {
        0 => String::new(),
        1 => ", 1 finding".to_owned(),
        more => format!(", {more} findings"),
    };
    anstream::eprint!("\r\x1b[2K{phase}: {done} of {total}, {cases} requests{found}");
}

/// Writes to a file, or to standard output where the path is `-`.
fn written(path: &Path, text: &str) -> Result<(), Failure> {
    if path.as_os_str() != "-" {
        return write(path, text, "--report");
    }
    anstream::print!("{text}");
    Ok(())
}

fn write(path: &Path, text: &str, option: &str) -> Result<(), Failure> {
    std::fs::write(path, text).map_err(|error| {
        let help = format!("check the path of {option}");
        Failure::usage(format!("{} cannot be written: {error}", path.display()), help)
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
