//! The settings file that somebody begins with: what the document asks for, and a comment for each member.

use std::collections::BTreeSet;
use std::fmt::Write;

use bitting_spec::table::Location;
use bitting_spec::{Document, Operation, SecurityScheme, template_names};

use crate::credentials::{BLANK, Credentials, Nature, Role, nature};
use crate::infer::inferred;
use crate::plan::takes_login;
use crate::run::client_flow;

/// What stands before the principals.
const HEAD: &str = "\
# Settings of `bitting check`. Lines that begin with `#` and a space are comments; the others that begin with `#` are
# members that can be switched on. A value may come from elsewhere, and a secret should:
#   { env = \"NAME\" }   { file = \"PATH\" }   { command = [\"PROGRAM\", \"ARGUMENT\"] }
";

/// What stands after the principals.
const TAIL: &str = r#"
# A program that makes credentials to order (expired, revoked, forged) and moves time and limits: the checks of a token's
# life need it, or the principals above. `bitting explain provisioner` has the protocol.
#[provisioner]
#command = ["python3", "provisioner.py"]

# What is made of the findings of a check, a family or a pattern: off, note or error. The closest pattern counts.
# `bitting check --list` names the checks.
[rules]
#"http.*" = "note"
"#;

/// What stands in the place of the principals where no operation needs one.
const OVERLAY: &str = r#"
# No operation of the document needs a credential, so nothing about credentials can be checked. Where the API wants one, an
# overlay beside the document says so (`openapi.overlay.yaml` beside `openapi.yaml`), and `bitting init` says what to give:
#   overlay: 1.0.0
#   info: { title: What the document leaves out, version: "1" }
#   actions:
#     - target: $
#       update:
#         security: [{ Token: [] }]
#         components: { securitySchemes: { Token: { type: http, scheme: bearer } } }
"#;

/// The last part: what one operation needs, and how much is done.
const BUDGET: &str = r#"
[budget]
#max-time = "5m"            # what is left over is skipped, and the report says so
#max-wait = "90s"           # the longest that it waits for a token to end, to see that it is refused then
#leeway = "60s"             # how long after its end a token may still be taken, for clocks differ
#max-cases = 120            # generated cases for one operation
#rate = 50                  # requests in a second
#workers = 8                # requests on their way at one time
#timeout = "10s"            # for one answer
#seed = 0                   # the same seed makes the same cases
"#;

/// A settings file for `document`, whose path in the file is `path`, with a comment for each member.
#[must_use]
pub fn starter(document: &Document, path: &str) -> String {
    let document = &*inferred(document, &Credentials::default());
    let mut text = format!("{HEAD}\ndocument = {}\n", quoted(path));
    text.push_str(
        "#only = [\"auth\", \"response.*\"]     # checks or families; without it all of them\n\
         #require = [\"tenancy.*\"]            # has to run wherever it applies, else the exit code is 4\n\
         #fail-on = \"error\"                  # or \"note\"\n\
         #baseline = \"known-findings.txt\"    # findings that are accepted\n\
         #report = [\"junit=report.xml\", \"html=report.html\", \"github\"]\n",
    );
    let server = document.servers.first().map(|server| server.url.as_str()).unwrap_or_default();
    let published = if server.is_empty() { String::new() } else { format!("   # the document says {server}") };
    let _ = write!(
        text,
        "\n[target]\nurl = \"http://127.0.0.1:8080\"{published}\n#ca = \"authority.pem\"      # certificates that are trusted too\n\
         #owned = true               # for a server that is not on this machine: a run creates, changes and deletes data\n\
         #http2 = true               # without TLS, by prior knowledge\n"
    );
    principals(document, &mut text);
    text.push_str(TAIL);
    data(document, &mut text);
    text.push_str(BUDGET);
    text
}

/// Values for parameters and bodies, by the example of what the document has.
fn data(document: &Document, text: &mut String) {
    text.push_str(
        "\n# Values of parameters that no schema tells, wherever an operation has one of that name.\n[data]\n",
    );
    let all = || document.operations.iter().flat_map(|operation| &operation.parameters);
    if let Some(parameter) = all().find(|parameter| parameter.location == Location::Query).or_else(|| all().next()) {
        let _ = writeln!(text, "#parameters = {{ {} = \"…\" }}", key(&parameter.name));
    }
    let takes_body = |operation: &&Operation| operation.request_body.is_some() && !operation.is_public();
    if let Some(operation) = document.operations.iter().find(takes_body) {
        let _ = write!(
            text,
            "\n# What only one operation needs, by its operationId.\n#[operations.{}]\n\
             #rules = {{ \"input.negative-refused\" = \"off\" }}\n#body = {{ }}                  # a body that the server takes\n",
            key(&operation.id)
        );
    }
}

fn principals(document: &Document, text: &mut String) {
    if document.operations.iter().all(Operation::is_public) {
        text.push_str(OVERLAY);
    }
    if document.security_schemes.is_empty() {
        return;
    }
    for (role, about) in [
        (Role::Valid, "Somebody who may do everything in one organization."),
        (Role::OtherOrganization, "Somebody of another organization: without, nothing is told about isolation."),
        (Role::ReadOnly, "A credential that may read and not write."),
        (Role::Expired, "Credentials whose life has ended."),
        (Role::Revoked, "Credentials that were taken back."),
        (Role::OtherEnvironment, "Keys of another environment, such as a sandbox."),
    ] {
        let mark = if role == Role::Valid { "" } else { "#" };
        let _ = write!(text, "\n# {about}\n{mark}[credentials.{role}]\n");
        if matches!(role, Role::Valid | Role::OtherOrganization) {
            text.push_str("#organization = \"acme\"\n");
            text.push_str(&parameters(document, mark));
        }
        text.push_str(&secrets(document, role, mark));
    }
}

