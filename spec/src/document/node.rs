//! A place in a document: a value together with its JSON pointer, so that every error can say where.

use serde::de::DeserializeOwned;
use serde_json::{Map, Value};

use super::error::{ErrorKind, Fault};
use super::source::{escape, unescape};

/// References that lead to references more often than this go round in a circle.
pub(super) const MAX_HOPS: usize = 64;

/// A value in a document and the way to it.
#[derive(Debug, Clone)]
pub(super) struct Node<'a> {
    root: &'a Value,
    pub(super) value: &'a Value,
    pub(super) pointer: String,
}

impl<'a> Node<'a> {
    pub(super) fn root(root: &'a Value) -> Self {
        Self { root, value: root, pointer: String::new() }
    }

    /// The member `key`, with the references on the way followed.
    pub(super) fn get(&self, key: &str) -> Result<Option<Node<'a>>, Fault> {
        self.raw(key).map(Node::follow).transpose()
    }

    /// The member `key` as it stands: a reference is not followed. A key with nothing behind it says nothing.
    pub(super) fn raw(&self, key: &str) -> Option<Node<'a>> {
        self.value.get(key).filter(|value| !value.is_null()).map(|value| self.child(key, value))
    }

    /// The item `index` of a list as it stands.
    pub(super) fn raw_index(&self, index: &str) -> Option<Node<'a>> {
        let value = self.value.as_array()?.get(index.parse::<usize>().ok()?)?;
        Some(self.child(index, value))
    }

    /// The members of an object, references followed; extensions (`x-`) left out.
    pub(super) fn members(&self) -> Result<Vec<(&'a str, Node<'a>)>, Fault> {
        let members = self.object()?.iter().filter(|(key, _)| !key.starts_with("x-"));
        members.map(|(key, value)| Ok((key.as_str(), self.child(key, value).follow()?))).collect()
    }

    /// The items of a list, references followed.
    pub(super) fn items(&self) -> Result<Vec<Node<'a>>, Fault> {
        let items = self.value.as_array().ok_or_else(|| self.expected("a list"))?;
        items.iter().enumerate().map(|(index, value)| self.child(&index.to_string(), value).follow()).collect()
    }

    /// This object.
    pub(super) fn object(&self) -> Result<&'a Map<String, Value>, Fault> {
        self.value.as_object().ok_or_else(|| self.expected("an object"))
    }

    /// The text member `key`. A number or boolean is taken as its text: `version: 1.0` is common.
    pub(super) fn text(&self, key: &str) -> Result<Option<String>, Fault> {
        match self.value.get(key) {
            None | Some(Value::Null) => Ok(None),
            Some(Value::String(text)) => Ok(Some(text.clone())),
            Some(scalar @ (Value::Number(_) | Value::Bool(_))) => Ok(Some(scalar.to_string())),
            Some(value) => Err(self.child(key, value).expected("a string")),
        }
    }

    /// The text member `key`, which must be there.
    pub(super) fn required_text(&self, key: &str) -> Result<String, Fault> {
        self.text(key)?.ok_or_else(|| {
            Fault::new(ErrorKind::Structure, &self.pointer, format!("`{key}` is missing"))
                .remedy(format!("add `{key}`; OpenAPI requires it here"))
        })
    }

    /// The boolean member `key`, `false` if it is not there.
    pub(super) fn flag(&self, key: &str) -> Result<bool, Fault> {
        Ok(self.optional_flag(key)?.unwrap_or(false))
    }

    /// The boolean member `key`.
    pub(super) fn optional_flag(&self, key: &str) -> Result<Option<bool>, Fault> {
        match self.value.get(key) {
            None | Some(Value::Null) => Ok(None),
            Some(Value::Bool(flag)) => Ok(Some(*flag)),
            Some(value) => Err(self.child(key, value).expected("true or false")),
        }
    }

    /// The extension `key`, read into its type.
    pub(super) fn extension<T: DeserializeOwned>(&self, key: &str) -> Result<Option<T>, Fault> {
        let Some(node) = self.raw(key) else { return Ok(None) };
        serde_json::from_value(node.value.clone()).map(Some).map_err(|error| {
            Fault::new(ErrorKind::Extension, &node.pointer, format!("`{key}` cannot be read: {error}"))
                .remedy("spec/README.md describes the extensions")
        })
    }

    /// The place that a chain of references leads to.
    pub(super) fn follow(self) -> Result<Node<'a>, Fault> {
        let mut node = self;
        for _ in 0..MAX_HOPS {
            let Some(reference) = node.value.get("$ref").and_then(Value::as_str) else { return Ok(node) };
            node = node.resolve(reference)?;
        }
        Err(Fault::new(ErrorKind::Reference, &node.pointer, "this reference leads round in a circle")
            .remedy("let one of the references on the way point to an object"))
    }

    /// The place that `reference` names, looked up from here.
    pub(super) fn resolve(&self, reference: &str) -> Result<Node<'a>, Fault> {
        let Some(fragment) = reference.strip_prefix('#') else {
            return Err(Fault::new(
                ErrorKind::Reference,
                &self.pointer,
                format!("`{reference}` leads outside this document"),
            )
            .remedy("bundle the document into one file; files beside one that is read from a disk are followed, URLs are not"));
        };
        let pointer = percent_encoding::percent_decode_str(fragment).decode_utf8_lossy().into_owned();
        let Some(value) = self.root.pointer(&pointer) else {
            return Err(Fault::new(ErrorKind::Reference, &self.pointer, format!("`{reference}` leads nowhere"))
                .remedy(nearest(self.root, &pointer)));
        };
        Ok(Node { root: self.root, value, pointer })
    }

    pub(super) fn expected(&self, what: &str) -> Fault {
        let got = match self.value {
            Value::Null => "nothing",
            Value::Bool(_) => "a boolean",
            Value::Number(_) => "a number",
            Value::String(_) => "a string",
            Value::Array(_) => "a list",
            Value::Object(_) => "an object",
        };
        Fault::new(ErrorKind::Structure, &self.pointer, format!("expected {what}, got {got}"))
    }

    fn child(&self, key: &str, value: &'a Value) -> Node<'a> {
        Node { root: self.root, value, pointer: format!("{}/{}", self.pointer, escape(key)) }
    }
}

/// Says how far a pointer leads, and what stands there.
pub(super) fn nearest(root: &Value, pointer: &str) -> String {
    let mut at = root;
    let mut way = String::from("#");
    for segment in pointer.split('/').skip(1) {
        let next = at.pointer(&format!("/{segment}"));
        let Some(next) = next else {
            let mut names: Vec<_> = at.as_object().into_iter().flat_map(Map::keys).map(String::as_str).collect();
            let wanted = unescape(segment).to_lowercase();
            names.sort_by_key(|name| !name.to_lowercase().starts_with(wanted.get(..3).unwrap_or(&wanted)));
            names.truncate(5);
            return format!("`{way}` exists and has: {}", names.join(", "));
        };
        (at, way) = (next, format!("{way}/{segment}"));
    }
    "check the reference".to_owned()
}
