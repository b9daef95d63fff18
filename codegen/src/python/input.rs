//! `types.py`: the objects that a caller gives, as typed dictionaries. A key that is absent is not sent.

use std::collections::BTreeSet;

use super::annotation;
use super::docs;
use super::text::{self, docstring, import, literal};
use super::{Package, method, model};
use crate::types::{Field, TypeDef, TypeKind, TypeRef, Types};
use crate::{Surface, names};

/// The types that are sent.
#[derive(Debug, Default)]
pub(super) struct Inputs {
    /// Every type that an argument or a body leads to.
    reached: BTreeSet<String>,
    /// The objects among them, with the names of their typed dictionaries.
    params: Vec<(String, String)>,
}

impl Inputs {
    pub(super) fn of(surface: &Surface<'_>) -> Self {
        let mut inputs = Self::default();
        let methods = surface.resources.iter().flat_map(|resource| &resource.methods);
        for kind in methods.flat_map(|method| method::inputs(&surface.types, method)) {
            reach(&surface.types, &kind, &|field| !field.read_only, &mut inputs.reached);
        }
        let mut taken: Vec<String> = surface.types.defs.iter().map(|def| annotation::class(&def.name)).collect();
        for def in &surface.types.defs {
            if inputs.reached.contains(&def.name) && matches!(def.kind, TypeKind::Struct { .. }) {
                inputs.params.push((def.name.clone(), names::distinct(format!("{}Param", def.name), &mut taken)));
            }
        }
        inputs
    }

    /// Whether something that is sent leads to the type `name`.
    pub(super) fn reaches(&self, name: &str) -> bool {
        self.reached.contains(name)
    }

    /// The typed dictionary of the object `name`.
    pub(super) fn param(&self, name: &str) -> String {
        let found = self.params.iter().find(|(known, _)| known == name);
        found.map_or_else(|| "Any".to_owned(), |(_, param)| param.clone())
    }

    /// The names of all typed dictionaries.
    pub(super) fn names(&self) -> Vec<String> {
        self.params.iter().map(|(_, param)| param.clone()).collect()
    }
}

/// Every named type that `kind` leads to, through the fields that `follows` allows.
pub(super) fn reach(types: &Types, kind: &TypeRef, follows: &dyn Fn(&Field) -> bool, reached: &mut BTreeSet<String>) {
    match kind {
        TypeRef::List(inner) | TypeRef::Map(inner) | TypeRef::Nullable(inner) => reach(types, inner, follows, reached),
        TypeRef::Named(name) if reached.insert(name.clone()) => match types.get(name).map(|def| &def.kind) {
            Some(TypeKind::Struct { fields, additional }) => {
                let fields = fields.iter().filter(|field| follows(field)).map(|field| &field.kind);
                fields.chain(additional).for_each(|kind| reach(types, kind, follows, reached));
            }
            Some(TypeKind::Union { variants, .. }) => {
                variants.iter().for_each(|kind| reach(types, kind, follows, reached));
            }
            Some(TypeKind::Alias(target)) => reach(types, target, follows, reached),
            Some(TypeKind::Enum(_)) | None => {}
        },
        _ => {}
    }
}

/// The module's source.
pub(super) fn module(package: &Package<'_>) -> String {
    let defs = &package.surface.types.defs;
    let sent = defs.iter().filter_map(|def| {
        let (_, param) = package.inputs.params.iter().find(|(name, _)| *name == def.name)?;
        let TypeKind::Struct { fields, .. } = &def.kind else { return None };
        Some(dictionary(package, def, param, fields))
    });
    let body: String = sent.collect();
    let mut source =
        "\"\"\"The objects that methods take, as typed dictionaries: a key that is absent is not sent.\"\"\"\n\n\
                      from __future__ import annotations\n\n"
            .to_owned();
    if body.is_empty() {
        source.push_str("__all__: list[str] = []\n");
        return source;
    }
    if text::mentions(&body, "datetime") {
        source.push_str("import datetime\n");
    }
    source.push_str("import sys\n");
    source.push_str(&import(0, "collections.abc", &["Mapping", "Sequence"].map(str::to_owned), &body));
    source.push_str(&import(0, "typing", &["Any", "Literal", "TypedDict"].map(str::to_owned), &body));
    let models = import(0, ".models", &model::names_of(package), &body);
    if !models.is_empty() {
        source.push_str(&format!("\n{models}"));
    }
    if text::mentions(&body, "NotRequired") {
        source.push_str(
            "\nif sys.version_info >= (3, 11):\n    from typing import NotRequired\nelse:\n    \
             from typing_extensions import NotRequired\n",
        );
    } else {
        source = source.replace("import sys\n", "");
    }
    source + &body
}

/// A typed dictionary: as a class where every key can be a name, else by a call.
fn dictionary(package: &Package<'_>, def: &TypeDef, param: &str, fields: &[Field]) -> String {
    let fields: Vec<&Field> = fields.iter().filter(|field| !field.read_only).collect();
    if !fields.iter().all(|field| is_name(&field.name)) {
        return by_call(package, param, &fields);
    }
    let about = def.description.clone().unwrap_or_else(|| format!("The object ``{}``.", def.name));
    let mut source = format!("\n\nclass {param}(TypedDict):\n{}", docstring(4, &[docs::sentence(&about)]));
    let members = fields
        .iter()
        .map(|field| (format!("{}: {}", field.name, member(package, field)), field.description.as_deref()));
    source.push_str(&docs::members(members));
    source
}

fn by_call(package: &Package<'_>, param: &str, fields: &[&Field]) -> String {
    let line = |field: &&Field| format!("        {}: {},\n", literal(&field.name), literal(&member(package, field)));
    let members: String = fields.iter().map(line).collect();
    format!("\n\n{param} = TypedDict(\n    \"{param}\",\n    {{\n{members}    }},\n)\n")
}

fn member(package: &Package<'_>, field: &Field) -> String {
    let kind = annotation::input(&field.kind, &package.surface.types, &|name| package.inputs.param(name));
    if field.required { kind } else { format!("NotRequired[{kind}]") }
}

/// Whether `key` can be written as the name of a member without hiding a type.
fn is_name(key: &str) -> bool {
    let is_word = key.chars().all(|letter| letter.is_ascii_alphanumeric() || letter == '_')
        && !key.starts_with(|first: char| first.is_ascii_digit())
        && !key.starts_with("__")
        && !key.is_empty();
    is_word && !crate::Language::Python.keeps(key) && !annotation::BUILTINS.contains(&key)
}
