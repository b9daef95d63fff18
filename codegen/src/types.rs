//! The types of a document, free of any language: what Python and Node write out, and what Rust gives to progenitor.

mod merge;

use std::collections::HashMap;

use bitting_spec::{Document, component_name};
use serde_json::{Map, Value, json};

use crate::names;
use merge::{list, merged, siblings};

/// The types of a document by name. Inline bodies and answers have names too.
#[derive(Debug, Default)]
pub struct Types {
    /// The types in the order of the document.
    pub defs: Vec<TypeDef>,
    taken: Vec<String>,
    /// The schemas that are being read, with the names of those that have one: what holds itself through `allOf` ends
    /// there.
    open: Vec<(Value, Option<String>)>,
    /// The components that may be `null`. Their types say nothing of it: whatever refers to them does.
    nullable: HashMap<String, bool>,
}

/// A type with a name.
#[derive(Debug, Clone, PartialEq)]
pub struct TypeDef {
    /// Its name in `PascalCase`, unlike any other type's.
    pub name: String,
    /// The component that it was made from, if it was one.
    pub component: Option<String>,
    /// What the document says about it.
    pub description: Option<String>,
    /// What it is.
    pub kind: TypeKind,
    /// Its schema, as JSON Schema 2020-12 with references to components, its `allOf` parts put together.
    pub schema: Value,
}

/// What a type is.
#[derive(Debug, Clone, PartialEq)]
pub enum TypeKind {
    /// An object with known members.
    Struct {
        /// Its members.
        fields: Vec<Field>,
        /// What other members may hold. `None`: nothing is said about them, or they are forbidden.
        additional: Option<TypeRef>,
    },
    /// One of some strings. It stays open: a newer server may answer others.
    Enum(Vec<String>),
    /// One of some types.
    Union {
        /// The types.
        variants: Vec<TypeRef>,
        /// What tells them apart.
        discriminator: Option<Discriminator>,
    },
    /// Another name for a type.
    Alias(TypeRef),
}

/// What tells the variants of a union apart (OpenAPI 3.1, 4.8.25).
#[derive(Debug, Clone, PartialEq)]
pub struct Discriminator {
    /// The member whose value says which variant it is.
    pub property: String,
    /// The value and the type that it stands for.
    pub mapping: Vec<(String, TypeRef)>,
}

/// A member of an object.
#[derive(Debug, Clone, PartialEq)]
pub struct Field {
    /// Its name on the wire.
    pub name: String,
    /// Its type.
    pub kind: TypeRef,
    /// Whether it is always there.
    pub required: bool,
    /// Whether only the server sets it.
    pub read_only: bool,
    /// Whether only the client sends it.
    pub write_only: bool,
    /// What the document says about it.
    pub description: Option<String>,
}

/// The use of a type.
#[derive(Debug, Clone, PartialEq)]
pub enum TypeRef {
    /// A type of [`Types`], by its name.
    Named(String),
    /// A string.
    String,
    /// A string that is a date and time (RFC 3339).
    DateTime,
    /// Bytes: `format: binary`.
    Binary,
    /// A whole number.
    Integer,
    /// A number.
    Number,
    /// A boolean.
    Boolean,
    /// One fixed value.
    Literal(Value),
    /// A list.
    List(Box<TypeRef>),
    /// An object that maps strings to a type.
    Map(Box<TypeRef>),
    /// A type or `null`.
    Nullable(Box<TypeRef>),
    /// `null` alone.
    Null,
    /// Anything.
    Any,
}

impl TypeRef {
    /// The type, or `null`.
    #[must_use]
    pub fn or_null(self) -> Self {
        match self {
            nullable @ (Self::Nullable(_) | Self::Null | Self::Any) => nullable,
            kind => Self::Nullable(Box::new(kind)),
        }
    }
}

impl Types {
    /// The components of `document`. Inline schemas are added as operations are read.
    #[must_use]
    pub fn of(document: &Document) -> Self {
        let mut types = Self::default();
        let named: Vec<(String, String)> = document
            .schemas
            .keys()
            .map(|component| (component.clone(), names::distinct(names::type_name(component), &mut types.taken)))
            .collect();
        for (component, name) in named {
            let schema = document.schemas[&component].clone();
            let reader = Reader { document, types: &mut types };
            reader.define(&name, Some(component), &schema);
        }
        types
    }

    /// The type called `name`.
    #[must_use]
    pub fn get(&self, name: &str) -> Option<&TypeDef> {
        self.defs.iter().find(|def| def.name == name)
    }

    /// What `schema` is used as; an inline object, enum or union becomes a type called `hint`.
    pub fn read(&mut self, document: &Document, schema: &Value, hint: &str) -> TypeRef {
        Reader { document, types: self }.reference(schema, hint)
    }

