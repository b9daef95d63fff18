//! Schemas that say what a value is not: `jsonschema` rewrites them so that they say what it is.
//!
//! Used only where values made by the plain keywords were all refused: the rewriting is exact and slow.

use jsonschema::Draft;
use jsonschema::canonical::{self, CanonicalSchema, CanonicalView, Satisfiability};
use proptest::strategy::SBoxedStrategy;
use serde_json::Value;

use super::schema::Whole;
use super::strategy;

/// Values of `bundled`, a schema that carries what its references name. `None`: it cannot be rewritten, or takes nothing.
pub(super) fn values(bundled: &Value) -> Option<SBoxedStrategy<Value>> {
    rewritten(bundled).map(|schema| made(&schema))
}

/// Values that are of no kind that `bundled` takes.
pub(super) fn others(bundled: &Value) -> Option<SBoxedStrategy<Value>> {
    let opposite = rewritten(bundled)?.negate().ok()?;
    is_of_use(&opposite).then(|| made(&opposite))
}

fn rewritten(bundled: &Value) -> Option<CanonicalSchema> {
    let options = canonical::options().with_draft(Draft::Draft202012).should_validate_formats(true).offline();
    options.canonicalize(&inlined(bundled)).ok().filter(is_of_use)
}

/// A schema that is only a reference, with what it names in its place: as a reference it would stay one.
fn inlined(bundled: &Value) -> Value {
    let named = bundled.get("$ref").and_then(Value::as_str).and_then(|reference| reference.strip_prefix('#'));
    let target = named.and_then(|place| bundled.pointer(place)).and_then(Value::as_object);
    let (Some(target), Some(whole)) = (target, bundled.as_object()) else { return bundled.clone() };
    let mut whole = whole.clone();
    whole.shift_remove("$ref");
    // Keywords beside the reference count as well, and are rare: those that both have make it too hard.
    if target.keys().any(|key| whole.contains_key(key)) {
        return bundled.clone();
    }
    whole.extend(target.clone());
    Value::Object(whole)
}

/// Whether it was rewritten at all, and takes something.
fn is_of_use(schema: &CanonicalSchema) -> bool {
    !matches!(schema.view(), CanonicalView::Raw(_) | CanonicalView::False)
        && schema.satisfiability() != Satisfiability::No
}

fn made(schema: &CanonicalSchema) -> SBoxedStrategy<Value> {
    let whole = Whole(schema.to_json_schema());
    strategy::values(&whole, &whole.0)
}
