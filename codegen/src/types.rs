//! The types of a document, free of any language: what Python and Node write out, and what Rust gives to progenitor.

use bitting_spec::Document;
use serde_json::{Map, Value, json};

use crate::names;

/// The types of a document by name. Inline bodies and answers have names too.
#[derive(Debug, Default)]
pub struct Types {
    /// The types in the order of the document.
    pub defs: Vec<TypeDef>,
    taken: Vec<String>,
    /// The schemas that are being read, with the names of those that have one: what holds itself through `allOf` ends
    /// there.
    open: Vec<(Value, Option<String>)>,
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
        for _ in 0..32 {
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
        let TypeRef::Named(name) = self.resolved(kind) else { return None };
        match &self.get(&name)?.kind {
            TypeKind::Struct { fields, .. } => Some(fields),
            _ => None,
        }
    }
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
        self.types.defs.push(TypeDef { name: name.to_owned(), component, description, kind, schema: schema.clone() });
        self.types.open.push((schema.clone(), Some(name.to_owned())));
        let kind = self.kind(&schema, name);
        self.types.open.pop();
        self.types.defs[index].kind = kind;
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
        let additional = schema.get("additionalProperties").filter(|value| value.is_object());
        let additional = additional.map(|value| self.reference(value, &format!("{name} value")));
        TypeKind::Struct { fields, additional }
    }

    fn union(&mut self, schema: &Value, variants: &[Value], name: &str) -> TypeKind {
        let numbered = variants.iter().enumerate();
        let variants = numbered.map(|(index, variant)| self.reference(variant, &format!("{name} {}", index + 1)));
        let variants: Vec<TypeRef> = variants.collect();
        let discriminator = schema.get("discriminator").and_then(|value| self.discriminator(value, &variants));
        TypeKind::Union { variants, discriminator }
    }

    /// Values without a mapping are the names of the components (OpenAPI 3.1, 4.8.25.3).
    fn discriminator(&mut self, value: &Value, variants: &[TypeRef]) -> Option<Discriminator> {
        let property = value.get("propertyName")?.as_str()?.to_owned();
        let mut mapping = Vec::new();
        for (tag, target) in value.get("mapping").and_then(Value::as_object).into_iter().flatten() {
            let target = target.as_str()?;
            let reference =
                if target.starts_with('#') { target.to_owned() } else { format!("#/components/schemas/{target}") };
            mapping.push((tag.clone(), self.reference(&json!({"$ref": reference}), tag)));
        }
        for variant in variants {
            let TypeRef::Named(name) = variant else { return None };
            if !mapping.iter().any(|(_, target)| target == variant) {
                // Components took their names in the document's order, before any of them was read.
                let index = self.types.taken.iter().position(|taken| taken == name)?;
                mapping.push((self.document.schemas.get_index(index)?.0.clone(), variant.clone()));
            }
        }
        Some(Discriminator { property, mapping })
    }

    /// What `schema` is used as.
    fn reference(&mut self, schema: &Value, hint: &str) -> TypeRef {
        if let Some(reference) = schema.get("$ref").and_then(Value::as_str) {
            let name = reference.strip_prefix("#/components/schemas/").unwrap_or(reference);
            let name = name.replace("~1", "/").replace("~0", "~");
            let known = self.document.schemas.get_index_of(&name).and_then(|index| self.types.taken.get(index));
            return known.map_or(TypeRef::Any, |name| TypeRef::Named(name.clone()));
        }
        let schema = &merged(self.document, schema);
        if let Some(inner) = without_null(schema) {
            return match self.reference(&inner, hint) {
                nullable @ (TypeRef::Nullable(_) | TypeRef::Null | TypeRef::Any) => nullable,
                kind => TypeRef::Nullable(Box::new(kind)),
            };
        }
        if let Some((_, name)) = self.types.open.iter().find(|(open, _)| open == schema) {
            return name.clone().map_or(TypeRef::Any, TypeRef::Named);
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
        if nullable { TypeRef::Nullable(Box::new(kind)) } else { kind }
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

fn list<'a>(schema: &'a Value, key: &str) -> &'a [Value] {
    schema.get(key).and_then(Value::as_array).map(Vec::as_slice).unwrap_or_default()
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

/// A schema whose `allOf` parts are put together: members and requirements of all of them. A part that is a union
/// itself cannot be merged into an object and is left where it is.
fn merged(document: &Document, schema: &Value) -> Value {
    merged_below(document, schema, &mut Vec::new())
}

/// [`merged`] inside of the components `above`, which a part that leads back to one of them cannot repeat.
fn merged_below<'a>(document: &'a Document, schema: &'a Value, above: &mut Vec<&'a Value>) -> Value {
    let parts = list(schema, "allOf");
    if parts.is_empty() {
        return schema.clone();
    }
    let Some(object) = schema.as_object() else { return schema.clone() };
    if let ([only], 1) = (parts, object.keys().filter(|key| !is_annotation(key)).count()) {
        return only.clone();
    }
    let mut whole = object.clone();
    whole.remove("allOf");
    for part in parts {
        let part = document.resolve(part);
        if above.iter().any(|other| std::ptr::eq(*other, part)) {
            continue;
        }
        above.push(part);
        let part = merged_below(document, part, above);
        above.pop();
        for (key, value) in part.as_object().into_iter().flatten() {
            match (whole.get_mut(key), value) {
                (Some(Value::Object(into)), Value::Object(from)) if key == "properties" => {
                    from.iter().for_each(|(name, value)| drop(into.insert(name.clone(), value.clone())));
                }
                (Some(Value::Array(into)), Value::Array(from)) if key == "required" => {
                    into.extend(from.iter().cloned());
                }
                (Some(_), _) => {}
                (None, _) if is_annotation(key) => {}
                (None, _) => drop(whole.insert(key.clone(), value.clone())),
            }
        }
    }
    Value::Object(whole)
}

fn is_annotation(key: &str) -> bool {
    matches!(
        key,
        "description" | "title" | "example" | "examples" | "default" | "deprecated" | "readOnly" | "writeOnly"
    )
}
