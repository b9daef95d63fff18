//! `cargo xtask test`: every test in all three languages, from a fresh machine.

use std::path::{Path, PathBuf};
use std::{env, fs, io};

use crate::shell::{self, command};

/// The parts, in the order in which they run.
const PARTS: [&str; 6] = ["rust", "python", "node", "browser", "suite", "examples"];

pub(crate) fn run(parts: &[&str]) -> Result<(), String> {
    if let Some(unknown) = parts.iter().find(|part| !PARTS.contains(part)) {
        return Err(format!("unknown part `{unknown}`; there are: {}", PARTS.join(", ")));
    }
    let wanted = |part| parts.is_empty() || parts.contains(&part);
    // One build of everything, so that no crate is built twice with different features.
    shell::run(command("cargo", ".", &["build", "--workspace", "--all-targets"]))?;
    if wanted("rust") {
        shell::run(command("cargo", ".", &["test", "--workspace"]))?;
        // What a call tells of itself stands behind features. With those of the whole workspace beside them, only our own
        // crate is built again.
        let told = ["--features", "bitting/tracing,bitting/metrics", "--test", "telemetry"];
        shell::run(command("cargo", ".", &["test", "--workspace"]).tap(|cargo| {
            cargo.args(told);
        }))?;
    }
    if wanted("python") || wanted("examples") {
        python()?;
    }
    if wanted("node") || wanted("examples") {
        node()?;
    }
    if wanted("python") {
        pytest("bindings/python/tests")?;
    }
    if wanted("node") {
        // Named one by one: a folder would run what the tests only share.
        let tests = files("bindings/node/test", ".test.mjs")?;
        shell::run(command("node", "bindings/node", &["--test"]).tap(|node| {
            node.args(tests).env("BITTING_BIN", built("bitting"));
        }))?;
    }
    if wanted("browser") {
        programs("mock-server/tests/browser")?;
    }
    if wanted("suite") {
        programs("conformance/tests/programs")?;
    }
    if wanted("examples") {
        pytest("examples")?;
    }
    Ok(())
}

/// Tests beside programs that npm installs: the pages for people in a Chromium, the suite against Prism. Without a
/// Chromium they say that they are skipped.
fn programs(folder: &str) -> Result<(), String> {
    packages(folder)?;
    let tests = files(folder, ".test.mjs")?;
    let names = tests.iter().map(|test| test.rsplit('/').next().unwrap_or(test));
    shell::run(command("node", folder, &["--test"]).tap(|node| {
        node.args(names).env("BITTING_BIN", built("bitting"));
    }))
}

/// A file that cargo built.
pub(crate) fn built(name: &str) -> PathBuf {
    let path = target().join("debug").join(name);
    path.canonicalize().unwrap_or(path)
}

/// The folder that cargo builds in.
pub(crate) fn target() -> PathBuf {
    env::var_os("CARGO_TARGET_DIR").map_or_else(|| shell::root().join("target"), PathBuf::from)
}

/// A program of the virtual environment.
pub(crate) fn venv(program: &str) -> PathBuf {
    let folder = if cfg!(windows) { "Scripts" } else { "bin" };
    let path = shell::root().join(".venv").join(folder).join(program);
    // Not resolved to the end: a virtual environment's python is a link, and must stay one to be known as such.
    shell::root().canonicalize().map_or(path, |root| root.join(".venv").join(folder).join(program))
}

/// The virtual environment with what the tests need, and our package with what cargo built.
fn python() -> Result<(), String> {
    let (prefix, suffix) = library();
    place(&built(&format!("{prefix}_native{suffix}")), "bindings/python/python/bitting/_native.abi3.so")?;
    environment("bindings/python/tests/requirements.txt")
}

