//! The text of a document: YAML or JSON in, one JSON value out, and the line of any place in it on request.

use std::borrow::Cow;
use std::collections::HashMap;
use std::hash::{DefaultHasher, Hash, Hasher};
use std::sync::{Arc, OnceLock};

use saphyr_parser::{Event, Parser, ScalarStyle};
use serde_json::{Map, Number, Value};

use super::error::{ErrorKind, Fault};
use super::halves::Halves;

/// Deeper documents are refused: nobody writes them, and every walk over them would need a guard of its own.
const MAX_DEPTH: usize = 256;
/// The most values that aliases may expand to, so that a small file cannot fill the memory.
const MAX_VALUES: usize = 2_000_000;

/// A document's text, under the name by which errors call it.
#[derive(Debug, Clone)]
pub(super) struct Source {
    pub(super) name: String,
    text: String,
    lines: OnceLock<Arc<Lines>>,
}

impl Source {
    pub(super) fn new(name: &str, text: &str) -> Self {
        let text = text.strip_prefix('\u{feff}').unwrap_or(text).to_owned();
        Self { name: name.to_owned(), text, lines: OnceLock::new() }
    }

    /// Reads the text as one value. JSON is told from YAML by its first character, since file names lie.
    pub(super) fn value(&self) -> Result<Value, (Fault, Option<usize>)> {
        if self.text.trim_start().starts_with('{') {
            // A YAML flow mapping starts with a brace too, so JSON that fails gets its second chance as YAML.
            return match serde_json::from_str(&self.text) {
                Ok(value) => Ok(value),
                Err(error) => self.yaml().map_err(|_| {
                    (Fault::new(ErrorKind::Syntax, "", format!("invalid JSON: {error}")), Some(error.line()))
                }),
            };
        }
        self.yaml()
    }

    fn yaml(&self) -> Result<Value, (Fault, Option<usize>)> {
        Halves::of(&self.text).and_then(|halves| halves.read(yaml)).map_or_else(|| yaml(&self.text), Ok)
    }

    /// The line of the place that `pointer` names, or of the nearest place above it. The lines of all places are found
    /// when the first is asked for: most readers ask for none.
    pub(super) fn line(&self, pointer: &str) -> Option<usize> {
        let lines = self.lines.get_or_init(|| Arc::new(Lines::of(&self.text)));
        lines.nearest(pointer)
    }
}

/// The value of a YAML text, or what is wrong in it, on which line.
pub(super) fn yaml(text: &str) -> Result<Value, (Fault, Option<usize>)> {
    let mut builder = Builder::default();
    for event in Parser::new_from_str(text) {
        let (event, span) = event.map_err(|error| {
            let fault = Fault::new(ErrorKind::Syntax, "", format!("invalid YAML: {}", error.info()));
            (fault, Some(error.marker().line()))
        })?;
        let line = span.start.line();
        builder.event(event).map_err(|message| (Fault::new(ErrorKind::Syntax, "", message), Some(line)))?;
    }
    builder.root.ok_or_else(|| (Fault::new(ErrorKind::Syntax, "", "the file is empty"), None))
}

/// One segment of a JSON pointer, unescaped (RFC 6901, 4).
pub(super) fn unescape(segment: &str) -> String {
    segment.replace("~1", "/").replace("~0", "~")
}

/// One segment of a JSON pointer, escaped (RFC 6901, 3).
pub(super) fn escape(segment: &str) -> Cow<'_, str> {
    match segment.contains(['~', '/']) {
        true => Cow::Owned(segment.replace('~', "~0").replace('/', "~1")),
        false => Cow::Borrowed(segment),
    }
}

/// Builds a value from YAML events.
#[derive(Default)]
struct Builder {
    open: Vec<Open>,
    anchors: Vec<(usize, Value)>,
    values: usize,
    root: Option<Value>,
}

enum Open {
    List { anchor: usize, items: Vec<Value> },
    Map { anchor: usize, members: Map<String, Value>, merged: Map<String, Value>, key: Option<String> },
}

