//! What a run of `bitting check` is told, all in all: the settings file, and over it the options of the command line.

use std::io::Read;
use std::path::{Path, PathBuf};

use bitting_conformance::{Credentials, Options, Settings, Severity};

use crate::document;
use crate::failure::Failure;
use crate::options::{Check, FailOn, Report};

/// The settings file of a folder.
const USUAL: &str = "bitting.toml";

/// A run as the file and the options describe it.
#[derive(Clone)]
pub(crate) struct Run {
    pub(crate) document: PathBuf,
    pub(crate) url: Option<String>,
    /// Those of the settings file.
    pub(crate) credentials: Option<Credentials>,
    pub(crate) baseline: Option<PathBuf>,
    pub(crate) reports: Vec<Report>,
    pub(crate) options: Options,
}

/// Puts file and options together.
pub(crate) fn run(check: &Check) -> Result<Run, Failure> {
    let (name, settings) = file(check)?;
    let folder = name.as_deref().and_then(Path::parent).unwrap_or(Path::new("")).to_owned();
    let beside = |path: String| if document::is_url(&path) { PathBuf::from(path) } else { folder.join(path) };
    let document = check.document.clone().or(settings.document.map(beside)).ok_or_else(|| {
        Failure::usage("no document is given", "bitting check DOCUMENT, or `document` in the settings file")
    })?;
    let reports = settings.reports.iter().map(|text| report(text, &folder)).collect::<Result<Vec<_>, _>>()?;
    // A defect is one of the built-in server, whatever server the file names.
    let url = check.url.clone().or(settings.url.filter(|_| check.defect.is_empty()));
    let authority = check.ca.clone().or(settings.authority.map(beside));
    let baseline = check.baseline.clone().or(settings.baseline.map(beside));
    match &baseline {
        Some(path) if check.write_baseline => writable(path, "--baseline")?,
        None if check.write_baseline => {
            return Err(Failure::usage("--write-baseline has no file to write to", "name it with --baseline FILE"));
        }
        _ => {}
    }
    let mut options = over(check, settings.options);
    if let Some(path) = &authority {
        options.authorities = read(path, "--ca")?.into_bytes();
    }
    options.target = again(check, name.as_deref(), url.as_deref());
    let reports = if check.report.is_empty() { reports } else { check.report.clone() };
    apart(&reports)?;
    Ok(Run { document, url, credentials: settings.credentials, baseline, reports, options })
}

/// The settings file, if there is one, with its path.
fn file(check: &Check) -> Result<(Option<PathBuf>, Settings), Failure> {
    let lookup = |name: &str| std::env::var(name).ok();
    let usual = || Some(PathBuf::from(USUAL)).filter(|path| check.document.is_none() && path.is_file());
    let Some(path) = check.config.clone().or_else(usual) else {
        return Ok((None, Settings::parse("", "", lookup)?));
    };
    if path.as_os_str() == "-" {
        let mut text = String::new();
        std::io::stdin().read_to_string(&mut text).map_err(|error| {
            Failure::usage(format!("the settings on standard input cannot be read: {error}"), "give UTF-8")
        })?;
        return Ok((None, Settings::parse("standard input", &text, lookup)?));
    }
    let settings = Settings::parse(&path.to_string_lossy(), &read(&path, "--config")?, lookup)?;
    Ok((Some(path), settings))
}

/// A report of the settings file; its path starts from the file's folder.
fn report(text: &str, folder: &Path) -> Result<Report, Failure> {
    match text.parse::<Report>() {
        Ok(Report::File(form, path)) if path.as_os_str() != "-" => Ok(Report::File(form, folder.join(path))),
        Ok(other) => Ok(other),
        Err(message) => Err(Failure::usage(format!("`report` of the settings file: {message}"), "see --report")),
    }
}

/// Two reports in one place would leave one of them, or neither.
fn apart(reports: &[Report]) -> Result<(), Failure> {
    let place = |report: &Report| match report {
        Report::File(_, path) => path.clone(),
        Report::Github => PathBuf::from("-"),
    };
    for (index, report) in reports.iter().enumerate() {
        let path = place(report);
        if reports[..index].iter().any(|other| place(other) == path) {
            let what = if path.as_os_str() == "-" { "standard output".to_owned() } else { path.display().to_string() };
            return Err(Failure::usage(format!("two reports go to {what}"), "give each a place of its own"));
        }
        if matches!(report, Report::File(..)) && path.as_os_str() != "-" {
            writable(&path, "--report")?;
        }
    }
    Ok(())
}

/// Whether a file can be at `path`, which is said before a run is made for it.
pub(crate) fn writable(path: &Path, option: &str) -> Result<(), Failure> {
    let folder = path.parent().filter(|folder| !folder.as_os_str().is_empty());
    let fault = match folder {
        _ if path.is_dir() => "it is a folder",
        Some(folder) if !folder.is_dir() => "there is no such folder",
        _ => return Ok(()),
    };
    Err(Failure::usage(format!("{} cannot be written: {fault}", path.display()), format!("check the path of {option}")))
}

/// The options of the command line over those of the file.
fn over(check: &Check, file: Options) -> Options {
    let or = |given: &Vec<String>, other: Vec<String>| if given.is_empty() { other } else { given.clone() };
    Options {
        only: or(&check.only, file.only),
        // What the file requires is required of whole runs.
        require: or(&check.require, if check.only.is_empty() { file.require } else { Vec::new() }),
        operations: check.operation.clone(),
        seed: check.seed.unwrap_or(file.seed),
        max_cases: check.max_cases.unwrap_or(file.max_cases),
        max_time: check.max_time.or(file.max_time),
        max_wait: check.max_wait.unwrap_or(file.max_wait),
        rate: check.rate.or(file.rate),
        owned: check.i_own_this || file.owned,
        http2: check.http2 || file.http2,
        fail_on: match check.fail_on {
            Some(FailOn::Note) => Severity::Note,
            Some(FailOn::Error) => Severity::Error,
            None => file.fail_on,
        },
        ..file
    }
}

/// The arguments that lead a replay to the same target.
fn again(check: &Check, config: Option<&Path>, url: Option<&str>) -> Vec<String> {
    let mut words = Vec::new();
    let mut add = |option: &str, value: &str| words.extend([option.to_owned(), value.to_owned()]);
    let path = |path: &Path| path.to_string_lossy().into_owned();
    let paths = [("--config", config), ("--credentials", check.credentials.as_deref()), ("--ca", check.ca.as_deref())];
    // A file names the URL itself; settings that came over standard input are gone.
    let url = check.url.as_deref().or(url.filter(|_| config.is_none()));
    let wait = check.max_wait.map(|wait| format!("{}s", wait.as_secs_f64()));
    let texts = [("--url", url), ("--control-url", check.control_url.as_deref()), ("--max-wait", wait.as_deref())];
    for (option, value) in texts {
        if let Some(value) = value {
            add(option, value);
        }
    }
    for (option, value) in paths {
        if let Some(value) = value {
            add(option, &path(value));
        }
    }
    check.defect.iter().for_each(|id| add("--defect", id));
    let switches = [("--i-own-this", check.i_own_this), ("--http2", check.http2)];
    words.extend(switches.iter().filter(|(_, on)| *on).map(|(option, _)| (*option).to_owned()));
    words
}

/// The text of a file that `option` names.
pub(crate) fn read(path: &Path, option: &str) -> Result<String, Failure> {
    std::fs::read_to_string(path).map_err(|error| {
        Failure::usage(format!("{} cannot be read: {error}", path.display()), format!("check the path of {option}"))
    })
}
