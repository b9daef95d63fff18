//! Texts that match a pattern or a format.

use proptest::strategy::{Just, SBoxedStrategy, Strategy};
use proptest::string::{string_regex, string_regex_parsed};
use regex_syntax::hir::{Hir, HirKind};

/// Texts that match the ECMA-262 `pattern`. `None` when none can be made.
pub(super) fn matching(pattern: &str) -> Option<SBoxedStrategy<String>> {
    let witness = || jsonschema_regex::pattern_witness(pattern).map(|text| Just(text).sboxed());
    let parsed = || {
        let rust = jsonschema_regex::to_rust_regex(pattern).ok()?;
        let hir = without_anchors(regex_syntax::parse(&rust).ok()?);
        string_regex_parsed(&hir).ok().map(Strategy::sboxed)
    };
    parsed().or_else(witness)
}

/// Generators refuse anchors. A text made for the rest matches with them too, save in corners that the check of each
/// value catches.
fn without_anchors(hir: Hir) -> Hir {
    match hir.into_kind() {
        HirKind::Look(_) | HirKind::Empty => Hir::empty(),
        HirKind::Literal(literal) => Hir::literal(literal.0),
        HirKind::Class(class) => Hir::class(class),
        HirKind::Repetition(mut repetition) => {
            repetition.sub = Box::new(without_anchors(*repetition.sub));
            Hir::repetition(repetition)
        }
        HirKind::Capture(mut capture) => {
            capture.sub = Box::new(without_anchors(*capture.sub));
            Hir::capture(capture)
        }
        HirKind::Concat(parts) => Hir::concat(parts.into_iter().map(without_anchors).collect()),
        HirKind::Alternation(parts) => Hir::alternation(parts.into_iter().map(without_anchors).collect()),
    }
}

/// Texts of a format that JSON Schema 2020-12 or OpenAPI names. `None` for one that says nothing about the text.
pub(super) fn formatted(format: &str) -> Option<SBoxedStrategy<String>> {
    let date = "20[0-4][0-9]-(0[1-9]|1[0-2])-(0[1-9]|1[0-9]|2[0-8])";
    let time = "([01][0-9]|2[0-3]):[0-5][0-9]:[0-5][0-9](\\.[0-9]{3})?Z";
    let pattern = match format {
        "uuid" => "[0-9a-f]{8}-[0-9a-f]{4}-4[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}".to_owned(),
        "date-time" => format!("{date}T{time}"),
        "date" => date.to_owned(),
        "time" => time.to_owned(),
        "duration" => "P[1-9][0-9]?D(T[1-9]H)?".to_owned(),
        "email" | "idn-email" => "[a-z][a-z0-9]{0,12}(\\.[a-z]{1,8})?@(example\\.com|test\\.example)".to_owned(),
        "hostname" | "idn-hostname" => "[a-z][a-z0-9]{0,12}\\.example".to_owned(),
        "ipv4" => "(192\\.0\\.2|198\\.51\\.100)\\.(1[0-9]{2}|[1-9]?[0-9])".to_owned(),
        "ipv6" => "2001:db8(:[1-9a-f][0-9a-f]{0,3}){6}".to_owned(),
        "uri" | "iri" => "https://[a-z]{1,12}\\.example/[a-z0-9]{0,8}".to_owned(),
        "uri-reference" | "iri-reference" => "/[a-z0-9]{1,8}(/[a-z0-9]{1,8})?".to_owned(),
        "json-pointer" => "(/[a-z0-9]{1,6}){0,3}".to_owned(),
        "regex" => "[a-z]{1,6}\\+?".to_owned(),
        "byte" => "([A-Za-z0-9+/]{4}){0,6}".to_owned(),
        _ => return None,
    };
    string_regex(&pattern).ok().map(Strategy::sboxed)
}

#[cfg(test)]
mod tests {
    use proptest::strategy::ValueTree;
    use serde_json::json;

    use super::*;

    fn samples(strategy: &SBoxedStrategy<String>) -> Vec<String> {
        let mut runner = crate::generate::runner(1, "pattern", "test", 0);
        (0..50).filter_map(|_| strategy.new_tree(&mut runner).ok().map(|tree| tree.current())).collect()
    }

    #[test]
    fn anchored_patterns_make_matching_texts() {
        for pattern in ["^[a-z0-9][a-z0-9-]{0,62}$", "^(a|b)$|^c\\d{2}$", "[A-Z]+", "^\\w+@\\w+$"] {
            let validator = jsonschema::validator_for(&json!({"pattern": pattern})).expect("a schema");
            let texts = samples(&matching(pattern).expect(pattern));
            assert!(texts.iter().all(|text| validator.is_valid(&json!(text))), "{pattern}: {texts:?}");
        }
    }

    #[test]
    fn formats_make_valid_texts() {
        for format in ["uuid", "date-time", "date", "time", "duration", "email", "hostname", "ipv4", "ipv6", "uri"] {
            let options = jsonschema::options().should_validate_formats(true);
            let validator = options.build(&json!({"format": format})).expect("a schema");
            let texts = samples(&formatted(format).expect(format));
            assert!(texts.iter().all(|text| validator.is_valid(&json!(text))), "{format}: {texts:?}");
        }
    }
}
