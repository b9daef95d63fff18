//! A small API in the image of Roboticks: three schemes, a login, a list, a write, a public operation.

use std::sync::Arc;

use bitting::table::Api;
use serde_json::{Value, json};

/// The operation table.
pub(crate) fn table() -> Value {
    let secured = json!([{"ApiKeyBearer": []}, {"ApiKeyHeader": []}, {"UserToken": []}]);
    let limit = json!({"name": "limit", "in": "query", "encoding": {"style": {"style": "form", "explode": true}}});
    let offset = json!({"name": "offset", "in": "query", "encoding": {"style": {"style": "form", "explode": true}}});
    let slug = |name: &str| {
        let encoding = json!({"style": {"style": "simple", "explode": false}});
        json!({"name": name, "in": "path", "required": true, "encoding": encoding})
    };
    let body = json!({"required": true, "media_types": ["application/json"]});
    json!({
        "name": "roboticks", "version": "1.0", "servers": ["https://api.roboticks.example"], "env_prefix": "ROBOTICKS",
        "schemes": [
            {"name": "ApiKeyBearer", "type": "http", "scheme": "bearer",
             "auth": {"env": {"key": "ROBOTICKS_API_KEY"}, "key": {"prefix": "rbtk_"}}},
            {"name": "ApiKeyHeader", "type": "apiKey", "in": "header", "parameter": "X-API-Key",
             "auth": {"env": {"key": "ROBOTICKS_API_KEY"}, "key": {"prefix": "rbtk_"}}},
            {"name": "UserToken", "type": "http", "scheme": "bearer", "auth": {
                "env": {"username": "ROBOTICKS_EMAIL", "password": "ROBOTICKS_PASSWORD", "token": "ROBOTICKS_TOKEN"},
                "acquire": {"operationId": "login", "request": {"username": "/email", "password": "/password"}},
                "refresh": {"operationId": "refreshToken", "style": "current-token"}}},
        ],
        "operations": [
            {"id": "login", "method": "POST", "path": "/auth/login", "body": body},
            {"id": "refreshToken", "method": "POST", "path": "/auth/refresh", "security": [{"UserToken": []}]},
            {"id": "status", "method": "GET", "path": "/status"},
            {"id": "listDevices", "method": "GET", "path": "/organizations/{org_slug}/devices", "security": secured,
             "parameters": [slug("org_slug"), limit, offset], "accept": ["application/json"],
             "pagination": {"style": "offset", "response": {"items": "/items", "total": "/total"}}},
            {"id": "createDevice", "method": "POST", "path": "/organizations/{org_slug}/devices", "security": secured,
             "parameters": [slug("org_slug")], "body": body},
            {"id": "byHeader", "method": "GET", "path": "/header", "security": [{"ApiKeyHeader": []}]},
            {"id": "byUser", "method": "GET", "path": "/user", "security": [{"UserToken": []}]},
            {"id": "foreign", "method": "GET", "path": "/foreign", "security": secured,
             "servers": ["http://127.0.0.1:9"]},
        ],
        "rate_limit": {
            "headers": {"limit": "X-RateLimit-Limit", "remaining": "X-RateLimit-Remaining",
                        "reset": {"name": "X-RateLimit-Reset", "format": "unix-seconds"}},
            "exceeded": {"status": [429], "retry_after": ["header:Retry-After", "body:/retry_after"]}
        }
    })
}

/// The API of a table.
pub(crate) fn api(table: Value) -> Arc<Api> {
    Arc::new(serde_json::from_value(table).expect("an operation table"))
}
