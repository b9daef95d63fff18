//! Validation by hand: the part of JSON Schema that the documents here use, so that the suite's own validator does not
//! judge both sides.

use serde_json::{Map, Value};

/// Schemas by name, and the keyword that this server forgets.
#[derive(Debug)]
pub(crate) struct Schemas {
    pub(crate) components: Map<String, Value>,
    /// The keyword that is ignored everywhere.
    pub(crate) ignored: Option<&'static str>,
}

impl Schemas {
    /// Those of a document.
    pub(crate) fn of(document: &Value, ignored: Option<&'static str>) -> Self {
        let components = document["components"]["schemas"].as_object().cloned().unwrap_or_default();
        Self { components, ignored }
    }

    /// The pointer to what is wrong with `value`.
    pub(crate) fn fault(&self, schema: &Value, value: &Value) -> Option<String> {
        let schema = self.resolve(schema);
        let has = |keyword: &str| self.ignored != Some(keyword);
        let wrong = |keyword: &str| has(keyword) && self.breaks(keyword, &schema[keyword], value);
        let keywords = schema.as_object().map(|members| members.keys()).into_iter().flatten();
        if let Some(keyword) = keywords.map(String::as_str).find(|keyword| wrong(keyword)) {
            return Some(format!(" ({keyword})"));
        }
        match value {
            Value::Object(members) => self.fault_of_members(schema, members),
            Value::Array(items) => {
                let inside = items.iter().enumerate();
                let mut faults = inside.filter_map(|(at, item)| Some((at, self.fault(schema.get("items")?, item)?)));
                faults.next().map(|(at, fault)| format!("/{at}{fault}"))
            }
            _ => None,
        }
    }

    fn fault_of_members(&self, schema: &Value, members: &Map<String, Value>) -> Option<String> {
        for (name, value) in members {
            let fault = match schema["properties"].get(name) {
                Some(known) => self.fault(known, value),
                None if schema["additionalProperties"] == false && self.ignored != Some("additionalProperties") => {
                    Some(" (unknown)".to_owned())
                }
                None => None,
            };
            if let Some(fault) = fault {
                return Some(format!("/{name}{fault}"));
            }
        }
        None
    }

    /// Where a reference leads.
    pub(crate) fn resolve<'a>(&'a self, schema: &'a Value) -> &'a Value {
        match schema["$ref"].as_str().and_then(|reference| reference.rsplit('/').next()) {
            Some(name) => self.resolve(&self.components[name]),
            None => schema,
        }
    }

    fn breaks(&self, keyword: &str, rule: &Value, value: &Value) -> bool {
        let number = |compare: fn(f64, f64) -> bool| {
            value.as_f64().zip(rule.as_f64()).is_some_and(|(value, rule)| compare(value, rule))
        };
        let size = |size: Option<usize>, compare: fn(usize, usize) -> bool| {
            let rule = rule.as_u64().and_then(|rule| usize::try_from(rule).ok());
            size.zip(rule).is_some_and(|(size, rule)| compare(size, rule))
        };
        let letters = || value.as_str().map(|text| text.chars().count());
        let items = || value.as_array().map(Vec::len);
        match keyword {
            "type" => !has_type(rule, value),
            "enum" => rule.as_array().is_some_and(|allowed| !allowed.contains(value)),
            "const" => rule != value,
            "required" => value.as_object().is_some_and(|members| {
                rule.as_array()
                    .is_some_and(|names| names.iter().any(|name| !members.contains_key(name.as_str().unwrap_or(""))))
            }),
            "minimum" => number(|value, rule| value < rule),
            "maximum" => number(|value, rule| value > rule),
            "multipleOf" => number(|value, rule| value % rule != 0.0),
            "minLength" => size(letters(), |size, rule| size < rule),
            "maxLength" => size(letters(), |size, rule| size > rule),
            "minItems" => size(items(), |size, rule| size < rule),
            "maxItems" => size(items(), |size, rule| size > rule),
            "minProperties" => size(value.as_object().map(Map::len), |size, rule| size < rule),
            "uniqueItems" => {
                value.as_array().is_some_and(|items| (1..items.len()).any(|at| items[..at].contains(&items[at])))
            }
            "pattern" => value.as_str().is_some_and(|text| {
                let pattern =
                    regress::Regex::new(rule.as_str().unwrap_or("")).expect("the document's patterns are valid");
                pattern.find(text).is_none()
            }),
            "format" => value.as_str().is_some_and(|text| !has_format(rule.as_str().unwrap_or(""), text)),
            _ => false,
        }
    }

    /// A text of a path, query or header as the value that its schema asks for.
    pub(crate) fn read(&self, schema: &Value, text: &str) -> Value {
        let schema = self.resolve(schema);
        match schema["type"].as_str() {
            Some("integer") if text.bytes().all(|byte| byte.is_ascii_digit() || byte == b'-') => {
                text.parse::<i64>().map_or(Value::from(text), Value::from)
            }
            Some("array") => {
                let items = text.split(',').filter(|_| !text.is_empty());
                items.map(|item| self.read(&schema["items"], item)).collect()
            }
            _ => Value::from(text),
        }
    }
}

fn has_type(rule: &Value, value: &Value) -> bool {
    let is = |name: &str| match name {
        "null" => value.is_null(),
        "boolean" => value.is_boolean(),
        "integer" => value.as_f64().is_some_and(|number| number.fract() == 0.0),
        "number" => value.is_number(),
        "string" => value.is_string(),
        "array" => value.is_array(),
        "object" => value.is_object(),
        _ => true,
    };
    match rule {
        Value::String(name) => is(name),
        Value::Array(names) => names.iter().filter_map(Value::as_str).any(is),
        _ => true,
    }
}

fn has_format(format: &str, text: &str) -> bool {
    let matches = |pattern: &str| regress::Regex::new(pattern).is_ok_and(|pattern| pattern.find(text).is_some());
    match format {
        "uuid" => matches("^[0-9a-fA-F]{8}-[0-9a-fA-F]{4}-[0-9a-fA-F]{4}-[0-9a-fA-F]{4}-[0-9a-fA-F]{12}$"),
        "email" => matches(r"^[^@\s]+@[^@\s.]+(\.[^@\s.]+)*$"),
        "date" => is_date(text),
        "date-time" => {
            let time =
                r"^([01][0-9]|2[0-3]):[0-5][0-9]:([0-5][0-9]|60)(\.[0-9]+)?([Zz]|[+-]([01][0-9]|2[0-3]):[0-5][0-9])$";
            let rest = text.get(10..).and_then(|rest| rest.strip_prefix(['T', 't']));
            text.get(..10).is_some_and(is_date)
                && rest.is_some_and(|rest| regress::Regex::new(time).is_ok_and(|time| time.find(rest).is_some()))
        }
        _ => true,
    }
}

fn is_date(text: &str) -> bool {
    let parts: Vec<u32> = text.split('-').filter_map(|part| part.parse().ok()).collect();
    let [year, month, day] = parts[..] else { return false };
    let leap = year % 4 == 0 && (year % 100 != 0 || year % 400 == 0);
    let days = match month {
        2 if leap => 29,
        2 => 28,
        4 | 6 | 9 | 11 => 30,
        1..=12 => 31,
        _ => 0,
    };
    text.len() == 10 && text.is_ascii() && (1..=days).contains(&day)
}
