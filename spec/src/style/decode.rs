//! How a parameter's value is read from the wire: the inverse of [`encode`](super::encode), for the reference server.
//!
//! Text has no types, so the schema says what it means: [`Shape`] is the part of a schema that reading needs, made
//! once and used for every request.

use std::collections::BTreeMap;

use percent_encoding::percent_decode_str;
use serde_json::{Map, Value};

use super::{Problem, StyleError};
use crate::table::{Encoding, Location, Parameter, Style};

/// Schemas nested deeper than this are read as text: no style writes them anyway.
const MAX_DEPTH: usize = 6;

/// What the text of a value may mean, taken from its schema.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Shape {
    types: Vec<String>,
    items: Option<Box<Shape>>,
    properties: BTreeMap<String, Shape>,
}

impl Shape {
    /// The shape of a schema (JSON Schema 2020-12) that carries what its references name, as
    /// `Document::bundle` gives it.
    #[must_use]
    pub fn of(bundled: &Value) -> Self {
        let mut shape = Self::default();
        shape.read(bundled, bundled, 0);
        shape
    }

    fn read(&mut self, root: &Value, schema: &Value, depth: usize) {
        if depth > MAX_DEPTH {
            return;
        }
        if let Some(target) = schema.get("$ref").and_then(Value::as_str).and_then(|reference| follow(root, reference)) {
            self.read(root, target, depth + 1);
        }
        match schema.get("type") {
            Some(Value::String(name)) => self.allow(name),
            Some(Value::Array(names)) => names.iter().filter_map(Value::as_str).for_each(|name| self.allow(name)),
            _ => {}
        }
        let values = schema.get("enum").and_then(Value::as_array).into_iter().flatten().chain(schema.get("const"));
        values.for_each(|value| self.allow(type_of(value)));
        if let Some(items) = schema.get("items") {
            self.items.get_or_insert_default().read(root, items, depth + 1);
        }
        for (name, property) in schema.get("properties").and_then(Value::as_object).into_iter().flatten() {
            self.properties.entry(name.clone()).or_default().read(root, property, depth + 1);
        }
        for list in ["allOf", "anyOf", "oneOf"].iter().filter_map(|key| schema.get(*key)?.as_array()) {
            list.iter().for_each(|part| self.read(root, part, depth + 1));
        }
    }

    fn allow(&mut self, name: &str) {
        if !self.allows(name) {
            self.types.push(name.to_owned());
        }
    }

    fn allows(&self, name: &str) -> bool {
        self.types.iter().any(|known| known == name)
    }

    /// Whether the value is a list: where a list and a scalar are both allowed, several values make one.
    fn is_list(&self, several: bool) -> bool {
        let scalar = ["string", "integer", "number", "boolean"].iter().any(|name| self.allows(name));
        (self.allows("array") || self.items.is_some()) && (several || !scalar)
    }

    fn is_object(&self) -> bool {
        self.allows("object") || !self.properties.is_empty()
    }

    /// The object that a field of a form writes as JSON, where one may stand (OpenAPI 3.1, 4.8.15.1.1).
    fn written(&self, text: &str) -> Option<Value> {
        let may_be_one = self.is_object() && text.trim_start().starts_with('{');
        may_be_one.then(|| serde_json::from_str(text).ok()).flatten()
    }

    /// The scalar that `text` is. What fits no other type is a string: the schema's validator then says what is wrong.
    #[must_use]
    pub fn scalar(&self, text: String) -> Value {
        match text.as_str() {
            "true" if self.allows("boolean") => return Value::Bool(true),
            "false" if self.allows("boolean") => return Value::Bool(false),
            "" | "null" if self.allows("null") && !self.allows("string") => return Value::Null,
            _ => {}
        }
        let is_number = self.allows("integer") || self.allows("number");
        if let Some(number) = digits(&text).filter(|_| is_number) {
            return Value::from(number);
        }
        if is_number && let Ok(number) = serde_json::from_str::<serde_json::Number>(&text) {
            return whole(&number).map_or(Value::Number(number), Value::from);
        }
        Value::String(text)
    }

