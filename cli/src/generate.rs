//! `bitting generate`: a client on disk.

use std::path::Path;
use std::process::ExitCode;

use bitting_codegen::{File, Language};

use crate::document;
use crate::failure::Failure;
use crate::options::{Generate, Lang};

pub(crate) fn run(options: &Generate) -> Result<ExitCode, Failure> {
    let document = document::load(&options.document)?;
    document::warn(&document);
    let name = match &options.name {
        Some(name) => checked(name)?.to_owned(),
        None => document.api_name(),
    };
    let languages: Vec<Language> = options.lang.iter().copied().map(Language::from).collect();
    let generated = bitting_codegen::generate(&document, &name, &languages);
    for note in &generated.notes {
        document::note(&note.to_string());
    }
    for file in &generated.files {
        write(&options.out, file)?;
    }
    anstream::println!("{} files written to {}", generated.files.len(), options.out.display());
    Ok(ExitCode::SUCCESS)
}

/// A name becomes a crate, a package, a class and a prefix of variables, so it has to be plain.
fn checked(name: &str) -> Result<&str, Failure> {
    let is_plain = name
        .split('-')
        .all(|word| !word.is_empty() && word.bytes().all(|b| b.is_ascii_lowercase() || b.is_ascii_digit()));
    if is_plain && name.starts_with(|first: char| first.is_ascii_lowercase()) {
        return Ok(name);
    }
    Err(Failure::usage(format!("`{name}` cannot be the name of an API"), "write it in kebab case, such as `my-api`"))
}

fn write(folder: &Path, file: &File) -> Result<(), Failure> {
    let path = folder.join(&file.path);
    let parent = path.parent().unwrap_or(folder);
    std::fs::create_dir_all(parent).and_then(|()| std::fs::write(&path, &file.text)).map_err(|error| {
        Failure::usage(
            format!("{} cannot be written: {error}", path.display()),
            "give a folder that can be written with --out",
        )
    })
}

impl From<Lang> for Language {
    fn from(lang: Lang) -> Self {
        match lang {
            Lang::Rust => Self::Rust,
            Lang::Python => Self::Python,
            Lang::Node => Self::Node,
        }
    }
}
