//! A small server whose objects have states: a bill is paid when it is final, and what was deleted can be restored. What is
//! done to it needs something else before it.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex};

use bitting_conformance::{Credentials, Options, Report, Target, run};
use bitting_spec::Document;
use serde_json::{Value, json};

use crate::wire::{self, Answer, Request, Service};

const DOCUMENT: &str = r##"
openapi: 3.1.0
info: {title: Bills, version: "1"}
paths:
  /bills:
    post:
      operationId: createBill
      requestBody: {required: true, content: {application/json: {schema: {$ref: "#/components/schemas/NewBill"}}}}
      responses: {"201": {$ref: "#/components/responses/Bill"}, "422": {description: d}}
  /bills/{bill_id}:
    parameters: [{$ref: "#/components/parameters/bill_id"}]
    get: {operationId: getBill, responses: {"200": {$ref: "#/components/responses/Bill"}, "404": {description: d}}}
    delete: {operationId: deleteBill, responses: {"204": {description: d}, "404": {description: d}}}
  /bills/{bill_id}/pay:
    parameters: [{$ref: "#/components/parameters/bill_id"}]
    post: {operationId: payBill, responses: {"200": {$ref: "#/components/responses/Bill"}, "404": {description: d}, "409": {description: d}}}
  /bills/{bill_id}/finalize:
    parameters: [{$ref: "#/components/parameters/bill_id"}]
    post: {operationId: finalizeBill, responses: {"200": {$ref: "#/components/responses/Bill"}, "404": {description: d}, "409": {description: d}}}
  /bills/{bill_id}/restore:
    parameters: [{$ref: "#/components/parameters/bill_id"}]
    post: {operationId: restoreBill, responses: {"200": {$ref: "#/components/responses/Bill"}, "404": {description: d}, "409": {description: d}}}
components:
  parameters:
    bill_id: {name: bill_id, in: path, required: true, schema: {type: string}}
  responses:
    Bill: {description: d, content: {application/json: {schema: {$ref: "#/components/schemas/Bill"}}}}
  schemas:
    NewBill:
      type: object
      required: [lines]
      properties:
        lines: {type: array, minItems: 2, maxItems: 4, items: {type: object, required: [price], properties: {price: {type: integer, minimum: 0, maximum: 1000}}}}
    Bill:
      type: object
      required: [id, state, lines]
      properties:
        id: {type: string}
        state: {type: string, enum: [draft, final, paid]}
        lines: {type: array, items: {type: object, required: [id, price], properties: {id: {type: integer}, price: {type: integer}}}}
"##;

#[derive(Default)]
struct Bills {
    defect: Option<&'static str>,
    /// Each bill, and whether it was deleted.
    all: Mutex<BTreeMap<String, (Value, bool)>>,
}

impl Bills {
    fn create(&self, request: &Request) -> Answer {
        let body: Value = serde_json::from_slice(&request.body).unwrap_or_default();
        let price = |line: &Value| line["price"].as_i64().filter(|price| (0..=1000).contains(price));
        let prices: Option<Vec<i64>> = body["lines"].as_array().and_then(|lines| lines.iter().map(price).collect());
        let Some(mut prices) = prices.filter(|prices| (2..=4).contains(&prices.len())) else { return Answer::new(422) };
        if self.defect == Some("one-line") {
            prices.truncate(1);
        }
        let mut all = self.all.lock().expect("nobody died");
        let id = format!("bill-{}", all.len());
        let line = |(id, price): (usize, &i64)| json!({"id": id, "price": price});
        let lines: Vec<Value> = prices.iter().enumerate().map(line).collect();
        let bill = json!({"id": id, "state": "draft", "lines": lines});
        all.insert(id, (bill.clone(), false));
        Answer::json(201, "application/json", &bill)
    }

    fn act(&self, id: &str, verb: &str) -> Answer {
        let mut all = self.all.lock().expect("nobody died");
        let Some((bill, is_gone)) = all.get_mut(id) else { return Answer::new(404) };
        if verb == "restore" && *is_gone && self.defect == Some("gone") {
            return Answer::json(200, "application/json", bill);
        }
        let next = match (verb, bill["state"].as_str().unwrap_or_default(), *is_gone) {
            ("restore", state, true) => state.to_owned(),
            ("finalize", "draft", false) => "final".to_owned(),
            ("pay", "final", false) => "paid".to_owned(),
            ("delete", _, false) => {
                *is_gone = true;
                return Answer::new(204);
            }
            (_, _, true) => return Answer::new(404),
            _ => return Answer::new(409),
        };
        let mut told = bill.clone();
        told["state"] = Value::from(next);
        *is_gone = false;
        // What is told is not what is kept.
        if !(verb == "pay" && self.defect == Some("unpaid")) {
            *bill = told.clone();
        }
        Answer::json(200, "application/json", &told)
    }
}

impl Service for Bills {
    fn answer(&self, request: &Request) -> Answer {
        let path: Vec<&str> = request.path.iter().map(String::as_str).collect();
        match (request.method.as_str(), path.as_slice()) {
            ("POST", ["bills"]) => self.create(request),
            ("GET", ["bills", id]) => match self.all.lock().expect("nobody died").get(*id) {
                Some((bill, false)) => Answer::json(200, "application/json", bill),
                _ => Answer::new(404),
            },
            ("DELETE", ["bills", id]) => self.act(id, "delete"),
            ("POST", ["bills", id, verb]) => self.act(id, verb),
            _ => Answer::new(404),
        }
    }
}

async fn check(defect: Option<&'static str>) -> Report {
    let document = Document::parse("bills.yaml", DOCUMENT).expect("it is valid");
    let base_url = wire::serve(Arc::new(Bills { defect, ..Bills::default() })).await;
    let target = Target { base_url, credentials: Credentials::default() };
    let options = Options { only: vec!["state.*".to_owned()], max_cases: 20, ..Options::default() };
    run(&document, target, options, |_| {}).await.expect("it runs")
}

/// Every operation is reached, and what was restored is taken away again.
#[tokio::test(flavor = "multi_thread")]
async fn what_has_to_come_before_an_action_is_done() {
    let report = check(None).await;
    assert!(report.findings().is_empty(), "{:#?}", report.findings());
    let unreached: Vec<&str> = report.operations.iter().filter(|one| !one.reached).map(|one| one.id.as_str()).collect();
    assert_eq!(unreached, Vec::<&str>::new());
    assert_eq!(report.left, Vec::<String>::new());
}

/// LX01, LX03: a payment that is told and not kept, a bill that is said to be restored, and one that keeps one line of several.
#[tokio::test(flavor = "multi_thread")]
async fn what_comes_last_is_judged_too() {
    let defects = [
        ("unpaid", "state.action-persists"),
        ("gone", "state.action-persists"),
        ("one-line", "state.created-is-readable"),
    ];
    for (defect, check_id) in defects {
        let found: Vec<&str> = check(Some(defect)).await.findings().iter().map(|finding| finding.check).collect();
        assert!(found.contains(&check_id), "{defect}: {found:?}");
    }
}