    fn item(&self, text: String) -> Value {
        match &self.items {
            Some(items) => items.scalar(text),
            None => Value::String(text),
        }
    }

    fn member(&self, name: &str, text: String) -> Value {
        match self.properties.get(name) {
            Some(shape) => shape.scalar(text),
            None => Value::String(text),
        }
    }

    /// Reads a form body (`application/x-www-form-urlencoded`) as the object of this shape.
    ///
    /// # Errors
    /// [`Problem::Malformed`] where the text is not UTF-8 once it is decoded.
    pub fn form(&self, text: &str) -> Result<Value, Problem> {
        let fields = pairs(text, '&')?.into_iter().map(|(name, value)| Ok((name, Field::Text(unescape(value, true)?))));
        self.fields(fields.collect::<Result<Vec<_>, Problem>>()?)
    }

    /// Puts the fields of a form together to the object of this shape; a list has one field for each item. Members and
    /// items may stand in brackets behind the name of the field: `address[city]`, `items[0][price]`, `tags[]`.
    ///
    /// # Errors
    /// [`Problem::Repeated`] where a field that is no list is there twice.
    pub fn fields(&self, fields: impl IntoIterator<Item = (String, Field)>) -> Result<Value, Problem> {
        let mut object = Map::new();
        for (name, field) in fields {
            let shape = self.properties.get(&name);
            let field = match (field, shape.is_none().then(|| self.bracketed(&name)).flatten()) {
                (Field::Text(text), Some((base, keys, shape))) => {
                    place(object.entry(base).or_insert(Value::Null), &keys, shape, text)?;
                    continue;
                }
                (field, _) => field,
            };
            match (object.get_mut(&name), shape) {
                (Some(Value::Array(items)), Some(shape)) => items.push(field.value(shape.items.as_deref())),
                (Some(_), _) => return Err(Problem::Repeated),
                (None, Some(shape)) if shape.is_list(false) && !matches!(field, Field::Value(Value::Array(_))) => {
                    object.insert(name, Value::Array(vec![field.value(shape.items.as_deref())]));
                }
                (None, shape) => drop(object.insert(name, field.value(shape))),
            }
        }
        Ok(Value::Object(object))
    }

    /// The field that a name with brackets is a part of, where that is an object or a list, and what the brackets hold.
    fn bracketed<'n>(&self, name: &'n str) -> Option<(&'n str, Vec<&'n str>, &Self)> {
        let (base, rest) = name.split_at(name.find('[')?);
        let shape = self.properties.get(base).filter(|shape| shape.is_object() || shape.is_list(true))?;
        Some((base, brackets(rest), shape))
    }
}

/// What stands in the brackets behind a name: `a` and `b` of `[a][b]`.
fn brackets(text: &str) -> Vec<&str> {
    text.split('[').skip(1).map(|key| key.strip_suffix(']').unwrap_or(key)).collect()
}

/// A whole number that is written as digits alone, which most are; anything else is for the JSON parser to tell.
fn digits(text: &str) -> Option<u64> {
    let is_plain = (1..=18).contains(&text.len()) && text.bytes().all(|byte| byte.is_ascii_digit());
    let is_plain = is_plain && (text == "0" || !text.starts_with('0'));
    is_plain.then(|| text.bytes().fold(0, |number, digit| number * 10 + u64::from(digit - b'0')))
}

/// What stands in a field of a form.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Field {
    /// Text, which its schema gives a type.
    Text(String),
    /// A value that says itself what it is.
    Value(Value),
}

impl Field {
    fn value(self, shape: Option<&Shape>) -> Value {
        match (self, shape) {
            (Self::Value(value), _) => value,
            (Self::Text(text), Some(shape)) => match shape.written(&text) {
                Some(object) => object,
                None => shape.scalar(text),
            },
            (Self::Text(text), None) => Value::String(text),
        }
    }
}

