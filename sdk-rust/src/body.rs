//! Request bodies, all of which can be sent again (A12).

use std::fmt;

use bitting_spec::{style, table};
use bytes::Bytes;
use serde_json::Value;

/// A request body.
#[derive(Clone, Default)]
#[non_exhaustive]
pub enum Body {
    /// No body.
    #[default]
    Empty,
    /// Bytes as they are.
    Bytes(Bytes),
    /// `application/x-www-form-urlencoded` pairs.
    Form(Vec<(String, String)>),
    /// `multipart/form-data` (RFC 7578).
    Multipart(Vec<Part>),
}

/// A part of a `multipart/form-data` body.
#[derive(Clone)]
pub struct Part {
    /// The field's name.
    pub name: String,
    /// The file's name, for a file.
    pub file_name: Option<String>,
    /// The media type of the content, if it is to be said.
    pub media_type: Option<String>,
    /// The content.
    pub content: Bytes,
}

impl fmt::Debug for Body {
    /// The kind and size alone: a form may hold a password (B8).
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Empty => formatter.write_str("Empty"),
            Self::Bytes(bytes) => write!(formatter, "Bytes({} bytes)", bytes.len()),
            Self::Form(pairs) => write!(formatter, "Form({} fields)", pairs.len()),
            Self::Multipart(parts) => formatter.debug_tuple("Multipart").field(parts).finish(),
        }
    }
}

impl fmt::Debug for Part {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut debug = formatter.debug_struct("Part");
        debug.field("name", &self.name).field("file_name", &self.file_name).field("media_type", &self.media_type);
        debug.field("bytes", &self.content.len()).finish_non_exhaustive()
    }
}

/// What is between a field's name and value, or a part's name and content, when JSON becomes a form.
fn text(value: &Value) -> String {
    match value {
        Value::String(text) => text.clone(),
        other => other.to_string(),
    }
}

/// The members of an object as pairs: a list repeats its name, `null` is left out, an object is written as JSON. What
/// `deep` names is written with brackets.
fn pairs(value: &Value, deep: &[String]) -> Option<Vec<(String, String)>> {
    let mut pairs = Vec::new();
    for (name, value) in value.as_object()? {
        match value {
            value if deep.contains(name) => pairs.extend(style::deep(name, value)),
            Value::Null => {}
            Value::Array(items) => pairs.extend(items.iter().map(|item| (name.clone(), text(item)))),
            other => pairs.push((name.clone(), text(other))),
        }
    }
    Some(pairs)
}

/// Whether a media type is JSON's, by name or by suffix (RFC 6839, 3.1).
pub(crate) fn is_json(media_type: &str) -> bool {
    let essence = media_type.split(';').next().unwrap_or_default().trim().to_ascii_lowercase();
    essence == "application/json" || essence.ends_with("+json") || essence == "*/*"
}

/// `value` as a body of the first media type of `declared` that can hold it, with that media type; `None` if none can.
pub(crate) fn from_json(value: &Value, declared: &table::Body) -> Option<(String, Body)> {
    let media_types = &declared.media_types;
    if let Some(media_type) = media_types.iter().find(|media_type| is_json(media_type)) {
        let media_type = if media_type == "*/*" { "application/json" } else { media_type };
        return Some((media_type.to_owned(), Body::Bytes(Bytes::from(value.to_string()))));
    }
    media_types.iter().find_map(|media_type| match media_type.as_str() {
        "application/x-www-form-urlencoded" => {
            // A text is the form, written already.
            let written = value.as_str().map(|text| Body::Bytes(Bytes::copy_from_slice(text.as_bytes())));
            let form = || pairs(value, &declared.deep).map(Body::Form);
            Some((media_type.clone(), written.or_else(form)?))
        }
        "multipart/form-data" => Some((media_type.clone(), Body::multipart(value, Vec::new())?)),
        media_type if media_type.starts_with("text/") => {
            let text = value.as_str()?.to_owned();
            Some((media_type.to_owned(), Body::Bytes(Bytes::from(text))))
        }
        _ => None,
    })
}

impl Body {
    /// A `multipart/form-data` body of the members of a JSON object, a list being one part for each item, and of `files`;
    /// `None` if `fields` is no object.
    #[must_use]
    pub fn multipart(fields: &Value, files: Vec<Part>) -> Option<Self> {
        // An object in a form is JSON, and its part says so (OpenAPI 3.1, 4.8.15.1).
        let is_object = |value: &Value| value.is_object();
        let is_json = |name: &String| {
            let value = fields.get(name);
            value.is_some_and(|value| is_object(value) || value.as_array().is_some_and(|all| all.iter().any(is_object)))
        };
        let part = |(name, text)| {
            let media_type = is_json(&name).then(|| "application/json".to_owned());
            Part { name, file_name: None, media_type, content: Bytes::from(text) }
        };
        Some(Self::Multipart(pairs(fields, &[])?.into_iter().map(part).chain(files).collect()))
    }

