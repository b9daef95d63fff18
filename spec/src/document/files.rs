//! Documents in several files: what their relative references lead to is brought into the one document, where every
//! place still knows the file that it was written in.
//!
//! What stands below `paths` and `components` takes the place of its reference, so that it is called as it would be in
//! one file. What is referred to from deeper down stands below [`ELSEWHERE`], under the name of its file.

use std::collections::HashMap;

use percent_encoding::{AsciiSet, CONTROLS, percent_decode_str, utf8_percent_encode};
use serde_json::{Map, Value, json};

use super::error::{Error, ErrorKind, Fault};
use super::node::{MAX_HOPS, nearest};
use super::source::{Source, escape};
use super::{Place, Reader, value_of};

/// The member of the whole that holds other files.
pub(super) const ELSEWHERE: &str = "x-bitting-files";
/// The file that the document begins with.
const FIRST: usize = 0;
/// What a fragment may not hold as it is (RFC 3986, 3.5), and what would be read as an escape.
const FRAGMENT: &AsciiSet = &CONTROLS.add(b'%').add(b' ').add(b'"').add(b'<').add(b'>').add(b'`').add(b'#');
/// Members that map names to parts of a document: what is called `example` or `default` there is no literal value.
const NAMES: [&str; 19] = [
    "$defs",
    "callbacks",
    "content",
    "definitions",
    "dependentSchemas",
    "encoding",
    "examples",
    "headers",
    "links",
    "parameters",
    "pathItems",
    "paths",
    "patternProperties",
    "properties",
    "requestBodies",
    "responses",
    "schemas",
    "securitySchemes",
    "webhooks",
];
/// Members whose value is data, in which `$ref` is a name like any other.
const LITERALS: [&str; 5] = ["const", "default", "enum", "example", "value"];

/// The files of a document, and what of them stands where.
#[derive(Debug, Clone)]
pub(super) struct Files {
    sources: Vec<Source>,
    mounts: Vec<Mount>,
    /// What stands at a place: the last of several references that led on from it.
    by_place: HashMap<String, usize>,
    /// What of each file stands somewhere, or led on from there.
    by_file: HashMap<usize, Vec<usize>>,
}

/// A part of a file, and where it stands in the whole.
#[derive(Debug, Clone)]
struct Mount {
    at: String,
    file: usize,
    inside: String,
}

impl Files {
    /// The files of a document that is all in one.
    pub(super) fn one(source: Source) -> Self {
        Self { sources: vec![source], mounts: Vec::new(), by_place: HashMap::new(), by_file: HashMap::new() }
    }

    /// The name of the file that the document begins with.
    pub(super) fn name(&self) -> &str {
        &self.sources[FIRST].name
    }

    /// The file and the line of the place that `pointer` names.
    pub(super) fn place(&self, pointer: &str) -> Place<'_> {
        let (file, inside) = self.written(pointer);
        Place { file: &self.sources[file].name, line: self.sources[file].line(&inside) }
    }

    /// A fault in the whole, said of the file that it was written in.
    pub(super) fn error(&self, fault: Fault) -> Error {
        let (file, inside) = self.written(&fault.pointer);
        let source = &self.sources[file];
        let line = source.line(&inside);
        Fault { pointer: inside, ..fault }.at(&source.name, line)
    }

    fn mount(&mut self, mount: Mount) {
        let index = self.mounts.len();
        self.by_place.insert(mount.at.clone(), index);
        self.by_file.entry(mount.file).or_default().push(index);
        self.mounts.push(mount);
    }

    /// The file that the place at `pointer` was written in, and its pointer there.
    fn written(&self, pointer: &str) -> (usize, String) {
        let ends = pointer.match_indices('/').map(|(end, _)| end).chain([pointer.len()]);
        let mut around = ends.filter_map(|end| Some((self.by_place.get(&pointer[..end])?, &pointer[end..])));
        around.next_back().map_or((FIRST, pointer.to_owned()), |(index, rest)| {
            let Mount { file, inside, .. } = &self.mounts[*index];
            (*file, format!("{inside}{rest}"))
        })
    }

    /// Where the place `inside` of `file` stands in the whole, if it does yet.
    fn whole(&self, file: usize, inside: &str) -> Option<String> {
        let around = self.by_file.get(&file)?.iter().map(|index| &self.mounts[*index]);
        let around = around.filter_map(|mount| Some((mount, below(inside, &mount.inside)?)));
        // The first of several: names given among the components come before what is read on the way.
        let (mount, rest) = around.rev().max_by_key(|(mount, _)| mount.inside.len())?;
        Some(format!("{}{rest}", mount.at))
    }
}

/// What of a pointer lies below another.
fn below<'a>(pointer: &'a str, above: &str) -> Option<&'a str> {
    pointer.strip_prefix(above).filter(|rest| rest.is_empty() || rest.starts_with('/'))
}

