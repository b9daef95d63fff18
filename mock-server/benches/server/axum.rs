//! The peer that is written by hand for one API: axum with the routes of the Roboticks document and a look-up of the
//! key by its hash. It validates nothing, keeps no state and counts no requests.

use std::collections::HashMap;
use std::sync::Arc;

use ::axum::Router;
use ::axum::extract::{Path, State};
use ::axum::http::{HeaderMap, StatusCode, header};
use ::axum::response::{IntoResponse, Response};
use ::axum::routing::{get, post};
use ::axum::serve::ListenerExt as _;
use bytes::Bytes;
use serde_json::json;
use sha2::{Digest as _, Sha256};
use tokio::net::TcpListener;

use crate::process::Task;
use crate::{Failure, announce};

/// What the handlers know.
struct World {
    /// The organization of each key, by the key's hash.
    keys: HashMap<[u8; 32], &'static str>,
    page: Bytes,
}

/// Serves until it is ended.
pub(crate) async fn run() -> Result<(), Failure> {
    let task = Task::read()?;
    let keys = HashMap::from([(Sha256::digest(task.key.as_bytes()).into(), "acme")]);
    let world = Arc::new(World { keys, page: task.body.into() });
    let absent = || async { StatusCode::NOT_IMPLEMENTED };
    let router = Router::new()
        .route("/api/v1/auth/login", post(absent))
        .route("/api/v1/auth/refresh", post(absent))
        .route("/api/v1/organizations/{org_slug}/devices", get(absent))
        .route("/api/v1/organizations/{org_slug}/projects/{project_slug}/devices", get(list).post(absent))
        .route(
            "/api/v1/organizations/{org_slug}/projects/{project_slug}/devices/{device_id}",
            get(absent).patch(absent).delete(absent),
        )
        .with_state(world);
    let listener = TcpListener::bind(("127.0.0.1", 0)).await?;
    announce(&json!({"address": listener.local_addr()?}));
    let listener = listener.tap_io(|stream| {
        // Without it an answer may wait for an acknowledgement; nothing is lost if it fails.
        let _ = stream.set_nodelay(true);
    });
    Ok(::axum::serve(listener, router).await?)
}

async fn list(
    State(world): State<Arc<World>>,
    Path((org, _project)): Path<(String, String)>,
    headers: HeaderMap,
) -> Response {
    let key = headers.get(header::AUTHORIZATION).and_then(|value| value.to_str().ok()?.strip_prefix("Bearer "));
    let Some(key) = key else { return StatusCode::UNAUTHORIZED.into_response() };
    let hash: [u8; 32] = Sha256::digest(key.as_bytes()).into();
    match world.keys.get(&hash) {
        Some(owner) if *owner == org => {
            ([(header::CONTENT_TYPE, "application/json")], world.page.clone()).into_response()
        }
        Some(_) => StatusCode::FORBIDDEN.into_response(),
        None => StatusCode::UNAUTHORIZED.into_response(),
    }
}
