//! Which collections of objects an API has, read from its paths: `/things` and `/things/{id}` are one collection.
//!
//! Whatever stands before a path parameter is a collection, even if the document has no operation on it: in
//! `/projects/{project_slug}/devices` the projects must exist, or every project that a client makes up would.

use std::borrow::Cow;

use bitting_spec::extension::Tenant;
use bitting_spec::table::Location;
use bitting_spec::{Document, Operation, Parameter};
use serde_json::{Map, Value};

pub(crate) use bitting_spec::trimmed;

use crate::fake::{example, flatten, flatten_at};

/// A collection of objects.
#[derive(Debug, Clone)]
pub(crate) struct Collection {
    /// Its path template, without a slash at the end.
    pub(crate) path: String,
    /// The last part of its path.
    pub(crate) name: String,
    /// The path parameters that lead to it, outermost first, each with the index of the collection that it chooses
    /// from. The organization is none of them.
    pub(crate) parents: Vec<(String, usize)>,
    /// The path parameter that names one of its objects, and its schema.
    pub(crate) item: Option<(String, Value)>,
    /// The id that the document's example names.
    pub(crate) example: Option<String>,
    /// Whether it is one object, which its path itself names: the settings of a thing, or the caller's own account.
    pub(crate) is_single: bool,
    /// Whether its objects are the organizations themselves.
    pub(crate) is_tenant: bool,
    /// Whether no operation tells which objects there are: none lists them, and none makes one.
    pub(crate) is_hidden: bool,
    /// Whether everybody sees the same objects: no operation on it is bound to an organization.
    pub(crate) is_shared: bool,
    /// Whether the paths of its objects end in a slash.
    pub(crate) ends_in_slash: bool,
    /// Whether an operation reads one of its objects.
    pub(crate) is_readable: bool,
    /// What an object looks like; `None`: the document has no operation that shows one.
    pub(crate) schema: Option<Value>,
    /// The same in one piece.
    pub(crate) flat: Map<String, Value>,
    /// The property by which an object is named in paths.
    pub(crate) key: Option<String>,
}

impl Collection {
    /// Whether the document marks the property `name` with `mark` (`readOnly`, `writeOnly`).
    pub(crate) fn marks(&self, document: &Document, name: &str, mark: &str) -> bool {
        self.property(name).is_some_and(|schema| flatten(document, schema).get(mark) == Some(&Value::Bool(true)))
    }

    /// The id that a client gives its object; none that cannot stand in a path.
    pub(crate) fn chosen(&self, given: &Map<String, Value>) -> Option<String> {
        let id = given.get(self.key.as_ref()?).filter(|value| value.is_string() || value.is_number())?;
        Some(crate::object::id_text(id)).filter(|id| !id.is_empty() && !id.contains('/') && id != "." && id != "..")
    }

    /// Whether the body of `operation` has to name one of its objects.
    pub(crate) fn is_named_in(&self, document: &Document, operation: &Operation) -> bool {
        let (Some(key), Some(body)) = (&self.key, crate::behaviour::body_schema(operation)) else { return false };
        flatten(document, body).get("properties").is_some_and(|properties| properties.get(key).is_some())
    }

    /// Whether its objects are the projects that a population names.
    pub(crate) fn holds_projects(&self) -> bool {
        self.name == "projects" && self.item.as_ref().is_some_and(|(name, _)| !name.to_ascii_lowercase().contains("id"))
    }

    /// The member of an answer of `schema` that holds one of its objects.
    pub(crate) fn wrapper(&self, document: &Document, schema: &Value) -> Option<String> {
        inside(document, schema, self.schema.as_ref()?)
    }

    /// The schema of a property of its objects.
    pub(crate) fn property(&self, name: &str) -> Option<&Value> {
        self.flat.get("properties")?.get(name)
    }
}

/// What the last part of an operation's path stands for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Target {
    /// A whole collection, or the part of it that lies under the first `depth` of its parents.
    List { collection: usize, depth: usize },
    /// One object of it.
    Item { collection: usize },
    /// Its only object.
    Single { collection: usize },
    /// Something else.
    Other,
}

/// The parameter that is the whole of a path segment.
fn parameter(segment: &str) -> Option<&str> {
    let name = segment.strip_prefix('{')?.strip_suffix('}')?;
    (!name.contains(['{', '}'])).then_some(name)
}