    /// `kind` with aliases followed, so that it is known whether it is an object, a list or a scalar.
    #[must_use]
    pub fn resolved(&self, kind: &TypeRef) -> TypeRef {
        let mut kind = kind.clone();
        for _ in 0..DEEPEST {
            let TypeRef::Named(name) = &kind else { break };
            match self.get(name).map(|def| &def.kind) {
                Some(TypeKind::Alias(target)) => kind = target.clone(),
                _ => break,
            }
        }
        kind
    }

    /// The members of `kind`, if it is an object with known ones.
    #[must_use]
    pub fn fields(&self, kind: &TypeRef) -> Option<&[Field]> {
        let kind = if let TypeRef::Nullable(kind) = kind { kind } else { kind };
        let TypeRef::Named(name) = self.resolved(kind) else { return None };
        match &self.get(&name)?.kind {
            TypeKind::Struct { fields, .. } => Some(fields),
            _ => None,
        }
    }
}

const COMPONENTS: &str = "#/components/schemas/";
/// Other names of other names are followed this far.
const DEEPEST: usize = 32;

/// A variant of a union.
struct Variant {
    /// The component that it is, where it is one.
    component: Option<String>,
    /// The values that its schema allows the union's discriminator.
    tags: Vec<String>,
    kind: TypeRef,
}

/// Reads schemas into types.
struct Reader<'a> {
    document: &'a Document,
    types: &'a mut Types,
}

