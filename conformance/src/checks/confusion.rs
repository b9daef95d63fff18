//! `token.key-confusion`: what everybody may know is no secret.

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use bitting_spec::SecurityScheme;
use bitting_spec::extension::AuthCase;
use bitting_spec::table::SchemeKind;
use hmac::{Hmac, KeyInit, Mac};
use serde_json::{Value, json};
use sha2::Sha256;

use super::takes_token;
use crate::check::{Check, CheckInfo, Need, Phase};
use crate::credentials::Nature;
use crate::http::Request;
use crate::jwk;
use crate::provision::Tamper;
use crate::run::{Stop, Trial, Wrong};
use crate::secret::Secret;

pub(super) const CHECKS: &[Check] = &[Check {
    info: CheckInfo {
        id: "token.key-confusion",
        title: "a token that was signed with a public key is refused",
        rule: "A token that says HS256 and whose HMAC was made with the server's public key is refused: a server that lets the \
               token choose the algorithm takes what everybody knows for a secret.",
        source: "RFC 8725, 2.1 and 3.1; OWASP API2:2023",
        needs: &[Need::Token],
        phase: Phase::Auth,
    },
    applies: takes_token,
    run: |trial| Box::pin(confusion(trial)),
}];

/// Where servers publish their keys (RFC 8414, 2; many serve it without saying so).
const KEYS: &str = "/.well-known/jwks.json";
/// The most keys that are tried.
const MAX_KEYS: usize = 3;
const WHO: &str = "a token that was signed with a public key";

async fn confusion(trial: &Trial<'_>) -> Result<(), Stop> {
    trial.case().await?;
    let mut tried = Err(Stop::Skip("the server publishes no key, and nobody forges such a token".to_owned()));
    for scheme in trial.schemes(Nature::Token) {
        for token in [forged(trial, scheme).await, signed(trial, scheme).await].concat() {
            let exchange = trial.with_secret(scheme, &token).await?;
            trial.refused(&exchange, &[AuthCase::Unknown, AuthCase::Malformed], WHO)?;
            tried = Ok(());
        }
    }
    tried
}

/// The provisioner's, if it makes one.
async fn forged(trial: &Trial<'_>, scheme: &SecurityScheme) -> Vec<Secret> {
    trial.context.wrong(&Wrong::Forged(Tamper::KeyConfusion), scheme).await.into_iter().collect()
}

/// A valid token's claims, signed with each form of each key that the server publishes.
async fn signed(trial: &Trial<'_>, scheme: &SecurityScheme) -> Vec<Secret> {
    let Ok(token) = trial.secret(scheme).await else { return Vec::new() };
    let parts: Vec<&str> = token.expose().split('.').collect();
    let [_, claims, _] = parts.as_slice() else { return Vec::new() };
    let keys = published(trial, scheme).await;
    let forms = keys.iter().take(MAX_KEYS).flat_map(|key| jwk::forms(key).into_iter().map(move |form| (key, form)));
    forms.filter_map(|(key, form)| sign(trial, key, claims, &form)).collect()
}

fn sign(trial: &Trial<'_>, key: &Value, claims: &str, secret: &[u8]) -> Option<Secret> {
    let mut header = json!({"alg": "HS256", "typ": "JWT"});
    if let Some(id) = key.get("kid") {
        header["kid"] = id.clone();
    }
    let signed = format!("{}.{claims}", URL_SAFE_NO_PAD.encode(header.to_string()));
    let mac = Hmac::<Sha256>::new_from_slice(secret).ok()?.chain_update(signed.as_bytes()).finalize();
    let token = Secret::new(format!("{signed}.{}", URL_SAFE_NO_PAD.encode(mac.into_bytes())));
    trial.context.vault.keep(&token, "FORGED_TOKEN", "a valid token's claims, signed with the server's public key");
    Some(token)
}

/// The keys that the server publishes: where OpenID Connect discovery says, and at the usual place.
async fn published(trial: &Trial<'_>, scheme: &SecurityScheme) -> Vec<Value> {
    let mut places = vec![KEYS.to_owned()];
    if let SchemeKind::OpenIdConnect { url } = &scheme.kind
        && let Some(place) = trial.context.base.target("/", url)
        && let Ok(found) = trial.send(Request::new("GET", &place)).await
        && let Some(named) = found.answer.json().and_then(|body| body.get("jwks_uri")?.as_str().map(str::to_owned))
    {
        places.extend(trial.context.base.target("/", &named));
    }
    let mut keys = Vec::new();
    for place in places {
        let Ok(found) = trial.send(Request::new("GET", &place)).await else { continue };
        if let Some(Value::Array(more)) = found.answer.json().map(|mut body| body["keys"].take()) {
            keys.extend(more);
        }
    }
    keys
}
