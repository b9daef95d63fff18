//! The files of a resource: `client.devices`.

use super::file;
use super::naming::{MethodName, ResourceName};
use super::signature;
use super::text::{MARK, comment, key, listed, quoted};
use crate::surface::{Answer, Method, Resource, is_structured};
use crate::{File, Language, Surface};

/// Its code.
pub(super) fn commonjs(resource: &Resource<'_>, name: &ResourceName) -> File {
    let (class, base) = (&name.class, base(name));
    let methods = || resource.methods.iter().zip(&name.methods);
    let operations: String = methods().map(|(method, name)| operation(method, name)).collect();
    let bodies: Vec<String> = methods().map(|(method, name)| code(method, name)).collect();
    let text = format!(
        "{MARK}'use strict';\n\nconst {{ {base} }} = require('bitting');\n\n\
         const operations = {{\n{operations}}};\n\n\
         class {class} extends {base} {{\n{}}}\n\nmodule.exports = {{ {class} }};\n",
        bodies.join("\n")
    );
    file(&format!("resources/{}.cjs", name.file), text)
}

/// What its class extends: one that explains the client's credentials besides, where that is its name.
fn base(name: &ResourceName) -> &'static str {
    if name.member == "auth" { "AuthResource" } else { "Resource" }
}

/// What the runtime needs to know of an operation beside the operation table.
fn operation(method: &Method<'_>, name: &MethodName) -> String {
    let answer = match method.answer {
        Answer::Json(_) => "json",
        Answer::Text => "text",
        Answer::Binary => "binary",
        Answer::Empty => "empty",
    };
    let mut members = vec![
        format!("id: {}", quoted(&method.operation.id)),
        format!("index: {}", method.index),
        format!("answer: '{answer}'"),
    ];
    if !method.optional.is_empty() {
        let params = method.optional.iter().zip(params(method));
        let params: Vec<String> =
            params.map(|(argument, name)| format!("{}: {}", key(&name), quoted(&argument.key))).collect();
        members.push(format!("params: {{ {} }}", params.join(", ")));
    }
    if let Some(body) = &method.body {
        members.push(match is_structured(&body.media_type) {
            // Written as the operation asks, as JSON or as a form.
            true => "body: 'json'".to_owned(),
            false => format!("body: 'raw', mediaType: {}", quoted(&body.media_type)),
        });
    }
    listed(2, &format!("{}: {{ ", key(&name.method)), &members, " },")
}

/// The names of the optional arguments.
fn params(method: &Method<'_>) -> Vec<String> {
    let mut taken = Vec::new();
    let names = method.optional.iter().map(|argument| Language::Node.value(&argument.name));
    names.map(|name| crate::names::distinct(name, &mut taken)).collect()
}

fn code(method: &Method<'_>, name: &MethodName) -> String {
    let positional = signature::positional(method);
    let mut arguments = positional.clone();
    arguments.extend(method.body.as_ref().map(|_| "body".to_owned()));
    arguments.extend((!method.optional.is_empty()).then(|| "params".to_owned()));
    arguments.push("options".to_owned());
    let given = method.required.iter().zip(&positional);
    let given: Vec<String> = given.map(|(argument, name)| format!("{}: {name}", key(&argument.key))).collect();
    let given = if given.is_empty() { "{}".to_owned() } else { format!("{{ {} }}", given.join(", ")) };
    let or_none = |is_there: bool, name: &str| if is_there { name } else { "undefined" }.to_owned();
    let handed = [
        if name.method == key(&name.method) {
            format!("operations.{}", name.method)
        } else {
            format!("operations[{}]", quoted(&name.method))
        },
        given,
        or_none(method.body.is_some(), "body"),
        or_none(!method.optional.is_empty(), "params"),
        "options".to_owned(),
    ];
    let call = if method.items.is_some() { "_pages" } else { "_call" };
    let head = listed(2, &format!("{}(", key(&name.method)), &arguments, ") {");
    let body = listed(4, &format!("return this.{call}("), &handed, ");");
    format!("{head}{body}  }}\n")
}

/// Its types.
pub(super) fn types(surface: &Surface<'_>, resource: &Resource<'_>, name: &ResourceName) -> File {
    let (class, base) = (&name.class, base(name));
    let methods = || resource.methods.iter().zip(&name.methods);
    let interfaces: String = methods().map(|(method, name)| params_type(method, name)).collect();
    let declarations: Vec<String> = methods().map(|(method, name)| declaration(surface, method, name)).collect();
    let text = format!(
        "{MARK}import {{ APIPromise, PagePromise, RequestOptions, {base} }} from 'bitting';\n\
         import type * as models from '../models.cjs';\n\n{interfaces}\
         /** The operations of `client.{}`. */\nexport class {class} extends {base} {{\n{}}}\n",
        name.member,
        declarations.join("\n"),
    );
    file(&format!("resources/{}.d.cts", name.file), text)
}

fn params_type(method: &Method<'_>, name: &MethodName) -> String {
    if method.optional.is_empty() {
        return String::new();
    }
    let members = method.optional.iter().zip(params(method)).map(|(argument, name)| {
        let comment = comment(2, &signature::described(argument).into_iter().collect::<Vec<_>>());
        format!("{comment}  {}?: {};\n", key(&name), super::models::reference(&argument.kind, "models."))
    });
    let members: String = members.collect();
    let MethodName { method, params } = name;
    format!("/** What `{method}` takes besides. */\nexport interface {params} {{\n{members}}}\n\n")
}

fn declaration(surface: &Surface<'_>, method: &Method<'_>, name: &MethodName) -> String {
    let comment = comment(2, &signature::documentation(method));
    let arguments = signature::arguments(surface, method, name);
    let result = signature::result(method);
    format!("{comment}{}", listed(2, &format!("{}(", key(&name.method)), &arguments, &format!("): {result};")))
}
