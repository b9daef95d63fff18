//! `bitting init`: a settings file to begin with.

use std::io::Write;
use std::path::Path;
use std::process::ExitCode;

use bitting_conformance::starter;

use crate::document;
use crate::failure::Failure;
use crate::options::Init;

pub(crate) fn run(options: &Init) -> Result<ExitCode, Failure> {
    let document = document::load(&options.document)?;
    let is_shown = options.out.as_os_str() == "-";
    let text = starter(&document, &from(&options.out, &options.document));
    if is_shown {
        anstream::print!("{text}");
        return Ok(ExitCode::SUCCESS);
    }
    let out = options.out.display();
    let file = std::fs::OpenOptions::new().write(true).create_new(true).open(&options.out);
    file.and_then(|mut file| file.write_all(text.as_bytes())).map_err(|error| match error.kind() {
        std::io::ErrorKind::AlreadyExists => {
            Failure::usage(format!("{out} is there already"), "remove it, or name another file with --out")
        }
        _ => Failure::usage(format!("{out} cannot be written: {error}"), "check the path of --out"),
    })?;
    let check = if options.out == Path::new("bitting.toml") { String::new() } else { format!(" --config {out}") };
    anstream::println!(
        "{out} is written. Next:\n  look through it    the server's URL, and who the suite can be there\n  bitting \
         check{check} --plan    what can be checked, and what to give for the rest\n  bitting check{check}"
    );
    Ok(ExitCode::SUCCESS)
}

/// The document's path from the folder of the settings file.
fn from(out: &Path, document: &Path) -> String {
    let folder = out.parent().filter(|folder| !folder.as_os_str().is_empty());
    let path = match folder {
        Some(folder) => match document.strip_prefix(folder) {
            Ok(inside) => inside.to_owned(),
            Err(_) => std::path::absolute(document).unwrap_or_else(|_| document.to_owned()),
        },
        None => document.to_owned(),
    };
    path.to_string_lossy().into_owned()
}
