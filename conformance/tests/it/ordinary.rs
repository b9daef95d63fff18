//! Documents as the world writes them: nothing is found on the reference server where nothing is wrong, and what can be
//! reached is (any-document).

use bitting_conformance::{Options, Outcome, Report, Severity};
use bitting_spec::Document;

use crate::check;

const SHELF: &str = r##"
openapi: 3.0.3
info: {title: Shelf, version: '1'}
security: [{password: []}]
components:
  securitySchemes: {password: {type: http, scheme: basic}}
  schemas:
    Book: {type: object, required: [id, title], properties: {id: {type: integer}, title: {type: string}, size: {type: string}}}
    Loan: {type: object, additionalProperties: false, required: [id], properties: {id: {type: string}, until: {type: string, format: date-time}}}
paths:
  /books:
    get:
      responses: {'200': {description: Books., content: {application/json: {schema: {type: array, items: {$ref: '#/components/schemas/Book'}}}}}}
    post:
      requestBody: {required: true, content: {application/json: {schema: {$ref: '#/components/schemas/Book'}}}}
      responses:
        '201': {description: A book., content: {application/json: {schema: {$ref: '#/components/schemas/Book'}}}}
        '401': {description: Who is it?, content: {text/csv: {schema: {type: string}}}}
    delete:
      responses: {'204': {description: No book is left.}}
  /books/{id}:
    parameters: [{name: id, in: path, required: true, schema: {type: integer}}]
    get:
      parameters: [{name: proof, in: query, required: true, schema: {type: string}}]
      responses: {'200': {description: A book., content: {application/json: {schema: {$ref: '#/components/schemas/Book'}}}}}
  /loans:
    get:
      responses: {'200': {description: Loans., content: {application/json: {schema: {type: object, properties: {
        data: {type: array, items: {$ref: '#/components/schemas/Loan'}}}}}}}}
    post:
      requestBody: {content: {application/json: {schema: {type: object, properties: {
        data: {type: object, properties: {until: {type: string}, token: {type: string}}}}}}}}
      responses: {'201': {description: A loan., content: {application/json: {schema: {type: object, properties: {data: {$ref: '#/components/schemas/Loan'}}}}}}}
  /loans/{id}:
    get:
      parameters: [{name: id, in: path, required: true, schema: {type: string}}]
      responses: {'200': {description: A loan., content: {application/json: {schema: {type: object, properties: {data: {$ref: '#/components/schemas/Loan'}}}}}}}
  /remarks:
    post:
      requestBody: {content: {application/json: {schema: {type: object, properties: {text: {type: string}}}}}}
      responses: {'201': {description: A remark., content: {application/json: {schema: {type: object, required: [id], properties: {id: {type: integer, minimum: 1, maximum: 900}}}}}}}
  /remarks/{id}:
    delete:
      parameters: [{name: id, in: path, required: true, schema: {type: integer}}]
      responses: {'204': {description: It is gone.}}
  /find/{form}:
    get:
      parameters:
        - {name: form, in: path, required: true, schema: {type: string, enum: [short, long]}}
        - {name: X-Reason, in: header, schema: {type: string}}
        - {name: names, in: query, required: true, schema: {type: array, items: {type: string}}}
        - {name: cursor, in: query, schema: {type: string}}
      responses: {'200': {description: Finds., content: {application/json: {schema: {type: object, properties: {
        finds: {type: array, items: {type: string}}, next_cursor: {type: string}}}}}}}
"##;

async fn report(text: &str) -> Report {
    let document = Document::parse("ordinary.yaml", text).expect("the document is valid");
    check(&document, None, Options { max_cases: 40, ..Options::default() }).await
}

fn errors(report: &Report) -> Vec<String> {
    let errors = report.findings().into_iter().filter(|finding| finding.severity == Severity::Error);
    errors.map(|finding| format!("{} {}: {}", finding.check, finding.place, finding.cause)).collect()
}

/// any-document: a user's name and password open what takes HTTP Basic, a choice in a path needs no object, header values
/// are ASCII, a required list is not empty, a cursor is the server's own, a read may ask for more than an id, a Location
/// leads to what can be read, a wrapper is no object, ids that are taken are not given again, and a refusal has the media
/// type that the document gives it.
#[tokio::test(flavor = "multi_thread")]
async fn nothing_is_found_where_the_document_claims_nothing() {
    let report = report(SHELF).await;
    assert_eq!(errors(&report), Vec::<String>::new());
    let unreached: Vec<&str> =
        report.operations.iter().filter(|one| !one.reached).map(|one| one.place.as_str()).collect();
    assert_eq!(unreached, Vec::<&str>::new());
}

/// any-document: a list of which nothing says that it belongs to an organization is everybody's.
#[tokio::test(flavor = "multi_thread")]
async fn a_list_belongs_to_nobody_unless_the_document_says_so() {
    let report = report(SHELF).await;
    let is_about_lists = |check: &str| matches!(check, "tenancy.foreign-list" | "tenancy.foreign-parent");
    assert!(!report.verdicts.iter().any(|verdict| is_about_lists(verdict.check)));
}

/// any-document: what a list holds by the document is still asked for: the loans are of the same schema.
#[tokio::test(flavor = "multi_thread")]
async fn what_the_document_says_of_a_list_is_checked() {
    let report = report(SHELF).await;
    let listed =
        report.verdicts.iter().find(|one| one.check == "state.created-is-listed" && one.place == "POST /loans");
    assert!(matches!(listed.map(|one| &one.outcome), Some(Outcome::Pass { .. })), "{listed:?}");
}
