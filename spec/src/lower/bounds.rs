//! How large, how long and in what form: bounds, patterns, formats. What is contradictory or no bound is left out.

use serde_json::{Map, Number, Value, json};

use super::{Lowering, Place};

impl Lowering<'_> {
    /// Everything that bounds a value.
    pub(super) fn bounds(&mut self, old: &mut Map<String, Value>, new: &mut Map<String, Value>, place: &Place) {
        self.numbers(old, new, place);
        for (least, most) in [("minLength", "maxLength"), ("minItems", "maxItems"), ("minProperties", "maxProperties")]
        {
            self.counts(least, most, old, new, place);
        }
        match old.shift_remove("uniqueItems") {
            Some(Value::Bool(true)) => drop(new.insert("uniqueItems".to_owned(), Value::Bool(true))),
            Some(Value::Bool(false)) | None => {}
            Some(other) => self.lost(place, "`uniqueItems`", &format!("{other} is no boolean")),
        }
        self.pattern(old, new, place);
        self.format(old, new, place);
        if new.get("type").is_none() {
            untyped(new);
        }
    }

    /// Exclusive bounds are numbers in 2020-12 and flags in 3.0; of two bounds the narrower one holds.
    fn numbers(&mut self, old: &mut Map<String, Value>, new: &mut Map<String, Value>, place: &Place) {
        let is_integer = new.get("type") == Some(&json!("integer"));
        let lower = self.bound("minimum", "exclusiveMinimum", old, is_integer, place);
        let upper = self.bound("maximum", "exclusiveMaximum", old, is_integer, place);
        if let (Some(lower), Some(upper)) = (&lower, &upper)
            && (lower.value > upper.value || lower.value == upper.value && (lower.exclusive || upper.exclusive))
        {
            self.lost(place, "`minimum` and `maximum`", "nothing lies between them");
        } else {
            lower.into_iter().for_each(|bound| bound.write("minimum", "exclusiveMinimum", new));
            upper.into_iter().for_each(|bound| bound.write("maximum", "exclusiveMaximum", new));
        }
        let Some(step) = old.shift_remove("multipleOf") else { return };
        match &step {
            Value::Number(number)
                if number.as_f64().is_some_and(|step| step > 0.0) && (!is_integer || number.is_i64()) =>
            {
                new.insert("multipleOf".to_owned(), step);
            }
            _ => self.lost(place, "`multipleOf`", &format!("{step} is no step of such a number")),
        }
    }

    fn bound(
        &mut self,
        inclusive: &str,
        exclusive: &str,
        old: &mut Map<String, Value>,
        is_integer: bool,
        place: &Place,
    ) -> Option<Bound> {
        let mut read = |key: &str| {
            let value = old.shift_remove(key)?;
            let bound = Bound::read(&value, key == exclusive, key.ends_with("inimum"), is_integer);
            if bound.is_none() {
                self.lost(place, &format!("`{key}`"), &format!("{value} is no bound of such a number"));
            }
            bound
        };
        match (read(inclusive), read(exclusive)) {
            (Some(one), Some(other)) => {
                let narrower = if inclusive == "minimum" { other.value >= one.value } else { other.value <= one.value };
                Some(if narrower { other } else { one })
            }
            (one, other) => one.or(other),
        }
    }

    /// Lengths: whole numbers from 0, the lower one not above the upper one.
    fn counts(
        &mut self,
        least: &str,
        most: &str,
        old: &mut Map<String, Value>,
        new: &mut Map<String, Value>,
        place: &Place,
    ) {
        let mut read = |key: &str| {
            let value = old.shift_remove(key)?;
            let whole = value.as_u64().or_else(|| whole(value.as_f64()?)).filter(|count| *count <= u64::from(u32::MAX));
            if whole.is_none() {
                self.lost(place, &format!("`{key}`"), &format!("{value} is no length"));
            }
            whole
        };
        match (read(least), read(most)) {
            (Some(lower), Some(upper)) if lower > upper => {
                self.lost(place, &format!("`{least}` and `{most}`"), "nothing lies between them");
            }
            (lower, upper) => {
                lower.into_iter().for_each(|lower| drop(new.insert(least.to_owned(), json!(lower))));
                upper.into_iter().for_each(|upper| drop(new.insert(most.to_owned(), json!(upper))));
            }
        }
    }

    fn pattern(&mut self, old: &mut Map<String, Value>, new: &mut Map<String, Value>, place: &Place) {
        match old.shift_remove("pattern") {
            None => {}
            Some(Value::String(pattern)) => match regress::Regex::new(&pattern) {
                Ok(_) => drop(new.insert("pattern".to_owned(), Value::String(pattern))),
                Err(error) => self.lost(place, "`pattern`", &format!("{pattern:?} is no regular expression: {error}")),
            },
            Some(other) => self.lost(place, "`pattern`", &format!("{other} is no text")),
        }
    }

    /// A format belongs to a string or a number. The encodings of 2020-12 were formats in 3.0.
    fn format(&mut self, old: &mut Map<String, Value>, new: &mut Map<String, Value>, place: &Place) {
        let kind = new.get("type").and_then(Value::as_str).unwrap_or_default().to_owned();
        if kind == "string" && !old.contains_key("format") {
            let encoding = old.get("contentEncoding").and_then(Value::as_str);
            let media_type = old.get("contentMediaType").and_then(Value::as_str);
            let format = match (encoding, media_type) {
                (Some("base64" | "base64url"), _) => Some("byte"),
                (None, Some("application/octet-stream")) => Some("binary"),
                _ => None,
            };
            if let Some(format) = format {
                ["contentEncoding", "contentMediaType"].iter().for_each(|key| drop(old.shift_remove(*key)));
                new.insert("format".to_owned(), json!(format));
            }
        }
        match old.shift_remove("format") {
            None => {}
            Some(Value::String(format)) if ["string", "integer", "number"].contains(&kind.as_str()) => {
                new.insert("format".to_owned(), Value::String(format));
            }
            Some(format) => self.lost(place, &format!("the format {format}"), "only strings and numbers have one"),
        }
    }
}

