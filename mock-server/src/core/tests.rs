//! Whatever is asked, the server's own answers are what the document says: every operation of every system is driven
//! with made-up inputs, good and bad.

use bitting_spec::table::Location;
use serde_json::Map;

use super::*;
use crate::behaviour::body_schema;
use crate::fake::{Fake, seed_of};
use crate::{MintKey, MintToken, Server};

const SYSTEMS: [&str; 4] = ["roboticks", "arrow", "artos", "arrotech"];

fn core(name: &str, seed: u64) -> std::sync::Arc<Core> {
    let file = format!("{}/../spec/openapi/{name}.yaml", env!("CARGO_MANIFEST_DIR"));
    let document = bitting_spec::Document::load(&file, &|path: &str| std::fs::read_to_string(path)).unwrap();
    Server::builder(document).seed(seed).core().unwrap()
}

/// A request to an operation: ids that exist and ids that do not, and whatever fits the schemas.
fn request(core: &Core, plan: &OperationPlan, seed: u64, secret: &str) -> Request {
    let document = &core.plan.document;
    let mut fake = Fake::new(document, seed);
    let mut path = plan.operation.path.clone();
    let mut query = form_urlencoded::Serializer::new(String::new());
    for parameter in &plan.operation.parameters {
        let value = match (parameter.name.as_str(), &parameter.example) {
            ("org_slug", _) => Value::from("acme"),
            ("project_slug", _) => Value::from(["warehouse", "garage", "nowhere"][seed as usize % 3]),
            (_, Some(example)) if seed.is_multiple_of(5) => example.clone(),
            _ => fake.value(&parameter.name, &parameter.schema.value),
        };
        let text = if seed % 7 == 6 { "%".to_owned() } else { crate::object::id_text(&value) };
        let is_free = !["org_slug", "project_slug"].contains(&parameter.name.as_str());
        let known = known_id(core, plan, seed).filter(|_| is_free);
        match parameter.location {
            Location::Path => path = path.replace(&format!("{{{}}}", parameter.name), &known.unwrap_or(text)),
            Location::Query if parameter.required || seed.is_multiple_of(2) => {
                query.append_pair(&parameter.name, &text);
            }
            _ => {}
        }
    }
    let mut request = Request::new(plan.operation.method.parse().unwrap(), format!("{path}?{}", query.finish()));
    if let Some(schema) = body_schema(&plan.operation) {
        let body = fake.value("", schema);
        let is_form =
            plan.operation.request_body.as_ref().unwrap().content.contains_key("application/x-www-form-urlencoded");
        let pairs: Vec<(String, String)> = body
            .as_object()
            .unwrap()
            .iter()
            .map(|(name, value)| (name.clone(), crate::object::id_text(value)))
            .collect();
        request = match is_form {
            true => Request {
                body: form_urlencoded::Serializer::new(String::new()).extend_pairs(pairs).finish().into(),
                ..request.with_header("content-type", "application/x-www-form-urlencoded")
            },
            false => request.with_json(&if seed % 11 == 10 { Value::Object(Map::new()) } else { body }),
        };
    }
    if seed % 6 == 5 {
        request
    } else {
        request.with_header("authorization", &format!("Bearer {secret}")).with_header("x-api-key", secret)
    }
}

/// The id of an object that exists, for operations on one.
fn known_id(core: &Core, plan: &OperationPlan, seed: u64) -> Option<String> {
    let of_this = |index: usize| plan.operation.path.starts_with(&core.plan.collections[index].path);
    let world = core.world();
    let shelves = world.data.counts().filter(|(index, _, count)| *count > 0 && of_this(*index));
    let ids: Vec<String> = shelves.flat_map(|(index, scope, _)| world.data.ids(index, scope)).collect();
    (!ids.is_empty() && seed % 4 != 3).then(|| ids[seed as usize % ids.len()].clone())
}

/// The self-check never has to speak: no operation of any system answers what its document does not say.
#[test]
fn own_answers_never_break_the_document() {
    for (name, seed) in SYSTEMS.into_iter().flat_map(|name| (0..3).map(move |seed| (name, seed))) {
        let core = core(name, seed);
        let user = "ada@acme.example".to_owned();
        let key = core.mint_key(&MintKey { user: user.clone(), ..MintKey::default() }).map(|minted| minted.secret);
        let token = core.mint_token(&MintToken { user, ..MintToken::default() }).map(|minted| minted.secret);
        let secrets: Vec<String> = [key, token].into_iter().flatten().collect();
        let mut successes = 0;
        for plan in &core.plan.operations {
            for number in 0..120_u64 {
                let secret = &secrets[number as usize % secrets.len()];
                let request = request(&core, plan, seed_of(seed, &[&plan.operation.id, &number.to_string()]), secret);
                let outcome = core.handle(&request);
                let shown = String::from_utf8_lossy(&outcome.body);
                assert!(outcome.status.as_u16() < 500, "{name} {}: {} {shown}", plan.operation.id, request.target);
                let documented = plan.operation.response(outcome.status.as_u16()).is_some();
                assert!(documented, "{name} {}: {} {} {shown}", plan.operation.id, request.target, outcome.status);
                successes += u32::from(outcome.status.is_success());
            }
        }
        assert!(successes > 50, "{name}: only {successes} requests succeeded");
        assert_eq!(core.misfits(), [], "{name}: the generator makes what fits, and nothing was mended");
    }
}

/// Every operation of every system is reached with a success: nothing was green because nothing was tested.
#[test]
fn every_operation_succeeds_for_somebody() {
    for name in SYSTEMS {
        let core = core(name, 1);
        let unreached: Vec<&str> = core
            .plan
            .operations
            .iter()
            .filter(|plan| !reaches(&core, plan))
            .map(|plan| plan.operation.id.as_str())
            .collect();
        // Whoever logs in or asks for a token needs the right words, which no schema tells; others test that.
        let expected: Vec<&str> = unreached
            .iter()
            .copied()
            .filter(|id| !["login", "refreshToken", "createToken", "authorize"].contains(id))
            .collect();
        assert!(expected.is_empty(), "{name}: {expected:?}");
    }
}

fn reaches(core: &Core, plan: &OperationPlan) -> bool {
    let user = "ada@acme.example".to_owned();
    let scheme = plan.operation.security.first().and_then(|needs| needs.keys().next()).cloned();
    let minted = core.mint_key(&MintKey { user: user.clone(), scheme, ..MintKey::default() });
    let minted = minted.or_else(|_| core.mint_token(&MintToken { user, ..MintToken::default() })).unwrap();
    (0..400).any(|seed| core.handle(&request(core, plan, seed, &minted.secret)).status.is_success())
}