/// A number without a fraction as an integer, so that `1.0` and `1` are the same count.
fn whole(number: &serde_json::Number) -> Option<i64> {
    let float = number.as_f64().filter(|_| !number.is_i64() && !number.is_u64())?;
    (float.fract() == 0.0 && float.abs() < 9_007_199_254_740_992.0).then_some(float as i64)
}

fn follow<'a>(root: &'a Value, reference: &str) -> Option<&'a Value> {
    root.pointer(&percent_decode_str(reference.strip_prefix('#')?).decode_utf8().ok()?)
}

fn type_of(value: &Value) -> &'static str {
    match value {
        Value::Null => "null",
        Value::Bool(_) => "boolean",
        Value::Number(number) if number.is_f64() => "number",
        Value::Number(_) => "integer",
        Value::String(_) => "string",
        Value::Array(_) => "array",
        Value::Object(_) => "object",
    }
}

/// Reads the value of `parameter` from `text`, which is what stands at its place as it came over the wire: the
/// template's expression in a path, the whole query (other parameters are passed over), the whole `Cookie` header, or
/// the header's value. `None`: the parameter is not there.
///
/// A label's dot, a header's comma, and the space or pipe of the delimited styles cannot be told from data (RFC 6570,
/// 3.2.5), so such lists are split at each.
///
/// # Errors
/// When the text does not have the form of the parameter's style.
pub fn decode(parameter: &Parameter, shape: &Shape, text: &str) -> Result<Option<Value>, StyleError> {
    let fail = |problem| StyleError { name: parameter.name.clone(), location: parameter.location, problem };
    let value = match &parameter.encoding {
        Encoding::Content(_) => content(parameter, text),
        Encoding::Style { style, explode, .. } => {
            let reader = Reader { parameter, shape, style: *style, explode: *explode };
            match parameter.location {
                Location::Path | Location::Header => reader.segment(text),
                Location::Query => reader.pairs(text, '&'),
                Location::Cookie => reader.pairs(text, ';'),
            }
        }
    };
    value.map_err(fail)
}

/// A parameter with `content` is read as JSON.
fn content(parameter: &Parameter, text: &str) -> Result<Option<Value>, Problem> {
    let json = |text: &str| serde_json::from_str(text).map(Some).map_err(|_| Problem::Malformed);
    let separator = match parameter.location {
        Location::Header => return json(text),
        Location::Path => return json(&unescape(text, false)?),
        Location::Query => '&',
        Location::Cookie => ';',
    };
    let found = pairs(text, separator)?.into_iter().find(|(name, _)| *name == parameter.name);
    found.map_or(Ok(None), |(_, value)| json(&unescape(value, separator == '&')?))
}

/// Reads one parameter; holds what decides how.
struct Reader<'a> {
    parameter: &'a Parameter,
    shape: &'a Shape,
    style: Style,
    explode: bool,
}