/// A bound of a number.
struct Bound {
    number: Number,
    value: f64,
    exclusive: bool,
}

impl Bound {
    /// Bounds of whole numbers are moved to the next whole number inside.
    fn read(value: &Value, exclusive: bool, is_lower: bool, is_integer: bool) -> Option<Self> {
        let number = value.as_number()?.clone();
        let value = number.as_f64()?;
        if !is_integer || number.is_i64() {
            return Some(Self { number, value, exclusive });
        }
        let moved = if is_lower { value.ceil() } else { value.floor() };
        // Above 2^53 a float does not name one whole number.
        if moved.abs() > 9_007_199_254_740_992.0 {
            return None;
        }
        Some(Self { number: Number::from(moved as i64), value: moved, exclusive: exclusive && moved == value })
    }

    fn write(self, key: &str, flag: &str, new: &mut Map<String, Value>) {
        new.insert(key.to_owned(), Value::Number(self.number));
        if self.exclusive {
            new.insert(flag.to_owned(), Value::Bool(true));
        }
    }
}

/// A whole number that was written with a fraction of zero.
fn whole(number: f64) -> Option<u64> {
    (number.fract() == 0.0 && (0.0..=f64::from(u32::MAX)).contains(&number)).then_some(number as u64)
}

/// Keywords of one type say what a schema without one is; else they cannot become a type.
fn untyped(new: &mut Map<String, Value>) {
    if ["allOf", "anyOf", "oneOf"].iter().any(|key| new.contains_key(*key)) {
        return;
    }
    let has = |keys: &[&str]| keys.iter().any(|key| new.contains_key(*key));
    let kind = if has(&["properties", "required", "additionalProperties", "minProperties", "maxProperties"]) {
        "object"
    } else if has(&["items", "minItems", "maxItems", "uniqueItems"]) {
        "array"
    } else if has(&["minLength", "maxLength", "pattern"]) {
        "string"
    } else if has(&["minimum", "maximum", "multipleOf"]) {
        "number"
    } else {
        return;
    };
    new.insert("type".to_owned(), json!(kind));
}
