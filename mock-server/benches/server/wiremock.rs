//! The peer that Rust tests use: wiremock with one plain stub, which looks at the method and the path only.

use ::wiremock::matchers::{method, path};
use ::wiremock::{Mock, MockServer, ResponseTemplate};
use serde_json::json;

use crate::process::Task;
use crate::{Failure, PATH, announce};

/// Serves until it is ended.
pub(crate) async fn run() -> Result<(), Failure> {
    let task = Task::read()?;
    let server = MockServer::start().await;
    let answer = ResponseTemplate::new(200).set_body_raw(task.body, "application/json");
    Mock::given(method("GET")).and(path(PATH)).respond_with(answer).mount(&server).await;
    announce(&json!({"address": server.address()}));
    // The server answers on a thread of its own.
    std::future::pending().await
}