/// The path parameter that names the organization of an operation.
pub(crate) fn tenant_parameter(operation: &Operation) -> Option<&str> {
    match &operation.tenant {
        Some(Tenant::Path(name)) => bitting_spec::template_names(&operation.path).into_iter().find(|part| part == name),
        _ => None,
    }
}

/// The paths of the collections that lead along the path of `operation`, outermost first, with the parameter that
/// chooses from each and whether that is the organization.
pub(crate) fn steps(operation: &Operation) -> Vec<(String, String, bool)> {
    let tenant = tenant_parameter(operation);
    let segments: Vec<&str> = trimmed(&operation.path).split('/').collect();
    let chosen = segments.iter().enumerate().filter_map(|(index, segment)| Some((index, parameter(segment)?)));
    chosen.map(|(index, name)| (segments[..index].join("/"), name.to_owned(), Some(name) == tenant)).collect()
}

/// Every collection of a document.
pub(crate) fn infer(document: &Document) -> Vec<Collection> {
    let mut found: Vec<Collection> = Vec::new();
    for operation in &document.operations {
        let steps = steps(operation);
        for (path, name, is_tenant) in &steps {
            let parameter = operation.parameters.iter().find(|p| p.location == Location::Path && p.name == *name);
            let schema = parameter.map_or(Value::Bool(true), |parameter| parameter.schema.value.clone());
            let collection = entry(&mut found, path);
            collection.is_tenant |= *is_tenant;
            let shown = parameter.and_then(|parameter| shown_id(document, parameter));
            collection.example = collection.example.take().or(shown);
            collection.item.get_or_insert((name.clone(), schema));
        }
        if is_list(document, operation) && !is_view(document, operation) && selected(document, operation).is_none() {
            entry(&mut found, trimmed(&operation.path));
        }
    }
    for operation in document.operations.iter().filter(|operation| is_single(document, operation)) {
        let path = trimmed(&operation.path);
        if found.iter().all(|collection| collection.path != path) {
            entry(&mut found, path).is_single = true;
        }
    }
    found.sort_by_key(|collection| collection.path.matches('/').count());
    let paths: Vec<String> = found.iter().map(|collection| collection.path.clone()).collect();
    for collection in &mut found {
        describe(document, collection, &paths);
    }
    let told: Vec<usize> =
        document.operations.iter().filter_map(|operation| tells(document, &found, operation)).collect();
    for (index, collection) in found.iter_mut().enumerate() {
        collection.is_hidden = !collection.is_tenant && !collection.holds_projects() && !told.contains(&index);
    }
    found
}

/// The collection whose objects an operation lists or makes, so that a client can learn their ids.
fn tells(document: &Document, collections: &[Collection], operation: &Operation) -> Option<usize> {
    match target(document, collections, operation) {
        Target::List { collection, .. } => match operation.method.as_str() {
            "GET" => list_of(document, operation).map(|_| collection),
            // Where a POST makes an object, its Location tells the id, whatever its body says.
            "POST" => collections[collection].schema.as_ref().map(|_| collection),
            _ => None,
        },
        _ => None,
    }
}

/// The id that the example of a path parameter shows, where it is one that the parameter takes for certain.
fn shown_id(document: &Document, parameter: &Parameter) -> Option<String> {
    let schema = flatten(document, &parameter.schema.value);
    let shown = parameter.example.clone().or_else(|| example(&schema).map(Cow::into_owned))?;
    let is_fine = crate::fake::suits(&schema, &shown) && !schema.contains_key("pattern");
    let is_uuid = || shown.as_str().is_some_and(|text| uuid::Uuid::try_parse(text).is_ok());
    let is_formed = schema.get("format").and_then(Value::as_str).is_none_or(|format| match format {
        "uuid" => is_uuid(),
        format => format.starts_with("int"),
    });
    let id = crate::object::id_text(&shown);
    (is_fine && is_formed && !id.is_empty() && !id.contains(['/', ' '])).then_some(id)
}

fn entry<'c>(found: &'c mut Vec<Collection>, path: &str) -> &'c mut Collection {
    let index = found.iter().position(|collection| collection.path == path).unwrap_or_else(|| {
        found.push(Collection {
            path: path.to_owned(),
            name: path.rsplit('/').next().unwrap_or_default().to_owned(),
            parents: Vec::new(),
            item: None,
            example: None,
            is_single: false,
            is_tenant: false,
            is_hidden: false,
            is_shared: true,
            ends_in_slash: false,
            is_readable: false,
            schema: None,
            flat: Map::new(),
            key: None,
        });
        found.len() - 1
    });
    &mut found[index]
}

