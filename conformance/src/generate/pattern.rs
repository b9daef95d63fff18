//! Texts that match a pattern or a format.

use proptest::strategy::{Just, SBoxedStrategy, Strategy};
use proptest::string::{string_regex, string_regex_parsed};
use regex_syntax::hir::{Hir, HirKind};

/// Texts that match the ECMA-262 `pattern`. `None` when none can be made.
pub(super) fn matching(pattern: &str) -> Option<SBoxedStrategy<String>> {
    matching_within(pattern, 0, usize::MAX)
}

/// Texts that match the ECMA-262 `pattern` and have, as far as its repetitions allow it, from `least` to `most` letters.
pub(super) fn matching_within(pattern: &str, least: usize, most: usize) -> Option<SBoxedStrategy<String>> {
    let witness = || jsonschema_regex::pattern_witness(pattern).map(|text| Just(text).sboxed());
    let parsed = || {
        let rust = jsonschema_regex::to_rust_regex(pattern).ok()?;
        let hir = within(without_anchors(regex_syntax::parse(&rust).ok()?), least, most);
        string_regex_parsed(&hir).ok().map(Strategy::sboxed)
    };
    parsed().or_else(witness)
}

/// The longest text that is made of a pattern for its own sake.
const LONGEST: usize = 20_000;

/// The pattern with one repetition made as long, or as short, as the length asks for: the last one without an end, else the
/// one with the most room.
fn within(hir: Hir, least: usize, most: usize) -> Hir {
    let usual = hir.properties().minimum_len().unwrap_or(0);
    if least <= usual && most == usize::MAX || least > LONGEST {
        return hir;
    }
    match hir.into_kind() {
        HirKind::Concat(mut parts) => {
            if let Some(at) = (0..parts.len()).max_by_key(|at| parts.get(*at).map_or(0, room)) {
                // Where the window is narrow, nothing else may take its room.
                let is_narrow = most.saturating_sub(least) < NARROW;
                for (_, part) in parts.iter_mut().enumerate().filter(|(index, _)| *index != at && is_narrow) {
                    *part = pinned(std::mem::replace(part, Hir::empty()));
                }
                let own = parts[at].properties().minimum_len().unwrap_or(0);
                let others = usual.saturating_sub(own);
                let part = std::mem::replace(&mut parts[at], Hir::empty());
                parts[at] = within(part, least.saturating_sub(others), most.saturating_sub(others));
            }
            Hir::concat(parts)
        }
        HirKind::Capture(mut capture) => {
            capture.sub = Box::new(within(*capture.sub, least, most));
            Hir::capture(capture)
        }
        HirKind::Alternation(parts) => {
            Hir::alternation(parts.into_iter().map(|part| within(part, least, most)).collect())
        }
        HirKind::Repetition(mut one) => {
            // The length of one turn, in bytes: letters beyond ASCII make it too long, which each value's check catches.
            let turn = one.sub.properties().minimum_len().unwrap_or(1).max(1);
            let number = |letters: usize| u32::try_from(letters.div_ceil(turn)).unwrap_or(u32::MAX);
            let end = one.max.unwrap_or(u32::MAX).min(u32::try_from(most / turn).unwrap_or(u32::MAX)).max(one.min);
            one.min = number(least).clamp(one.min, end);
            one.max = Some(end.min(one.min.saturating_add(32)));
            Hir::repetition(one)
        }
        HirKind::Empty => Hir::empty(),
        HirKind::Literal(literal) => Hir::literal(literal.0),
        HirKind::Class(class) => Hir::class(class),
        HirKind::Look(look) => Hir::look(look),
    }
}

/// A window that is narrower than this many letters is met by one repetition alone.
const NARROW: usize = 64;

/// How many more letters a part can take; a part whose turns all have one length is met more surely.
fn room(hir: &Hir) -> u64 {
    match hir.kind() {
        HirKind::Repetition(one) => {
            let length = one.sub.properties();
            let is_even = length.minimum_len() == length.maximum_len();
            let room = u64::from(one.max.map_or(u32::MAX, |most| most - one.min));
            if is_even { room * 2 } else { room }
        }
        HirKind::Capture(capture) => room(&capture.sub),
        HirKind::Concat(parts) => parts.iter().map(room).max().unwrap_or(0),
        _ => 0,
    }
}

/// The pattern with every repetition at its least.
fn pinned(hir: Hir) -> Hir {
    match hir.into_kind() {
        HirKind::Repetition(mut one) => {
            one.max = Some(one.min);
            one.sub = Box::new(pinned(*one.sub));
            Hir::repetition(one)
        }
        HirKind::Capture(mut capture) => {
            capture.sub = Box::new(pinned(*capture.sub));
            Hir::capture(capture)
        }
        HirKind::Concat(parts) => Hir::concat(parts.into_iter().map(pinned).collect()),
        HirKind::Alternation(parts) => Hir::alternation(parts.into_iter().map(pinned).collect()),
        HirKind::Empty => Hir::empty(),
        HirKind::Literal(literal) => Hir::literal(literal.0),
        HirKind::Class(class) => Hir::class(class),
        HirKind::Look(look) => Hir::look(look),
    }
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

    /// Schemathesis #4593: a pattern that meets lengths. The lengths decide how often a repetition turns.
    #[test]
    fn patterns_meet_lengths() {
        for (pattern, least, most) in [
            ("^[a-z]*$", 60, 64),
            ("^([a-f0-9]+)$", 128, 128),
            ("^[A-Za-z0-9+/]*={0,2}$", 100, 200),
            ("^x-[a-z]+-y$", 5, 5),
        ] {
            let schema = json!({"pattern": pattern, "minLength": least, "maxLength": most});
            let validator = jsonschema::validator_for(&schema).expect("a schema");
            let texts = samples(&matching_within(pattern, least, most).expect(pattern));
            let good = texts.iter().filter(|text| validator.is_valid(&json!(text))).count();
            assert!(good > 10, "{pattern}: {good} of {}", texts.len());
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
