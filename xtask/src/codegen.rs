//! `cargo xtask codegen`: the committed clients of the four documents.

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};

use bitting_codegen::rust::Runtime;
use bitting_codegen::{File, Language, Surface, node, python, rust};
use bitting_spec::Document;

use crate::shell;

/// The APIs whose clients are committed, in every language.
const APIS: [&str; 4] = ["arrotech", "arrow", "artos", "roboticks"];
/// A document with everything that is awkward; its Rust client is committed so that it is compiled.
const AWKWARD: (&str, &str) = ("codegen/tests/documents/kitchen-sink.yaml", "codegen/tests/generated/kitchen-sink");

/// The control plane of the reference server; its tests call it by this client.
const CONTROL: (&str, &str) = ("mock-server/control.yaml", "mock-server/apis/control");

/// Whether files are written or only compared.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Mode {
    Write,
    Check,
}

pub(crate) fn run(mode: Mode) -> Result<(), String> {
    let mut stale = Vec::new();
    for api in APIS {
        let document = document(&format!("spec/openapi/{api}.yaml"))?;
        let surface = Surface::of(&document, api);
        for language in Language::ALL {
            let (parent, generated) = match language {
                Language::Rust => ("sdk-rust", rust::generate(&surface, &beside("../.."))),
                Language::Python => ("bindings/python", python::generate(&surface)),
                Language::Node => ("bindings/node", node::generate(&surface)),
            };
            stale.extend(place(&format!("{parent}/apis/{api}"), &generated.files, mode)?);
        }
    }
    let awkward = document(AWKWARD.0)?;
    let generated = rust::generate(&Surface::of(&awkward, "kitchen-sink"), &beside("../../../../sdk-rust"));
    stale.extend(place(AWKWARD.1, &generated.files, mode)?);
    let control = document(CONTROL.0)?;
    let generated = rust::generate(&Surface::of(&control, "bitting-control"), &beside("../../../sdk-rust"));
    stale.extend(place(CONTROL.1, &generated.files, mode)?);
    if mode == Mode::Check && !stale.is_empty() {
        return Err(format!("generated files differ; run `cargo xtask codegen`:\n  {}", stale.join("\n  ")));
    }
    let done = if mode == Mode::Check { "checked" } else { "written" };
    shell::say(&format!("codegen: {} clients {done}, {} files changed", APIS.len() * 3 + 2, stale.len()));
    Ok(())
}

/// In this workspace generated crates stand on the runtime beside them.
fn beside(runtime: &str) -> rust::Options {
    rust::Options { runtime: Runtime::Path(runtime.to_owned()) }
}

fn document(path: &str) -> Result<Document, String> {
    let root = shell::root();
    // The path stays as it is given, so that what is generated does not say where the workspace lies.
    let reader = |name: &str| fs::read_to_string(root.join(name));
    Document::load(path, &reader).map_err(|error| error.to_string())
}

/// Brings `folder` to hold exactly `files`, and answers which of them differed.
fn place(folder: &str, files: &[File], mode: Mode) -> Result<Vec<String>, String> {
    let folder = &shell::root().join(folder);
    let mut changed = Vec::new();
    let mut wanted = BTreeSet::new();
    for file in files {
        let path = folder.join(&file.path);
        if fs::read_to_string(&path).ok().as_deref() != Some(&file.text) {
            changed.push(path.display().to_string());
            if mode == Mode::Write {
                write(&path, &file.text)?;
            }
        }
        wanted.insert(path);
    }
    for path in existing(folder) {
        if !wanted.contains(&path) {
            changed.push(format!("{} (no longer generated)", path.display()));
            if mode == Mode::Write {
                fs::remove_file(&path).map_err(|error| format!("{}: {error}", path.display()))?;
            }
        }
    }
    Ok(changed)
}

fn write(path: &Path, text: &str) -> Result<(), String> {
    let folder = path.parent().unwrap_or(path);
    fs::create_dir_all(folder)
        .and_then(|()| fs::write(path, text))
        .map_err(|error| format!("{}: {error}", path.display()))
}

/// The files below `folder` that were generated: what builds and installs leave behind is not.
fn existing(folder: &Path) -> Vec<PathBuf> {
    let mut files = Vec::new();
    for entry in fs::read_dir(folder).into_iter().flatten().flatten() {
        let (path, name) = (entry.path(), entry.file_name());
        let name = name.to_string_lossy();
        let is_left_behind =
            matches!(&*name, "node_modules" | "__pycache__" | "target" | ".mypy_cache" | ".ruff_cache");
        if is_left_behind || name.ends_with(".egg-info") {
            continue;
        }
        if path.is_dir() {
            files.extend(existing(&path));
        } else {
            files.push(path);
        }
    }
    files
}