impl Builder {
    fn event(&mut self, event: Event<'_>) -> Result<(), String> {
        match event {
            Event::Scalar(text, style, anchor, tag) => {
                let is_text = style != ScalarStyle::Plain || tag.is_some_and(|tag| tag.suffix == "str");
                if self.expects_key() {
                    return self.key(&text);
                }
                let value = if is_text { Value::String(text.into_owned()) } else { scalar(&text) };
                self.finish(anchor, value)
            }
            Event::SequenceStart(anchor, _) => self.open(Open::List { anchor, items: Vec::new() }),
            Event::MappingStart(anchor, _) => {
                self.open(Open::Map { anchor, members: Map::new(), merged: Map::new(), key: None })
            }
            Event::SequenceEnd | Event::MappingEnd => match self.open.pop() {
                Some(Open::List { anchor, items }) => self.finish(anchor, Value::Array(items)),
                Some(Open::Map { anchor, mut members, merged, .. }) => {
                    // What a merge key brings never overrides what stands in the mapping itself.
                    for (key, value) in merged {
                        members.entry(key).or_insert(value);
                    }
                    self.finish(anchor, Value::Object(members))
                }
                None => Ok(()),
            },
            Event::Alias(anchor) => {
                let found = self.anchors.iter().rev().find(|(id, _)| *id == anchor);
                let value =
                    found.map(|(_, value)| value.clone()).ok_or("an alias names an anchor that is not there")?;
                self.values += count(&value);
                self.finish(0, value)
            }
            Event::DocumentStart(_) if self.root.is_some() => {
                Err("the file holds more than one YAML document; keep one".to_owned())
            }
            _ => Ok(()),
        }
    }

    fn expects_key(&self) -> bool {
        matches!(self.open.last(), Some(Open::Map { key: None, .. }))
    }

    fn key(&mut self, text: &str) -> Result<(), String> {
        let Some(Open::Map { members, key, .. }) = self.open.last_mut() else { return Ok(()) };
        if members.contains_key(text) {
            return Err(format!("the key `{text}` stands twice in one mapping; remove one of them"));
        }
        *key = Some(text.to_owned());
        Ok(())
    }

    fn open(&mut self, open: Open) -> Result<(), String> {
        if self.expects_key() {
            return Err("a list or mapping cannot be a key".to_owned());
        }
        if self.open.len() >= MAX_DEPTH {
            return Err(format!("nested deeper than {MAX_DEPTH} levels"));
        }
        self.open.push(open);
        Ok(())
    }

    fn finish(&mut self, anchor: usize, value: Value) -> Result<(), String> {
        self.values += 1;
        if self.values > MAX_VALUES {
            return Err(format!("aliases expand to more than {MAX_VALUES} values"));
        }
        if anchor > 0 {
            self.anchors.push((anchor, value.clone()));
        }
        match self.open.last_mut() {
            None => self.root = Some(value),
            Some(Open::List { items, .. }) => items.push(value),
            Some(Open::Map { members, merged, key, .. }) => match (key.take(), value) {
                (Some(key), Value::Object(object)) if key == "<<" => merged.extend(object),
                (Some(key), value) => drop(members.insert(key, value)),
                (None, _) => return Err("an alias cannot be a key".to_owned()),
            },
        }
        Ok(())
    }
}

fn count(value: &Value) -> usize {
    match value {
        Value::Array(items) => 1 + items.iter().map(count).sum::<usize>(),
        Value::Object(members) => 1 + members.values().map(count).sum::<usize>(),
        _ => 1,
    }
}

