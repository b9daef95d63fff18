//! The interactive documentation (ARROW-10): Swagger UI from the binary, without any call elsewhere and without login.
//!
//! `servers` of the shown document is this server and nothing else, so that no key goes to production by "try it out".

use bitting_spec::{Document, path_of};
use bytes::Bytes;
use serde_json::{Value, json};

use crate::exchange::Answer;

/// Where it is.
pub(crate) const DOCS: &str = "/docs";

const PAGE: &str = include_str!("../assets/docs.html");
/// The styles and the script of Swagger UI write style attributes; nothing else may come from elsewhere.
const POLICY: &str =
    "default-src 'self'; style-src 'self' 'unsafe-inline'; img-src 'self' data:; frame-ancestors 'none'";

/// A file of a page.
struct Asset {
    path: &'static str,
    media: &'static str,
    is_compressed: bool,
    bytes: &'static [u8],
}

const fn asset(path: &'static str, media: &'static str, is_compressed: bool, bytes: &'static [u8]) -> Asset {
    Asset { path, media, is_compressed, bytes }
}

/// What Swagger UI consists of; its version and licence stand in `assets/swagger-ui`.
static ASSETS: [Asset; 6] = [
    asset("/docs/swagger-ui-bundle.js", JS, true, include_bytes!("../assets/swagger-ui/swagger-ui-bundle.js.gz")),
    asset("/docs/swagger-ui.css", "text/css", true, include_bytes!("../assets/swagger-ui/swagger-ui.css.gz")),
    asset("/docs/favicon.png", "image/png", false, include_bytes!("../assets/swagger-ui/favicon-32x32.png")),
    asset("/docs/oauth2-redirect.html", HTML, false, include_bytes!("../assets/swagger-ui/oauth2-redirect.html")),
    asset("/docs/oauth2-redirect.js", JS, true, include_bytes!("../assets/swagger-ui/oauth2-redirect.js.gz")),
    asset("/docs/start.js", JS, false, include_bytes!("../assets/docs.js")),
];
const JS: &str = "text/javascript";
const HTML: &str = "text/html; charset=utf-8";

/// The page at `path`. `origin` is where this server is; empty where it has no network.
pub(crate) fn documentation(document: &Document, path: &str, origin: &str) -> Option<Answer> {
    match path {
        "/docs" | "/docs/" => Some(page(PAGE.replace("{{title}}", &escaped(&document.title)), POLICY)),
        "/docs/openapi.json" => Some(Answer::json(200, shown(document, origin))),
        _ => ASSETS.iter().find(|asset| asset.path == path).map(file),
    }
}

/// An HTML page.
pub(crate) fn page(text: String, policy: &str) -> Answer {
    Answer { media: HTML.to_owned(), raw: Some(Bytes::from(text)), ..Answer::empty(200) }
        .with("content-security-policy", policy)
        .with("cache-control", "no-cache")
}

fn file(asset: &Asset) -> Answer {
    let bytes = Bytes::from_static(asset.bytes);
    let answer = Answer { media: asset.media.to_owned(), raw: Some(bytes), ..Answer::empty(200) };
    let answer = answer.with("cache-control", "max-age=3600");
    if asset.is_compressed { answer.with("content-encoding", "gzip") } else { answer }
}

/// The document as it is shown: every address in it that a credential could go to is this server's.
fn shown(document: &Document, origin: &str) -> Value {
    let mut value = document.value.clone();
    let path = document.servers.first().map(|server| path_of(&server.url)).unwrap_or_default();
    let url = if origin.is_empty() && path.is_empty() { "/".to_owned() } else { format!("{origin}{path}") };
    value["servers"] = json!([{"url": url, "description": "bitting's reference server"}]);
    let paths = value.get_mut("paths").and_then(Value::as_object_mut);
    for item in paths.into_iter().flat_map(|paths| paths.values_mut()).filter_map(Value::as_object_mut) {
        item.shift_remove("servers");
        for operation in item.values_mut().filter_map(Value::as_object_mut) {
            operation.shift_remove("servers");
        }
    }
    let schemes = value.pointer_mut("/components/securitySchemes").and_then(Value::as_object_mut);
    for scheme in schemes.into_iter().flat_map(|schemes| schemes.values_mut()) {
        let flows = scheme.get_mut("flows").and_then(Value::as_object_mut);
        for flow in flows.into_iter().flat_map(|flows| flows.values_mut()) {
            for name in ["authorizationUrl", "tokenUrl", "refreshUrl"] {
                if let Some(Value::String(url)) = flow.get_mut(name) {
                    *url = format!("{origin}{}", path_of(url));
                }
            }
        }
    }
    value
}

fn escaped(text: &str) -> String {
    text.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;")
}
