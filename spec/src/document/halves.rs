//! A large YAML text in two halves that can be read side by side: reading is most of the time that a large document
//! takes to open. Whoever reads them takes the whole text where a half cannot be read alone, so a cut in the middle of
//! a string or behind an anchor costs time and never the truth.

use std::thread;

use serde_json::{Map, Value};

/// What is smaller is read before a second thread has begun.
const LARGE: usize = 128 * 1024;

/// The key under which an OpenAPI document has most of its text.
const PATHS: &str = "paths";

/// A text, cut before a key of its outermost mapping or of its `paths`.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Halves<'t> {
    first: &'t str,
    /// Begins with `paths:` again where that was cut.
    second: String,
    is_cut_in_paths: bool,
}

impl<'t> Halves<'t> {
    /// Cuts the text as near to its middle as its layout allows; `None` where that is not worth the while.
    pub(super) fn of(text: &'t str) -> Option<Self> {
        if text.len() < LARGE {
            return None;
        }
        let outer = starts(text).filter(|(_, line)| line.starts_with(|first: char| first.is_ascii_alphabetic()));
        let outer: Vec<(usize, &str)> = outer.collect();
        let paths = outer.iter().position(|(_, line)| line.trim_end() == "paths:");
        let within = paths.map(|index| (outer[index].0, outer.get(index + 1).map_or(text.len(), |(end, _)| *end)));
        let entries = within.into_iter().flat_map(|(start, end)| entries(text, start, end));
        let cuts = outer.iter().map(|(at, _)| (*at, false)).chain(entries.map(|at| (at, true)));
        let (at, is_cut_in_paths) = cuts.min_by_key(|(at, _)| at.abs_diff(text.len() / 2))?;
        let head = if is_cut_in_paths { "paths:\n" } else { "" };
        Some(Self { first: &text[..at], second: format!("{head}{}", &text[at..]), is_cut_in_paths })
    }

    /// Reads both halves beside each other; `None` where one cannot be read, or where one text cannot have held both.
    pub(super) fn read<E: Send>(&self, read: fn(&str) -> Result<Value, E>) -> Option<Value> {
        let (first, second) = thread::scope(|scope| {
            let beside = thread::Builder::new().spawn_scoped(scope, || read(&self.second));
            let first = read(self.first);
            (first, beside.map(thread::ScopedJoinHandle::join))
        });
        self.join(first.ok()?, second.ok()?.ok()?.ok()?)
    }

    /// Puts together what the halves hold; `None` where one text cannot have held both.
    fn join(&self, first: Value, second: Value) -> Option<Value> {
        let (Value::Object(mut whole), Value::Object(rest)) = (first, second) else { return None };
        for (key, value) in rest {
            match whole.get_mut(&key) {
                None => drop(whole.insert(key, value)),
                Some(Value::Object(begun)) if self.is_cut_in_paths && key == PATHS => append(begun, value)?,
                Some(_) => return None,
            }
        }
        Some(Value::Object(whole))
    }
}

fn append(begun: &mut Map<String, Value>, rest: Value) -> Option<()> {
    let Value::Object(rest) = rest else { return None };
    for (key, value) in rest {
        if begun.insert(key, value).is_some() {
            return None;
        }
    }
    Some(())
}

/// Each line with the place where it starts.
fn starts(text: &str) -> impl Iterator<Item = (usize, &str)> {
    text.split_inclusive('\n').scan(0, |next, line| {
        let at = *next;
        *next += line.len();
        Some((at, line))
    })
}

/// Where the entries of a block mapping start, whose key is the line at `start`: lines as far in as its first.
fn entries(text: &str, start: usize, end: usize) -> impl Iterator<Item = usize> {
    let indent = |line: &str| line.len() - line.trim_start_matches(' ').len();
    let is_said = |line: &str| !line.trim().is_empty() && !line.trim_start().starts_with('#');
    let lines = starts(&text[start..end]).skip(1).filter(move |(_, line)| is_said(line));
    let mut depth = None;
    lines.filter(move |(_, line)| indent(line) == *depth.get_or_insert(indent(line))).map(move |(at, _)| start + at)
}

#[cfg(test)]
mod tests {
    use super::super::source::yaml;
    use super::*;

    /// A document of `count` paths, with `before` and `after` around them.
    fn document(before: &str, count: usize, after: &str) -> String {
        let entry = |index| format!("  /things/{index}:\n    get:\n      summary: {}\n", "long ".repeat(40));
        format!("{before}paths:\n{}{after}", (0..count).map(entry).collect::<String>())
    }

    #[test]
    fn small_texts_are_read_whole() {
        assert_eq!(Halves::of(&document("openapi: 3.1.0\n", 3, "")), None);
    }

    #[test]
    fn a_document_is_cut_at_the_path_in_its_middle() {
        let text = document("openapi: 3.1.0\n", 1000, "components:\n  schemas: {}\n");
        let halves = Halves::of(&text).expect("large");
        assert!(halves.is_cut_in_paths);
        assert!(halves.first.len().abs_diff(halves.second.len()) < 1000);
        assert!(halves.second.starts_with("paths:\n  /things/"), "{}", &halves.second[..40]);
    }

    #[test]
    fn a_document_without_paths_is_cut_at_an_outer_key() {
        let text = format!("a:\n{}b:\n{}", "  - long\n".repeat(20_000), "  - long\n".repeat(20_000));
        let halves = Halves::of(&text).expect("large");
        assert!(halves.second.starts_with("b:\n"), "{}", &halves.second[..10]);
    }

    /// Whatever stands where it is cut: the halves say what the whole says, or they say nothing.
    #[test]
    fn halves_say_what_the_whole_says() {
        for (middle, are_read) in [
            ("  /cut:\n    get: {}\n", true),
            ("  /cut:\n    get: |\n      text\n  # a comment\n\n  /more: {}\n", true),
            ("  /cut:\n    get:\n      summary: \"a\n        /quoted: b\"\n", true),
            ("  /cut: {get: {summary: a,\n  /flow: b}}\n  /more: *anchor\n  /last: *anchor\n", false),
            ("  /things/1: twice\n", false),
            ("info: {}\n", false),
            ("---\n", false),
        ] {
            let rest = document("", 700, "").replace("/things/", "/others/");
            let rest = format!("{middle}{}", &rest["paths:\n".len()..]);
            let text = document("openapi: 3.1.0\nx-one: &anchor {}\n", 700, &rest);
            let halves = Halves::of(&text).expect("large").read(yaml);
            assert_eq!(halves.is_some(), are_read, "{middle}");
            assert!(halves.is_none() || halves == yaml(&text).ok(), "{middle}");
        }
    }

    #[test]
    fn what_stands_in_both_halves_is_no_whole() {
        let text = document("", 1000, "");
        let halves = Halves::of(&text).expect("large");
        let both = |first: &str, second: &str| {
            halves.join(serde_json::from_str(first).expect("JSON"), serde_json::from_str(second).expect("JSON"))
        };
        assert_eq!(both(r#"{"paths": {"/a": 1}}"#, r#"{"paths": {"/a": 2}}"#), None);
        assert_eq!(both(r#"{"info": {}, "paths": {}}"#, r#"{"info": {}}"#), None);
        assert_eq!(both(r#"{"paths": "text"}"#, r#"{"paths": {"/a": 2}}"#), None);
        let whole = both(r#"{"a": 1, "paths": {"/a": 1}}"#, r#"{"paths": {"/b": 2}, "z": 3}"#).expect("a whole");
        assert_eq!(whole.to_string(), r#"{"a":1,"paths":{"/a":1,"/b":2},"z":3}"#);
    }
}
