//! `models.py`: the objects that the API answers, as msgspec structs, and the names of enums, unions and scalars.

use std::collections::BTreeSet;

use serde_json::Value;

use super::annotation::{self, BUILTINS, output, union};
use super::docs;
use super::input::{self, Inputs};
use super::text::{WIDTH, docstring, import, kept_free, listed, literal, mentions};
use super::{Package, method};
use crate::rust::secret;
use crate::types::{Discriminator, Field, TypeDef, TypeKind, TypeRef, Types};
use crate::{Language, Note, Surface, names};

/// The module's source: structs in the document's order, then what has to stand after what it names.
pub(super) fn module(package: &Package<'_>) -> String {
    let types = &package.surface.types;
    let wanted: Vec<&TypeDef> = types.defs.iter().filter(|def| package.models.contains(&def.name)).collect();
    let mut body = String::new();
    for def in &wanted {
        if let TypeKind::Struct { fields, .. } = &def.kind {
            body.push_str(&structure(types, def, fields));
        }
    }
    let mut done = BTreeSet::new();
    let aliases: String = wanted.iter().map(|def| alias(types, def, &mut Vec::new(), &mut done)).collect();
    if !aliases.is_empty() {
        body.push_str(&format!("\n{aliases}"));
    }
    header(&body) + &body
}

fn header(body: &str) -> String {
    let mut source =
        "\"\"\"What the API answers.\n\nEnums are open: a value that a newer server answers is kept as it is. \
                      Members that are not named here are\nleft out; ``with_raw_response`` shows them.\n\"\"\"\n\n\
                      from __future__ import annotations\n\n"
            .to_owned();
    if mentions(body, "datetime") {
        source.push_str("import datetime\n");
    }
    let typing = ["Any", "Literal", "TYPE_CHECKING", "TypeAlias"].map(str::to_owned);
    source.push_str(&import(0, "typing", &typing, body));
    let msgspec = import(0, "msgspec", &["Struct", "field"].map(str::to_owned), body);
    let runtime = import(0, "bitting.runtime", &["UnknownVariant", "one_of", "redacted"].map(str::to_owned), body);
    if !runtime.is_empty() || !msgspec.is_empty() {
        source.push_str(&format!("\n{runtime}{msgspec}"));
    }
    source
}

/// The names of the module.
pub(super) fn names_of(package: &Package<'_>) -> Vec<String> {
    package.models.iter().map(|name| annotation::class(name)).collect()
}

/// The types that the module holds. Objects that are only ever sent are typed dictionaries, not structs; enums serve
/// both ways, and a type that nothing uses is there for whoever needs it.
pub(super) fn wanted(surface: &Surface<'_>, inputs: &Inputs) -> BTreeSet<String> {
    let types = &surface.types;
    let (mut answered, mut flat) = (BTreeSet::new(), BTreeSet::new());
    for method in surface.resources.iter().flat_map(|resource| &resource.methods) {
        if let Some(kind) = method::answered(method) {
            input::reach(types, kind, &|field| !field.write_only, &mut answered);
        }
        if let Some(body) = method.body.as_ref().filter(|body| body.flat)
            && let TypeRef::Named(name) = types.resolved(&body.kind)
        {
            flat.insert(name);
        }
    }
    let is_wanted = |def: &&TypeDef| {
        let is_sent = inputs.reaches(&def.name) || flat.contains(&def.name);
        matches!(def.kind, TypeKind::Enum(_)) || !is_sent || answered.contains(&def.name)
    };
    let mut wanted = BTreeSet::new();
    for def in types.defs.iter().filter(is_wanted) {
        // A union is written with its variants, so what it names has to be there too.
        let target = TypeRef::Named(def.name.clone());
        input::reach(types, &target, &|field| !field.write_only, &mut wanted);
    }
    wanted
}

