//! The routes of the control plane, each a few lines over the core.

mod credentials;
mod journal;
mod people;

use http::Method;
use serde::Deserialize;
use serde_json::{Value, json};

use super::{Control, DESCRIPTION, Handler, Input, Problem, done, made, told};
use crate::clock::{ClockError, Setting};
use crate::exchange::Answer;
use crate::fault::{Effect, Fault};
use crate::rate::Policy;
use crate::step::Step;
use crate::world::seed::census;
use credentials::*;
use journal::{har, journal, stream, verify};
use people::{add_organization, add_user, remove_member, restore_member, revoke_session};

/// Every route of the control plane.
#[rustfmt::skip]
pub(super) const ROUTES: &[(Method, &str, Handler)] = &[
    (Method::GET, "/healthz", |_, _| told(&json!({"status": "ok"}))),
    (Method::GET, "/v1/openapi.yaml", description),
    (Method::GET, "/v1/world", world),
    (Method::POST, "/v1/reset", reset),
    (Method::POST, "/v1/snapshots", |control, _| made(json!({"id": control.core.snapshot()}))),
    (Method::POST, "/v1/snapshots/{id}/restore", restore),
    (Method::GET, "/v1/credentials", credentials),
    (Method::POST, "/v1/keys", mint_key),
    (Method::POST, "/v1/keys/{id}/rotate", rotate_key),
    (Method::POST, "/v1/organizations/{slug}/keys", create_key),
    (Method::POST, "/v1/organizations", add_organization),
    (Method::POST, "/v1/users", add_user),
    (Method::POST, "/v1/users/{email}/remove", remove_member),
    (Method::POST, "/v1/users/{email}/restore", restore_member),
    (Method::POST, "/v1/clients", register_client),
    (Method::POST, "/v1/codes", mint_code),
    (Method::POST, "/v1/keys/{id}/revoke", |control, input| key(input, control.core.revoke_key(input.parameter()))),
    (Method::POST, "/v1/keys/{id}/expire", |control, input| key(input, control.core.expire_key(input.parameter()))),
    (Method::POST, "/v1/tokens", mint_token),
    (Method::POST, "/v1/tokens/{jti}/revoke", revoke_token),
    (Method::POST, "/v1/sessions/{id}/revoke", revoke_session),
    (Method::GET, "/v1/clock", |control, _| told(&control.core.clock().read())),
    (Method::PUT, "/v1/clock", set_clock),
    (Method::POST, "/v1/clock/advance", advance_clock),
    (Method::GET, "/v1/faults", |control, _| told(&control.core.faults.list())),
    (Method::POST, "/v1/faults", add_fault),
    (Method::DELETE, "/v1/faults", clear_faults),
    (Method::POST, "/v1/gates/{name}/release", release),
    (Method::PUT, "/v1/rate-limits", set_limits),
    (Method::POST, "/v1/rate-limits/exhaust", exhaust),
    (Method::POST, "/v1/rate-limits/reset", reset_limits),
    (Method::GET, "/v1/journal", journal),
    (Method::GET, "/v1/journal.har", har),
    (Method::GET, "/v1/journal/stream", stream),
    (Method::POST, "/v1/journal/verify", verify),
    (Method::GET, "/v1/defects", defects),
    (Method::PUT, "/v1/defects", set_defects),
    (Method::GET, "/v1/steps", |control, _| told(&json!({"skipped": control.core.skipped()}))),
    (Method::PUT, "/v1/steps", skip_steps),
    (Method::GET, "/v1/misfits", |control, _| told(&json!({"misfits": control.core.misfits()}))),
    (Method::POST, "/v1/shutdown", shutdown),
];

fn description(_: &Control, _: &Input<'_>) -> Result<Answer, Problem> {
    let text = Value::from(DESCRIPTION);
    Ok(Answer { media: "application/yaml".to_owned(), ..Answer::json(200, text) })
}

fn world(control: &Control, _: &Input<'_>) -> Result<Answer, Problem> {
    let core = &control.core;
    let keys = core.keys();
    let world = core.world();
    let users = world
        .accounts
        .users
        .values()
        .map(|user| json!({"email": user.email, "organization": user.organization, "permission": user.permission}));
    told(&json!({
        "organizations": world.accounts.organizations.values().collect::<Vec<_>>(),
        "users": users.collect::<Vec<_>>(),
        "keys": keys,
        "clients": world.clients.keys().collect::<Vec<_>>(),
        "api": about(control),
        "collections": census(&world, &core.plan.collections),
    }))
}

/// What the console must know of the API.
fn about(control: &Control) -> Value {
    let core = &control.core;
    let plan = &core.plan;
    let schemes = plan.schemes.iter().filter(|scheme| scheme.takes_keys).map(|scheme| {
        json!({
            "name": scheme.name,
            "scopes": scheme.scopes,
            "must_end": scheme.lifecycle.must_end,
            "longest": scheme.lifecycle.longest.map(|life| life.num_seconds()),
            "environment": scheme.environment,
            "environments": scheme.auth.environments.keys().collect::<Vec<_>>(),
        })
    });
    json!({
        "title": plan.document.title,
        "base_url": core.origin.get(),
        "has_docs": core.has_docs,
        "operations": plan.document.operations.iter().map(|operation| &operation.id).collect::<Vec<_>>(),
        "key_schemes": schemes.collect::<Vec<_>>(),
    })
}

