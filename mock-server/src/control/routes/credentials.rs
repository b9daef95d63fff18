//! Keys, tokens, clients and codes: what the control plane hands out and takes back.

use serde::Deserialize;
use serde_json::json;

use crate::control::{Control, Input, Problem, done, made, told};
use crate::core::{CreateKey, KeyError, MintError, MintKey, MintToken};
use crate::exchange::Answer;
use crate::world::seed::{REDIRECTS, stated_clients};

/// The credentials of the world's beginning. They are fakes, made to be shown.
pub(super) fn credentials(control: &Control, _: &Input<'_>) -> Result<Answer, Problem> {
    let core = &control.core;
    let keys = core
        .seeded_keys()
        // They were made when the server started.
        .unwrap_or_default()
        .into_iter()
        .map(|key| json!({"id": key.id, "secret": key.secret, "user": key.user, "schemes": key.schemes}));
    let clients = stated_clients(&core.population, core.seed);
    told(&json!({
        "organizations": core.population.organizations,
        "users": core.population.users,
        "keys": keys.collect::<Vec<_>>(),
        "clients": clients,
    }))
}

pub(super) fn mint_key(control: &Control, input: &Input<'_>) -> Result<Answer, Problem> {
    let minted = control.core.mint_key(&input.body::<MintKey>()?).map_err(|error| mint_problem(&error))?;
    made(json!({"id": minted.id, "secret": minted.secret}))
}

pub(super) fn mint_token(control: &Control, input: &Input<'_>) -> Result<Answer, Problem> {
    let minted = control.core.mint_token(&input.body::<MintToken>()?).map_err(|error| mint_problem(&error))?;
    made(json!({"token": minted.secret, "jti": minted.id}))
}

fn mint_problem(error: &MintError) -> Problem {
    let status = match error {
        MintError::UnknownUser(_) | MintError::UnknownScheme(_) => 404,
        MintError::NoScheme(_) => 409,
        MintError::Lifetime | MintError::Unknown { .. } => 400,
    };
    Problem::new(status, error.to_string(), "GET /v1/openapi.yaml describes the body")
}

pub(super) fn key(input: &Input<'_>, is_there: bool) -> Result<Answer, Problem> {
    if is_there {
        return done();
    }
    Err(Problem::new(404, format!("there is no key {}", input.parameter()), "GET /v1/world lists the keys"))
}

pub(super) fn revoke_token(control: &Control, input: &Input<'_>) -> Result<Answer, Problem> {
    control.core.revoke_token(input.parameter());
    done()
}

pub(super) fn create_key(control: &Control, input: &Input<'_>) -> Result<Answer, Problem> {
    let minted =
        control.core.create_key(input.parameter(), &input.body::<CreateKey>()?).map_err(|e| key_problem(&e))?;
    created(control, &minted)
}

/// The life of the key that takes another's place.
#[derive(Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
struct Rotate {
    ttl: Option<i64>,
}

pub(super) fn rotate_key(control: &Control, input: &Input<'_>) -> Result<Answer, Problem> {
    let ttl = input.optional_body::<Rotate>()?.ttl;
    let minted = control.core.rotate_key(input.parameter(), ttl).map_err(|e| key_problem(&e))?;
    created(control, &minted)
}

/// A key with what may be told of it at any time, and its secret, which is told now only.
fn created(control: &Control, minted: &crate::core::Minted) -> Result<Answer, Problem> {
    made(json!({"id": minted.id, "secret": minted.secret, "key": control.core.key(&minted.id)}))
}

fn key_problem(error: &KeyError) -> Problem {
    let status = match error {
        KeyError::Mint(error) => return mint_problem(error),
        KeyError::UnknownKey(_) | KeyError::UnknownOrganization(_) => 404,
        KeyError::Forbidden { .. } => 403,
        KeyError::Rule(_) => 400,
    };
    Problem::new(status, error.to_string(), "POST /v1/keys makes any key, past every rule")
}

/// An OAuth client that is to be.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct RegisterClient {
    organization: String,
    redirect_uris: Option<Vec<String>>,
}

pub(super) fn register_client(control: &Control, input: &Input<'_>) -> Result<Answer, Problem> {
    let wanted: RegisterClient = input.body()?;
    let uris = wanted.redirect_uris.unwrap_or_else(|| REDIRECTS.iter().map(|&uri| uri.to_owned()).collect());
    let Some((id, secret)) = control.core.register_client(&wanted.organization, uris) else {
        let error = format!("there is no organization `{}`", wanted.organization);
        return Err(Problem::new(404, error, "GET /v1/world lists the organizations"));
    };
    made(json!({"client_id": id, "client_secret": secret, "organization": wanted.organization}))
}

/// A code as the consent page would give it.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct MintCode {
    client_id: String,
    redirect_uri: String,
    user: String,
    #[serde(default)]
    scopes: Vec<String>,
    code_challenge: Option<String>,
}

pub(super) fn mint_code(control: &Control, input: &Input<'_>) -> Result<Answer, Problem> {
    let wanted: MintCode = input.body()?;
    let core = &control.core;
    let is_known = {
        let world = core.world();
        world.clients.contains_key(&wanted.client_id) && world.accounts.users.contains_key(&wanted.user)
    };
    if !is_known {
        return Err(Problem::new(404, "there is no such client or user", "GET /v1/world lists them"));
    }
    let bound = (wanted.scopes, wanted.code_challenge);
    let code = core.new_code(&wanted.client_id, &wanted.redirect_uri, &wanted.user, bound, core.clock().now());
    made(json!({"code": code}))
}