/// The document that begins in `source`, whose value is `value`, with every file that it refers to.
pub(super) fn gather(source: Source, mut value: Value, reader: &dyn Reader) -> Result<(Value, Files), Error> {
    if !leads_elsewhere(&value) {
        return Ok((value, Files::one(source)));
    }
    let known = HashMap::from([(normal(&source.name), FIRST)]);
    let values = vec![value.clone()];
    let mut gathering = Gathering { reader, files: Files::one(source), values, known, waiting: Vec::new() };
    gathering.top(&mut value)?;
    gathering.lead(&mut value, "", FIRST, false)?;
    let mut others = Map::new();
    while let Some(mount) = gathering.waiting.pop() {
        let mut part = gathering.values[mount.file].clone();
        gathering.lead(&mut part, &mount.at, mount.file, false)?;
        others.insert(gathering.called(mount.file), part);
    }
    if let (Value::Object(root), false) = (&mut value, others.is_empty()) {
        root.insert(ELSEWHERE.to_owned(), Value::Object(others));
    }
    Ok((value, gathering.files))
}

/// Whether a reference anywhere in `value` is to another file.
fn leads_elsewhere(value: &Value) -> bool {
    match value {
        Value::Array(items) => items.iter().any(leads_elsewhere),
        Value::Object(members) => {
            members.get("$ref").and_then(Value::as_str).is_some_and(|reference| !reference.starts_with('#'))
                || members.values().any(leads_elsewhere)
        }
        _ => false,
    }
}

struct Gathering<'r> {
    reader: &'r dyn Reader,
    files: Files,
    /// What stands in each file.
    values: Vec<Value>,
    /// The files that were read, by their names.
    known: HashMap<String, usize>,
    /// The whole files that were referred to and do not stand below [`ELSEWHERE`] yet.
    waiting: Vec<Mount>,
}

