//! How a parameter's value is written on the wire: the styles of OpenAPI (3.1, 4.8.12.3), which rest on RFC 6570.
//!
//! One encoder serves the client runtime and the conformance suite, so both mean the same request.

mod decode;

use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, utf8_percent_encode};
use serde_json::{Map, Value};

pub use decode::{Field, Shape, decode};

use crate::table::{Encoding, Location, Parameter, Style};

/// Everything but the unreserved characters of RFC 3986, 2.3.
const UNRESERVED: &AsciiSet = &NON_ALPHANUMERIC.remove(b'-').remove(b'.').remove(b'_').remove(b'~');

/// What `allowReserved` lets through besides (RFC 3986, 2.2), less what would change the query's structure.
const WITH_RESERVED: &AsciiSet = &UNRESERVED
    .remove(b':')
    .remove(b'/')
    .remove(b'?')
    .remove(b'@')
    .remove(b'!')
    .remove(b'$')
    .remove(b'\'')
    .remove(b'(')
    .remove(b')')
    .remove(b'*')
    .remove(b',')
    .remove(b';')
    .remove(b'[')
    .remove(b']');

/// A value that cannot be written as its parameter asks.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{} parameter `{name}`: {problem}", location.as_str())]
pub struct StyleError {
    /// The parameter's name.
    pub name: String,
    /// Where it stands.
    pub location: Location,
    /// What is wrong with the value.
    pub problem: Problem,
}

/// What is wrong with a parameter's value.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum Problem {
    /// A path parameter without a value would name another resource.
    #[error("the value is empty; a path needs a value here")]
    EmptyPath,
    /// `.` and `..` are dot segments: they would lead to another operation (B12).
    #[error("`.` and `..` are refused in a path: they would lead to another operation")]
    DotSegment,
    /// An array or object inside an array or object, which no style but `deepObject` can write.
    #[error("an array or object inside an array or object cannot be written in this style")]
    Nested,
    /// A header value must not contain control characters.
    #[error("a header value must not contain control characters")]
    HeaderValue,
    /// What came over the wire does not have the form of the parameter's style.
    #[error("the text does not have the form of this parameter's style")]
    Malformed,
    /// A single value was given more than once.
    #[error("the value is given more than once")]
    Repeated,
}

/// Writes `value` as `parameter` asks.
///
/// The text is percent-encoded and ready to be put in place: in a path it replaces the template's expression, in the
/// query it is one or more `name=value` joined by `&`, in a cookie they are joined by `; `, in a header it is the
/// field's value. An empty text (a `null`, or an empty list in the query) means that the parameter is left out.
///
/// # Errors
/// When the value cannot be written in the parameter's style, or is no path segment (B12).
pub fn encode(parameter: &Parameter, value: &Value) -> Result<String, StyleError> {
    let fail = |problem| StyleError { name: parameter.name.clone(), location: parameter.location, problem };
    let text = match &parameter.encoding {
        Encoding::Content(_) => content(parameter, value),
        Encoding::Style { style, explode, allow_reserved } => {
            let writer = Writer::new(parameter, *style, *explode, *allow_reserved);
            writer.write(value).map_err(fail)?
        }
    };
    check(parameter.location, &text).map_err(fail)?;
    Ok(text)
}

/// The pairs of a field of a form in the style `deepObject`: `name[key]` for the members of an object, `name[0]` for the
/// items of a list, one in the other as they are nested; `null` is left out. Nothing is escaped.
#[must_use]
pub fn deep(name: &str, value: &Value) -> Vec<(String, String)> {
    match value {
        Value::Null => Vec::new(),
        Value::Object(members) => {
            members.iter().flat_map(|(key, value)| deep(&format!("{name}[{key}]"), value)).collect()
        }
        Value::Array(items) => {
            items.iter().enumerate().flat_map(|(index, item)| deep(&format!("{name}[{index}]"), item)).collect()
        }
        scalar => vec![(name.to_owned(), plain(scalar))],
    }
}

/// A parameter with `content` is serialized as its media type; only JSON is in use.
fn content(parameter: &Parameter, value: &Value) -> String {
    let json = value.to_string();
    match parameter.location {
        Location::Header => json,
        Location::Path => escape(&json, UNRESERVED),
        Location::Query | Location::Cookie => {
            format!("{}={}", escape(&parameter.name, UNRESERVED), escape(&json, UNRESERVED))
        }
    }
}

fn check(location: Location, text: &str) -> Result<(), Problem> {
    match location {
        Location::Path if text.is_empty() => Err(Problem::EmptyPath),
        Location::Path if matches!(text, "." | "..") => Err(Problem::DotSegment),
        Location::Header if text.bytes().any(|byte| byte.is_ascii_control() && byte != b'\t') => {
            Err(Problem::HeaderValue)
        }
        _ => Ok(()),
    }
}

fn escape(text: &str, set: &'static AsciiSet) -> String {
    utf8_percent_encode(text, set).to_string()
}

/// Writes one parameter; holds what the style decides once.
struct Writer<'a> {
    name: &'a str,
    location: Location,
    style: Style,
    explode: bool,
    set: Option<&'static AsciiSet>,
}