fn structure(types: &Types, def: &TypeDef, fields: &[Field]) -> String {
    // Objects of nothing but scalars can be in no cycle, so the garbage collector need not look at them.
    let is_leaf = fields.iter().all(|field| is_scalar(&field.kind));
    let leaf = if is_leaf { ", gc=False" } else { "" };
    let about = def.description.clone().unwrap_or_else(|| format!("The object ``{}``.", def.name));
    let class = annotation::class(&def.name);
    let mut source = format!("\n\nclass {class}(Struct, kw_only=True, omit_defaults=True{leaf}):\n");
    source.push_str(&docstring(4, &[docs::sentence(&about)]));
    let mut taken = Vec::new();
    let secrets = secret::members(types, def);
    let mut hidden = Vec::new();
    let members = fields.iter().filter(|field| !field.write_only).map(|member| {
        let (name, line) = attribute(member, &mut taken);
        if secrets.contains(&member.name) {
            hidden.push(literal(&name));
        }
        (line, member.description.as_deref())
    });
    source.push_str(&docs::members(members));
    if !hidden.is_empty() {
        source.push_str("\n    def __repr__(self) -> str:\n");
        hidden.insert(0, "self".to_owned());
        source.push_str(&listed(8, "return redacted(", &hidden, ")"));
    }
    source
}

/// The name of a member in Python.
pub(super) fn attribute_name(member: &str) -> String {
    kept_free(kept_free(Language::Python.value(member), &BUILTINS), &["field"])
}

/// The name of a member in Python, and its line.
fn attribute(member: &Field, taken: &mut Vec<String>) -> (String, String) {
    let name = names::distinct(attribute_name(&member.name), taken);
    let kind = output(&member.kind, "list");
    let is_optional = !member.required;
    let kind = if is_optional && !kind.ends_with("None") && kind != "Any" { format!("{kind} | None") } else { kind };
    let value = match (is_optional, name == member.name) {
        (false, true) => String::new(),
        (true, true) => " = None".to_owned(),
        (false, false) => format!(" = field(name={})", literal(&member.name)),
        (true, false) => format!(" = field(default=None, name={})", literal(&member.name)),
    };
    let line = format!("{name}: {kind}{value}");
    (name, line)
}

fn is_scalar(kind: &TypeRef) -> bool {
    match kind {
        TypeRef::Nullable(kind) => is_scalar(kind),
        TypeRef::Named(_) | TypeRef::List(_) | TypeRef::Map(_) | TypeRef::Any => false,
        _ => true,
    }
}

/// An enum, a union or an alias, after those that it names. One that leads to itself is cut there.
fn alias(types: &Types, def: &TypeDef, within: &mut Vec<String>, done: &mut BTreeSet<String>) -> String {
    if matches!(def.kind, TypeKind::Struct { .. }) || done.contains(&def.name) || within.contains(&def.name) {
        return String::new();
    }
    within.push(def.name.clone());
    let needed = direct(&def.kind);
    let before: String =
        needed.iter().filter_map(|name| types.get(name)).map(|def| alias(types, def, within, done)).collect();
    within.pop();
    let is_cut = |name: &str| within.iter().any(|outer| outer == name) || name == def.name;
    let text = definition(types, def, &is_cut);
    done.insert(def.name.clone());
    before + &text
}

/// The names that a definition mentions.
fn direct(kind: &TypeKind) -> Vec<String> {
    fn names(kind: &TypeRef) -> Vec<String> {
        match kind {
            TypeRef::Named(name) => vec![name.clone()],
            TypeRef::List(inner) | TypeRef::Map(inner) | TypeRef::Nullable(inner) => names(inner),
            _ => Vec::new(),
        }
    }
    match kind {
        TypeKind::Alias(target) => names(target),
        TypeKind::Union { variants, .. } => variants.iter().flat_map(names).collect(),
        TypeKind::Enum(_) | TypeKind::Struct { .. } => Vec::new(),
    }
}

fn definition(types: &Types, def: &TypeDef, is_cut: &dyn Fn(&str) -> bool) -> String {
    let class = annotation::class(&def.name);
    let text = match &def.kind {
        TypeKind::Struct { .. } => return String::new(),
        TypeKind::Enum(values) => open_enum(&class, values),
        TypeKind::Alias(target) => format!("{class}: TypeAlias = {}\n", output(&cut(target, is_cut), "list")),
        TypeKind::Union { variants, discriminator } => {
            let variants: Vec<TypeRef> = variants.iter().map(|variant| cut(variant, is_cut)).collect();
            union_of(types, &class, &variants, discriminator.as_ref())
        }
    };
    let about = def.description.as_ref().map(|about| docstring(0, &[docs::sentence(about)]));
    format!("\n{text}{}", about.unwrap_or_default())
}

