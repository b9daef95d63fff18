//! The names of the package: classes, resources, methods. Each is unlike any other that stands beside it.

use heck::ToKebabCase;

use crate::names::{distinct, type_name};
use crate::surface::Resource;
use crate::{Language, Surface};

/// What generated files take from the runtime, and what a client's members are called.
const IMPORTED: [&str; 9] = [
    "APIPromise",
    "AuthResource",
    "BaseClient",
    "Binary",
    "ClientOptions",
    "Headers",
    "PagePromise",
    "RequestOptions",
    "Resource",
];
const MEMBERS: [&str; 4] = ["call", "close", "rateLimit", "withOptions"];

/// What JavaScript does not take as the name of a variable, and what methods call their other arguments.
const VARIABLES: [&str; 50] = [
    "arguments",
    "await",
    "body",
    "break",
    "case",
    "catch",
    "class",
    "const",
    "continue",
    "debugger",
    "default",
    "delete",
    "do",
    "else",
    "enum",
    "eval",
    "export",
    "extends",
    "false",
    "finally",
    "for",
    "function",
    "if",
    "implements",
    "import",
    "in",
    "instanceof",
    "interface",
    "let",
    "new",
    "null",
    "operations",
    "options",
    "package",
    "params",
    "private",
    "protected",
    "public",
    "return",
    "static",
    "super",
    "switch",
    "this",
    "throw",
    "true",
    "try",
    "typeof",
    "var",
    "void",
    "yield",
];

/// The names of a package.
pub(super) struct Naming {
    /// The client's class.
    pub(super) client: String,
    /// The resources, in the order of the surface.
    pub(super) resources: Vec<ResourceName>,
}

/// The names of a resource.
pub(super) struct ResourceName {
    /// Its class.
    pub(super) class: String,
    /// The client's member that it is.
    pub(super) member: String,
    /// Its files' stem.
    pub(super) file: String,
    /// Its methods, in the order of the surface.
    pub(super) methods: Vec<MethodName>,
}

/// The names of a method.
pub(super) struct MethodName {
    /// The method.
    pub(super) method: String,
    /// The type of its optional arguments.
    pub(super) params: String,
}

impl Naming {
    /// The names for `surface`. Types keep theirs; classes give way.
    pub(super) fn of(surface: &Surface<'_>) -> Self {
        let mut taken: Vec<String> = IMPORTED.map(str::to_owned).into();
        taken.extend(surface.types.defs.iter().map(|def| def.name.clone()));
        let client = class(&surface.name, "Client", &mut taken);
        let mut members: Vec<String> = MEMBERS.map(str::to_owned).into();
        let mut files = Vec::new();
        let resources = surface.resources.iter().map(|resource| ResourceName {
            class: class(&resource.name, "Resource", &mut taken),
            member: distinct(Language::Node.value(&resource.name), &mut members),
            file: distinct(type_name(&resource.name).to_kebab_case(), &mut files),
            methods: methods(resource, &mut taken),
        });
        let resources = resources.collect();
        Self { client, resources }
    }
}

fn class(name: &str, role: &str, taken: &mut Vec<String>) -> String {
    let plain = type_name(name);
    let free = if taken.contains(&plain) { format!("{plain}{role}") } else { plain };
    distinct(free, taken)
}

fn methods(resource: &Resource<'_>, taken: &mut Vec<String>) -> Vec<MethodName> {
    // The resource `auth` has this one besides its own.
    let mut methods = vec!["explain".to_owned()];
    let names = resource.methods.iter().map(|method| MethodName {
        method: distinct(Language::Node.value(&method.name), &mut methods),
        params: distinct(format!("{}{}Params", type_name(&resource.name), type_name(&method.name)), taken),
    });
    names.collect()
}

/// The name of a positional argument.
pub(super) fn variable(name: &str) -> String {
    let name = Language::Node.value(name);
    if VARIABLES.contains(&name.as_str()) { format!("{name}_") } else { name }
}
