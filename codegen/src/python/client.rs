//! `__init__.py` and `_client.py`: the two clients and the package's names, all loaded when they are first used.

use bitting_spec::table::{Api, Scheme};

use super::docs;
use super::text::{docstring, literal};
use super::{Package, ResourceNames};
use crate::credentials;

/// The names of a client that no resource may have.
pub(super) const TAKEN: [&str; 4] = ["call", "close", "rate_limit", "with_options"];

/// The source of `__init__.py`.
pub(super) fn exports(package: &Package<'_>) -> String {
    let document = package.surface.document;
    let class = &package.class;
    let about = docstring(0, &[docs::sentence(&format!("Typed client: {}", docs::one_line(&document.title)))]);
    format!(
        "{about}
from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from . import models, types
    from ._client import Async{class}, {class}

__all__ = [\"Async{class}\", \"{class}\", \"models\", \"types\"]
__version__ = {version}


def __getattr__(name: str) -> object:
    from importlib import import_module

    if name in (\"models\", \"types\"):
        return import_module(f\".{{name}}\", __name__)
    if name in __all__:
        return getattr(import_module(\"._client\", __name__), name)
    raise AttributeError(f\"module {{__name__!r}} has no attribute {{name!r}}\")
",
        version = literal(&super::project::version(document)),
    )
}

/// The source of `_client.py`.
pub(super) fn module(package: &Package<'_>) -> String {
    let modules = package.resources.iter().map(|names| {
        let ResourceNames { module, class } = names;
        format!("    from .resources.{module} import Async{class}Resource, {class}Resource\n")
    });
    let mut modules: Vec<String> = modules.collect();
    modules.sort();
    let checked = if modules.is_empty() { String::new() } else { format!("\nif TYPE_CHECKING:\n{}", modules.concat()) };
    let lazy = if modules.is_empty() {
        ""
    } else {
        "from functools import cached_property\nfrom typing import TYPE_CHECKING\n\n"
    };
    format!(
        "\"\"\"The clients.\"\"\"\n\nfrom __future__ import annotations\n\n{lazy}\
         from bitting.runtime import AsyncClient, SyncClient\n{checked}{}{}",
        class(package, ""),
        class(package, "Async"),
    )
}

fn class(package: &Package<'_>, prefix: &str) -> String {
    let base = if prefix.is_empty() { "SyncClient" } else { "AsyncClient" };
    let mut source = format!("\n\nclass {prefix}{}({base}):\n", package.class);
    source.push_str(&docstring(4, &about(package, prefix)));
    source.push_str("\n    _package = __name__.rpartition(\".\")[0]\n");
    for ResourceNames { module, class } in &package.resources {
        let resource = format!("{prefix}{class}Resource");
        source.push_str(&format!(
            "\n    @cached_property\n    def {module}(self) -> {resource}:\n        \"\"\"The methods of ``{module}``.\"\"\"\n\
             \x20       from .resources.{module} import {resource}\n\n        return {resource}(self)\n"
        ));
    }
    source
}

fn about(package: &Package<'_>, prefix: &str) -> Vec<String> {
    let document = package.surface.document;
    let kind = if prefix.is_empty() { "Synchronous" } else { "Asynchronous" };
    let mut paragraphs = vec![docs::sentence(&format!("{kind} client: {}", docs::one_line(&document.title)))];
    paragraphs.extend(document.description.as_ref().map(|text| text.trim().to_owned()));
    let api = &package.surface.table;
    let credentials: Vec<String> = api.schemes.iter().map(|one| scheme(api, one)).collect();
    if !credentials.is_empty() {
        paragraphs.push(format!("Credentials:\n{}", credentials.join("\n")));
    }
    paragraphs.push("The keyword arguments are those of ``bitting.ClientOptions``.".to_owned());
    paragraphs
}

/// One security scheme: the arguments that give it a credential, and the variables that do so without any.
fn scheme(api: &Api, scheme: &Scheme) -> String {
    let own = api.own_variable(scheme).map(|_| format!(", or ``api_keys={{{}: ...}}``", literal(&scheme.name)));
    let argument = |part: &&str| match *part {
        "key" => format!("``api_key``{}", own.as_deref().unwrap_or_default()),
        part => format!("``{part}``"),
    };
    let way = |parts: &[&str]| parts.iter().map(argument).collect::<Vec<_>>().join(" and ");
    let ways: Vec<String> = credentials::ways(scheme).into_iter().map(way).collect();
    let variables: Vec<String> = credentials::variables(api, scheme).iter().map(|name| format!("``{name}``")).collect();
    let sources = [ways.join(", or "), variables.join(", ")];
    match sources {
        [ways, _] if ways.is_empty() => format!("    {}: a client certificate.", scheme.name),
        [ways, variables] => format!("    {}: {ways}; from the environment: {variables}.", scheme.name),
    }
}