/// Fills in what the operations of the collection tell about it.
fn describe(document: &Document, collection: &mut Collection, paths: &[String]) {
    let within: Vec<&Operation> = document.operations_below(&collection.path).collect();
    // Each path may call the id otherwise.
    let is_item = |operation: &&Operation| {
        let end = trimmed(&operation.path).rsplit_once('/').filter(|(list, _)| *list == collection.path);
        end.is_some_and(|(_, last)| parameter(last).is_some())
    };
    let items: Vec<&Operation> = within.iter().copied().filter(is_item).collect();
    let own: Vec<&Operation> =
        within.iter().copied().filter(|operation| trimmed(&operation.path) == collection.path).collect();
    let objects = if collection.is_single { &own } else { &items };
    let read = objects.iter().find(|operation| operation.method == "GET").and_then(|operation| answer(operation));
    let listed = || own.iter().find(|o| o.method == "GET").and_then(|o| Some(list_of(document, o)?.1));
    let made = || own.iter().find(|o| o.method == "POST").and_then(|o| answer(o));
    let changed = || items.iter().find(|o| o.method == "PATCH" || o.method == "PUT").and_then(|o| answer(o));
    let name = collection.name.clone();
    let bare = |schema: &Value| {
        unwrapped(document, &name, schema).map_or_else(|| single(document, schema), |(_, inner)| inner)
    };
    collection.schema = match (read, listed()) {
        (Some(read), Some(listed)) if inside(document, read, &listed).is_some() => Some(listed),
        (Some(read), _) => Some(bare(read)),
        (None, Some(listed)) => Some(listed),
        (None, None) => made().or_else(changed).map(bare),
    };
    collection.is_readable = items.iter().any(|operation| operation.method == "GET");
    collection.ends_in_slash = items.iter().any(|operation| operation.method == "GET" && operation.path.ends_with('/'));
    let flat = collection.schema.as_ref().map(|schema| flatten(document, schema).into_owned());
    collection.flat = flat.unwrap_or_default();
    collection.key = match &collection.item {
        Some((name, _)) => key(name, &collection.flat),
        None if collection.is_single => None,
        None => own_id(document, &collection.flat),
    };

    collection.is_shared = within.iter().all(|operation| operation.tenant.is_none());
    let Some(operation) = items.first().or(own.first()).or(within.first()) else { return };
    let steps = steps(operation).into_iter().filter(|(path, _, is_tenant)| {
        !is_tenant && path.len() < collection.path.len() && collection.path.starts_with(path.as_str())
    });
    let place = |path: &String| paths.iter().position(|known| known == path);
    collection.parents = steps.filter_map(|(path, name, _)| Some((name, place(&path)?))).collect();
}

/// Members that hold the object where an answer has something around it.
const WRAPPERS: [&str; 4] = ["data", "result", "response", "payload"];

/// The property of `outer` that is of the schema `inner`.
fn inside(document: &Document, outer: &Value, inner: &Value) -> Option<String> {
    let inner = document.resolve(inner);
    if document.resolve(outer) == inner {
        return None;
    }
    let flat = flatten(document, outer);
    let properties = flat.get("properties").and_then(Value::as_object).into_iter().flatten();
    let is_it = |schema: &Value| inner.is_object() && document.resolve(schema) == inner;
    properties.filter(|(_, schema)| is_it(schema)).map(|(name, _)| name.clone()).next()
}

/// The member that holds the object where a message about an object of the collection `name` has something around it,
/// and the object's schema: `data` or `result`, or what is named as one of the collection. The message has no id of its
/// own and, besides what is named so by everybody, nothing but plain values. What stands alone may have any name.
pub(crate) fn unwrapped(document: &Document, name: &str, outer: &Value) -> Option<(String, Value)> {
    let flat = flatten(document, outer);
    let properties = flat.get("properties")?.as_object()?;
    let around = ["meta", "links", "included", "jsonapi", "error", "errors"];
    let is_plain = |schema: &Value| {
        let flat = flatten(document, schema);
        flat.get("type").and_then(Value::as_str).is_some_and(|kind| kind != "object" && kind != "array")
    };
    let holds = |(_, inner): &(&String, &Value)| flatten(document, inner).contains_key("properties");
    let named = properties.iter().find(|(member, _)| is_one_of(name, member));
    let known = || WRAPPERS.iter().find_map(|known| properties.get_key_value(*known));
    let only = || properties.iter().next().filter(|_| properties.len() == 1);
    let (member, inner) = named.or_else(known).or_else(only).filter(holds)?;
    let is_around = |(name, schema): (&String, &Value)| {
        name == member || name.starts_with('_') || around.contains(&name.as_str()) || name != "id" && is_plain(schema)
    };
    properties.iter().all(is_around).then(|| (member.clone(), inner.clone()))
}