/// The path parameters that no operation makes an object for.
fn parameters(document: &Document, mark: &str) -> String {
    let mut names = BTreeSet::new();
    for operation in &document.operations {
        for name in template_names(&operation.path) {
            let prefix = operation.path.split(&format!("{{{name}}}")).next().unwrap_or_default();
            if document.creator(prefix).is_none() {
                names.insert(name);
            }
        }
    }
    if names.is_empty() {
        return String::new();
    }
    let values: Vec<String> = names.iter().map(|name| format!("{} = \"{BLANK}\"", key(name))).collect();
    format!("# Where its objects are, as the paths name it.\n{mark}parameters = {{ {} }}\n", values.join(", "))
}

/// The secrets, the login and the client that the document's schemes take.
fn secrets(document: &Document, role: Role, mark: &str) -> String {
    let who = if role == Role::Valid { String::new() } else { format!("{}_", upper(role.as_str())) };
    let prefix = upper(&document.api_name());
    let variable = |scheme: &SecurityScheme, part: &str| match scheme.auth.env.get(part) {
        Some(name) => format!("{{ env = \"{who}{name}\" }}"),
        None => format!("{{ env = \"{who}{prefix}_{}\" }}", upper(part)),
    };
    let mut lines = String::new();
    let mut given = Vec::new();
    let (mut has_login, mut has_client) = (false, false);
    for scheme in &document.security_schemes {
        let ended = !matches!(role, Role::Valid | Role::ReadOnly | Role::OtherOrganization);
        if takes_login(scheme) && !ended {
            if !std::mem::replace(&mut has_login, true) {
                let (name, password) = (variable(scheme, "username"), variable(scheme, "password"));
                let _ = writeln!(lines, "{mark}login = {{ username = {name}, password = {password} }}");
            }
        } else if client_flow(scheme).is_some() && !ended {
            if !std::mem::replace(&mut has_client, true) {
                let (id, secret) = (variable(scheme, "client_id"), variable(scheme, "client_secret"));
                let _ = writeln!(lines, "{mark}client = {{ id = {id}, secret = {secret} }}");
            }
        } else if nature(scheme) != Nature::Other && (role != Role::OtherEnvironment || nature(scheme) == Nature::Key) {
            let part = if nature(scheme) == Nature::Key { "key" } else { "token" };
            given.push(format!("{} = {}", key(&scheme.name), variable(scheme, part)));
        }
    }
    if !given.is_empty() {
        let _ = writeln!(lines, "{mark}secrets = {{ {} }}", given.join(", "));
    }
    lines
}

fn upper(text: &str) -> String {
    text.to_uppercase().replace(|letter: char| !letter.is_ascii_alphanumeric(), "_")
}

/// A member's name, in quotes where TOML wants them.
fn key(name: &str) -> String {
    let bare = |letter: char| letter.is_ascii_alphanumeric() || "-_".contains(letter);
    if !name.is_empty() && name.chars().all(bare) { name.to_owned() } else { quoted(name) }
}

/// A text in quotes: JSON's are TOML's.
fn quoted(text: &str) -> String {
    serde_json::Value::from(text).to_string()
}

#[cfg(test)]
mod tests {
    use super::super::Settings;
    use super::*;

    fn document(name: &str) -> Document {
        let folder = format!("{}/../spec/openapi", env!("CARGO_MANIFEST_DIR"));
        let reader =
            |path: &str| std::fs::read_to_string(format!("{folder}/{}", path.rsplit('/').next().unwrap_or(path)));
        Document::load(&format!("{name}.yaml"), &reader).expect("the document is valid")
    }

    /// It can be used as it stands, and with every member switched on.
    #[test]
    fn a_starter_is_a_settings_file() {
        for name in ["roboticks", "arrow", "artos", "arrotech"] {
            let document = document(name);
            let text = starter(&document, "openapi.yaml");
            let text = text.replace("\"…\"", "\"filled\"");
            let lookup = |name: &str| Some(format!("rbtk_test_{name}"));
            let settings =
                Settings::parse("bitting.toml", &text, lookup).unwrap_or_else(|error| panic!("{error}\n{text}"));
            assert_eq!(settings.document.as_deref(), Some("openapi.yaml"));
            settings.options.validate(&document).expect("it names what there is");
            let credentials = settings.credentials.expect("somebody is named");
            credentials.validate(&document).expect("the schemes are the document's");
            let switched: String = text
                .lines()
                .map(|line| line.strip_prefix('#').filter(|rest| !rest.starts_with(' ')).unwrap_or(line))
                .map(|line| format!("{line}\n"))
                .collect();
            let all = Settings::parse("bitting.toml", &switched, lookup)
                .unwrap_or_else(|error| panic!("{error}\n{switched}"));
            let credentials = all.credentials.expect("somebody is named");
            credentials.validate(&document).expect("the schemes are the document's");
            assert!(credentials.provisioner().is_some() && credentials.principal(Role::Revoked).is_some());
            assert_eq!(all.options.rate, Some(50));
            all.options.validate(&document).unwrap_or_else(|error| panic!("{error}\n{switched}"));
        }
    }

    #[test]
    fn names_that_toml_would_not_take_are_quoted() {
        assert_eq!((key("org_slug"), key("a b")), ("org_slug".to_owned(), "\"a b\"".to_owned()));
    }
}