impl Reader<'_> {
    /// A path segment or a header.
    fn segment(&self, text: &str) -> Result<Option<Value>, Problem> {
        let name = &self.parameter.name;
        let text = match self.style {
            Style::Label => text.strip_prefix('.').ok_or(Problem::Malformed)?,
            Style::Matrix => text.strip_prefix(';').ok_or(Problem::Malformed)?,
            _ => text,
        };
        let exploded = self.explode && self.style != Style::Simple;
        let delimiter = match self.style {
            Style::Matrix if exploded => ';',
            Style::Label if exploded => '.',
            _ => ',',
        };
        if self.shape.is_object() {
            let text = if self.style == Style::Matrix && !exploded { self.unnamed(text)? } else { text };
            return self.object(text, delimiter).map(Some);
        }
        if self.shape.is_list(text.contains(delimiter)) {
            let unnamed = |part| if self.style == Style::Matrix { self.unnamed(part) } else { Ok(part) };
            let whole = if exploded { text } else { unnamed(text)? };
            let parts = whole.split(delimiter).map(|part| if exploded { unnamed(part) } else { Ok(part) });
            let items = parts.map(|part| Ok(self.shape.item(self.text(part?)?)));
            return items.collect::<Result<Vec<_>, _>>().map(|items| Some(Value::Array(items)));
        }
        let text = match self.style {
            Style::Matrix if text == name => "",
            Style::Matrix => self.unnamed(text)?,
            _ => text,
        };
        Ok(Some(self.shape.scalar(self.text(text)?)))
    }

    /// The query or the cookies.
    fn pairs(&self, text: &str, separator: char) -> Result<Option<Value>, Problem> {
        let pairs = pairs(text, separator)?;
        if self.style == Style::DeepObject {
            return self.deep(&pairs);
        }
        if self.shape.is_object() && self.explode {
            return self.members(&pairs);
        }
        let values: Vec<&str> =
            pairs.iter().filter(|(name, _)| *name == self.parameter.name).map(|(_, value)| *value).collect();
        let Some(first) = values.first() else { return Ok(None) };
        if self.shape.is_list(values.len() > 1 || self.split(first).len() > 1) {
            let parts = if self.explode { values } else { self.split(first) };
            let items = parts.into_iter().map(|part| Ok(self.shape.item(self.text(part)?)));
            return items.collect::<Result<Vec<_>, _>>().map(|items| Some(Value::Array(items)));
        }
        if values.len() > 1 {
            return Err(Problem::Repeated);
        }
        if self.shape.is_object() {
            return self.object(&self.split(first).join(","), ',').map(Some);
        }
        Ok(Some(self.shape.scalar(self.text(first)?)))
    }

    /// The parts of a list that is not exploded.
    fn split<'t>(&self, text: &'t str) -> Vec<&'t str> {
        match self.style {
            _ if self.explode => vec![text],
            Style::SpaceDelimited if text.contains('+') => text.split('+').collect(),
            Style::SpaceDelimited => text.split("%20").collect(),
            Style::PipeDelimited if text.contains('|') => text.split('|').collect(),
            Style::PipeDelimited => text.split("%7C").flat_map(|part| part.split("%7c")).collect(),
            _ => text.split(',').collect(),
        }
    }

    /// `R=100,G=200` where it is exploded, `R,100,G,200` where it is not.
    fn object(&self, text: &str, delimiter: char) -> Result<Value, Problem> {
        let mut object = Map::new();
        let mut insert = |key: &str, value: &str| {
            let key = self.text(key)?;
            let value = self.shape.member(&key, self.text(value)?);
            object.insert(key, value).map_or(Ok(()), |_| Err(Problem::Repeated))
        };
        let parts: Vec<&str> = text.split(delimiter).filter(|part| !part.is_empty()).collect();
        if self.explode {
            for part in parts {
                let (key, value) = part.split_once('=').ok_or(Problem::Malformed)?;
                insert(key, value)?;
            }
        } else {
            let flat: Vec<&str> = text.split(delimiter).collect();
            for pair in flat.chunks(2) {
                let [key, value] = pair else { return Err(Problem::Malformed) };
                insert(key, value)?;
            }
        }
        Ok(Value::Object(object))
    }

    /// The members of an exploded object stand as parameters of their own.
    fn members(&self, pairs: &[(String, &str)]) -> Result<Option<Value>, Problem> {
        let mut object = Map::new();
        for (name, value) in pairs.iter().filter(|(name, _)| self.shape.properties.contains_key(name)) {
            let value = self.shape.member(name, self.text(value)?);
            if object.insert(name.clone(), value).is_some() {
                return Err(Problem::Repeated);
            }
        }
        Ok((!object.is_empty()).then_some(Value::Object(object)))
    }

    /// `name[key]=value`, nested by more brackets; a repeated name is a list, and a name alone is a scalar.
    fn deep(&self, pairs: &[(String, &str)]) -> Result<Option<Value>, Problem> {
        let mut object = Value::Null;
        for (name, value) in pairs {
            let rest = name.strip_prefix(&self.parameter.name);
            let Some(rest) = rest.filter(|rest| rest.is_empty() || rest.starts_with('[')) else { continue };
            place(&mut object, &brackets(rest), self.shape, self.text(value)?)?;
        }
        Ok((!object.is_null()).then_some(object))
    }

    fn unnamed<'t>(&self, part: &'t str) -> Result<&'t str, Problem> {
        let (name, value) = part.split_once('=').unwrap_or((part, ""));
        if unescape(name, false)? == self.parameter.name { Ok(value) } else { Err(Problem::Malformed) }
    }

    fn text(&self, text: &str) -> Result<String, Problem> {
        match self.parameter.location {
            Location::Header => Ok(text.trim().to_owned()),
            location => unescape(text, location == Location::Query),
        }
    }
}

