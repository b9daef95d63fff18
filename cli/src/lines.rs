//! Reports that are written while the run goes on: a line as soon as it is known.

use std::fs::File;
use std::io::{self, Write};
use std::path::Path;

use bitting_conformance::{Baseline, Report, Verdict, report};

use crate::failure::Failure;
use crate::options::{Form, Report as Wanted};

/// The reports that are open.
#[derive(Default)]
pub(crate) struct Lines<'a> {
    outs: Vec<Out<'a>>,
    baseline: Option<&'a Baseline>,
}

/// One of them. What goes wrong is kept, so that it is said once and ends no run.
struct Out<'a> {
    path: &'a Path,
    to: Box<dyn Write>,
    fault: Option<io::Error>,
}

impl<'a> Lines<'a> {
    /// Opens each report of this kind; a path that cannot be written is said before the run begins.
    pub(crate) fn open(wanted: &'a [Wanted], baseline: Option<&'a Baseline>) -> Result<Self, Failure> {
        let mut outs = Vec::new();
        for one in wanted {
            let Wanted::File(Form::Ndjson, path) = one else { continue };
            let to: Box<dyn Write> = if path.as_os_str() == "-" {
                Box::new(io::stdout())
            } else {
                Box::new(File::create(path).map_err(|error| unwritable(path, &error))?)
            };
            outs.push(Out { path, to, fault: None });
        }
        Ok(Self { outs, baseline })
    }

    /// A verdict has come.
    pub(crate) fn tell(&mut self, verdict: &Verdict) {
        if self.outs.is_empty() {
            return;
        }
        let mut verdict = verdict.clone();
        if let Some(baseline) = self.baseline {
            verdict.accept(baseline);
        }
        self.write(&report::ndjson_verdict(&verdict));
    }

    /// The run has ended.
    pub(crate) fn end(mut self, report: &Report) -> Result<(), Failure> {
        self.write(&report::ndjson_result(report));
        let fault = self.outs.iter().find_map(|out| Some((out.path, out.fault.as_ref()?)));
        fault.map_or(Ok(()), |(path, error)| Err(unwritable(path, error)))
    }

    fn write(&mut self, line: &str) {
        for out in self.outs.iter_mut().filter(|out| out.fault.is_none()) {
            out.fault = out.to.write_all(line.as_bytes()).and_then(|()| out.to.flush()).err();
        }
    }
}

fn unwritable(path: &Path, error: &io::Error) -> Failure {
    Failure::usage(format!("{} cannot be written: {error}", path.display()), "check the path of --report")
}