impl<'a> Writer<'a> {
    fn new(parameter: &'a Parameter, style: Style, explode: bool, allow_reserved: bool) -> Self {
        let set = match parameter.location {
            Location::Header => None,
            Location::Query if allow_reserved => Some(WITH_RESERVED),
            _ => Some(UNRESERVED),
        };
        Self { name: &parameter.name, location: parameter.location, style, explode, set }
    }

    fn write(&self, value: &Value) -> Result<String, Problem> {
        match (self.style, value) {
            (_, Value::Null) => Ok(String::new()),
            (Style::DeepObject, Value::Object(object)) => {
                let mut pairs = Vec::new();
                self.deep(&self.key(self.name), object, &mut pairs);
                Ok(pairs.join("&"))
            }
            // OpenAPI leaves these open too; Stripe's document declares lists and scalars so, and its server reads this.
            (Style::DeepObject, Value::Array(items)) => {
                let (name, mut pairs) = (self.key(self.name), Vec::new());
                let items = items.iter().filter(|item| !item.is_null()).enumerate();
                items.for_each(|(index, item)| self.deep_value(&format!("{name}[{index}]"), item, &mut pairs));
                Ok(pairs.join("&"))
            }
            (_, Value::Array(items)) => self.list(items),
            (_, Value::Object(object)) => self.object(object),
            (_, scalar) => Ok(self.scalar(&self.text(scalar)?)),
        }
    }

    fn scalar(&self, text: &str) -> String {
        match self.style {
            Style::Matrix if text.is_empty() => format!(";{}", self.key(self.name)),
            Style::Matrix => format!(";{}={text}", self.key(self.name)),
            Style::Label => format!(".{text}"),
            Style::Simple => text.to_owned(),
            _ => format!("{}={text}", self.key(self.name)),
        }
    }

    fn list(&self, items: &[Value]) -> Result<String, Problem> {
        let texts = items.iter().filter(|item| !item.is_null()).map(|item| self.text(item));
        let texts = texts.collect::<Result<Vec<_>, _>>()?;
        if texts.is_empty() {
            return Ok(String::new());
        }
        if !self.explode {
            return Ok(self.scalar(&texts.join(self.delimiter())));
        }
        let name = self.key(self.name);
        Ok(match self.style {
            Style::Matrix => texts.iter().map(|text| format!(";{name}={text}")).collect(),
            Style::Label => texts.iter().map(|text| format!(".{text}")).collect(),
            Style::Simple => texts.join(","),
            _ => texts.iter().map(|text| format!("{name}={text}")).collect::<Vec<_>>().join(self.separator()),
        })
    }

    fn object(&self, object: &Map<String, Value>) -> Result<String, Problem> {
        let members = object.iter().filter(|(_, value)| !value.is_null());
        let pairs = members.map(|(key, value)| Ok((self.key(key), self.text(value)?)));
        let pairs = pairs.collect::<Result<Vec<_>, Problem>>()?;
        if pairs.is_empty() {
            return Ok(String::new());
        }
        if !self.explode {
            let flat: Vec<String> = pairs.into_iter().flat_map(|(key, value)| [key, value]).collect();
            return Ok(self.scalar(&flat.join(self.delimiter())));
        }
        let pairs = pairs.into_iter().map(|(key, value)| format!("{key}={value}"));
        Ok(match self.style {
            Style::Matrix => pairs.map(|pair| format!(";{pair}")).collect(),
            Style::Label => pairs.map(|pair| format!(".{pair}")).collect(),
            Style::Simple => pairs.collect::<Vec<_>>().join(","),
            _ => pairs.collect::<Vec<_>>().join(self.separator()),
        })
    }

    /// OpenAPI leaves nested objects open; brackets within brackets is what servers that take them read.
    fn deep(&self, prefix: &str, object: &Map<String, Value>, pairs: &mut Vec<String>) {
        for (key, value) in object {
            self.deep_value(&format!("{prefix}[{}]", self.key(key)), value, pairs);
        }
    }

    fn deep_value(&self, name: &str, value: &Value, pairs: &mut Vec<String>) {
        match value {
            Value::Null => {}
            Value::Object(object) => self.deep(name, object, pairs),
            Value::Array(items) => items.iter().for_each(|item| self.deep_value(name, item, pairs)),
            scalar => pairs.push(format!("{name}={}", self.escaped(&plain(scalar)))),
        }
    }

    /// What stands between the values of one list that is not exploded.
    fn delimiter(&self) -> &'static str {
        match self.style {
            Style::SpaceDelimited => "%20",
            Style::PipeDelimited => "%7C",
            Style::Label if self.explode => ".",
            _ => ",",
        }
    }

    /// What stands between exploded parts.
    fn separator(&self) -> &'static str {
        if self.location == Location::Cookie { "; " } else { "&" }
    }

    fn text(&self, value: &Value) -> Result<String, Problem> {
        match value {
            Value::Array(_) | Value::Object(_) => Err(Problem::Nested),
            scalar => Ok(self.escaped(&plain(scalar))),
        }
    }

    fn key(&self, key: &str) -> String {
        if self.set.is_some() { escape(key, UNRESERVED) } else { key.to_owned() }
    }

    fn escaped(&self, text: &str) -> String {
        self.set.map_or_else(|| text.to_owned(), |set| escape(text, set))
    }
}