/// Puts `text` at the place in `target` that `keys` name.
fn place(target: &mut Value, keys: &[&str], shape: &Shape, text: String) -> Result<(), Problem> {
    let Some((key, rest)) = keys.split_first() else {
        return match target {
            Value::Null if shape.is_list(false) => {
                *target = Value::Array(vec![shape.item(text)]);
                Ok(())
            }
            Value::Null => {
                *target = shape.scalar(text);
                Ok(())
            }
            Value::Array(items) => {
                items.push(shape.item(text));
                Ok(())
            }
            _ => Err(Problem::Repeated),
        };
    };
    let is_index = key.bytes().all(|byte| byte.is_ascii_digit()) && shape.is_list(true);
    if target.is_null() {
        *target = if is_index { Value::Array(Vec::new()) } else { Value::Object(Map::new()) };
    }
    if let Value::Array(items) = target {
        return place_item(items, key, rest, shape, text);
    }
    let Value::Object(object) = target else { return Err(Problem::Malformed) };
    let anything = Shape::default();
    let shape = shape.properties.get(*key).unwrap_or(&anything);
    place(object.entry(*key).or_insert(Value::Null), rest, shape, text)
}

/// Puts `text` into a list: at the place that `key` counts, or at its end where that is empty, as `tags[]` has it.
fn place_item(items: &mut Vec<Value>, key: &str, rest: &[&str], shape: &Shape, text: String) -> Result<(), Problem> {
    let is_in_last = || rest.first().is_some_and(|name| items.last().is_some_and(|last| last.get(name).is_none()));
    let index = match key {
        "" if !items.is_empty() && is_in_last() => items.len() - 1,
        "" => items.len(),
        key => key.parse().map_err(|_| Problem::Malformed)?,
    };
    // Whoever counts leaves nothing out.
    if index > items.len() {
        return Err(Problem::Malformed);
    }
    if index == items.len() {
        items.push(Value::Null);
    }
    let anything = Shape::default();
    place(&mut items[index], rest, shape.items.as_deref().unwrap_or(&anything), text)
}

/// The `name=value` pairs of a query or of cookies; names are decoded, values are not.
fn pairs(text: &str, separator: char) -> Result<Vec<(String, &str)>, Problem> {
    let parts = text.split(separator).map(str::trim).filter(|part| !part.is_empty());
    parts
        .map(|part| {
            let (name, value) = part.split_once('=').unwrap_or((part, ""));
            Ok((unescape(name, separator == '&')?, value))
        })
        .collect()
}

/// In a query `+` is a space, as in HTML forms.
fn unescape(text: &str, plus: bool) -> Result<String, Problem> {
    let spaced = if plus { text.replace('+', " ") } else { text.to_owned() };
    let decoded = percent_decode_str(&spaced).decode_utf8().map_err(|_| Problem::Malformed)?;
    Ok(decoded.into_owned())
}

#[cfg(test)]
mod tests;