/// Whether `member` names one of the collection `name`: `customer` of `customers`, `billing_entity` of `billing-entities`.
fn is_one_of(name: &str, member: &str) -> bool {
    let plain = |text: &str| text.replace(['_', '-'], "").to_ascii_lowercase();
    let (name, member) = (plain(name), plain(member));
    let many = match member.strip_suffix('y') {
        Some(stem) => format!("{stem}ies"),
        None => format!("{member}s"),
    };
    !member.is_empty() && (name == many || name == member || name == format!("{member}es"))
}

/// The schema of one object where a document answers it as a list of one.
fn single(document: &Document, schema: &Value) -> Value {
    let flat = flatten(document, schema);
    let items = flat.get("items").filter(|_| flat.get("type") == Some(&Value::from("array")));
    items.unwrap_or(schema).clone()
}

/// The property that a path parameter such as `device_id`, `deviceId` or `org_slug` names.
fn key(parameter: &str, flat: &Map<String, Value>) -> Option<String> {
    let properties = flat.get("properties")?.as_object()?;
    let tail = parameter.rsplit(['_', '-']).next().unwrap_or(parameter);
    let hump = parameter.rfind(char::is_uppercase).map(|at| parameter[at..].to_lowercase());
    let exact = |name: &str| properties.contains_key(name).then(|| name.to_owned());
    // `cardId` and `card_id` are one name.
    let plain = |name: &str| name.replace(['_', '-'], "").to_ascii_lowercase();
    let alike = |name: &str| properties.keys().find(|known| plain(known) == plain(name)).cloned();
    let named = exact(parameter).or_else(|| alike(parameter));
    let parts = || [Some(tail), hump.as_deref(), Some("id")].into_iter().flatten();
    named.or_else(|| parts().find_map(exact)).or_else(|| parts().find_map(alike))
}

/// What the id of an object is called, whatever a path calls it.
pub(crate) const IDS: [&str; 4] = ["id", "uuid", "gid", "sid"];

/// The property that tells objects apart which no path names: notes that are only listed and made.
fn own_id(document: &Document, flat: &Map<String, Value>) -> Option<String> {
    let properties = flat.get("properties")?.as_object()?;
    let is_plain = |schema: &Value| {
        let kind = flatten(document, schema).get("type").cloned();
        kind.is_some_and(|kind| kind == "string" || kind == "integer")
    };
    let found = IDS.iter().find(|name| properties.get(**name).is_some_and(is_plain));
    found.map(|name| (*name).to_owned())
}

/// The schema of an operation's successful JSON answer.
pub(crate) fn answer(operation: &Operation) -> Option<&Value> {
    let contents = operation.successes().flat_map(|response| response.content.iter());
    let json = contents.filter(|(name, _)| name.contains("json"));
    json.filter_map(|(_, media)| media.schema.as_ref()).map(|schema| &schema.value).next()
}

/// Whether a schema is one of lists, be it that `null` may stand for one.
fn is_array(flat: &Map<String, Value>) -> bool {
    let kind = flat.get("type");
    kind.is_some_and(|kind| kind == "array" || kind.as_array().is_some_and(|kinds| kinds.contains(&"array".into())))
}

/// Where the list stands in the answer of an operation, as a JSON pointer, and the schema of its items: the whole
/// answer, what the paging says, or the one list of an object that holds little else.
pub(crate) fn list_of(document: &Document, operation: &Operation) -> Option<(String, Value)> {
    let flat = flatten(document, answer(operation)?);
    let items = |flat: &Map<String, Value>| flat.get("items").cloned().unwrap_or(Value::Bool(true));
    if is_array(&flat) {
        return Some((String::new(), items(&flat)));
    }
    if let Some(pointer) = operation.pagination.as_ref().and_then(|paging| paging.response.get("items")) {
        let found = flatten_at(document, answer(operation)?, pointer);
        return found.filter(|flat| is_array(flat)).map(|flat| (pointer.clone(), items(&flat)));
    }
    list_in(document, operation, &flat).or_else(|| wrapped_list(document, operation, &flat))
}

