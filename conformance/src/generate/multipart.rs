//! `multipart/form-data` bodies: each member a part, files as files (RFC 7578; OpenAPI 3.1, 4.8.14.4 and 4.8.15).

use std::collections::{BTreeMap, BTreeSet};

use bitting_spec::{Document, MediaType};
use serde_json::{Map, Value};

use super::case::text_of;
use super::schema::property_names;

/// What stands between the parts; no generated text has it.
pub(super) const BOUNDARY: &str = "bitting-7f3a91c2b4d8";

/// How the members of a body are written: those that are files, or have a media type of their own, with it.
#[derive(Debug, Clone, Default, PartialEq, Eq, Hash)]
pub(crate) struct Parts {
    kinds: BTreeMap<String, (String, bool)>,
    /// The fields of a form that are written with brackets.
    pub(super) deep: BTreeSet<String>,
}

impl Parts {
    /// By what the document says of a body: the Encoding Object of a member, else its schema.
    pub(crate) fn of(document: &Document, media: &MediaType) -> Self {
        let schema = media.schema.as_ref().map(|schema| &schema.value);
        let names = schema.and_then(|schema| property_names(document, schema)).unwrap_or_default();
        let kinds = names.into_iter().filter_map(|(name, schema)| {
            let schema = document.resolve(schema.as_ref()?).clone();
            // A list of files is as many parts.
            let item = schema.get("items").map_or(&schema, |items| document.resolve(items));
            let text = |key: &str| item.get(key).and_then(Value::as_str);
            let said = media.encoding.get(&name).and_then(|encoding| encoding.get("contentType")?.as_str());
            let said = said.and_then(|said| said.split(',').next()).map(str::trim).filter(|said| !said.contains('*'));
            let is_file = text("format") == Some("binary")
                || text("contentMediaType").is_some() && text("contentEncoding").is_none()
                || item.as_object().is_some_and(Map::is_empty);
            let kind = said.or(text("contentMediaType")).map(str::to_owned);
            let kind = kind.or_else(|| is_file.then(|| "application/octet-stream".to_owned()))?;
            Some((name, (kind, is_file)))
        });
        Self { kinds: kinds.collect(), deep: media.deep().map(str::to_owned).collect() }
    }
}

/// The body.
pub(super) fn body(members: &Map<String, Value>, parts: &Parts) -> String {
    let part = |name: &str, value: &Value| {
        let kind = parts.kinds.get(name).cloned();
        let json = || value.is_object().then(|| ("application/json".to_owned(), false));
        let (kind, is_file) = kind.or_else(json).unwrap_or_default();
        let name = name.replace('"', "%22").replace(['\r', '\n'], "%0A");
        let file = if is_file { "; filename=\"bitting.bin\"" } else { "" };
        let kind = if kind.is_empty() { kind } else { format!("\r\nContent-Type: {kind}") };
        let text = text_of(value);
        format!("--{BOUNDARY}\r\nContent-Disposition: form-data; name=\"{name}\"{file}{kind}\r\n\r\n{text}\r\n")
    };
    let mut body = String::new();
    for (name, value) in members {
        let items = value.as_array().map_or(std::slice::from_ref(value), Vec::as_slice);
        items.iter().for_each(|item| body.push_str(&part(name, item)));
    }
    body + "--" + BOUNDARY + "--\r\n"
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    /// A file has a name and a media type, a list is a part for each item, an object is JSON.
    #[test]
    fn each_member_is_written_as_the_document_says() {
        let text = json!({"openapi": "3.1.0", "info": {"title": "t", "version": "1"}, "paths": {"/f": {"post": {
            "requestBody": {"content": {"multipart/form-data": {
                "encoding": {"icon": {"contentType": "image/png, image/jpeg"}},
                "schema": {"type": "object", "properties": {
                    "file": {"type": "string", "format": "binary"}, "icon": {"type": "string"},
                    "tags": {"type": "array", "items": {"type": "string"}}, "about": {"type": "object"}}}}}},
            "responses": {"204": {"description": "d"}}}}}});
        let document = Document::parse("test.json", &text.to_string()).expect("a document");
        let (_, media) = super::super::body_media(&document.operations[0]).expect("it has a body");
        let members = json!({"file": "x", "icon": "y", "tags": ["a", "b"], "about": {"k": 1}});
        let body = body(members.as_object().expect("an object"), &Parts::of(&document, media));
        for part in [
            "name=\"file\"; filename=\"bitting.bin\"\r\nContent-Type: application/octet-stream\r\n\r\nx\r\n",
            "name=\"icon\"\r\nContent-Type: image/png\r\n\r\ny\r\n",
            "name=\"tags\"\r\n\r\na\r\n",
            "name=\"tags\"\r\n\r\nb\r\n",
            "name=\"about\"\r\nContent-Type: application/json\r\n\r\n{\"k\":1}\r\n",
        ] {
            assert!(body.contains(part), "{part:?} in {body}");
        }
    }
}