fn reset(control: &Control, _: &Input<'_>) -> Result<Answer, Problem> {
    control.core.reset();
    done()
}

fn restore(control: &Control, input: &Input<'_>) -> Result<Answer, Problem> {
    let id = input.parameter();
    if id.parse().is_ok_and(|id| control.core.restore(id)) {
        return done();
    }
    Err(Problem::new(404, format!("there is no snapshot {id}"), "POST /v1/snapshots makes one and answers its id"))
}

fn set_clock(control: &Control, input: &Input<'_>) -> Result<Answer, Problem> {
    control.core.clock().set(input.body::<Setting>()?).map_err(clock_problem)?;
    told(&control.core.clock().read())
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Advance {
    seconds: i64,
}

fn advance_clock(control: &Control, input: &Input<'_>) -> Result<Answer, Problem> {
    control.core.clock().advance(input.body::<Advance>()?.seconds).map_err(clock_problem)?;
    told(&control.core.clock().read())
}

fn clock_problem(error: ClockError) -> Problem {
    Problem::new(400, error.to_string(), "GET /v1/clock shows the time")
}

fn add_fault(control: &Control, input: &Input<'_>) -> Result<Answer, Problem> {
    let fault: Fault = input.body()?;
    if let Some(problem) = fault.invalid() {
        return Err(Problem::new(400, problem, "GET /v1/openapi.yaml describes the faults"));
    }
    if let Some(id) = fault.operation.as_ref().filter(|id| control.core.plan.document.operation(id).is_none()) {
        let known: Vec<&str> = control.core.plan.document.operations.iter().map(|known| known.id.as_str()).collect();
        let error = format!("there is no operation `{id}`; there are: {}", known.join(", "));
        return Err(Problem::new(404, error, "leave `operation` out to match every operation"));
    }
    if let Effect::Hold { gate } = &fault.effect {
        control.core.gates().close(gate);
    }
    made(json!({"id": control.core.faults.add(fault)}))
}

fn clear_faults(control: &Control, _: &Input<'_>) -> Result<Answer, Problem> {
    control.core.faults.clear();
    control.core.gates().release_all();
    done()
}

fn release(control: &Control, input: &Input<'_>) -> Result<Answer, Problem> {
    let gates = control.core.gates();
    if gates.release(input.parameter()) {
        return done();
    }
    let error = match gates.names().join(", ") {
        known if known.is_empty() => format!("there is no gate `{}`, nor any other", input.parameter()),
        known => format!("there is no gate `{}`; there are: {known}", input.parameter()),
    };
    Err(Problem::new(404, error, "a fault `{\"kind\": \"hold\", \"gate\": NAME}` makes one"))
}

fn set_limits(control: &Control, input: &Input<'_>) -> Result<Answer, Problem> {
    let policy: Option<Policy> = input.body()?;
    control.core.limits.set(policy);
    done()
}

#[derive(Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
struct Exhaust {
    credential: Option<String>,
}

fn exhaust(control: &Control, input: &Input<'_>) -> Result<Answer, Problem> {
    let credential = input.optional_body::<Exhaust>()?.credential;
    control.core.limits.exhaust(credential.as_deref(), control.core.clock().unix());
    done()
}

fn reset_limits(control: &Control, _: &Input<'_>) -> Result<Answer, Problem> {
    control.core.limits.reset();
    done()
}

fn defects(control: &Control, _: &Input<'_>) -> Result<Answer, Problem> {
    let active = control.core.active_defects();
    let all = crate::defect::defects().iter().map(|defect| {
        let applies = defect.applies(&control.core.plan.document);
        json!({"id": defect.id, "name": defect.name, "applies": applies, "active": active.contains(&defect.id)})
    });
    told(&json!({"defects": all.collect::<Vec<_>>()}))
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct SetDefects {
    active: Vec<String>,
}

fn set_defects(control: &Control, input: &Input<'_>) -> Result<Answer, Problem> {
    let wanted = input.body::<SetDefects>()?.active;
    for id in &wanted {
        if let Err(error) = crate::defect::find(id) {
            return Err(Problem::new(404, error.to_string(), "GET /v1/defects lists them"));
        }
    }
    for defect in crate::defect::defects() {
        let on = wanted.iter().any(|id| defect.id.eq_ignore_ascii_case(id.trim()));
        control.core.flaws.set(defect.flaw, on);
    }
    defects(control, input)
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct SkipSteps {
    skipped: Vec<Step>,
}

fn skip_steps(control: &Control, input: &Input<'_>) -> Result<Answer, Problem> {
    control.core.skip(&input.body::<SkipSteps>()?.skipped);
    told(&json!({"skipped": control.core.skipped()}))
}

fn shutdown(control: &Control, _: &Input<'_>) -> Result<Answer, Problem> {
    control.stop.send_replace(true);
    control.core.gates().release_all();
    done()
}
