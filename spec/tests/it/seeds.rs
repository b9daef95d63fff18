//! The four documents, read and looked at statement by statement.

use bitting_spec::Document;
use bitting_spec::extension::{AuthCase, PaginationStyle, RefreshStyle, Tenant};
use bitting_spec::table::{Api, SchemeKind};

use super::seed;

/// Every document is read without an error, and its table survives the way through JSON.
#[test]
fn the_table_of_every_document_survives_json() {
    for (name, operations) in [("roboticks", 8), ("arrow", 19), ("artos", 3), ("arrotech", 4)] {
        let document = seed(name);
        assert_eq!(document.operations.len(), operations, "{name}");
        assert_eq!(document.warnings, [], "{name}");
        let table = document.table(&document.api_name());
        let json = serde_json::to_string(&table).unwrap();
        assert_eq!(serde_json::from_str::<Api>(&json).unwrap(), table);
        assert_eq!(table.name, name);
    }
}

/// ROBOTICKS-1, ROBOTICKS-2, ROBOTICKS-3: three alternatives; login is public; refresh takes the current token.
#[test]
fn roboticks_says_how_to_authenticate() {
    let document = seed("roboticks");
    let list = document.operation("listDevices").unwrap();
    let alternatives: Vec<_> = list.security.iter().flat_map(|requirement| requirement.keys()).collect();
    assert_eq!(alternatives, ["ApiKeyBearer", "ApiKeyHeader", "UserToken"]);
    assert!(document.operation("login").unwrap().is_public());
    let token = &document.scheme("UserToken").unwrap().auth;
    assert_eq!(token.acquire.as_ref().unwrap().operation_id, "login");
    assert_eq!(token.refresh.as_ref().unwrap().style, RefreshStyle::CurrentToken);
    assert_eq!(list.tenant, Some(Tenant::Path("org_slug".to_owned())));
    assert_eq!(document.operation("refreshToken").unwrap().tenant, None);
}

/// ROBOTICKS-5, ROBOTICKS-6: the exact bodies are examples that say when they apply.
#[test]
fn roboticks_says_what_a_refusal_looks_like() {
    let document = seed("roboticks");
    let list = document.operation("listDevices").unwrap();
    let body = |status| {
        let response = list.response(status).unwrap();
        let example = response.content["application/json"].examples[0].clone();
        (example.value, example.auth_cases)
    };
    assert_eq!(body(401).0["detail"], "Could not validate credentials");
    assert!(body(401).1.contains(&AuthCase::Revoked));
    assert_eq!(body(403).0["detail"], "Not enough permissions");
    assert_eq!(body(429).0["retry_after"], 60);
    assert!(list.response(429).unwrap().headers.contains_key("x-ratelimit-reset"));
    assert_eq!(document.rate_limit.unwrap().exceeded.unwrap().retry_after, ["header:Retry-After", "body:/retry_after"]);
}

/// ARROW-3, ARROW-4: a 3.0 document cannot give an apiKey scheme scopes, so the extension does.
#[test]
fn arrow_operations_carry_their_scopes() {
    let document = seed("arrow");
    assert_eq!(document.operation("listDevices").unwrap().security[0]["ArrowKey"], ["devices:read"]);
    assert_eq!(document.scheme("ArrowKey").unwrap().auth.scopes.len(), 9);
    assert_eq!(document.operation("listDevices").unwrap().pagination.as_ref().unwrap().style, PaginationStyle::Page);
}

/// ARTOS-2: the overlay beside the document is applied, and the one public operation needs nothing.
#[test]
fn artos_takes_its_extensions_from_the_overlay() {
    let document = seed("artos");
    let public: Vec<_> = document.operations.iter().filter(|operation| operation.is_public()).collect();
    assert_eq!(public.iter().map(|operation| operation.path.as_str()).collect::<Vec<_>>(), ["/api/v1/search/status"]);
    assert_eq!(document.scheme("BearerToken").unwrap().auth.env["token"], "ARTOS_TOKEN");
}

