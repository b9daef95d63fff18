//! What holds for the workspace as a whole: its folders, its crates, and which of them may know which.

use std::collections::{BTreeMap, BTreeSet};

use crate::shell;

/// The most entries of the root folder, hidden ones aside.
const ROOT_ENTRIES: usize = 18;

/// Which of our crates each crate may use at run time. The data goes one way; nothing points back.
const MAY_USE: [(&str, &[&str]); 14] = [
    ("bitting-spec", &[]),
    ("bitting-codegen", &["bitting-spec"]),
    ("bitting", &["bitting-spec"]),
    ("bitting-schedules", &["bitting-spec"]),
    ("bitting-bench", &[]),
    ("bitting-fuzz", &["bitting"]),
    ("bitting-ffi", &["bitting", "bitting-spec"]),
    ("bitting-python", &["bitting-ffi"]),
    ("bitting-node", &["bitting-ffi"]),
    ("bitting-mock", &["bitting-spec"]),
    ("bitting-conformance", &["bitting-spec"]),
    ("bitting-cli", &["bitting", "bitting-spec", "bitting-codegen", "bitting-mock", "bitting-conformance"]),
    ("xtask", &["bitting-spec", "bitting-codegen"]),
    ("devices", &[]),
];

pub(super) fn check(files: &[String]) -> Result<Vec<String>, String> {
    let mut faults = Vec::new();
    let entries: BTreeSet<&str> = files.iter().filter_map(|file| file.split('/').next()).collect();
    let shown = entries.iter().filter(|entry| !entry.starts_with('.')).count();
    if shown > ROOT_ENTRIES {
        faults.push(format!("the root folder has {shown} entries, more than {ROOT_ENTRIES}"));
    }
    let map = read("ARCHITECTURE.md")?;
    for (name, uses) in crates(files)? {
        if name.generated {
            continue;
        }
        let Some((_, allowed)) = MAY_USE.iter().find(|(known, _)| *known == name.name) else {
            faults.push(format!(
                "the crate `{}` has no place in the order of crates (xtask/src/tidy/workspace.rs)",
                name.name
            ));
            continue;
        };
        for used in uses.iter().filter(|used| !allowed.contains(&used.as_str())) {
            faults.push(format!("`{}` must not use `{used}`: the data goes one way", name.name));
        }
        if !map.contains(&format!("`{}`", name.name)) {
            faults.push(format!("ARCHITECTURE.md does not name the crate `{}`", name.name));
        }
        if !name.has_lints {
            faults.push(format!("`{}` does not take the workspace's lints (`lints.workspace = true`)", name.name));
        }
    }
    Ok(faults)
}

#[derive(PartialEq, Eq, PartialOrd, Ord)]
struct Crate {
    name: String,
    has_lints: bool,
    generated: bool,
}

/// Our crates, each with those of ours that it uses at run time.
fn crates(files: &[String]) -> Result<BTreeMap<Crate, BTreeSet<String>>, String> {
    let mut crates = BTreeMap::new();
    for file in files.iter().filter(|file| file.ends_with("/Cargo.toml")) {
        let manifest = read(file)?.parse::<toml::Table>().map_err(|error| format!("{file}: {error}"))?;
        let Some(name) = manifest.get("package").and_then(|package| package.get("name")).and_then(toml::Value::as_str)
        else {
            continue;
        };
        let dependencies = manifest.get("dependencies").and_then(toml::Value::as_table);
        let ours = dependencies.into_iter().flat_map(toml::Table::keys).filter(|name| name.starts_with("bitting"));
        // A workspace of its own has no lints to take over.
        let has_lints = manifest.get("lints").is_some() || manifest.contains_key("workspace");
        let key = Crate { name: name.to_owned(), has_lints, generated: super::is_generated(file) };
        crates.insert(key, ours.cloned().collect());
    }
    Ok(crates)
}

fn read(file: &str) -> Result<String, String> {
    std::fs::read_to_string(shell::root().join(file)).map_err(|error| format!("{file}: {error}"))
}
