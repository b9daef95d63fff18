//! What is measured, built for release and put where the packages find it, apart from what the tests use.

use std::fs;
use std::path::{Path, PathBuf};

use serde_json::Value;

use crate::shell::{self, command};
use crate::test;

/// Where the built files are.
pub(super) struct Built {
    /// The command `bitting`.
    pub(super) cli: PathBuf,
    /// The benchmark of the servers, which also has the server of fixed pages.
    pub(super) server: PathBuf,
    /// The folder that Python imports our package from.
    pub(super) python: PathBuf,
    /// The module that Node loads.
    pub(super) node: PathBuf,
}

impl Built {
    /// Builds everything in one go.
    pub(super) fn make() -> Result<Self, String> {
        let packages = ["-p", "bitting-cli", "-p", "bitting-python", "-p", "bitting-node", "-p", "bitting-mock"];
        let targets = ["--bins", "--lib", "--bench", "server", "--message-format", "json-render-diagnostics"];
        let arguments = [&["build", "--release"], packages.as_slice(), targets.as_slice()].concat();
        let messages = shell::output(command("cargo", ".", &arguments))?;
        let find =
            |kind, name| artifact(&messages, kind, name).ok_or_else(|| format!("cargo built no {kind} `{name}`"));
        let folder = test::target().join("bench");
        Ok(Self {
            cli: find("bin", "bitting")?,
            server: find("bench", "server")?,
            python: python(&find("cdylib", "_native")?, &folder.join("python"))?,
            node: node(&find("cdylib", "bitting_node")?, &folder)?,
        })
    }
}

/// The file that cargo says it built for a target.
fn artifact(messages: &str, kind: &str, name: &str) -> Option<PathBuf> {
    let messages = messages.lines().filter_map(|line| serde_json::from_str::<Value>(line).ok());
    let mut artifacts = messages.filter(|message| message["reason"] == "compiler-artifact");
    let artifact = artifacts.find(|artifact| {
        let target = &artifact["target"];
        let is_kind = target["kind"].as_array().is_some_and(|kinds| kinds.iter().any(|its| its == kind));
        is_kind && target["name"].as_str().is_some_and(|its| its.replace('-', "_") == name)
    })?;
    artifact["executable"].as_str().or(artifact["filenames"][0].as_str()).map(PathBuf::from)
}

/// A copy of our Python package with the module for release.
fn python(module: &Path, folder: &Path) -> Result<PathBuf, String> {
    let package = folder.join("bitting");
    let source = shell::root().join("bindings/python/python/bitting");
    let fault = |error| format!("{} to {}: {error}", source.display(), package.display());
    if package.exists() {
        fs::remove_dir_all(&package).map_err(fault)?;
    }
    fs::create_dir_all(&package).map_err(fault)?;
    for entry in fs::read_dir(&source).map_err(fault)? {
        let path = entry.map_err(fault)?.path();
        if path.extension().is_some_and(|extension| extension == "py") {
            fs::copy(&path, package.join(path.file_name().unwrap_or_default())).map_err(fault)?;
        }
    }
    test::place(module, package.join("_native.abi3.so"))?;
    Ok(folder.to_owned())
}

/// The module under a name by which Node knows that it is native.
fn node(module: &Path, folder: &Path) -> Result<PathBuf, String> {
    let file = folder.join("bitting.node");
    test::place(module, &file)?;
    Ok(file)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Issue 2, "First figures": what is measured is what cargo says that it built, not what lies around.
    #[test]
    fn files_are_found_in_the_messages_of_cargo() {
        let library = r#"{"reason":"compiler-artifact","target":{"kind":["cdylib"],"name":"bitting-node"},"filenames":["/t/libbitting_node.so"],"executable":null}"#;
        let bench = r#"{"reason":"compiler-artifact","target":{"kind":["bench"],"name":"server"},"filenames":["/t/server-1"],"executable":"/t/server-1"}"#;
        let messages = format!("{library}\n{bench}\n{{\"reason\":\"build-finished\"}}\n");
        assert_eq!(artifact(&messages, "cdylib", "bitting_node"), Some("/t/libbitting_node.so".into()));
        assert_eq!(artifact(&messages, "bench", "server"), Some("/t/server-1".into()));
        assert_eq!(artifact(&messages, "bin", "bitting"), None);
    }
}
