//! The text of a document: YAML or JSON in, one JSON value out, and the line of any place in it on request.

use std::borrow::Cow;

use saphyr_parser::{Event, Parser, ScalarStyle};
use serde_json::{Map, Number, Value};

use super::error::{ErrorKind, Fault};

/// Deeper documents are refused: nobody writes them, and every walk over them would need a guard of its own.
const MAX_DEPTH: usize = 256;
/// The most values that aliases may expand to, so that a small file cannot fill the memory.
const MAX_VALUES: usize = 2_000_000;

/// A document's text, under the name by which errors call it.
#[derive(Debug, Clone)]
pub(super) struct Source {
    pub(super) name: String,
    text: String,
}

impl Source {
    pub(super) fn new(name: &str, text: &str) -> Self {
        let text = text.strip_prefix('\u{feff}').unwrap_or(text).to_owned();
        Self { name: name.to_owned(), text }
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
        let mut builder = Builder::default();
        for event in Parser::new_from_str(&self.text) {
            let (event, span) = event.map_err(|error| {
                let fault = Fault::new(ErrorKind::Syntax, "", format!("invalid YAML: {}", error.info()));
                (fault, Some(error.marker().line()))
            })?;
            let line = span.start.line();
            builder.event(event).map_err(|message| (Fault::new(ErrorKind::Syntax, "", message), Some(line)))?;
        }
        builder.root.ok_or_else(|| (Fault::new(ErrorKind::Syntax, "", "the file is empty"), None))
    }

    /// The line of the place that `pointer` names, or of the nearest place above it. Reads the text again: lines are
    /// asked for seldom, and kept for nobody else.
    pub(super) fn line(&self, pointer: &str) -> Option<usize> {
        let target: Vec<String> = pointer.split('/').skip(1).map(unescape).collect();
        let mut walk = Walk { target: &target, path: Vec::new(), best: 0, line: None };
        for event in Parser::new_from_str(&self.text) {
            let Ok((event, span)) = event else { break };
            walk.event(&event, span.start.line());
            if walk.best == target.len() && walk.line.is_some() {
                break;
            }
        }
        walk.line
    }
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

/// Follows the events to one place and keeps the line of the deepest part of the way that exists.
struct Walk<'a> {
    target: &'a [String],
    path: Vec<Step>,
    best: usize,
    line: Option<usize>,
}

/// An open container: which key or index is being read, and whether it lies on the way.
struct Step {
    key: Option<String>,
    index: usize,
    is_map: bool,
    on_way: bool,
}

impl Walk<'_> {
    fn event(&mut self, event: &Event<'_>, line: usize) {
        match event {
            Event::Scalar(text, ..) => {
                if let Some(step) = self.path.last_mut().filter(|step| step.is_map && step.key.is_none()) {
                    step.key = Some(text.to_string());
                    self.arrive(line);
                } else {
                    self.value(line);
                    self.done();
                }
            }
            Event::Alias(_) => {
                self.value(line);
                self.done();
            }
            Event::SequenceStart(..) | Event::MappingStart(..) => {
                self.value(line);
                let on_way = self.path.last().is_none_or(|step| step.on_way && self.matches(self.path.len() - 1));
                let is_map = matches!(event, Event::MappingStart(..));
                self.path.push(Step { key: None, index: 0, is_map, on_way });
            }
            Event::SequenceEnd | Event::MappingEnd => {
                self.path.pop();
                self.done();
            }
            _ => {}
        }
    }

    /// A value begins: in a list that is where its item begins, and the root begins at the first value.
    fn value(&mut self, line: usize) {
        match self.path.last() {
            None => self.line = self.line.or(Some(line)),
            Some(step) if !step.is_map => self.arrive(line),
            Some(_) => {}
        }
    }

    fn arrive(&mut self, line: usize) {
        let depth = self.path.len();
        let on_way = self.path.last().is_some_and(|step| step.on_way);
        if on_way && depth > self.best && self.matches(depth - 1) {
            (self.best, self.line) = (depth, Some(line));
        }
    }

    fn matches(&self, depth: usize) -> bool {
        let (Some(step), Some(target)) = (self.path.get(depth), self.target.get(depth)) else { return false };
        if step.is_map { step.key.as_ref() == Some(target) } else { step.index.to_string() == *target }
    }

    fn done(&mut self) {
        if let Some(step) = self.path.last_mut() {
            step.key = None;
            step.index += 1;
        }
    }
}
