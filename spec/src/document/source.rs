//! The text of a document: YAML or JSON in, one JSON value out, and the line of any place in it on request.

use std::collections::HashMap;

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

    /// The lines of the places that `pointers` name, or of the nearest places above them. Reads the text again, once for
    /// all of them: lines are asked for seldom, and kept for nobody else.
    pub(super) fn lines(&self, pointers: &[&str]) -> Vec<Option<usize>> {
        let mut walk = Walk { places: vec![Place::default()], open: Vec::new(), left: 0 };
        let ways: Vec<Vec<usize>> = pointers.iter().map(|pointer| walk.want(pointer)).collect();
        for event in Parser::new_from_str(&self.text) {
            let Ok((event, span)) = event else { break };
            walk.event(&event, span.start.line());
            if walk.left == 0 {
                break;
            }
        }
        let line = |way: &Vec<usize>| way.iter().rev().find_map(|place| walk.places[*place].line);
        ways.iter().map(line).collect()
    }
}

/// One segment of a JSON pointer, unescaped (RFC 6901, 4).
pub(super) fn unescape(segment: &str) -> String {
    segment.replace("~1", "/").replace("~0", "~")
}

/// One segment of a JSON pointer, escaped (RFC 6901, 3).
pub(super) fn escape(segment: &str) -> String {
    segment.replace('~', "~0").replace('/', "~1")
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

/// Follows the events to some places and keeps the line of each part of their ways that exists.
struct Walk {
    /// The root first.
    places: Vec<Place>,
    open: Vec<Step>,
    /// How many wanted places are not reached yet.
    left: usize,
}

/// A place on the way to one that is wanted.
#[derive(Default)]
struct Place {
    below: HashMap<String, usize>,
    is_wanted: bool,
    line: Option<usize>,
}

/// An open container: its own place, if it lies on a way, and that of the value in it that is being read.
struct Step {
    place: Option<usize>,
    inner: Option<usize>,
    index: usize,
    is_map: bool,
    has_key: bool,
}

impl Walk {
    /// Notes that a place is wanted; gives the way to it, the root first.
    fn want(&mut self, pointer: &str) -> Vec<usize> {
        let (mut at, mut way) = (0, vec![0]);
        for name in pointer.split('/').skip(1).map(unescape) {
            let next = self.places.len();
            at = *self.places[at].below.entry(name).or_insert(next);
            if at == next {
                self.places.push(Place::default());
            }
            way.push(at);
        }
        self.left += usize::from(!std::mem::replace(&mut self.places[at].is_wanted, true));
        way
    }

    fn event(&mut self, event: &Event<'_>, line: usize) {
        match event {
            Event::Scalar(text, ..) => {
                if let Some(step) = self.open.last_mut().filter(|step| step.is_map && !step.has_key) {
                    step.has_key = true;
                    let inner = step.place.and_then(|place| self.places[place].below.get(&**text).copied());
                    step.inner = inner;
                    self.arrive(inner, line);
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
                let place = self.open.last().map_or(Some(0), |step| step.inner);
                let is_map = matches!(event, Event::MappingStart(..));
                self.open.push(Step { place, inner: None, index: 0, is_map, has_key: false });
            }
            Event::SequenceEnd | Event::MappingEnd => {
                self.open.pop();
                self.done();
            }
            _ => {}
        }
    }

    /// A value begins: in a list that is where its item begins, and the root begins at the first value.
    fn value(&mut self, line: usize) {
        let place = match self.open.last_mut() {
            None => Some(0),
            Some(step) if step.is_map => return,
            Some(step) => {
                let name = step.place.map(|place| (place, step.index.to_string()));
                step.inner = name.and_then(|(place, name)| self.places[place].below.get(&name).copied());
                step.inner
            }
        };
        self.arrive(place, line);
    }

    fn arrive(&mut self, place: Option<usize>, line: usize) {
        let Some(place) = place.map(|place| &mut self.places[place]).filter(|place| place.line.is_none()) else {
            return;
        };
        place.line = Some(line);
        self.left -= usize::from(place.is_wanted);
    }

    fn done(&mut self) {
        if let Some(step) = self.open.last_mut() {
            (step.inner, step.has_key) = (None, false);
            step.index += 1;
        }
    }
}