/// A plain scalar by the core schema of YAML 1.2 (10.3.2). What JSON cannot hold (`.inf`, `.nan`) stays text.
fn scalar(text: &str) -> Value {
    match text {
        "" | "~" | "null" | "Null" | "NULL" => return Value::Null,
        "true" | "True" | "TRUE" => return Value::Bool(true),
        "false" | "False" | "FALSE" => return Value::Bool(false),
        _ => {}
    }
    let based =
        text.strip_prefix("0x").map(|digits| (digits, 16)).or(text.strip_prefix("0o").map(|digits| (digits, 8)));
    if let Some((digits, radix)) = based {
        return i64::from_str_radix(digits, radix).map_or_else(|_| Value::from(text), Value::from);
    }
    number(text).map_or_else(|| Value::from(text), Value::Number)
}

fn number(text: &str) -> Option<Number> {
    let unsigned = text.strip_prefix(['+', '-']).unwrap_or(text);
    if !unsigned.starts_with(|first: char| first.is_ascii_digit() || first == '.') {
        return None;
    }
    if unsigned.bytes().all(|byte| byte.is_ascii_digit()) {
        let whole = text.strip_prefix('+').unwrap_or(text);
        if let Ok(number) = whole.parse::<i64>() {
            return Some(number.into());
        }
        if let Ok(number) = whole.parse::<u64>() {
            return Some(number.into());
        }
    }
    text.parse().ok().and_then(Number::from_f64)
}

/// The line of every place, by a hash of the keys and indexes that lead to it: a large document has half a million.
#[derive(Debug, Default)]
struct Lines(HashMap<u64, usize>);

/// The hash of the root.
const ROOT: u64 = 0;

/// The hash of the place that `segment` leads to from another.
fn below(above: u64, segment: &str) -> u64 {
    let mut hasher = DefaultHasher::new();
    (above, segment).hash(&mut hasher);
    hasher.finish()
}

impl Lines {
    fn of(text: &str) -> Self {
        let mut walk = Walk::default();
        for event in Parser::new_from_str(text) {
            let Ok((event, span)) = event else { break };
            walk.event(&event, span.start.line());
        }
        walk.lines
    }

    fn nearest(&self, pointer: &str) -> Option<usize> {
        let mut places = vec![ROOT];
        for segment in pointer.split('/').skip(1) {
            places.push(below(places.last().copied().unwrap_or(ROOT), &unescape(segment)));
        }
        places.iter().rev().find_map(|place| self.0.get(place)).copied()
    }
}

/// Follows the events and keeps the line of each place.
#[derive(Default)]
struct Walk {
    path: Vec<Step>,
    lines: Lines,
}

/// An open container: where it is, and the place that is being read in it.
struct Step {
    place: u64,
    /// The value under the last key; in a list, the item.
    current: Option<u64>,
    index: usize,
    is_map: bool,
}

impl Walk {
    fn event(&mut self, event: &Event<'_>, line: usize) {
        match event {
            Event::Scalar(text, ..) => match self.path.last_mut() {
                Some(step) if step.is_map && step.current.is_none() => {
                    let place = below(step.place, text);
                    step.current = Some(place);
                    self.lines.0.entry(place).or_insert(line);
                }
                _ => {
                    self.value(line);
                    self.done();
                }
            },
            Event::Alias(_) => {
                self.value(line);
                self.done();
            }
            Event::SequenceStart(..) | Event::MappingStart(..) => {
                let place = self.value(line);
                let is_map = matches!(event, Event::MappingStart(..));
                self.path.push(Step { place, current: None, index: 0, is_map });
            }
            Event::SequenceEnd | Event::MappingEnd => {
                self.path.pop();
                self.done();
            }
            _ => {}
        }
    }

    /// A value begins, and its place is given: an item of a list begins on its own line, the value of a key on the key's.
    fn value(&mut self, line: usize) -> u64 {
        let Some(step) = self.path.last_mut() else {
            self.lines.0.entry(ROOT).or_insert(line);
            return ROOT;
        };
        if !step.is_map {
            let place = below(step.place, &step.index.to_string());
            step.current = Some(place);
            self.lines.0.entry(place).or_insert(line);
        }
        step.current.unwrap_or(step.place)
    }

    fn done(&mut self) {
        if let Some(step) = self.path.last_mut() {
            step.current = None;
            step.index += 1;
        }
    }
}
