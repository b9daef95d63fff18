//! Runs progenitor under guard. It panics at schemas that it cannot take, so it works in a thread of its own, and the
//! schemas that it fails at are found and stand as `serde_json::Value` instead.

use std::cell::Cell;
use std::panic;
use std::sync::Once;
use std::thread;

use bitting_spec::lower::Lowered;
use openapiv3::{Components, Info, OpenAPI, ReferenceOr, Schema, SchemaData, SchemaKind};
use progenitor_impl::{GenerationSettings, Generator};

use crate::Note;

/// Deep schemas need a deep stack: typify follows them by recursion.
const STACK: usize = 256 << 20;

thread_local! {
    static IS_GUARDED: Cell<bool> = const { Cell::new(false) };
}

/// Makes types of `lowered`, as source. The types named in `ours` are left out; they are written elsewhere. Notes have
/// the schema's name as their place.
pub(super) fn types(lowered: &Lowered, ours: &[String], notes: &mut Vec<Note>) -> String {
    let mut schemas = Vec::from_iter(lowered.schemas.iter().map(|(name, schema)| (name.clone(), schema.clone())));
    loop {
        let error = match run(&schemas, ours) {
            Ok(source) => return source,
            Err(error) => error,
        };
        let Some((culprit, error)) = culprit(&schemas, ours, error) else { return String::new() };
        notes.push(Note {
            place: schemas[culprit].0.clone(),
            message: format!("is `serde_json::Value` in Rust: progenitor cannot make a type of it ({error})"),
        });
        schemas[culprit].1 = anything();
    }
}

/// The first schema with which progenitor fails, by halving: fewer schemas never fail where more do not.
fn culprit(schemas: &[(String, ReferenceOr<Schema>)], ours: &[String], error: String) -> Option<(usize, String)> {
    let upto = |count: usize| {
        let numbered = schemas.iter().enumerate();
        let cut = numbered
            .map(|(index, (name, schema))| (name.clone(), if index < count { schema.clone() } else { anything() }));
        run(&cut.collect::<Vec<_>>(), ours)
    };
    let (mut fine, mut fails, mut error) = (0, schemas.len(), error);
    upto(0).ok()?;
    while fine + 1 < fails {
        let middle = usize::midpoint(fine, fails);
        match upto(middle) {
            Ok(_) => fine = middle,
            Err(other) => (fails, error) = (middle, other),
        }
    }
    (fails > 0).then(|| (fails - 1, error))
}

fn anything() -> ReferenceOr<Schema> {
    ReferenceOr::Item(Schema { schema_data: SchemaData::default(), schema_kind: SchemaKind::Any(<_>::default()) })
}

/// One run, with the panic's message as its error.
fn run(schemas: &[(String, ReferenceOr<Schema>)], ours: &[String]) -> Result<String, String> {
    quiet();
    let document = OpenAPI {
        openapi: "3.0.3".to_owned(),
        info: Info { title: "types".to_owned(), version: "1.0.0".to_owned(), ..Info::default() },
        components: Some(Components { schemas: schemas.iter().cloned().collect(), ..Components::default() }),
        ..OpenAPI::default()
    };
    let work = || {
        IS_GUARDED.set(true);
        let mut settings = GenerationSettings::new();
        settings.with_map_type("::std::collections::BTreeMap").with_derive("PartialEq");
        for name in ours {
            settings.with_replacement(name, name, std::iter::empty());
        }
        let tokens = Generator::new(&settings).generate_tokens(&document).map_err(|error| error.to_string())?;
        let source = tokens.to_string();
        syn::parse_file(&source).map_err(|error| format!("its output does not parse: {error}"))?;
        Ok(source)
    };
    thread::scope(|scope| {
        let worker = thread::Builder::new().stack_size(STACK).spawn_scoped(scope, work);
        let worker = worker.map_err(|error| format!("no thread for it: {error}"))?;
        worker.join().unwrap_or_else(|payload| Err(message(&*payload)))
    })
}

/// A panic's message, its first line only.
fn message(payload: &(dyn std::any::Any + Send)) -> String {
    let text = payload.downcast_ref::<&str>().copied();
    let text = text.or_else(|| payload.downcast_ref::<String>().map(String::as_str)).unwrap_or("it panicked");
    text.lines().next().unwrap_or_default().chars().take(160).collect()
}

/// Panics of guarded threads are caught and told as notes, so nothing is printed for them.
fn quiet() {
    static ONCE: Once = Once::new();
    ONCE.call_once(|| {
        let before = panic::take_hook();
        panic::set_hook(Box::new(move |info| {
            if !IS_GUARDED.get() {
                before(info);
            }
        }));
    });
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::*;

    fn lowered(schemas: &[(&str, Value)]) -> Lowered {
        let typed = |value: &Value| serde_json::from_value(value.clone()).expect("a schema of 3.0");
        let schemas = schemas.iter().map(|(name, value)| ((*name).to_owned(), typed(value)));
        Lowered { schemas: schemas.collect(), rewrites: Vec::new() }
    }

    /// Decision 3: progenitor panics at some schemas. Each of them is found and named, and the others become types.
    #[test]
    fn what_it_refuses_is_found_and_named() {
        let names = json!({"type": "string", "enum": ["a b", "a_b"]});
        let lowered = lowered(&[
            ("First", json!({"type": "object", "properties": {"a": {"type": "string"}}})),
            ("Names", names.clone()),
            ("Second", json!({"type": "object", "properties": {"b": {"$ref": "#/components/schemas/First"}}})),
            ("Others", json!({"type": "object", "properties": {"c": names}})),
            ("Third", json!({"type": "object", "properties": {"d": {"$ref": "#/components/schemas/Names"}}})),
        ]);
        let mut notes = Vec::new();
        let source = types(&lowered, &[], &mut notes);
        let places: Vec<&str> = notes.iter().map(|note| note.place.as_str()).collect();
        assert_eq!(places, ["Names", "Others"], "{notes:?}");
        assert!(notes[0].message.starts_with("is `serde_json::Value` in Rust: progenitor cannot"), "{notes:?}");
        for name in ["First", "Second", "Third"] {
            assert!(source.contains(&format!("pub struct {name} {{")), "{source}");
        }
    }
}