impl Reader<'_> {
    /// Defines the type `name`. Its place is taken first, so that the order is the document's.
    fn define(mut self, name: &str, component: Option<String>, schema: &Value) {
        let index = self.types.defs.len();
        let description = schema.get("description").and_then(Value::as_str).map(str::to_owned);
        let kind = TypeKind::Alias(TypeRef::Any);
        let schema = merged(self.document, schema);
        let schema = without_null(&schema).map_or(schema, |rest| merged(self.document, &rest));
        self.types.defs.push(TypeDef { name: name.to_owned(), component, description, kind, schema: schema.clone() });
        self.types.open.push((schema.clone(), Some(name.to_owned())));
        let kind = self.kind(&schema, name);
        self.types.open.pop();
        self.types.defs[index].kind = match kind {
            TypeKind::Alias(TypeRef::Nullable(inner)) => TypeKind::Alias(*inner),
            other => other,
        };
    }

    fn kind(&mut self, schema: &Value, name: &str) -> TypeKind {
        let (types, _) = types_of(schema);
        if let Some(variants) = variants(schema) {
            return self.union(schema, &variants, name);
        }
        if let Some(values) = strings(schema) {
            return TypeKind::Enum(values);
        }
        let properties = schema.get("properties").and_then(Value::as_object);
        if let Some(properties) = properties.filter(|properties| !properties.is_empty() && is_one(&types, "object")) {
            return self.structure(schema, properties, name);
        }
        TypeKind::Alias(self.inline(schema, name))
    }

    fn structure(&mut self, schema: &Value, properties: &Map<String, Value>, name: &str) -> TypeKind {
        let required: Vec<&str> = list(schema, "required").iter().filter_map(Value::as_str).collect();
        let flag = |value: &Value, key: &str| value.get(key) == Some(&Value::Bool(true));
        let mut fields = Vec::new();
        for (member, value) in properties {
            let resolved = self.document.resolve(value);
            fields.push(Field {
                kind: self.reference(value, &format!("{name} {member}")),
                required: required.contains(&member.as_str()),
                read_only: flag(value, "readOnly") || flag(resolved, "readOnly"),
                write_only: flag(value, "writeOnly") || flag(resolved, "writeOnly"),
                description: value.get("description").and_then(Value::as_str).map(str::to_owned),
                name: member.clone(),
            });
        }
        // What is required and not described may be anything.
        let undescribed = required.iter().filter(|member| !properties.contains_key(**member));
        fields.extend(undescribed.map(|member| Field {
            name: (*member).to_owned(),
            kind: TypeRef::Any,
            required: true,
            read_only: false,
            write_only: false,
            description: None,
        }));
        let additional = schema.get("additionalProperties").filter(|value| value.is_object());
        let additional = additional.map(|value| self.reference(value, &format!("{name} value")));
        TypeKind::Struct { fields, additional }
    }

    /// What a schema says beside its alternatives is said of each of them.
    fn union(&mut self, schema: &Value, variants: &[Value], name: &str) -> TypeKind {
        let beside = siblings(schema);
        let told = schema.get("discriminator").and_then(|told| Some((told, told.get("propertyName")?.as_str()?)));
        let mut read = Vec::new();
        for (index, variant) in variants.iter().enumerate() {
            let component = component(variant);
            let whole = beside.as_ref().map(|beside| json!({"allOf": [variant, beside]}));
            // Whoever says the same anyway is called by its own name.
            let own = merged(self.document, self.document.resolve(variant));
            let whole = whole.filter(|whole| merged(self.document, whole) != own);
            let hint = match (&whole, &component) {
                (Some(_), Some(component)) => format!("{name} {component}"),
                _ => format!("{name} {}", index + 1),
            };
            let kind = self.reference(whole.as_ref().unwrap_or(variant), &hint);
            let tags = told.map(|(_, property)| tags(&own, property)).unwrap_or_default();
            read.push(Variant { component, tags, kind });
        }
        let discriminator = told.and_then(|(told, property)| self.discriminator(property, told, &read));
        TypeKind::Union { variants: read.into_iter().map(|variant| variant.kind).collect(), discriminator }
    }

    /// A variant without a value in the mapping is told by what its own schema says of the property, else by its
    /// component's name (OpenAPI 3.1, 4.8.25.3).
    fn discriminator(&mut self, property: &str, value: &Value, variants: &[Variant]) -> Option<Discriminator> {
        let mut mapping = Vec::new();
        for (tag, target) in value.get("mapping").and_then(Value::as_object).into_iter().flatten() {
            let target = target.as_str()?;
            let target = component_name(target).unwrap_or_else(|| target.to_owned());
            let known = variants.iter().find(|variant| variant.component.as_ref() == Some(&target));
            let reference = || json!({"$ref": format!("{COMPONENTS}{target}")});
            mapping
                .push((tag.clone(), known.map_or_else(|| self.reference(&reference(), tag), |one| one.kind.clone())));
        }
        for Variant { component, tags, kind } in variants {
            if !matches!(kind, TypeRef::Named(_)) {
                return None;
            }
            if mapping.iter().any(|(_, target)| target == kind) {
                continue;
            }
            // A value that several of them may have, as one that their base declares, tells nothing.
            let is_own = |tag: &&String| variants.iter().filter(|other| other.tags.contains(tag)).count() == 1;
            let own: Vec<String> = tags.iter().filter(is_own).cloned().collect();
            let names = if own.is_empty() { vec![component.clone()?] } else { own };
            mapping.extend(names.into_iter().map(|tag| (tag, kind.clone())));
        }
        Some(Discriminator { property: property.to_owned(), mapping })
    }

    /// What `schema` is used as.
    fn reference(&mut self, schema: &Value, hint: &str) -> TypeRef {
        if let Some(component) = component(schema) {
            // Components took their names in the document's order, before any of them was read.
            let known =
                self.document.schemas.get_index_of(&component).and_then(|index| self.types.taken.get(index)).cloned();
            let Some(name) = known else { return TypeRef::Any };
            let named = TypeRef::Named(name);
            return if self.allows_null(&component, 0) { named.or_null() } else { named };
        }
        let schema = &merged(self.document, schema);
        if let Some(inner) = without_null(schema) {
            return self.reference(&inner, hint).or_null();
        }
        if let Some((_, name)) = self.types.open.iter().find(|(open, _)| open == schema) {
            return name.clone().map_or(TypeRef::Any, TypeRef::Named);
        }
        if self.types.open.len() > 2 * DEEPEST {
            return TypeRef::Any;
        }
        let (types, _) = types_of(schema);
        let has_members =
            schema.get("properties").and_then(Value::as_object).is_some_and(|members| !members.is_empty());
        let is_named =
            variants(schema).is_some() || strings(schema).is_some() || has_members && is_one(&types, "object");
        if !is_named {
            self.types.open.push((schema.clone(), None));
            let kind = self.inline(schema, hint);
            self.types.open.pop();
            return kind;
        }
        let name = names::distinct(names::type_name(hint), &mut self.types.taken);
        let reader = Reader { document: self.document, types: self.types };
        reader.define(&name, None, schema);
        TypeRef::Named(name)
    }

    /// Whether a component may be `null`, by itself or by the one that it is another name for.
    fn allows_null(&mut self, component_name: &str, depth: usize) -> bool {
        if let Some(known) = self.types.nullable.get(component_name) {
            return *known;
        }
        let schema = self.document.schemas.get(component_name).map(|schema| merged(self.document, schema));
        let allows = schema.is_some_and(|schema| match component(&schema) {
            Some(other) => depth < DEEPEST && self.allows_null(&other, depth + 1),
            None => without_null(&schema).is_some(),
        });
        self.types.nullable.insert(component_name.to_owned(), allows);
        allows
    }

    /// A schema that needs no name.
    fn inline(&mut self, schema: &Value, hint: &str) -> TypeRef {
        if let Some(constant) = schema.get("const") {
            return TypeRef::Literal(constant.clone());
        }
        let (types, nullable) = types_of(schema);
        let kind = match types.as_slice() {
            ["string"] => match schema.get("format").and_then(Value::as_str) {
                Some("date-time") => TypeRef::DateTime,
                Some("binary") => TypeRef::Binary,
                _ => TypeRef::String,
            },
            ["integer"] => TypeRef::Integer,
            ["number"] | ["integer", "number"] | ["number", "integer"] => TypeRef::Number,
            ["boolean"] => TypeRef::Boolean,
            ["array"] => {
                let items = schema.get("items").filter(|items| items.is_object());
                let items = items.map_or(TypeRef::Any, |items| self.reference(items, &format!("{hint} item")));
                TypeRef::List(Box::new(items))
            }
            ["object"] => {
                let values = schema.get("additionalProperties").filter(|values| values.is_object());
                let values = values.map_or(TypeRef::Any, |values| self.reference(values, &format!("{hint} value")));
                TypeRef::Map(Box::new(values))
            }
            [] if nullable => return TypeRef::Null,
            [] if schema.get("$ref").is_some() => self.reference(schema, hint),
            _ => return TypeRef::Any,
        };
        if nullable { kind.or_null() } else { kind }
    }
}

