//! OpenAPI Overlays (1.0): extensions beside a document that stays as its vendor wrote it.

use serde_json::Value;
use serde_json_path::JsonPath;

use super::error::{ErrorKind, Fault, Warning};
use super::node::Node;

/// Applies the actions of `overlay` to `document`, in order. A target that matches nothing is worth a warning: most
/// often it is a path that was renamed.
pub(super) fn apply(overlay: &Value, document: &mut Value) -> Result<Vec<Warning>, Fault> {
    let overlay = Node::root(overlay);
    let version = overlay.required_text("overlay")?;
    if !version.starts_with("1.") {
        return Err(Fault::new(ErrorKind::Version, "/overlay", format!("overlay version {version} is not supported"))
            .remedy("write `overlay: 1.0.0`"));
    }
    let Some(actions) = overlay.raw("actions") else {
        return Err(Fault::new(ErrorKind::Overlay, "", "`actions` is missing"));
    };
    let mut warnings = Vec::new();
    for action in actions.items()? {
        let target = action.required_text("target")?;
        let path = JsonPath::parse(&target).map_err(|error| {
            Fault::new(ErrorKind::Overlay, format!("{}/target", action.pointer), format!("invalid JSONPath: {error}"))
        })?;
        let places: Vec<String> =
            path.query_located(document).iter().map(|node| node.location().to_json_pointer()).collect();
        if places.is_empty() {
            let message = format!("the overlay's target `{target}` matches nothing");
            warnings.push(Warning { pointer: String::new(), message });
        }
        if action.flag("remove")? {
            // From the back, so that the indices of list items stay true.
            places.iter().rev().for_each(|place| remove(document, place));
        } else if let Some(update) = action.raw("update") {
            for place in &places {
                if let Some(value) = document.pointer_mut(place) {
                    merge(value, update.value);
                }
            }
        }
    }
    Ok(warnings)
}

/// Objects are merged member by member, lists are joined, anything else is replaced (Overlay 1.0, 4.4.3).
fn merge(target: &mut Value, update: &Value) {
    match (target, update) {
        (Value::Object(target), Value::Object(update)) => {
            for (key, value) in update {
                match target.get_mut(key) {
                    Some(existing) => merge(existing, value),
                    None => drop(target.insert(key.clone(), value.clone())),
                }
            }
        }
        (Value::Array(target), Value::Array(update)) => target.extend(update.iter().cloned()),
        (Value::Array(target), item) => target.push(item.clone()),
        (target, update) => *target = update.clone(),
    }
}

fn remove(document: &mut Value, place: &str) {
    let Some((parent, last)) = place.rsplit_once('/') else { return };
    match document.pointer_mut(parent) {
        Some(Value::Object(object)) => drop(object.shift_remove(&super::source::unescape(last))),
        Some(Value::Array(items)) => {
            if let Ok(index) = last.parse::<usize>() {
                items.remove(index);
            }
        }
        _ => {}
    }
}
