//! The client's class and the package's entries.

use super::file;
use super::naming::Naming;
use super::text::{MARK, comment, one_line};
use crate::{File, Surface, credentials};

/// The CommonJS entry, which is the code.
pub(super) fn commonjs(naming: &Naming) -> File {
    let Naming { client, resources } = naming;
    let imports = resources
        .iter()
        .map(|name| format!("const {{ {} }} = require('./resources/{}.cjs');\n", name.class, name.file));
    let getters = resources
        .iter()
        .map(|name| format!("\n  get {}() {{\n    return this._resource({});\n  }}\n", name.member, name.class));
    let text = format!(
        "{MARK}'use strict';\n\nconst {{ BaseClient }} = require('bitting');\nconst api = require('./api.json');\n{}\n\
         class {client} extends BaseClient {{\n  constructor(options) {{\n    super(api, options);\n  }}\n{}}}\n\n\
         module.exports = {{ {} }};\n",
        imports.collect::<String>(),
        getters.collect::<String>(),
        exports(naming),
    );
    file("index.cjs", text)
}

/// The ESM entry.
pub(super) fn module(naming: &Naming) -> File {
    file("index.mjs", format!("{MARK}export {{ {} }} from './index.cjs';\n", exports(naming)))
}

fn exports(naming: &Naming) -> String {
    let classes = naming.resources.iter().map(|name| name.class.clone());
    std::iter::once(naming.client.clone()).chain(classes).collect::<Vec<_>>().join(", ")
}

/// The types of the ESM entry: the same as of the other.
pub(super) fn module_types() -> File {
    file("index.d.mts", format!("{MARK}export * from './index.cjs';\n"))
}

/// The types of the CommonJS entry.
pub(super) fn types(surface: &Surface<'_>, naming: &Naming) -> File {
    let Naming { client, resources } = naming;
    let imports =
        resources.iter().map(|name| format!("import {{ {} }} from './resources/{}.cjs';\n", name.class, name.file));
    let exports = resources.iter().map(|name| format!("export * from './resources/{}.cjs';\n", name.file));
    let members = resources.iter().map(|name| format!("  readonly {}: {};\n", name.member, name.class));
    let text = format!(
        "{MARK}import {{ BaseClient, ClientOptions }} from 'bitting';\n{}\nexport type * from './models.cjs';\n{}\n\
         {}export class {client} extends BaseClient {{\n  constructor(options?: ClientOptions);\n{}}}\n",
        imports.collect::<String>(),
        exports.collect::<String>(),
        comment(0, &about(surface)),
        members.collect::<String>(),
    );
    file("index.d.cts", text)
}

/// What the class says about itself.
fn about(surface: &Surface<'_>) -> Vec<String> {
    let document = surface.document;
    let mut paragraphs = vec![format!("A client of the {} {}.", one_line(&document.title), document.version)];
    paragraphs.extend(document.description.clone());
    let variables = credentials::all_variables(&surface.table);
    if !variables.is_empty() {
        paragraphs.push(format!("Credentials that are not given are read from `{}`.", variables.join("`, `")));
    }
    paragraphs
}