/// The virtual environment with what `requirements` names; our package and the generated ones are found where they
/// stand.
pub(crate) fn environment(requirements: &str) -> Result<(), String> {
    if !venv("python").exists() {
        shell::run(command("python3", ".", &["-m", "venv", ".venv"]))?;
    }
    shell::run(command(venv("python"), ".", &["-m", "pip", "install", "--quiet", "--requirement", requirements]))?;
    // No wheel is built to run them.
    let mut paths = vec![absolute("bindings/python/python")?];
    for api in folders("bindings/python/apis")? {
        paths.push(absolute(&format!("{api}/src"))?);
    }
    let site =
        shell::output(command(venv("python"), ".", &["-c", "import sysconfig; print(sysconfig.get_path('purelib'))"]))?;
    let file = Path::new(site.trim()).join("bitting-workspace.pth");
    fs::write(&file, paths.join("\n") + "\n").map_err(|error| format!("{}: {error}", file.display()))
}

fn node() -> Result<(), String> {
    let (prefix, suffix) = library();
    place(&built(&format!("{prefix}bitting_node{suffix}")), "bindings/node/native.node")?;
    modules()
}

/// What npm installs for our packages.
pub(crate) fn modules() -> Result<(), String> {
    packages("bindings/node")
}

/// What npm installs in `folder`.
fn packages(folder: &str) -> Result<(), String> {
    let install = ["install", "--no-audit", "--no-fund", "--loglevel=error"];
    shell::run(command("npm", folder, &install).tap(|npm| {
        // What it says is no result of ours.
        npm.stdout(io::stderr());
    }))
}

fn pytest(folder: &str) -> Result<(), String> {
    shell::run(command(venv("python"), ".", &["-m", "pytest", "-q", folder]).tap(|pytest| {
        pytest.env("BITTING_BIN", built("bitting")).env("BITTING_EXAMPLE", built("devices"));
    }))
}

/// How a shared library is called here.
fn library() -> (&'static str, &'static str) {
    (env::consts::DLL_PREFIX, env::consts::DLL_SUFFIX)
}

/// Puts a built file where a package looks for it. A new file takes the old one's place: a process that has the old
/// one loaded keeps it.
pub(crate) fn place(from: &Path, to: impl AsRef<Path>) -> Result<(), String> {
    let to = shell::root().join(to);
    let beside = to.with_extension("new");
    fs::copy(from, &beside)
        .and_then(|_| fs::rename(&beside, &to))
        .map_err(|error| format!("{} to {}: {error}", from.display(), to.display()))
}

fn absolute(path: &str) -> Result<String, String> {
    let path = shell::root().join(path);
    let resolved = path.canonicalize().map_err(|error| format!("{}: {error}", path.display()))?;
    Ok(resolved.to_string_lossy().into_owned())
}

/// The files of `folder` that end in `ending`, sorted, as paths from the folder above.
fn files(folder: &str, ending: &str) -> Result<Vec<String>, String> {
    let parent = folder.rsplit('/').next().unwrap_or(folder);
    let entries = fs::read_dir(shell::root().join(folder)).map_err(|error| format!("{folder}: {error}"))?;
    let names = entries.flatten().map(|entry| entry.file_name().to_string_lossy().into_owned());
    let mut files: Vec<String> =
        names.filter(|name| name.ends_with(ending)).map(|name| format!("{parent}/{name}")).collect();
    files.sort();
    Ok(files)
}

/// The folders in `parent`, sorted.
fn folders(parent: &str) -> Result<Vec<String>, String> {
    let entries = fs::read_dir(shell::root().join(parent)).map_err(|error| format!("{parent}: {error}"))?;
    let folders = entries.flatten().filter(|entry| entry.path().is_dir());
    let mut names: Vec<String> =
        folders.map(|entry| format!("{parent}/{}", entry.file_name().to_string_lossy())).collect();
    names.sort();
    Ok(names)
}

/// Lets a command be completed in the middle of an expression.
trait Tap {
    fn tap(self, complete: impl FnOnce(&mut Self)) -> Self;
}

impl Tap for std::process::Command {
    fn tap(mut self, complete: impl FnOnce(&mut Self)) -> Self {
        complete(&mut self);
        self
    }
}
