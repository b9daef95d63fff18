//! Security schemes, and what each operation needs of them.

use std::collections::BTreeMap;

use super::error::{ErrorKind, Fault};
use super::node::Node;
use crate::extension::Auth;
use crate::table::{Flow, Flows, Location, Requirement, SchemeKind};

/// A security scheme of the document.
#[derive(Debug, Clone, PartialEq)]
pub struct SecurityScheme {
    /// Its name in the document.
    pub name: String,
    /// What it is.
    pub kind: SchemeKind,
    /// What our extension `x-auth` says about it.
    pub auth: Auth,
    /// About it, in CommonMark.
    pub description: Option<String>,
    /// Where it stands in the document (RFC 6901).
    pub pointer: String,
}

/// Every scheme under `components.securitySchemes`.
pub(super) fn schemes(root: &Node<'_>) -> Result<Vec<SecurityScheme>, Fault> {
    let Some(components) = root.get("components")? else { return Ok(Vec::new()) };
    let Some(declared) = components.get("securitySchemes")? else { return Ok(Vec::new()) };
    declared.members()?.into_iter().map(|(name, node)| scheme(name, &node)).collect()
}

fn scheme(name: &str, node: &Node<'_>) -> Result<SecurityScheme, Fault> {
    let kind = match node.required_text("type")?.as_str() {
        "apiKey" => SchemeKind::ApiKey { location: key_location(node)?, parameter: node.required_text("name")? },
        "http" => SchemeKind::Http {
            scheme: node.required_text("scheme")?.to_ascii_lowercase(),
            bearer_format: node.text("bearerFormat")?,
        },
        "oauth2" => SchemeKind::OAuth2 { flows: Box::new(flows(node)?) },
        "openIdConnect" => SchemeKind::OpenIdConnect { url: node.required_text("openIdConnectUrl")? },
        "mutualTLS" => SchemeKind::MutualTls,
        other => {
            return Err(Fault::new(
                ErrorKind::Structure,
                format!("{}/type", node.pointer),
                format!("`{other}` is no type of security scheme"),
            )
            .remedy("write `apiKey`, `http`, `oauth2`, `openIdConnect` or `mutualTLS`"));
        }
    };
    let auth = node.extension("x-auth")?.unwrap_or_default();
    let description = node.text("description")?;
    Ok(SecurityScheme { name: name.to_owned(), kind, auth, description, pointer: node.pointer.clone() })
}

fn key_location(node: &Node<'_>) -> Result<Location, Fault> {
    match node.required_text("in")?.as_str() {
        "header" => Ok(Location::Header),
        "query" => Ok(Location::Query),
        "cookie" => Ok(Location::Cookie),
        other => Err(Fault::new(
            ErrorKind::Structure,
            format!("{}/in", node.pointer),
            format!("`{other}` is no place for an API key"),
        )
        .remedy("write `header`, `query` or `cookie`")),
    }
}

fn flows(node: &Node<'_>) -> Result<Flows, Fault> {
    let Some(declared) = node.get("flows")? else { return Ok(Flows::default()) };
    let flow = |name: &str| declared.get(name)?.map(|node| self::flow(&node)).transpose();
    Ok(Flows {
        client_credentials: flow("clientCredentials")?,
        authorization_code: flow("authorizationCode")?,
        password: flow("password")?,
        implicit: flow("implicit")?,
        device_authorization: flow("deviceAuthorization")?,
    })
}

fn flow(node: &Node<'_>) -> Result<Flow, Fault> {
    let mut scopes = BTreeMap::new();
    if let Some(declared) = node.raw("scopes") {
        let described = declared.object()?.iter();
        scopes.extend(described.map(|(name, text)| (name.clone(), text.as_str().unwrap_or_default().to_owned())));
    }
    Ok(Flow {
        authorization_url: node.text("authorizationUrl")?,
        token_url: node.text("tokenUrl")?,
        refresh_url: node.text("refreshUrl")?,
        device_authorization_url: node.text("deviceAuthorizationUrl")?,
        scopes,
    })
}

/// The requirement that stands at `node`, if one does: an empty list says "public" and is not the same as none.
pub(super) fn requirements(node: &Node<'_>, schemes: &[String]) -> Result<Option<Vec<Requirement>>, Fault> {
    let Some(list) = node.raw("security") else { return Ok(None) };
    let mut alternatives = Vec::new();
    for item in list.items()? {
        let mut requirement = Requirement::new();
        for (name, scopes) in item.object()? {
            if !schemes.contains(name) {
                return Err(Fault::new(
                    ErrorKind::Reference,
                    &item.pointer,
                    format!("the security scheme `{name}` is not declared"),
                )
                .remedy(declared(schemes)));
            }
            let scopes = scopes.as_array().map(Vec::as_slice).unwrap_or_default();
            requirement
                .insert(name.clone(), scopes.iter().filter_map(|scope| scope.as_str().map(str::to_owned)).collect());
        }
        alternatives.push(requirement);
    }
    Ok(Some(alternatives))
}

fn declared(schemes: &[String]) -> String {
    let known = if schemes.is_empty() { "is empty".to_owned() } else { format!("has: {}", schemes.join(", ")) };
    format!("declare it in components.securitySchemes, which {known}")
}

/// What the operation at `node` needs: its own requirement, else the document's, with `x-required-scopes` added to the
/// alternatives that use the scheme.
pub(super) fn effective(
    node: &Node<'_>,
    inherited: &[Requirement],
    schemes: &[String],
) -> Result<Vec<Requirement>, Fault> {
    let mut alternatives = requirements(node, schemes)?.unwrap_or_else(|| inherited.to_vec());
    let extra: BTreeMap<String, Vec<String>> = node.extension("x-required-scopes")?.unwrap_or_default();
    for (scheme, scopes) in extra {
        for required in alternatives.iter_mut().filter_map(|alternative| alternative.get_mut(&scheme)) {
            required.extend(scopes.iter().filter(|scope| !required.contains(scope)).cloned().collect::<Vec<_>>());
        }
    }
    Ok(alternatives)
}
