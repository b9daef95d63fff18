//! Authentication files of Web Fuzzing Commons, which other tools of this kind share, as principals.

use std::collections::BTreeMap;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use bitting_spec::table::{Location, SchemeKind};
use bitting_spec::{Document, SecurityScheme};
use serde::Deserialize;
use serde::de::IntoDeserializer;
use serde::de::value::{Error as ValueError, StrDeserializer};
use serde_json::Value;

use super::{Login, Principal, Role};
use crate::error::Error;
use crate::secret::Secret;

/// The minor number of the newest version 0 of the schema that this was written for.
const NEWEST: u32 = 8;

#[derive(Deserialize)]
struct File {
    auth: Vec<Value>,
    #[serde(rename = "schemaVersion")]
    version: Option<String>,
    #[serde(rename = "authTemplate")]
    template: Option<Value>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Entry {
    name: String,
    #[serde(default)]
    fixed_headers: Vec<Header>,
    login_endpoint_auth: Option<LoginCall>,
}

#[derive(Deserialize)]
struct Header {
    name: String,
    value: String,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct LoginCall {
    payload_raw: Option<String>,
    payload_user_pwd: Option<UserPassword>,
}

#[derive(Deserialize)]
struct UserPassword {
    username: String,
    password: String,
}

/// Reads the file's text (YAML or JSON).
pub(super) fn parse(document: &Document, name: &str, text: &str) -> Result<BTreeMap<Role, Principal>, Error> {
    let wrong = |message: String| {
        Error::config(name, message, "a file of Web Fuzzing Commons has `auth`, a list of users with a `name` each")
    };
    let value = bitting_spec::read_value(name, text).map_err(|error| wrong(error.message))?;
    // The error of serde quotes values, and these are secrets: only where it is, is told.
    let file: File = serde_json::from_value(value).map_err(|_| wrong("there is no list `auth`".to_owned()))?;
    if let Some(version) = file.version.as_deref().filter(|version| !is_known(version)) {
        let message = format!("its `schemaVersion` is {version:?}, and the versions 0.1 to 0.{NEWEST} are read");
        return Err(Error::config(name, message, "write it for one of these, or name the principals in TOML"));
    }
    let mut principals = BTreeMap::new();
    for (index, mut user) in file.auth.into_iter().enumerate() {
        if let Some(template) = &file.template {
            complete(&mut user, template);
        }
        let entry: Entry = serde_json::from_value(user)
            .map_err(|_| wrong(format!("the user number {} of `auth` has another form", index + 1)))?;
        let Some(role) = role(&entry.name, &principals) else { continue };
        principals.insert(role, principal(document, name, entry)?);
    }
    if principals.is_empty() {
        return Err(wrong("`auth` names nobody".to_owned()));
    }
    Ok(principals)
}

/// Whether what is read here means the same in that version of the schema: from the first to this one it did.
fn is_known(version: &str) -> bool {
    let mut numbers = version.split('.').map(str::parse::<u32>);
    matches!((numbers.next(), numbers.next()), (Some(Ok(0)), Some(Ok(minor))) if minor <= NEWEST)
}

/// A user called like a role has it; the first other one is the valid principal. Who shares an organization with whom the
/// file does not say, so nobody else is used.
fn role(name: &str, taken: &BTreeMap<Role, Principal>) -> Option<Role> {
    let text: StrDeserializer<'_, ValueError> = name.into_deserializer();
    let named = Role::deserialize(text).ok();
    named.or_else(|| (!taken.contains_key(&Role::Valid)).then_some(Role::Valid))
}

/// Fills in from the template what the user does not have.
fn complete(user: &mut Value, template: &Value) {
    let (Some(members), Some(template)) = (user.as_object_mut(), template.as_object()) else { return };
    for (name, value) in template {
        match members.get_mut(name) {
            Some(own) => complete(own, value),
            None => drop(members.insert(name.clone(), value.clone())),
        }
    }
}

fn principal(document: &Document, file: &str, entry: Entry) -> Result<Principal, Error> {
    let mut principal = Principal::default();
    for header in &entry.fixed_headers {
        let before = principal.secrets.len();
        for scheme in &document.security_schemes {
            if let Some(secret) = secret(scheme, header) {
                principal.secrets.insert(scheme.name.clone(), Secret::new(secret));
            }
        }
        if principal.secrets.len() == before {
            let message = format!(
                "the header `{}` of `{}` belongs to no security scheme of the document",
                header.name, entry.name
            );
            return Err(Error::config(file, message, "leave it out, or add the scheme to the document"));
        }
    }
    if let Some(call) = entry.login_endpoint_auth {
        principal.login = Some(login(document, call).ok_or_else(|| {
            let message = format!("the login of `{}` does not tell a name and a password", entry.name);
            Error::config(file, message, "give `payloadUserPwd`, or say where they stand with `x-auth.acquire`")
        })?);
    }
    Ok(principal)
}

/// The secret that a header carries for a scheme.
fn secret(scheme: &SecurityScheme, header: &Header) -> Option<String> {
    let credentials = |name: &str| {
        let (scheme, rest) = header.value.trim().split_once(' ')?;
        let is_it = header.name.eq_ignore_ascii_case("authorization") && scheme.eq_ignore_ascii_case(name);
        is_it.then(|| rest.trim().to_owned())
    };
    match &scheme.kind {
        SchemeKind::ApiKey { location: Location::Header, parameter } => {
            parameter.eq_ignore_ascii_case(&header.name).then(|| header.value.clone())
        }
        SchemeKind::Http { scheme, .. } if scheme == "basic" => {
            String::from_utf8(STANDARD.decode(credentials("basic")?).ok()?).ok()
        }
        SchemeKind::Http { scheme, .. } => credentials(scheme),
        SchemeKind::OAuth2 { .. } | SchemeKind::OpenIdConnect { .. } => credentials("bearer"),
        _ => None,
    }
}

/// Name and password of a login call: as they are named, or where the document says that they stand in the body.
fn login(document: &Document, call: LoginCall) -> Option<Login> {
    if let Some(named) = call.payload_user_pwd {
        return Some(Login { username: named.username, password: Secret::new(named.password) });
    }
    let body: Value = serde_json::from_str(&call.payload_raw?).ok()?;
    document.security_schemes.iter().filter_map(|scheme| scheme.auth.acquire.as_ref()).find_map(|acquire| {
        let part = |name: &str| body.pointer(acquire.request.get(name)?)?.as_str().map(str::to_owned);
        Some(Login { username: part("username")?, password: Secret::new(part("password")?) })
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn document() -> Document {
        let text = "openapi: 3.1.0\ninfo: {title: t, version: '1'}\npaths: {}\ncomponents: {securitySchemes: {\
                    Token: {type: http, scheme: bearer}, Key: {type: apiKey, in: header, name: X-API-Key}, \
                    Basic: {type: http, scheme: basic}}}";
        Document::parse("t.yaml", text).expect("it is valid")
    }

    fn parsed(text: &str) -> Result<BTreeMap<Role, Principal>, Error> {
        parse(&document(), "auth.yaml", text)
    }

    #[test]
    fn headers_and_logins_become_principals() {
        let principals = parsed(
            "schemaVersion: 0.8.0\nauth:\n  - name: ada\n    fixedHeaders: [{name: authorization, value: bearer abcd1234}]\n  \
             - name: other-organization\n    fixedHeaders: [{name: X-Api-Key, value: rbtk_test_2}]\n    \
             loginEndpointAuth: {payloadUserPwd: {username: eve, password: test-password}}\n  \
             - name: somebody\n    fixedHeaders: [{name: X-Api-Key, value: rbtk_test_3}]\n\
             authTemplate: {loginEndpointAuth: {endpoint: /login, verb: POST, payloadUserPwd: {username: ada, password: test-password}}}",
        )
        .expect("it is valid");
        let valid = &principals[&Role::Valid];
        assert_eq!(valid.secrets["Token"], Secret::new("abcd1234"));
        assert_eq!(valid.login.as_ref().map(|login| login.username.as_str()), Some("ada"));
        let other = &principals[&Role::OtherOrganization];
        assert_eq!(other.secrets["Key"], Secret::new("rbtk_test_2"));
        assert_eq!(other.login.as_ref().map(|login| login.username.as_str()), Some("eve"));
        assert_eq!(principals.len(), 2);
        let basic = parsed("auth: [{name: a, fixedHeaders: [{name: Authorization, value: Basic YTpiYg==}]}]");
        assert_eq!(basic.map(|all| all[&Role::Valid].secrets["Basic"].clone()), Ok(Secret::new("a:bb")));
    }

    #[test]
    fn what_cannot_be_used_is_named_without_its_secret() {
        for (text, says) in [
            ("auth: []", "names nobody"),
            ("users: []", "no list `auth`"),
            ("auth: [{name: a, fixedHeaders: canary}]", "number 1"),
            ("auth: [{name: a, fixedHeaders: [{name: X-Other, value: canary}]}]", "`X-Other`"),
            ("auth: [{name: a, loginEndpointAuth: {payloadRaw: canary}}]", "name and a password"),
            ("auth: [", "YAML"),
            ("schemaVersion: 1.0.0\nauth: [{name: a}]", "`schemaVersion` is \"1.0.0\", and the versions 0.1 to 0.8"),
            ("schemaVersion: new\nauth: [{name: a}]", "`schemaVersion` is \"new\""),
        ] {
            let error = parsed(text).expect_err(text).to_string();
            assert!(error.contains(says) && !error.contains("canary"), "{text}: {error}");
        }
    }
}
