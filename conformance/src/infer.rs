//! What a plain document says by its names and shapes: which operation logs in, which renews, which header fields tell a
//! limit, what binds an operation to an organization. What the document states itself (`x-auth`, `x-rate-limit`,
//! `x-tenant`) always counts; what is inferred here only makes checks possible that would be skipped otherwise.

mod limits;

use std::borrow::Cow;
use std::collections::BTreeMap;

use bitting_spec::extension::{RateLimit, Tenant};
pub(crate) use bitting_spec::infer::{answered, named, plain, pointer, properties, sent};
use bitting_spec::{Document, Operation, template_names};

use crate::credentials::{Credentials, Role};

/// The document with what can be inferred where it says nothing. It is not copied where there is nothing to add.
pub(crate) fn inferred<'a>(document: &'a Document, credentials: &Credentials) -> Cow<'a, Document> {
    let mut document = Cow::Borrowed(document);
    bitting_spec::infer::sessions(&mut document);
    bitting_spec::infer::bare_lists(&mut document);
    if document.rate_limit.is_none()
        && document.operations.iter().all(|operation| operation.rate_limit.is_none())
        && let Some(mut rule) = limits::infer(&document)
    {
        // Only the operations that show the fields are known to have them.
        let headers = rule.headers.take();
        let document = document.to_mut();
        for operation in &mut document.operations {
            let shown = headers.as_ref().filter(|headers| limits::shows(operation, headers));
            operation.rate_limit = shown.map(|headers| RateLimit { headers: Some(headers.clone()), ..rule.clone() });
        }
        document.rate_limit = Some(rule);
    }
    tenants(&mut document, credentials);
    document
}

/// Binds operations to organizations where the document does so nowhere and a principal of another organization is
/// named: by a path parameter that the two principals have different values for, else by the credential.
fn tenants(document: &mut Cow<'_, Document>, credentials: &Credentials) {
    let (Some(valid), Some(other)) = (credentials.principal(Role::Valid), credentials.named(Role::OtherOrganization))
    else {
        return;
    };
    if document.operations.iter().any(|operation| operation.tenant.is_some()) {
        return;
    }
    let differs = |name: &&str| match (valid.parameters.get(*name), other.parameters.get(*name)) {
        (Some(own), Some(theirs)) => own != theirs,
        _ => false,
    };
    let tenant = |operation: &Operation| match template_names(&operation.path).into_iter().find(differs) {
        Some(name) => Tenant::Path(name.to_owned()),
        None => Tenant::Token,
    };
    let bound: BTreeMap<String, Tenant> = document
        .operations
        .iter()
        .filter(|operation| !operation.is_public())
        .map(|operation| (operation.id.clone(), tenant(operation)))
        .collect();
    if bound.is_empty() {
        return;
    }
    for operation in &mut document.to_mut().operations {
        operation.tenant = bound.get(&operation.id).cloned();
    }
}

/// The pointer to a member with this plain name in the documented body of a refusal.
fn answered_errors(document: &Document, operation: &Operation, status: u16, wanted: &str) -> Option<String> {
    let response = operation.response(status)?;
    let schemas = response.content.values().filter_map(|media| media.schema.as_ref());
    let members: Vec<_> = schemas.flat_map(|schema| properties(document, &schema.value)).collect();
    named(&members, &[wanted]).map(|(name, _)| pointer(name))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::credentials::Principal;

    const DOCUMENT: &str = r##"
openapi: 3.1.0
info: {title: t, version: '1'}
security: [{Jwt: []}]
paths:
  /sessions:
    post:
      operationId: signIn
      security: []
      requestBody: {content: {application/json: {schema: {type: object, properties: {
        userName: {type: string}, password: {type: string}}}}}}
      responses: {'200': {description: d, content: {application/json: {schema: {$ref: '#/components/schemas/Pair'}}}}}
  /sessions/renew:
    post:
      operationId: renew
      security: []
      requestBody: {content: {application/json: {schema: {type: object, properties: {refreshToken: {type: string}}}}}}
      responses: {'200': {description: d, content: {application/json: {schema: {$ref: '#/components/schemas/Pair'}}}}}
  /teams/{team}/boxes:
    get:
      operationId: listBoxes
      parameters: [{name: team, in: path, required: true, schema: {type: string}}]
      responses:
        '200':
          description: d
          headers: {X-Rate-Limit-Limit: {schema: {type: integer}}, X-Rate-Limit-Remaining: {schema: {type: integer}},
            X-Rate-Limit-Reset: {schema: {type: integer}}}
        '429': {description: d}
  /me: {get: {operationId: me, responses: {'200': {description: d}}}}
components:
  securitySchemes: {Jwt: {type: http, scheme: bearer}}
  schemas: {Pair: {type: object, properties: {accessToken: {type: string}, refreshToken: {type: string},
    expiresIn: {type: integer}}}}
"##;

    fn principal(team: &str) -> Principal {
        Principal { parameters: [("team".to_owned(), team.to_owned())].into(), ..Principal::default() }
    }

    /// Names and shapes are enough for what the extensions say.
    #[test]
    fn a_plain_document_tells_enough() {
        let document = Document::parse("plain.yaml", DOCUMENT).expect("it is valid");
        let credentials =
            Credentials::default().with(Role::Valid, principal("red")).with(Role::OtherOrganization, principal("blue"));
        let document = inferred(&document, &credentials);
        let auth = &document.security_schemes[0].auth;
        let acquire = auth.acquire.as_ref().expect("a login is found");
        assert_eq!((acquire.operation_id.as_str(), &acquire.request["username"]), ("signIn", &"/userName".to_owned()));
        assert_eq!(acquire.response.refresh_token.as_deref(), Some("/refreshToken"));
        let refresh = auth.refresh.as_ref().expect("a refresh is found");
        assert_eq!(
            (refresh.operation_id.as_deref(), refresh.request["refresh_token"].as_str()),
            (Some("renew"), "/refreshToken")
        );
        let limit = |id: &str| document.operation(id).and_then(|operation| operation.rate_limit.clone());
        let headers = limit("listBoxes").and_then(|rule| rule.headers).expect("limits are told");
        assert_eq!(headers.remaining, "x-rate-limit-remaining");
        // What does not show them is not asked for them.
        assert!(limit("me").is_none() && document.rate_limit.as_ref().is_some_and(|rule| rule.headers.is_none()));
        let tenant = |id: &str| document.operation(id).and_then(|operation| operation.tenant.clone());
        assert_eq!(tenant("listBoxes"), Some(Tenant::Path("team".to_owned())));
        assert_eq!((tenant("me"), tenant("signIn")), (Some(Tenant::Token), None));
    }

    /// Where there is nothing to infer the document is not copied, and what it says itself stays.
    #[test]
    fn nothing_is_added_to_what_is_said() {
        let text = "openapi: 3.1.0\ninfo: {title: t, version: '1'}\npaths: {/a: {get: {responses: {'200': {description: d}}}}}";
        let document = Document::parse("small.yaml", text).expect("it is valid");
        assert!(matches!(inferred(&document, &Credentials::default()), Cow::Borrowed(_)));
    }
}