fn cut(kind: &TypeRef, is_cut: &dyn Fn(&str) -> bool) -> TypeRef {
    let inner = |kind: &TypeRef| Box::new(cut(kind, is_cut));
    match kind {
        TypeRef::Named(name) if is_cut(name) => TypeRef::Any,
        TypeRef::List(items) => TypeRef::List(inner(items)),
        TypeRef::Map(values) => TypeRef::Map(inner(values)),
        TypeRef::Nullable(kind) => TypeRef::Nullable(inner(kind)),
        other => other.clone(),
    }
}

fn open_enum(class: &str, values: &[String]) -> String {
    let values: Vec<String> = values.iter().map(|value| literal(value)).collect();
    let line = format!("{class}: TypeAlias = Literal[{}] | str\n", values.join(", "));
    if line.trim_end().chars().count() <= WIDTH {
        return line;
    }
    let values: String = values.iter().map(|value| format!("        {value},\n")).collect();
    format!("{class}: TypeAlias = (\n    Literal[\n{values}    ]\n    | str\n)\n")
}

/// A union that msgspec decodes by itself, or one that `bitting` decodes.
fn union_of(types: &Types, class: &str, variants: &[TypeRef], discriminator: Option<&Discriminator>) -> String {
    let alternatives = || variants.iter().map(|variant| output(variant, "list"));
    if variants.contains(&TypeRef::Any) {
        return format!("{class}: TypeAlias = Any\n");
    }
    if discriminator.is_none() && is_plain(types, variants) {
        return format!("{class}: TypeAlias = {}\n", union(alternatives()));
    }
    let mut arguments: Vec<String> = alternatives().collect();
    arguments.insert(0, format!("\"{class}\""));
    if let Some(Discriminator { property, mapping }) = discriminator {
        let entry = |(tag, kind): &(String, TypeRef)| format!("{}: {}", literal(tag), output(kind, "list"));
        let mapping: Vec<String> = mapping.iter().map(entry).collect();
        arguments.push(format!("tag={}", literal(property)));
        arguments.push(format!("mapping={{{}}}", mapping.join(", ")));
    }
    let seen = union(alternatives().chain(["UnknownVariant".to_owned()]));
    let made = listed(4, &format!("{class} = one_of("), &arguments, ")");
    format!("if TYPE_CHECKING:\n    {class}: TypeAlias = {seen}\nelse:\n{made}")
}

/// Whether JSON's own types tell the variants apart, so that msgspec takes them as they are.
fn is_plain(types: &Types, variants: &[TypeRef]) -> bool {
    let mut seen = BTreeSet::new();
    variants.iter().all(|variant| {
        let kind = match types.resolved(variant) {
            TypeRef::Nullable(inner) => types.resolved(&inner),
            other => other,
        };
        match kind {
            TypeRef::String | TypeRef::Binary | TypeRef::DateTime => seen.insert("string"),
            TypeRef::Literal(Value::String(_)) => seen.insert("string"),
            TypeRef::Integer => seen.insert("integer"),
            TypeRef::Number => seen.insert("number"),
            TypeRef::Boolean => seen.insert("boolean"),
            TypeRef::List(_) => seen.insert("array"),
            TypeRef::Map(_) => seen.insert("object"),
            TypeRef::Null => true,
            TypeRef::Named(name) => match types.get(&name).map(|def| &def.kind) {
                Some(TypeKind::Struct { .. }) => seen.insert("object"),
                Some(TypeKind::Enum(_)) => seen.insert("string"),
                _ => false,
            },
            _ => false,
        }
    })
}

/// What the models do not carry, or carry by guess.
pub(super) fn notes<'a>(package: &'a Package<'_>) -> impl Iterator<Item = Note> + 'a {
    let types = &package.surface.types;
    types.defs.iter().filter(|def| package.models.contains(&def.name)).filter_map(|def| {
        let message = match &def.kind {
            TypeKind::Struct { additional: Some(_), .. } => {
                "its further members are not kept in the Python struct; `with_raw_response` shows them"
            }
            TypeKind::Union { variants, discriminator: None } if !is_plain(types, variants) => {
                "nothing tells the union's variants apart, so the one that knows most of an answer is taken"
            }
            _ => return None,
        };
        Some(Note { place: def.name.clone(), message: message.to_owned() })
    })
}
