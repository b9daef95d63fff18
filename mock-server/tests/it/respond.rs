//! The same core inside a wiremock server.

use bitting_mock::Responder;
use wiremock::matchers::any;
use wiremock::{Mock, MockServer};

use crate::stage::*;
use crate::wire::{request, send};

#[tokio::test]
async fn wiremock_answers_as_the_core_does() {
    let core = core("roboticks");
    let mock = MockServer::start().await;
    Mock::given(any()).respond_with(Responder::new(core.clone())).mount(&mock).await;
    let key = format!("Bearer {}", key(&core, ADA));
    let target = format!("{DEVICES}?limit=2");
    let good = send(&mock.uri(), &request("GET", &target, &[("authorization", &key)], "")).await;
    assert_eq!((good.status, good.header("content-type")), (200, Some("application/json")));
    assert_eq!(good.json(), read(&core, &target, key.trim_start_matches("Bearer ")).json());
    let none = send(&mock.uri(), &request("GET", DEVICES, &[], "")).await;
    assert_eq!((none.status, none.json()["detail"].as_str()), (401, Some("Could not validate credentials")));
}
