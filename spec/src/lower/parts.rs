//! What a value is made of: members, items, alternatives; and the keywords that 3.0 does not have.

use serde_json::{Map, Value, json};

use super::{Lowering, Place, is_silent};

impl Lowering<'_> {
    /// `allOf`, `anyOf`, `oneOf` and the discriminator.
    pub(super) fn combined(&mut self, old: &mut Map<String, Value>, new: &mut Map<String, Value>, place: &Place) {
        for key in ["allOf", "anyOf", "oneOf"] {
            let Some(Value::Array(parts)) = old.shift_remove(key) else { continue };
            let place = place.part(key);
            let parts: Vec<Value> = (parts.iter().enumerate())
                .map(|(index, part)| self.schema(part, &place.part(&index.to_string())))
                .collect();
            if !parts.is_empty() {
                new.insert(key.to_owned(), Value::Array(parts));
            }
        }
        let Some(discriminator) = old.shift_remove("discriminator") else { return };
        match discriminator.get("propertyName").and_then(Value::as_str) {
            Some(property) => {
                let mapping = discriminator.get("mapping").and_then(Value::as_object);
                let mapping: Map<String, Value> = mapping
                    .into_iter()
                    .flatten()
                    .filter(|(_, target)| target.is_string())
                    .map(|(tag, target)| (tag.clone(), target.clone()))
                    .collect();
                let whole = json!({"propertyName": property, "mapping": mapping});
                new.insert("discriminator".to_owned(), whole);
            }
            None => self.lost(place, "`discriminator`", "it names no property"),
        }
    }

    /// The members of an object.
    pub(super) fn members(&mut self, old: &mut Map<String, Value>, new: &mut Map<String, Value>, place: &Place) {
        let mut properties = Map::new();
        if let Some(Value::Object(declared)) = old.shift_remove("properties") {
            let place = place.part("properties");
            for (name, schema) in &declared {
                if schema == &Value::Bool(false) {
                    self.lost(&place.part(name), "the member", "the schema `false` says that it is never there");
                    continue;
                }
                properties.insert(name.clone(), self.schema(schema, &place.below(name)));
            }
        }
        if let Some(Value::Array(names)) = old.shift_remove("required") {
            let mut required: Vec<&str> = names.iter().filter_map(Value::as_str).collect();
            required.sort_unstable();
            required.dedup();
            if !required.is_empty() {
                new.insert("required".to_owned(), json!(required));
            }
        }
        if !properties.is_empty() {
            new.insert("properties".to_owned(), Value::Object(properties));
        }
        self.other_members(old, new, place);
    }

    /// Members without a name of their own. 3.0 cannot tell them apart by patterns.
    fn other_members(&mut self, old: &mut Map<String, Value>, new: &mut Map<String, Value>, place: &Place) {
        let mut additional = match old.shift_remove("additionalProperties") {
            Some(allowed @ Value::Bool(_)) => Some(allowed),
            Some(schema) => Some(self.schema(&schema, &place.below("additionalProperties"))),
            None => None,
        };
        if let Some(Value::Object(patterns)) = old.shift_remove("patternProperties")
            && !patterns.is_empty()
        {
            let place = place.part("patternProperties");
            self.lost(&place, "the patterns of the members' names", "OpenAPI 3.0 has no `patternProperties`");
            let mut schemas: Vec<Value> = Vec::new();
            for (pattern, schema) in &patterns {
                schemas.push(self.schema(schema, &place.below(pattern)));
            }
            additional = match additional {
                Some(Value::Bool(false)) if schemas.len() == 1 => schemas.pop(),
                Some(Value::Bool(false)) => Some(json!({"anyOf": schemas})),
                _ => Some(Value::Bool(true)),
            };
        }
        if let Some(additional) = additional {
            new.insert("additionalProperties".to_owned(), additional);
        }
    }

    /// The items of a list. A tuple becomes a list of anything that stands at one of its places.
    pub(super) fn items(&mut self, old: &mut Map<String, Value>, new: &mut Map<String, Value>, place: &Place) {
        let prefix = match old.shift_remove("prefixItems") {
            Some(Value::Array(prefix)) => prefix,
            _ => Vec::new(),
        };
        let items = old.shift_remove("items");
        if prefix.is_empty() {
            match items {
                Some(items @ Value::Object(_)) => {
                    let items = self.schema(&items, &place.below("items"));
                    new.insert("items".to_owned(), items);
                }
                Some(Value::Bool(false)) => self.lost(place, "`items: false`", "OpenAPI 3.0 cannot forbid items"),
                Some(Value::Array(_)) => self.lost(place, "`items`", "a list of schemas is no schema"),
                _ => {}
            }
        } else {
            self.lost(place, "the order in `prefixItems`", "OpenAPI 3.0 has no tuples");
            let rest = items.filter(|items| items != &Value::Bool(false));
            let mut variants: Vec<Value> = Vec::new();
            let numbered = prefix.iter().enumerate().map(|(index, item)| (format!("prefixItems/{index}"), item));
            for (key, item) in numbered.chain(rest.iter().map(|rest| ("items".to_owned(), rest))) {
                let place = Place { pointer: format!("{}/{key}", place.pointer), ..place.below("") };
                let variant = self.schema(item, &place);
                if !variants.contains(&variant) {
                    variants.push(variant);
                }
            }
            let items = if variants.len() == 1 { variants.remove(0) } else { json!({"anyOf": variants}) };
            new.insert("items".to_owned(), items);
        }
        if new.get("type") == Some(&json!("array")) {
            new.entry("items").or_insert_with(|| json!({}));
        }
    }

    /// Everything that was not taken up has no words in 3.0.
    pub(super) fn left_over(&mut self, old: &Map<String, Value>, place: &Place) {
        for key in old.keys().filter(|key| !is_silent(key)) {
            let why = match key.as_str() {
                "if" | "then" | "else" => "OpenAPI 3.0 has no conditions",
                "not" => "no type says what a value is not",
                "contains" | "minContains" | "maxContains" | "unevaluatedItems" => "no type says it of a list",
                "unevaluatedProperties"
                | "propertyNames"
                | "dependentRequired"
                | "dependentSchemas"
                | "dependencies" => "no type says it of an object",
                "contentEncoding" | "contentMediaType" | "contentSchema" => "no type says it of a string",
                "$dynamicRef" | "$recursiveRef" => "OpenAPI 3.0 has no dynamic references",
                _ => "it is not known, or not written as JSON Schema has it",
            };
            self.lost(place, &format!("`{key}`"), why);
        }
    }
}
