//! What stands around the source: the project file, the operation table, a README and the mark of typed packages.

use bitting_spec::Document;
use serde_json::Value;

use super::text::literal;
use super::{Package, docs, method};
use crate::{File, credentials};

/// The files beside the modules.
pub(super) fn files(package: &Package<'_>) -> Vec<File> {
    let root = format!("src/{}", package.import);
    let table = &package.surface.table;
    let table = serde_json::to_string_pretty(&table).unwrap_or_default();
    let file = |path: String, text: String| File { path, text };
    vec![
        file("pyproject.toml".to_owned(), project(package)),
        file("README.md".to_owned(), readme(package)),
        file(format!("{root}/_api.json"), table + "\n"),
        file(format!("{root}/py.typed"), String::new()),
    ]
}

fn project(package: &Package<'_>) -> String {
    let document = package.surface.document;
    format!(
        "# {origin}
[build-system]
requires = [\"hatchling\"]
build-backend = \"hatchling.build\"

[project]
name = {name}
version = {version}
description = {about}
readme = \"README.md\"
requires-python = \">=3.10\"
dependencies = [
  \"bitting>={runtime}\",
  \"msgspec>=0.22\",
  \"typing-extensions>=4; python_version<'3.11'\",
]
classifiers = [\"Typing :: Typed\"]

[tool.hatch.build.targets.wheel]
packages = [\"src/{import}\"]
",
        origin = package.origin(),
        name = literal(&package.surface.name),
        version = literal(&version(document)),
        about = literal(&format!("Typed client: {}", docs::one_line(&document.title))),
        runtime = env!("CARGO_PKG_VERSION"),
        import = package.import,
    )
}

/// The document's version as one that PEP 440 takes: its numbers, `2026-01-15` becomes `2026.1.15`.
pub(super) fn version(document: &Document) -> String {
    let numbers = document.version.split(|letter: char| !letter.is_ascii_digit());
    let numbers: Vec<String> =
        numbers.filter_map(|number| number.parse::<u32>().ok()).take(3).map(|number| number.to_string()).collect();
    if numbers.is_empty() { "0.0.0".to_owned() } else { numbers.join(".") }
}

fn readme(package: &Package<'_>) -> String {
    let Package { import, class, .. } = package;
    let title = docs::one_line(&package.surface.document.title);
    let name = &package.surface.name;
    let example = example(package);
    format!(
        "<!-- {origin} -->
# {name}

Typed client: {title}, over [bitting](https://pypi.org/project/bitting/).

```python
from {import} import {class}

with {class}() as client:
{sync}```

```python
import asyncio

from {import} import Async{class}


async def main() -> None:
    async with Async{class}() as client:
{later}

asyncio.run(main())
```

{credentials}Errors are exceptions of `bitting`, all below `bitting.BittingError`.
",
        origin = package.origin(),
        sync = example[0],
        later = example[1],
        credentials = credentials_of(package),
    )
}

/// Where credentials come from, if there are any.
fn credentials_of(package: &Package<'_>) -> String {
    let variables = credentials::all_variables(&package.surface.table);
    if variables.is_empty() {
        return String::new();
    }
    let variables = variables.join("`, `");
    format!(
        "Credentials are arguments of the client, which `help({})` names, or are read from `{variables}`.\n\n",
        package.class
    )
}

/// The method that is shown, called in both clients.
fn example(package: &Package<'_>) -> [String; 2] {
    let surface = package.surface;
    let shown = surface.showcase(&|_| true).and_then(|(place, index)| {
        Some((package.resources.get(place)?, surface.resources.get(place)?.methods.get(index)?))
    });
    let Some((names, method)) = shown else { return ["    ...\n".to_owned(), "        ...\n".to_owned()] };
    let value = |argument: &crate::surface::Argument<'_>| value_of(&surface.sample(argument));
    let (path, named): (Vec<_>, Vec<_>) =
        method.required.iter().partition(|argument| argument.parameter.location == bitting_spec::table::Location::Path);
    let named =
        named.iter().map(|argument| format!("{}={}", crate::Language::Python.value(&argument.name), value(argument)));
    let arguments: Vec<String> = path.iter().map(|argument| value(argument)).chain(named).collect();
    let call = format!("client.{}.{}({})", names.module, method::name(method), arguments.join(", "));
    if method.items.is_some() && super::answer::is_paged(method) {
        let walk = |column: &str, word: &str| format!("{column}{word} item in {call}:\n{column}    print(item)\n");
        return [walk("    ", "for"), walk("        ", "async for")];
    }
    [format!("    print({call})\n"), format!("        print(await {call})\n")]
}

/// A value as Python writes it.
fn value_of(value: &Value) -> String {
    match value {
        Value::String(text) => literal(text),
        Value::Bool(true) => "True".to_owned(),
        Value::Bool(false) => "False".to_owned(),
        Value::Array(items) => format!("[{}]", items.iter().map(value_of).collect::<Vec<_>>().join(", ")),
        other => other.to_string(),
    }
}
