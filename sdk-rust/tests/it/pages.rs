//! Pages and typed answers.

use bitting::{Error, Json, Request};
use futures_util::TryStreamExt;
use serde::Deserialize;
use serde_json::json;
use wiremock::matchers::path;
use wiremock::{Mock, ResponseTemplate};

use crate::stage::{Stage, unauthorized};

#[derive(Debug, Deserialize, PartialEq)]
struct Device {
    id: u64,
}

#[derive(Debug, Deserialize)]
struct DeviceList {
    items: Vec<Device>,
    total: u64,
}

/// Five devices in pages of two; `expired_before`: the number of the request at which the token counts as expired.
async fn serve(stage: &Stage, expired_before: Option<usize>) {
    let login = json!({"access_token": "test-token-1", "expires_in": 3600});
    let login = Mock::given(path("/auth/login")).respond_with(ResponseTemplate::new(200).set_body_json(login));
    login.mount(&stage.server).await;
    let devices = move |request: &wiremock::Request, before: usize| {
        if expired_before == Some(before) {
            return unauthorized();
        }
        let query: std::collections::HashMap<_, _> = request.url.query_pairs().into_owned().collect();
        let offset: u64 = query.get("offset").and_then(|offset| offset.parse().ok()).unwrap_or(0);
        let items: Vec<_> = (offset..5).take(2).map(|id| json!({"id": id})).collect();
        ResponseTemplate::new(200).set_body_json(json!({"items": items, "total": 5}))
    };
    stage.answer(devices).await;
}

fn request(client: &bitting::Client) -> Request<Json<DeviceList>> {
    let mut request = Request::new(client, "listDevices");
    request.set("org_slug", "acme");
    request.set("limit", 2);
    request
}

/// ROBOTICKS-4: an answer has a type, and says how its call went.
#[tokio::test]
async fn an_answer_has_a_type() {
    let stage = Stage::new().await;
    serve(&stage, None).await;
    let client = stage.with_key();
    let page = request(&client).send().await.expect("an answer");
    assert_eq!((page.items.len(), page.total, page.status().as_u16(), page.meta().attempts), (2, 5, 200, 1));
    let text = Request::<String>::new(&client, "status").send().await.expect("an answer").into_inner();
    assert!(text.contains("\"total\""));
    Request::<()>::new(&client, "status").send().await.expect("an answer");
}

/// The pages come one by one until the total is reached.
#[tokio::test]
async fn pages_are_walked() {
    let stage = Stage::new().await;
    serve(&stage, None).await;
    let mut pages = request(&stage.with_key()).pages();
    let mut sizes = Vec::new();
    while let Some(page) = pages.next().await {
        sizes.push(page.expect("a page").items.len());
    }
    assert_eq!(sizes, [2, 2, 1]);
}

/// A token that is refused in the middle of the pages is renewed, and no item is lost or seen twice.
#[tokio::test]
async fn pages_survive_a_renewal() {
    let stage = Stage::new().await;
    serve(&stage, Some(1)).await;
    let items = request(&stage.with_login()).pages().items::<Device>();
    let ids: Vec<u64> = items.map_ok(|device| device.id).try_collect().await.expect("all items");
    assert_eq!(ids, [0, 1, 2, 3, 4]);
    assert_eq!(stage.count("/auth/login").await, 2);
}

/// A success with another body than promised is an error of its own, with the body at hand.
#[tokio::test]
async fn an_undecodable_answer_is_an_error() {
    let stage = Stage::new().await;
    stage.answer(|_, _| ResponseTemplate::new(200).set_body_json(json!({"items": 1}))).await;
    let client = stage.with_key();
    let error = request(&client).send().await.expect_err("an error");
    assert!(matches!(error, Error::Decode(_)));
    assert_eq!(error.body().map(|body| body.as_ref()), Some(br#"{"items":1}"#.as_slice()));
    let error = request(&client).pages().next().await.expect("a page").expect_err("an error");
    assert!(error.to_string().contains("no list of items at `/items`"), "{error}");
}
