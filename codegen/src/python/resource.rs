//! `resources/*.py`: the methods of a resource, once for each kind of client, plain and raw.

use std::collections::BTreeSet;

use super::answer::Answers;
use super::text::{docstring, import, mentions};
use super::{Package, ResourceNames, annotation, method, model};
use crate::names;
use crate::surface::Resource;

/// What of a client's members explains its credentials, be it a resource of the API or not.
const AUTH: &str = "auth";

/// The module's source.
pub(super) fn module(package: &Package<'_>, names: &ResourceNames, resource: &Resource<'_>) -> String {
    // A method `list` hides the builtin from the annotations of its class.
    let list = if resource.methods.iter().any(|one| method::name(one) == "list") { "builtins.list" } else { "list" };
    let mut answers = Answers::default();
    let classes = [false, true].map(|is_async| class(package, names, resource, list, &mut answers, is_async));
    let body = format!("{}{}", answers.source, classes.concat());
    header(package, names, &body) + &body
}

/// The class of a resource without prefix and suffix. A module of a resource imports models and the runtime beside it,
/// which may be called as its classes would be: a tag `sync`, a schema `OrganizationResource`.
pub(super) fn class_name(resource: &str, models: &BTreeSet<String>) -> String {
    let name = names::type_name(resource);
    let classes =
        ["", "Async"].map(|prefix| [format!("{prefix}{name}Resource"), format!("{prefix}{name}WithRawResponse")]);
    let is_taken =
        classes.iter().flatten().any(|class| models.contains(class) || annotation::TAKEN.contains(&class.as_str()));
    if is_taken { format!("{name}Api") } else { name }
}

fn class(
    package: &Package<'_>,
    names: &ResourceNames,
    resource: &Resource<'_>,
    list: &str,
    answers: &mut Answers,
    is_async: bool,
) -> String {
    let (prefix, raw) = if is_async { ("Async", "raw_async") } else { ("", "raw") };
    let mut base = if is_async { "AsyncResource" } else { "SyncResource" }.to_owned();
    if names.module == AUTH {
        base.push_str(", Explains");
    }
    let class = format!("{prefix}{}Resource", names.class);
    let shell = format!("{prefix}{}WithRawResponse", names.class);
    let attribute = &names.module;
    let about = docstring(4, &[format!("The methods of ``client.{attribute}``.")]);
    let mut source = format!("\n\nclass {class}({base}):\n{about}\n    __slots__ = ()\n\n");
    source.push_str(&format!("    @property\n    def with_raw_response(self) -> {shell}:\n"));
    source
        .push_str(&docstring(8, &["The same methods, which return status, headers and body as they came.".to_owned()]));
    source.push_str(&format!("        return {shell}(self._raw())\n"));
    for one in &resource.methods {
        source.push('\n');
        source.push_str(&method::source(package, one, list, answers, is_async));
    }
    let about = docstring(4, &[format!("The methods of ``client.{attribute}.with_raw_response``.")]);
    source.push_str(&format!("\n\nclass {shell}:\n{about}\n    def __init__(self, resource: {class}) -> None:\n"));
    for one in &resource.methods {
        let name = method::name(one);
        source.push_str(&format!("        self.{name} = {raw}(resource.{name})\n"));
    }
    source
}

fn header(package: &Package<'_>, names: &ResourceNames, body: &str) -> String {
    let mut source = docstring(0, &[format!("The methods of ``client.{}``.", names.module)]);
    source.push_str("\nfrom __future__ import annotations\n\n");
    for module in ["builtins", "datetime"] {
        if mentions(body, module) {
            source.push_str(&format!("import {module}\n"));
        }
    }
    let typing = format!("{body} TYPE_CHECKING");
    source.push_str(&import(0, "typing", &["Any", "Literal", "TYPE_CHECKING"].map(str::to_owned), &typing));
    let runtime = [
        "BINARY",
        "EMPTY",
        "NOT_GIVEN",
        "TEXT",
        "AsyncResource",
        "Explains",
        "Json",
        "Pages",
        "SyncResource",
        "given",
        "raw",
        "raw_async",
    ];
    source.push_str(&format!("\n{}", import(0, "bitting.runtime", &runtime.map(str::to_owned), body)));
    let models = import(0, "..models", &model::names_of(package), body);
    if !models.is_empty() {
        source.push_str(&format!("\n{models}"));
    }
    source.push_str("\nif TYPE_CHECKING:\n");
    let standard = import(4, "collections.abc", &["Mapping", "Sequence"].map(str::to_owned), body)
        + &import(4, "typing", &["IO"].map(str::to_owned), body);
    let typing = ["AsyncPaginator", "NotGiven", "RequestOptions", "SyncPage", "Upload"].map(str::to_owned);
    let third = import(4, "bitting.runtime", &typing, body) + "    from typing_extensions import Unpack\n";
    let own = import(4, "..types", &package.inputs.names(), body);
    let blocks: Vec<String> = [standard, third, own].into_iter().filter(|block| !block.is_empty()).collect();
    source.push_str(&blocks.join("\n"));
    source + "\n"
}