/// ARROTECH-2, ARROTECH-3: both flows, and an authorize endpoint on another host.
#[test]
fn arrotech_has_two_flows_on_two_hosts() {
    let document = seed("arrotech");
    let oauth = document.security_schemes.iter().find_map(|scheme| match &scheme.kind {
        SchemeKind::OAuth2 { flows } => Some(flows),
        _ => None,
    });
    let flows = oauth.unwrap();
    assert!(flows.client_credentials.is_some() && flows.authorization_code.is_some());
    let authorize = document.operation("authorize").unwrap();
    assert_ne!(authorize.servers, document.servers);
}

/// Errors and reports name the line of a place, also of one that an overlay added.
#[test]
fn places_have_lines() {
    let document = seed("roboticks");
    let line = |pointer: &str| document.place(pointer).line;
    assert_eq!(line(""), Some(line("/openapi").unwrap()));
    let login = line("/paths/~1api~1v1~1auth~1login/post").unwrap();
    assert!(login > line("/paths").unwrap());
    assert_eq!(line("/paths/~1api~1v1~1auth~1login/post/nowhere"), Some(login));
}

/// What plain documents tell of their pages: the number of the first one, and that a date or an object is no place.
#[test]
fn pages_are_walked_as_their_parameters_say() {
    let paging = |parameters: &str| {
        let text = format!(
            "{{openapi: 3.1.0, info: {{title: T, version: '1'}}, paths: {{/things: {{get: {{operationId: list,
               parameters: [{parameters}], responses: {{'200': {{description: D, content: {{application/json: {{schema:
               {{type: object, properties: {{items: {{type: array, items: {{}}}}}}}}}}}}}}}}}}}}}}}}"
        );
        let document = Document::parse("pages.yaml", &text).unwrap();
        document.operation("list").unwrap().pagination.clone().map(|paging| (paging.style, paging.first))
    };
    let (page, offset) = (PaginationStyle::Page, PaginationStyle::Offset);
    for (parameters, expected) in [
        ("{name: page, in: query, schema: {type: integer}}", Some((page, 1))),
        ("{name: page, in: query, schema: {type: integer, default: 0}}", Some((page, 0))),
        ("{name: page, in: query, schema: {type: [integer, 'null'], format: int32, minimum: 0}}", Some((page, 0))),
        ("{name: page, in: query, schema: {type: integer, minimum: 0, default: 1}}", Some((page, 1))),
        ("{name: start, in: query, schema: {type: string}}", Some((offset, 1))),
        ("{name: start, in: query, schema: {type: string, format: date}}", None),
        ("{name: page, in: query, style: deepObject, schema: {type: object}}", None),
    ] {
        assert_eq!(paging(parameters), expected, "{parameters}");
    }
}

/// An envelope may be made of parts, and its cursor may stand with the rest of what it says of the page; links are no
/// cursors.
#[test]
fn cursors_are_found_where_envelopes_keep_them() {
    let next = |parameter: &str, around: &str| {
        let text = format!(
            r##"{{"openapi": "3.1.0", "info": {{"title": "t", "version": "1"}}, "paths": {{"/things": {{"get": {{"operationId": "list",
            "parameters": [{{"name": "{parameter}", "in": "query", "schema": {{"type": "string"}}}}],
            "responses": {{"200": {{"description": "d", "content": {{"application/json": {{"schema": {{"allOf": [
                {{"$ref": "#/components/schemas/Page"}}, {{"properties": {{"things": {{"type": "array", "items": {{}}}}}}}}]}}}}}}}}}}}}}}}},
            "components": {{"schemas": {{"Page": {{"type": "object", "properties": {around}}}}}}}}}"##
        );
        let paging = Document::parse("cursors.json", &text).unwrap().operation("list").unwrap().pagination.clone()?;
        assert_eq!(paging.response["items"], "/things");
        paging.response.get("next").cloned()
    };
    let text = r#"{"type": "string"}"#;
    assert_eq!(next("marker", &format!(r#"{{"next_marker": {text}}}"#)).as_deref(), Some("/next_marker"));
    let meta = format!(r#"{{"meta": {{"properties": {{"next_cursor": {text}, "limit": {{}}}}}}}}"#);
    assert_eq!(next("cursor", &meta).as_deref(), Some("/meta/next_cursor"));
    assert_eq!(next("cursor", &format!(r#"{{"links": {{"properties": {{"next": {text}}}}}}}"#)), None);
}
