//! Forms in parts (`multipart/form-data`, RFC 7578), read as the object that their schema describes.

use bitting_spec::style::{Field, Shape};
use serde_json::Value;

/// The most parts that are read.
const PARTS: usize = 1000;

/// The object in `body`, whose `Content-Type` is `stated`. An error says what is wrong, without any value.
pub(super) fn read(stated: &str, shape: &Shape, body: &[u8]) -> Result<Value, String> {
    let boundary = parameter(stated, "boundary").filter(|text| (1..=70).contains(&text.len()));
    let boundary = boundary.ok_or("the media type names no boundary of 1 to 70 characters (RFC 2046, 5.1.1)")?;
    let mut fields = Vec::new();
    for part in split(body, &format!("--{boundary}"))? {
        if fields.len() == PARTS {
            return Err(format!("there are more than {PARTS} parts"));
        }
        fields.push(field(part)?);
    }
    shape.fields(fields).map_err(|problem| problem.to_string())
}

/// The parts between the boundaries.
fn split<'b>(body: &'b [u8], boundary: &str) -> Result<Vec<&'b [u8]>, String> {
    const CUT: &str = "the last boundary is missing, so the body may be cut off";
    let boundary = boundary.as_bytes();
    let line = [b"\r\n", boundary].concat();
    let mut rest = match body.strip_prefix(boundary) {
        Some(rest) => rest,
        // What stands before the first boundary is for nobody (RFC 2046, 5.1.1).
        None => {
            &body[find(body, &line).ok_or("the boundary that the media type names is not in the body")? + line.len()..]
        }
    };
    let mut parts = Vec::new();
    while !rest.starts_with(b"--") {
        let begin = find(rest, b"\r\n").ok_or(CUT)? + 2;
        // The line break before a boundary belongs to it, even where the part is empty.
        let end = find(&rest[begin - 2..], &line).ok_or(CUT)? + begin - 2;
        parts.push(&rest[begin.min(end)..end]);
        rest = &rest[end + line.len()..];
    }
    Ok(parts)
}

/// The name of a part and what is in it.
fn field(part: &[u8]) -> Result<(String, Field), String> {
    let at = find(part, b"\r\n\r\n").ok_or("a part has no empty line after its headers")?;
    let head = std::str::from_utf8(&part[..at]).map_err(|_| "the headers of a part are no UTF-8")?;
    let content = &part[at + 4..];
    let header = |name: &str| {
        let lines = head.split("\r\n").filter_map(|line| line.split_once(':'));
        lines.filter(|(known, _)| known.trim().eq_ignore_ascii_case(name)).map(|(_, value)| value.trim()).next()
    };
    let disposition = header("content-disposition").unwrap_or_default();
    let name = parameter(disposition, "name").ok_or("a part has no name in its Content-Disposition")?;
    let media = header("content-type").unwrap_or("text/plain").to_ascii_lowercase();
    if media.contains("json") {
        let value = serde_json::from_slice(content).map_err(|_| format!("the part `{name}` is no JSON"))?;
        return Ok((name, Field::Value(value)));
    }
    let is_file = parameter(disposition, "filename").is_some() || !media.starts_with("text/");
    let text = String::from_utf8_lossy(content).into_owned();
    Ok((name, if is_file { Field::Value(Value::from(text)) } else { Field::Text(text) }))
}

/// A parameter of a header such as `form-data; name="note"`.
fn parameter(header: &str, name: &str) -> Option<String> {
    let mut rest = header;
    while let Some((_, after)) = rest.split_once(';') {
        let (known, value) = after.split_once('=')?;
        let (value, next) = value_of(value.trim_start());
        if known.trim().eq_ignore_ascii_case(name) {
            return Some(value);
        }
        rest = next;
    }
    None
}

/// A token or a quoted string (RFC 9110, 5.6.4), and what stands behind it.
fn value_of(text: &str) -> (String, &str) {
    let Some(quoted) = text.strip_prefix('"') else {
        let end = text.find(';').unwrap_or(text.len());
        return (text[..end].trim_end().to_owned(), &text[end..]);
    };
    let mut value = String::new();
    let mut characters = quoted.char_indices();
    while let Some((at, character)) = characters.next() {
        match character {
            '"' => return (value, &quoted[at + 1..]),
            '\\' => value.extend(characters.next().map(|(_, escaped)| escaped)),
            _ => value.push(character),
        }
    }
    (value, "")
}

fn find(bytes: &[u8], wanted: &[u8]) -> Option<usize> {
    bytes.windows(wanted.len()).position(|part| part == wanted)
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn shape() -> Shape {
        Shape::of(&json!({"type": "object", "properties": {
            "count": {"type": "integer"}, "tags": {"type": "array", "items": {"type": "string"}},
            "meta": {"type": "object"}, "file": {"type": "string", "format": "binary"},
        }}))
    }

    const TYPE: &str = "multipart/form-data; charset=utf-8; boundary=\"x y\"";

    fn part(head: &str, content: &str) -> String {
        format!("--x y\r\nContent-Disposition: form-data; {head}\r\n\r\n{content}\r\n")
    }

    #[test]
    fn parts_are_what_their_schema_says() {
        let body = [
            "a preamble\r\n".to_owned(),
            part("name=\"count\"", "7"),
            part("name=tags", "a"),
            part("name=tags", "b"),
            part("name=\"meta\"\r\nContent-Type: application/json", "{\"deep\": true}"),
            part("name=\"file\"; filename=\"a;\\\"b.txt\"\r\nContent-Type: text/plain", "--x\r\n7"),
            part("name=\"empty\"", ""),
            "--x y--\r\nan epilogue".to_owned(),
        ];
        let expected = json!({"count": 7, "tags": ["a", "b"], "meta": {"deep": true}, "file": "--x\r\n7", "empty": ""});
        assert_eq!(read(TYPE, &shape(), body.concat().as_bytes()), Ok(expected));
        assert_eq!(read(TYPE, &shape(), b"--x y--"), Ok(json!({})));
    }

    #[test]
    fn what_is_no_form_is_told() {
        let fault = |stated: &str, body: &str| read(stated, &shape(), body.as_bytes()).unwrap_err();
        assert!(fault("multipart/form-data", "").contains("boundary of 1 to 70"));
        assert!(fault(TYPE, "nothing").contains("not in the body"));
        assert!(fault(TYPE, &part("name=count", "7")).contains("cut off"));
        assert!(fault(TYPE, "--x y").contains("cut off") && fault(TYPE, "--x y\r").contains("cut off"));
        assert!(fault(TYPE, "--x y\r\nno headers\r\n--x y--").contains("empty line"));
        assert!(fault(TYPE, &format!("{}--x y--", part("file=count", "7"))).contains("no name"));
        let json = part("name=meta\r\nContent-Type: application/json", "{");
        assert_eq!(fault(TYPE, &format!("{json}--x y--")), "the part `meta` is no JSON");
        let twice = [part("name=count", "7"), part("name=count", "8"), "--x y--".to_owned()].concat();
        assert!(!fault(TYPE, &twice).is_empty());
    }
}
