//! Writes the generated client of one document in one language: `emit DOCUMENT LANG OUT [RUNTIME]`.
//!
//! For the work on the generators; users take `bitting generate`.

use std::io::Write as _;
use std::path::Path;
use std::{env, fs, io};

use bitting_codegen::{Generated, Language, Surface, rust};
use bitting_spec::Document;

type Failure = Box<dyn std::error::Error>;

fn main() -> Result<(), Failure> {
    let arguments: Vec<String> = env::args().skip(1).collect();
    let (document, language, out, runtime) = match arguments.as_slice() {
        [document, language, out] => (document, language, out, "../.."),
        [document, language, out, runtime] => (document, language, out, runtime.as_str()),
        _ => return Err("usage: emit DOCUMENT LANG OUT [RUNTIME]".into()),
    };
    let language = Language::ALL.into_iter().find(|other| other.as_str() == language);
    let language = language.ok_or("LANG is rust, python or node")?;
    let document = Document::load(document, &|name: &str| fs::read_to_string(name))?;
    let generated = generated(&document, language, runtime);
    for note in &generated.notes {
        writeln!(io::stderr(), "{note}")?;
    }
    write(&generated, Path::new(out))?;
    Ok(())
}

/// A Rust client of this repository finds the runtime in the folder `runtime`, two above its own unless told otherwise.
fn generated(document: &Document, language: Language, runtime: &str) -> Generated {
    let name = document.api_name();
    match language {
        Language::Rust => {
            let options = rust::Options { runtime: rust::Runtime::Path(runtime.to_owned()) };
            rust::generate(&Surface::of(document, &name), &options)
        }
        other => bitting_codegen::generate(document, &name, &[other]),
    }
}

fn write(generated: &Generated, out: &Path) -> io::Result<()> {
    for file in &generated.files {
        let path = out.join(&file.path);
        if let Some(folder) = path.parent() {
            fs::create_dir_all(folder)?;
        }
        fs::write(path, &file.text)?;
    }
    Ok(())
}