    /// The bytes to send and, where it needs a parameter, the media type that goes with them.
    pub(crate) fn encode(self, media_type: String) -> (String, Option<Bytes>) {
        match self {
            Self::Empty => (media_type, None),
            Self::Bytes(bytes) => (media_type, Some(bytes)),
            Self::Form(pairs) => {
                let mut form = form_urlencoded::Serializer::new(String::new());
                form.extend_pairs(pairs);
                (media_type, Some(Bytes::from(form.finish())))
            }
            Self::Multipart(parts) => {
                let boundary = uuid::Uuid::new_v4().simple().to_string();
                let bytes = multipart(&parts, &boundary);
                (format!("{media_type}; boundary={boundary}"), Some(bytes))
            }
        }
    }
}

fn multipart(parts: &[Part], boundary: &str) -> Bytes {
    let mut bytes = Vec::new();
    for part in parts {
        let mut head = format!("--{boundary}\r\nContent-Disposition: form-data; name=\"{}\"", quoted(&part.name));
        if let Some(file_name) = &part.file_name {
            head.push_str(&format!("; filename=\"{}\"", quoted(file_name)));
        }
        if let Some(media_type) = &part.media_type {
            head.push_str(&format!("\r\nContent-Type: {}", media_type.replace(['\r', '\n'], "")));
        }
        bytes.extend_from_slice(head.as_bytes());
        bytes.extend_from_slice(b"\r\n\r\n");
        bytes.extend_from_slice(&part.content);
        bytes.extend_from_slice(b"\r\n");
    }
    bytes.extend_from_slice(format!("--{boundary}--\r\n").as_bytes());
    Bytes::from(bytes)
}

/// A name inside quotes, escaped as browsers do (WHATWG HTML, multipart/form-data encoding algorithm).
fn quoted(name: &str) -> String {
    name.replace('"', "%22").replace('\r', "%0D").replace('\n', "%0A")
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn declared(media_type: &str) -> table::Body {
        table::Body { required: true, media_types: vec![media_type.to_owned()], deep: vec!["deep".to_owned()] }
    }

    fn encoded(value: &Value, media_type: &str) -> (String, String) {
        let (media_type, body) = from_json(value, &declared(media_type)).expect("a body");
        let (media_type, bytes) = body.encode(media_type);
        (media_type, String::from_utf8(bytes.expect("bytes").to_vec()).expect("text"))
    }

    #[test]
    fn json_takes_the_operations_form() {
        let value = json!({"name": "a b", "tags": ["x", "y"], "none": null});
        assert_eq!(encoded(&value, "application/vnd.api+json").0, "application/vnd.api+json");
        assert_eq!(encoded(&value, "application/x-www-form-urlencoded").1, "name=a+b&tags=x&tags=y");
        let (media_type, text) = encoded(&value, "multipart/form-data");
        let boundary = media_type.strip_prefix("multipart/form-data; boundary=").expect("a boundary");
        assert!(
            text.starts_with(&format!("--{boundary}\r\nContent-Disposition: form-data; name=\"name\"\r\n\r\na b\r\n"))
        );
        assert!(text.ends_with(&format!("--{boundary}--\r\n")));
        assert!(from_json(&value, &declared("application/octet-stream")).is_none());
        let deep = json!({"deep": {"a": {"b": 1}, "list": ["x", {"c": true}]}});
        let fields = "deep%5Ba%5D%5Bb%5D=1&deep%5Blist%5D%5B0%5D=x&deep%5Blist%5D%5B1%5D%5Bc%5D=true";
        assert_eq!(encoded(&deep, "application/x-www-form-urlencoded").1, fields);
        assert_eq!(encoded(&json!("text=a+b"), "application/x-www-form-urlencoded").1, "text=a+b");
        let text = encoded(&json!({"meta": {"a": 1}, "tags": ["x"]}), "multipart/form-data").1;
        assert!(text.contains("name=\"meta\"\r\nContent-Type: application/json\r\n\r\n{\"a\":1}"), "{text}");
        assert!(text.contains("name=\"tags\"\r\n\r\nx"), "{text}");
    }

    /// A name cannot break out of its part's head.
    #[test]
    fn a_parts_name_is_quoted() {
        let part = Part {
            name: "a\"\r\nX: y".into(),
            file_name: Some("f\".txt".into()),
            media_type: Some("text/plain\r\nX: y".into()),
            content: Bytes::from_static(b"z"),
        };
        let text = String::from_utf8(multipart(&[part], "b").to_vec()).expect("text");
        assert!(
            text.contains("name=\"a%22%0D%0AX: y\"; filename=\"f%22.txt\"\r\nContent-Type: text/plainX: y\r\n\r\nz")
        );
    }
}