/// A scalar as text: strings without quotes, numbers and booleans as in JSON.
fn plain(value: &Value) -> String {
    match value {
        Value::String(text) => text.clone(),
        Value::Null => String::new(),
        other => other.to_string(),
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn parameter(location: Location, style: Style, explode: bool) -> Parameter {
        let encoding = Encoding::Style { style, explode, allow_reserved: false };
        Parameter { name: "color".to_owned(), location, required: true, encoding }
    }

    /// The style examples of OpenAPI 3.1, 4.8.12.4 (with the delimiters encoded, as the table of 3.1.1 asks).
    #[test]
    fn writes_the_examples_of_the_specification() {
        use Location::{Path, Query};
        let list = json!(["blue", "black", "brown"]);
        let object = json!({"R": 100, "G": 200, "B": 150});
        let cases = [
            (Path, Style::Matrix, false, ";color=blue", ";color=blue,black,brown", ";color=R,100,G,200,B,150"),
            (Path, Style::Matrix, true, ";color=blue", ";color=blue;color=black;color=brown", ";R=100;G=200;B=150"),
            (Path, Style::Label, false, ".blue", ".blue,black,brown", ".R,100,G,200,B,150"),
            (Path, Style::Label, true, ".blue", ".blue.black.brown", ".R=100.G=200.B=150"),
            (Path, Style::Simple, false, "blue", "blue,black,brown", "R,100,G,200,B,150"),
            (Path, Style::Simple, true, "blue", "blue,black,brown", "R=100,G=200,B=150"),
            (Query, Style::Form, false, "color=blue", "color=blue,black,brown", "color=R,100,G,200,B,150"),
            (Query, Style::Form, true, "color=blue", "color=blue&color=black&color=brown", "R=100&G=200&B=150"),
            (
                Query,
                Style::SpaceDelimited,
                false,
                "color=blue",
                "color=blue%20black%20brown",
                "color=R%20100%20G%20200%20B%20150",
            ),
            (
                Query,
                Style::PipeDelimited,
                false,
                "color=blue",
                "color=blue%7Cblack%7Cbrown",
                "color=R%7C100%7CG%7C200%7CB%7C150",
            ),
        ];
        for (location, style, explode, one, many, members) in cases {
            let parameter = parameter(location, style, explode);
            assert_eq!(encode(&parameter, &json!("blue")).as_deref(), Ok(one));
            assert_eq!(encode(&parameter, &list).as_deref(), Ok(many));
            assert_eq!(encode(&parameter, &object).as_deref(), Ok(members));
        }
        let deep = parameter(Query, Style::DeepObject, true);
        assert_eq!(encode(&deep, &object).as_deref(), Ok("color[R]=100&color[G]=200&color[B]=150"));
        assert_eq!(encode(&deep, &list).as_deref(), Ok("color[0]=blue&color[1]=black&color[2]=brown"));
        assert_eq!(encode(&deep, &json!(5)).as_deref(), Ok("color=5"));
    }

    /// B12: a dot segment would reach another operation with the same credential.
    #[test]
    fn refuses_dot_segments_and_empty_values_in_a_path() {
        let parameter = parameter(Location::Path, Style::Simple, false);
        let problem = |value| encode(&parameter, &value).map_err(|error| error.problem);
        assert_eq!(problem(json!(".")), Err(Problem::DotSegment));
        assert_eq!(problem(json!("..")), Err(Problem::DotSegment));
        assert_eq!(problem(json!("")), Err(Problem::EmptyPath));
        assert_eq!(problem(json!("...")).as_deref(), Ok("..."));
        assert_eq!(problem(json!("a/b?c#d%e")).as_deref(), Ok("a%2Fb%3Fc%23d%25e"));
    }

    #[test]
    fn headers_are_not_escaped_and_take_no_control_characters() {
        let parameter = parameter(Location::Header, Style::Simple, false);
        assert_eq!(encode(&parameter, &json!("a b/c")).as_deref(), Ok("a b/c"));
        assert_eq!(encode(&parameter, &json!("a\r\nb")).map_err(|error| error.problem), Err(Problem::HeaderValue));
    }

    proptest::proptest! {
        /// No value escapes its place: a path stays one segment, a query adds no pair.
        #[test]
        fn a_value_stays_in_its_place(text in "\\PC{1,24}") {
            if let Ok(segment) = encode(&parameter(Location::Path, Style::Simple, false), &json!(text)) {
                proptest::prop_assert!(!segment.contains(['/', '?', '#', ' ']));
            }
            let pair = encode(&parameter(Location::Query, Style::Form, true), &json!(text));
            let pair = pair.unwrap_or_default();
            proptest::prop_assert!(!pair.contains(['&', '#', ' ', '+']));
            proptest::prop_assert_eq!(pair.matches('=').count(), 1);
        }
    }
}