impl Gathering<'_> {
    /// Brings in what stands right below `paths`, `webhooks` and each kind of component, and these themselves.
    fn top(&mut self, root: &mut Value) -> Result<(), Error> {
        for kind in ["components", "paths", "webhooks"] {
            let Some(map) = root.get_mut(kind) else { continue };
            let at = format!("/{kind}");
            let file = self.settle(map, &at, FIRST)?;
            self.settle_members(map, &at, file, if kind == "components" { 2 } else { 1 })?;
        }
        Ok(())
    }

    fn settle_members(&mut self, map: &mut Value, at: &str, file: usize, levels: usize) -> Result<(), Error> {
        let Value::Object(members) = map else { return Ok(()) };
        for (name, value) in members {
            let at = format!("{at}/{}", escape(name));
            let file = self.settle(value, &at, file)?;
            if levels > 1 {
                self.settle_members(value, &at, file, levels - 1)?;
            }
        }
        Ok(())
    }

    /// Puts what the reference at `slot` leads to in its place, if it leads to another file. Gives the file that stands
    /// there then.
    fn settle(&mut self, slot: &mut Value, at: &str, mut file: usize) -> Result<usize, Error> {
        for _ in 0..MAX_HOPS {
            let alone = slot.as_object().filter(|members| members.len() == 1);
            let reference = alone.and_then(|members| members.get("$ref")?.as_str());
            let Some(reference) = reference.filter(|reference| !reference.starts_with('#')).map(str::to_owned) else {
                return Ok(file);
            };
            let Some((target, inside)) = self.target(&reference, at, file)? else { return Ok(file) };
            if target == FIRST {
                return Ok(file);
            }
            // What stands somewhere already is not brought in twice.
            if let Some(pointer) = self.files.whole(target, &inside) {
                *slot = json!({"$ref": format!("#{}", utf8_percent_encode(&pointer, FRAGMENT))});
                self.files.mount(Mount { at: at.to_owned(), file: FIRST, inside: pointer });
                return Ok(FIRST);
            }
            let found = self.values[target].pointer(&inside).cloned();
            *slot = found.ok_or_else(|| self.nowhere(&reference, at, target, &inside))?;
            self.files.mount(Mount { at: at.to_owned(), file: target, inside });
            file = target;
        }
        let fault = Fault::new(ErrorKind::Reference, at, "this reference leads round in a circle");
        Err(self.files.error(fault.remedy("let one of the references on the way point to an object")))
    }

    /// Turns every reference in `value`, which stands at `at` and was written in `file`, into one inside the whole.
    /// `named`: its keys are names.
    fn lead(&mut self, value: &mut Value, at: &str, file: usize, named: bool) -> Result<(), Error> {
        let file = self.files.by_place.get(at).map_or(file, |index| self.files.mounts[*index].file);
        match value {
            Value::Array(items) => {
                let mut items = items.iter_mut().enumerate();
                items.try_for_each(|(index, item)| self.lead(item, &format!("{at}/{index}"), file, false))
            }
            Value::Object(members) => {
                for (key, value) in members {
                    let is_literal = !named && (LITERALS.contains(&key.as_str()) || key.starts_with("x-"));
                    let at = || format!("{at}/{}", escape(key));
                    match value {
                        _ if is_literal || (key == "examples" && value.is_array()) => {}
                        Value::String(reference) if key == "$ref" => *reference = self.led(reference, &at(), file)?,
                        _ if key == "mapping" && !named => self.lead_mapping(value, &at(), file)?,
                        _ => self.lead(value, &at(), file, !named && NAMES.contains(&key.as_str()))?,
                    }
                }
                Ok(())
            }
            _ => Ok(()),
        }
    }

    /// The mapping of a discriminator (OpenAPI 3.1, 4.8.25): its values are names of components, or references.
    fn lead_mapping(&mut self, mapping: &mut Value, at: &str, file: usize) -> Result<(), Error> {
        let Value::Object(members) = mapping else { return Ok(()) };
        for (key, value) in members {
            if let Value::String(reference) = value
                && reference.contains(['/', '.'])
                && self.values[FIRST].pointer(&format!("/components/schemas/{}", escape(reference))).is_none()
            {
                *reference = self.led(reference, &format!("{at}/{}", escape(key)), file)?;
            }
        }
        Ok(())
    }

    /// The reference inside the whole for one that stands in `file`.
    fn led(&mut self, reference: &str, at: &str, file: usize) -> Result<String, Error> {
        let Some((target, inside)) = self.target(reference, at, file)? else { return Ok(reference.to_owned()) };
        // A part that was cut out of a document often refers to the whole as if it still stood there.
        let is_there = self.values[target].pointer(&inside).is_some();
        if target == FIRST || (!is_there && reference.starts_with('#')) {
            return Ok(format!("#{}", utf8_percent_encode(&inside, FRAGMENT)));
        }
        if !is_there {
            return Err(self.nowhere(reference, at, target, &inside));
        }
        let pointer = self.files.whole(target, &inside).unwrap_or_else(|| {
            let mount = Mount {
                at: format!("/{ELSEWHERE}/{}", escape(&self.called(target))),
                file: target,
                inside: String::new(),
            };
            self.files.mount(mount.clone());
            let pointer = format!("{}{inside}", mount.at);
            self.waiting.push(mount);
            pointer
        });
        Ok(format!("#{}", utf8_percent_encode(&pointer, FRAGMENT)))
    }

    fn nowhere(&self, reference: &str, at: &str, file: usize, inside: &str) -> Error {
        let fault = Fault::new(ErrorKind::Reference, at, format!("`{reference}` leads nowhere"));
        self.files.error(fault.remedy(nearest(&self.values[file], inside)))
    }

    /// The file and the place in it that a reference in `file` leads to; nothing where it is a URL.
    fn target(&mut self, reference: &str, at: &str, file: usize) -> Result<Option<(usize, String)>, Error> {
        let (name, inside) = reference.split_once('#').unwrap_or((reference, ""));
        let plain = |text: &str| percent_decode_str(text).decode_utf8_lossy().into_owned();
        if name.contains("://") {
            return Ok(None);
        }
        if name.is_empty() {
            return Ok(Some((file, plain(inside))));
        }
        let path = beside(&self.files.sources[file].name, &plain(name));
        Ok(Some((self.read(&path, reference, at)?, plain(inside))))
    }

    /// The file at `path`, which the reference at `at` leads to.
    fn read(&mut self, path: &str, reference: &str, at: &str) -> Result<usize, Error> {
        if let Some(file) = self.known.get(path) {
            return Ok(*file);
        }
        let text = self.reader.read(path).map_err(|error| {
            let fault = Fault::new(ErrorKind::Reference, at, format!("`{reference}` cannot be read: {error}"));
            self.files.error(fault.remedy(format!("it is looked for at {path}, from the file that it stands in")))
        })?;
        let source = Source::new(path, &text);
        self.values.push(value_of(&source)?);
        self.files.sources.push(source);
        let file = self.values.len() - 1;
        self.known.insert(path.to_owned(), file);
        Ok(file)
    }

    /// What a file is called in the whole: its way from the folder of the first one.
    fn called(&self, file: usize) -> String {
        let (first, name) = (normal(self.files.name()), &self.files.sources[file].name);
        let (from, to): (Vec<&str>, Vec<&str>) = (first.split('/').collect(), name.split('/').collect());
        let shared = from.iter().zip(&to).take_while(|(one, other)| one == other).count().min(to.len() - 1);
        let up = from.len().saturating_sub(1 + shared);
        let way: Vec<&str> = std::iter::repeat_n("..", up).chain(to[shared..].iter().copied()).collect();
        way.join("/")
    }
}

/// The file that a relative reference in `file` names.
fn beside(file: &str, reference: &str) -> String {
    match file.rsplit_once('/') {
        Some((folder, _)) if !reference.starts_with('/') => normal(&format!("{folder}/{reference}")),
        _ => normal(reference),
    }
}

/// A path without `.` and without what `..` takes back (RFC 3986, 5.2.4).
fn normal(path: &str) -> String {
    let mut kept: Vec<&str> = Vec::new();
    for part in path.split('/') {
        match part {
            "." => {}
            ".." if kept.last().is_some_and(|last| !["", ".."].contains(last)) => drop(kept.pop()),
            _ => kept.push(part),
        }
    }
    kept.join("/")
}