/// The types that a schema allows, and whether `null` is among them. Members or items say what a schema without
/// `type` is.
fn types_of(schema: &Value) -> (Vec<&str>, bool) {
    let mut types: Vec<&str> = match schema.get("type") {
        Some(Value::String(one)) => vec![one],
        Some(Value::Array(many)) => many.iter().filter_map(Value::as_str).collect(),
        _ if schema.get("properties").is_some() || schema.get("additionalProperties").is_some() => vec!["object"],
        _ if schema.get("items").is_some() => vec!["array"],
        _ => Vec::new(),
    };
    let before = types.len();
    types.retain(|kind| *kind != "null");
    let nullable = types.len() < before;
    (types, nullable)
}

fn is_one(types: &[&str], kind: &str) -> bool {
    types.is_empty() || types == [kind]
}

/// The component that a schema is a reference to.
fn component(schema: &Value) -> Option<String> {
    component_name(schema.get("$ref")?.as_str()?)
}

/// The texts that a schema allows its member `property`.
fn tags(schema: &Value, property: &str) -> Vec<String> {
    let Some(member) = schema.get("properties").and_then(|members| members.get(property)) else { return Vec::new() };
    let fixed = member.get("const").into_iter().chain(list(member, "enum"));
    fixed.filter_map(Value::as_str).map(str::to_owned).collect()
}

/// The values of a string enum without `null`.
fn strings(schema: &Value) -> Option<Vec<String>> {
    let values = list(schema, "enum");
    let strings: Vec<String> = values.iter().filter_map(Value::as_str).map(str::to_owned).collect();
    let others = values.iter().any(|value| !value.is_string() && !value.is_null());
    (!strings.is_empty() && !others).then_some(strings)
}

/// The variants of a union that is more than "something or null".
fn variants(schema: &Value) -> Option<Vec<Value>> {
    let key = ["oneOf", "anyOf"].into_iter().find(|key| !list(schema, key).is_empty())?;
    let variants: Vec<Value> = list(schema, key).iter().filter(|variant| !is_null(variant)).cloned().collect();
    // Variants that only say which members must be there leave an object what it is.
    let is_shape = |variant: &Value| SHAPE.iter().any(|key| variant.get(key).is_some()) || !variant.is_object();
    let is_union = schema.get("properties").is_none() || variants.iter().any(is_shape);
    (variants.len() > 1 && is_union).then_some(variants)
}

/// Keywords that say what a value is made of.
const SHAPE: [&str; 10] =
    ["$ref", "type", "properties", "items", "prefixItems", "enum", "const", "allOf", "anyOf", "oneOf"];

/// What is left of a schema that allows `null` besides: of `anyOf: [X, null]`, of a nullable enum, object or union.
fn without_null(schema: &Value) -> Option<Value> {
    let mut rest = schema.as_object()?.clone();
    let key = ["oneOf", "anyOf"].into_iter().find(|key| !list(schema, key).is_empty());
    if let Some(key) = key {
        let kept: Vec<Value> = list(schema, key).iter().filter(|variant| !is_null(variant)).cloned().collect();
        if kept.len() == list(schema, key).len() {
            return None;
        }
        if let [only] = kept.as_slice() {
            return Some(only.clone());
        }
        rest.insert(key.to_owned(), Value::Array(kept));
        return Some(Value::Object(rest));
    }
    let (types, nullable) = types_of(schema);
    if !nullable || types.is_empty() {
        return None;
    }
    rest.insert("type".to_owned(), if let [one] = types.as_slice() { json!(one) } else { json!(types) });
    Some(Value::Object(rest))
}

fn is_null(schema: &Value) -> bool {
    schema.get("type") == Some(&json!("null")) || schema.get("const") == Some(&Value::Null)
}