/// The list in a member that wraps the answer.
fn wrapped_list(document: &Document, operation: &Operation, flat: &Map<String, Value>) -> Option<(String, Value)> {
    let properties = flat.get("properties")?.as_object()?;
    properties.iter().filter(|(name, _)| bitting_spec::infer::is_wrapper(name)).find_map(|(name, schema)| {
        let (pointer, items) = list_in(document, operation, &flatten(document, schema))?;
        Some((format!("{}{pointer}", bitting_spec::infer::pointer(name)), items))
    })
}

/// The list of an object that holds little else.
fn list_in(document: &Document, operation: &Operation, flat: &Map<String, Value>) -> Option<(String, Value)> {
    let items = |flat: &Map<String, Value>| flat.get("items").cloned().unwrap_or(Value::Bool(true));
    let properties = flat.get("properties")?.as_object()?;
    // What `included` holds are other objects (JSON:API, 7.1).
    let lists = properties.iter().filter(|(name, _)| *name != "included");
    let lists = lists.map(|(name, value)| (name, flatten(document, value))).filter(|(_, flat)| is_array(flat));
    let lists: Vec<(&String, Cow<'_, Map<String, Value>>)> = lists.collect();
    if let Some((name, list)) = lists.iter().find(|(_, list)| is_read_alone(document, operation, &items(list))) {
        return Some((bitting_spec::infer::pointer(name), items(list)));
    }
    let [(name, list)] = lists.as_slice() else { return None };
    let is_envelope = |other: &String| {
        let lower = other.to_lowercase();
        other == *name || ENVELOPE.iter().any(|word| lower.contains(word))
    };
    let is_of_objects = || flatten(document, &items(list)).contains_key("properties");
    let is_list = properties.keys().all(is_envelope)
        || !properties.contains_key("id") && is_of_objects() && holds_objects(document, operation);
    is_list.then(|| (bitting_spec::infer::pointer(name), items(list)))
}

/// Whether objects are made at the path of `operation`, or stand below it.
fn holds_objects(document: &Document, operation: &Operation) -> bool {
    let path = operation.trimmed_path();
    document.operations_below(path).any(|other| match other.trimmed_path() == path {
        true => other.method == "POST",
        false => other.collection() == Some(path),
    })
}

/// The only list in the answer of an operation that a query can ask for a part of, whatever stands beside it.
pub(crate) fn only_list(document: &Document, operation: &Operation) -> Option<(String, Value)> {
    let asks = operation.parameters.iter().any(|one| one.location == Location::Query);
    let flat = flatten(document, answer(operation).filter(|_| asks && operation.method == "GET")?);
    let properties = flat.get("properties")?.as_object()?.iter();
    let all = properties.map(|(name, schema)| (name, flatten(document, schema)));
    let mut lists = all.filter(|(_, flat)| is_array(flat));
    let (name, list) = lists.next().filter(|_| lists.next().is_none())?;
    Some((bitting_spec::infer::pointer(name), list.get("items").cloned().unwrap_or(Value::Bool(true))))
}

/// Words in the names of what stands around a list.
const ENVELOPE: [&str; 12] =
    ["total", "count", "limit", "offset", "page", "next", "cursor", "has_more", "size", "meta", "links", "included"];

/// Whether another operation reads one object of the schema `items` below the path of `operation`.
fn is_read_alone(document: &Document, operation: &Operation, items: &Value) -> bool {
    let item = document.resolve(items);
    let path = trimmed(&operation.path);
    let is_below = |other: &&Operation| {
        let below = trimmed(&other.path).strip_prefix(path).and_then(|rest| rest.strip_prefix('/'));
        other.method == "GET" && below.is_some_and(|last| !last.contains('/') && parameter(last).is_some())
    };
    let mut reads = document.operations_below(path).filter(is_below).filter_map(answer);
    item.get("properties").is_some() && reads.any(|read| document.resolve(read) == item)
}

/// Whether an operation reads one object that its own path names, and that another changes.
fn is_single(document: &Document, operation: &Operation) -> bool {
    let path = trimmed(&operation.path);
    let changes = |other: &Operation| matches!(other.method.as_str(), "PUT" | "PATCH") && trimmed(&other.path) == path;
    let ends_in_name = path.rsplit('/').next().is_some_and(|last| !last.contains('{'));
    let is_object = |schema| flatten(document, schema).contains_key("properties");
    operation.method == "GET"
        && ends_in_name
        && answer(operation).is_some_and(is_object)
        && list_of(document, operation).is_none()
        && document.operations_below(path).any(changes)
}

fn is_list(document: &Document, operation: &Operation) -> bool {
    let ends_in_name = trimmed(&operation.path).rsplit('/').next().is_some_and(|last| !last.contains('{'));
    operation.method == "GET" && ends_in_name && list_of(document, operation).is_some()
}

/// The operation that this one shows a wider part of: `/organizations/{o}/devices` shows the devices of every
/// `/organizations/{o}/projects/{p}/devices`.
fn viewed<'d>(document: &'d Document, operation: &Operation) -> Option<&'d Operation> {
    let path = trimmed(&operation.path);
    let (before, name) = path.rsplit_once('/')?;
    let is_own = |other: &Operation| match trimmed(&other.path).strip_prefix(path) {
        Some("") => other.method == "POST" || operation.method != "GET",
        Some(rest) => rest.strip_prefix('/').is_some_and(|item| !item.contains('/')),
        None => false,
    };
    if document.operations_below(path).any(is_own) {
        return None;
    }
    document.operations_below(before).find(|other| {
        let other_path = trimmed(&other.path);
        let inner = other_path.strip_prefix(before).and_then(|rest| rest.rsplit_once('/'));
        other_path != path
            && inner.is_some_and(|(between, last)| last == name && between.contains('{'))
            && is_list(document, other)
    })
}

