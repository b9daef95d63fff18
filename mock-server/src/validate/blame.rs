//! What is wrong with a value, in one sentence: where it is one of several schemas that must fit, what is wrong by the
//! one that it comes nearest to. Never the value itself, which may be a secret.

use jsonschema::ValidationError;
use jsonschema::error::ValidationErrorKind as Kind;
use serde_json::Value;

/// The sentence about `error`.
pub(super) fn told(error: &ValidationError<'_>) -> String {
    if let Kind::AnyOf { context } | Kind::OneOfNotValid { context } = error.kind() {
        if let Some((place, known)) = kinds(context) {
            return at(&place, &format!("the value is none of {}", known.join(", ")));
        }
        if let Some(nearest) = nearest(context) {
            return told(nearest);
        }
    }
    at(&error.instance_path().to_string(), &error.masked().to_string())
}

fn at(place: &str, message: &str) -> String {
    if place.is_empty() { message.to_owned() } else { format!("at {place}: {message}") }
}

/// The first error by the schema that a value comes nearest to: the one for which it is of the right kind at all, and
/// has the fewest faults. `None` where two are as near.
fn nearest<'e>(context: &'e [Vec<ValidationError<'static>>]) -> Option<&'e ValidationError<'static>> {
    let distance = |errors: &[ValidationError<'_>]| {
        let is_other = |error: &&ValidationError<'_>| {
            let is_alone = error.instance_path().as_str() == errors[0].instance_path().as_str() && errors.len() == 1;
            matches!(error.kind(), Kind::Constant { .. } | Kind::Enum { .. })
                || matches!(error.kind(), Kind::Type { .. }) && is_alone
        };
        (errors.iter().filter(is_other).count(), errors.len())
    };
    let mut ranked: Vec<_> = context.iter().filter(|errors| !errors.is_empty()).collect();
    ranked.sort_by_key(|errors| distance(errors));
    match ranked.as_slice() {
        [first, second, ..] if distance(first) == distance(second) => None,
        [first, ..] => first.first(),
        [] => None,
    }
}

/// Where every schema wants a constant of its own in the same place: the place, and what may stand there.
fn kinds(context: &[Vec<ValidationError<'static>>]) -> Option<(String, Vec<String>)> {
    let constant = |error: &ValidationError<'_>| {
        let texts = match error.kind() {
            Kind::Constant { expected_value } => vec![expected_value.to_string()],
            Kind::Enum { options } => options.as_array()?.iter().map(Value::to_string).collect(),
            _ => return None,
        };
        Some((error.instance_path().to_string(), texts))
    };
    let mut all = context.iter().map(|errors| errors.iter().find_map(constant));
    let (place, mut known): (String, Vec<String>) = all.next()??;
    for other in all {
        let (other, more) = other?;
        (other == place).then(|| known.extend(more))?;
    }
    Some((place, known))
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn of(schema: &Value, value: &Value) -> String {
        let validator = jsonschema::validator_for(schema).unwrap();
        validator.iter_errors(value).next().map(|error| told(&error)).unwrap_or_default()
    }

    /// Who sends a circle with a typo is told about the circle.
    #[test]
    fn the_nearest_of_several_schemas_is_told() {
        let schema = json!({"oneOf": [
            {"type": "object", "required": ["kind", "radius"], "additionalProperties": false,
             "properties": {"kind": {"const": "circle"}, "radius": {"type": "number", "minimum": 0}}},
            {"type": "object", "required": ["kind", "side"],
             "properties": {"kind": {"const": "square"}, "side": {"anyOf": [{"type": "number"}, {"type": "null"}]}}},
        ]});
        let cases = [
            (json!({"kind": "circle", "radius": -1}), "at /radius: value is less than the minimum of 0"),
            (
                json!({"kind": "circle", "radius": 1, "colour": "x"}),
                "Additional properties are not allowed ('colour' was unexpected)",
            ),
            (
                json!({"kind": "square", "side": "secret"}),
                "at /side: value is not valid under any of the schemas listed in the 'anyOf' keyword",
            ),
            (json!({"kind": "secret"}), "at /kind: the value is none of \"circle\", \"square\""),
            (json!({"kind": "circle"}), "\"radius\" is a required property"),
            (json!("secret"), "value is not valid under any of the schemas listed in the 'oneOf' keyword"),
            (json!({"kind": "circle", "radius": 1}), ""),
        ];
        for (value, wanted) in cases {
            assert_eq!(of(&schema, &value), wanted, "{value}");
        }
    }
}
