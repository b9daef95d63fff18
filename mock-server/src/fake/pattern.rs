//! Text that matches a regular expression.

use std::cell::RefCell;
use std::collections::HashMap;
use std::rc::Rc;

use jsonschema::Validator;
use regex_syntax::hir::{Class, Hir, HirKind, Repetition};
use serde_json::{Value, json};

/// How often a text is drawn before its length is given up on.
const TRIES: usize = 64;

/// So many patterns are kept in the form that texts are drawn from: a document has few, and draws from them often.
const KEPT: usize = 256;

thread_local! {
    static PARSED: RefCell<HashMap<String, Option<Rc<Parsed>>>> = RefCell::default();
}

/// A pattern, ready to be drawn from.
struct Parsed {
    hir: Hir,
    /// Says which draws match, where what looks ahead or behind was left out of `hir`.
    matcher: Option<Validator>,
}

/// A text that matches `pattern` and has from `least` to `most` characters. `None`: the pattern uses what only
/// ECMA 262 has (back-references), or no draw fitted.
pub(super) fn sample(pattern: &str, rng: &mut fastrand::Rng, least: usize, most: usize) -> Option<String> {
    let parsed = parsed(pattern)?;
    for round in 0..TRIES {
        // Repetitions without an end grow from round to round, until the text is long enough.
        let spread = u32::try_from(4 + round * (least / 8 + 1)).unwrap_or(u32::MAX);
        let mut text = String::new();
        write(&parsed.hir, rng, spread, &mut text);
        let fits =
            |text: &String| parsed.matcher.as_ref().is_none_or(|matcher| matcher.is_valid(&Value::from(text.as_str())));
        if (least..=most).contains(&text.chars().count()) && fits(&text) {
            return Some(text);
        }
    }
    None
}

fn parsed(pattern: &str) -> Option<Rc<Parsed>> {
    PARSED.with_borrow_mut(|known| {
        if let Some(parsed) = known.get(pattern) {
            return parsed.clone();
        }
        if known.len() >= KEPT {
            known.clear();
        }
        let parsed = read(pattern).map(Rc::new);
        known.insert(pattern.to_owned(), parsed.clone());
        parsed
    })
}

fn read(pattern: &str) -> Option<Parsed> {
    let parse = |pattern: &str| regex_syntax::Parser::new().parse(pattern).ok();
    if let Some(hir) = parse(pattern) {
        return Some(Parsed { hir, matcher: None });
    }
    let hir = parse(&without_looks(pattern)?)?;
    let matcher = jsonschema::validator_for(&json!({"type": "string", "pattern": pattern})).ok()?;
    Some(Parsed { hir, matcher: Some(matcher) })
}

/// The pattern without its groups that look ahead or behind. `None`: it has none.
fn without_looks(pattern: &str) -> Option<String> {
    let start = ["(?=", "(?!", "(?<=", "(?<!"].iter().filter_map(|look| pattern.find(look)).min()?;
    let (mut depth, mut is_class, mut is_escaped) = (0, false, false);
    let end = pattern[start..].char_indices().find(|(_, letter)| {
        match letter {
            _ if is_escaped => is_escaped = false,
            '\\' => is_escaped = true,
            '[' => is_class = true,
            ']' => is_class = false,
            '(' if !is_class => depth += 1,
            ')' if !is_class => depth -= 1,
            _ => {}
        }
        depth == 0
    });
    let rest = format!("{}{}", &pattern[..start], &pattern[start + end?.0 + 1..]);
    Some(without_looks(&rest).unwrap_or(rest))
}

fn write(hir: &Hir, rng: &mut fastrand::Rng, spread: u32, text: &mut String) {
    match hir.kind() {
        HirKind::Empty | HirKind::Look(_) => {}
        HirKind::Literal(literal) => text.push_str(&String::from_utf8_lossy(&literal.0)),
        HirKind::Class(class) => text.extend(character(class, rng)),
        HirKind::Repetition(repetition) => repeat(repetition, rng, spread, text),
        HirKind::Capture(capture) => write(&capture.sub, rng, spread, text),
        HirKind::Concat(parts) => parts.iter().for_each(|part| write(part, rng, spread, text)),
        HirKind::Alternation(parts) => {
            if let Some(part) = rng.choice(parts) {
                write(part, rng, spread, text);
            }
        }
    }
}

fn repeat(repetition: &Repetition, rng: &mut fastrand::Rng, spread: u32, text: &mut String) {
    let most = repetition.min.saturating_add(spread);
    let times = rng.u32(repetition.min..=repetition.max.unwrap_or(most).min(most));
    for _ in 0..times {
        write(&repetition.sub, rng, spread, text);
    }
}

/// A character of the class: one that can be seen, if there is one.
fn character(class: &Class, rng: &mut fastrand::Rng) -> Option<char> {
    let ranges: Vec<(u32, u32)> = match class {
        Class::Unicode(class) => class.iter().map(|range| (range.start() as u32, range.end() as u32)).collect(),
        Class::Bytes(class) => class.iter().map(|range| (u32::from(range.start()), u32::from(range.end()))).collect(),
    };
    let visible: Vec<(u32, u32)> = ranges
        .iter()
        .map(|(start, end)| (*start.max(&0x21), *end.min(&0x7e)))
        .filter(|(start, end)| start <= end)
        .collect();
    // Letters and digits look best, and stand anywhere as they are.
    let plain = [(0x30, 0x39), (0x41, 0x5a), (0x61, 0x7a)].map(|(first, last)| {
        let within = move |(start, end): &(u32, u32)| (*start.max(&first), *end.min(&last));
        visible.iter().map(within).filter(|(start, end)| start <= end).collect::<Vec<_>>()
    });
    let plain = plain.concat();
    let from = [&plain, &visible].into_iter().find(|ranges| !ranges.is_empty()).unwrap_or(&ranges);
    let (start, end) = *rng.choice(from)?;
    char::from_u32(rng.u32(start..=end)).or(char::from_u32(start))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn texts_match_their_patterns_and_lengths() {
        let patterns = [
            "^[a-z0-9][a-z0-9-]{0,62}$",
            "^[A-Z0-9][A-Z0-9-]{3,31}$",
            "^[A-Z]{3}$",
            "^(a|bc)+\\d{2}$",
            "^\\w+$",
            "no-store",
            "^(?!uuid|[(])[a-z]{4}(?=-x)-x$",
        ];
        let mut rng = fastrand::Rng::with_seed(1);
        for pattern in patterns {
            let matcher = jsonschema::validator_for(&serde_json::json!({"pattern": pattern})).unwrap();
            for _ in 0..100 {
                let text = sample(pattern, &mut rng, 0, 100).unwrap();
                assert!(matcher.is_valid(&serde_json::json!(text)), "{text} does not match {pattern}");
            }
        }
        let long = sample("^[a-z]+$", &mut rng, 500, 600).unwrap();
        assert!((500..=600).contains(&long.len()));
        assert_eq!(sample("^a$", &mut rng, 2, 9), None);
        assert_eq!(sample("(?=x)y", &mut rng, 0, 9), None);
        assert_eq!(sample("(a)\\1", &mut rng, 0, 9), None);
    }
}