/// The path of the collection whose objects an operation chooses from, at a path of its own beside them:
/// `/pets/findByStatus` beside `/pets/{id}`.
fn selected<'d>(document: &Document, operation: &'d Operation) -> Option<&'d str> {
    let path = operation.trimmed_path();
    let (before, _) = path.rsplit_once('/')?;
    let (_, item) = list_of(document, operation)?;
    let is_alone = document.operations_below(path).all(|other| other.id == operation.id);
    let shows = |other: &Operation| {
        let answered = answer(other).filter(|_| other.method == "GET" && other.collection() == Some(before));
        let bare = |schema: &Value| unwrapped(document, "", schema).map_or_else(|| schema.clone(), |(_, inner)| inner);
        answered.is_some_and(|schema| document.resolve(&bare(schema)) == document.resolve(&item))
    };
    (is_alone && document.operations_below(before).any(shows)).then_some(before)
}

fn is_view(document: &Document, operation: &Operation) -> bool {
    viewed(document, operation).is_some()
}

/// What the path of `operation` leads to.
pub(crate) fn target(document: &Document, collections: &[Collection], operation: &Operation) -> Target {
    let path = trimmed(&operation.path);
    let place = |path: &str| collections.iter().position(|collection| collection.path == path);
    let item = path.rsplit_once('/').filter(|(_, last)| parameter(last).is_some());
    // What `/things/{id}` leads to is a thing, be it that `/things/{id}/{part}` leads to a part of it.
    let is_list = || {
        document
            .reader(path)
            .is_some_and(|read| answer(read).is_some_and(|schema| is_array(&flatten(document, schema))))
    };
    if let Some(collection) = item.and_then(|(list, _)| place(list)).filter(|_| !is_list()) {
        return Target::Item { collection };
    }
    if let Some(collection) = place(path) {
        return match collections[collection].is_single {
            true => Target::Single { collection },
            false => Target::List { collection, depth: collections[collection].parents.len() },
        };
    }
    if let Some(collection) = item.and_then(|(list, _)| place(list)) {
        return Target::Item { collection };
    }
    if self::is_list(document, operation)
        && let Some(collection) = viewed(document, operation).and_then(|other| place(trimmed(&other.path)))
    {
        let depth = steps(operation).iter().filter(|(_, _, is_tenant)| !is_tenant).count();
        return Target::List { collection, depth };
    }
    if self::is_list(document, operation)
        && let Some(collection) = selected(document, operation).and_then(place)
    {
        return Target::List { collection, depth: collections[collection].parents.len() };
    }
    Target::Other
}
