//! Who calls, and what they may.

use std::collections::BTreeMap;

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use bitting_spec::Operation;
use hmac::{Hmac, KeyInit, Mac};
use serde_json::{Value, json};
use sha2::Sha256;

use super::store::{Key, SCOPES};
use super::{Orchard, problem};
use crate::wire::{Answer, Request};

/// The life of an access token, in seconds.
pub(super) const LIFE: i64 = 900;
const SECRET: &[u8] = b"orchard-test-signing-secret";

/// Whoever calls.
#[derive(Debug, Clone, Default)]
pub(crate) struct Caller {
    pub(crate) subject: String,
    pub(crate) organization: String,
    pub(crate) scopes: Vec<String>,
    /// What their requests are counted under.
    pub(crate) bucket: String,
    /// The session of a token; `None` for a key.
    pub(crate) session: Option<String>,
}

impl Caller {
    /// Somebody without a credential.
    pub(crate) fn nobody() -> Self {
        Self::default()
    }

    fn of_organization(organization: &str) -> Self {
        Self {
            subject: "anonymous".to_owned(),
            organization: organization.to_owned(),
            scopes: SCOPES.map(str::to_owned).to_vec(),
            bucket: "anonymous".to_owned(),
            session: None,
        }
    }
}

fn signature(signed: &str, secret: &[u8]) -> String {
    let mut mac = Hmac::<Sha256>::new_from_slice(secret).expect("any length is a key");
    mac.update(signed.as_bytes());
    URL_SAFE_NO_PAD.encode(mac.finalize().into_bytes())
}

/// A JWT of these claims.
pub(super) fn sign(claims: &Value, with_old_secret: bool) -> String {
    let part = |value: &Value| URL_SAFE_NO_PAD.encode(value.to_string());
    let signed = format!("{}.{}", part(&json!({"alg": "HS256", "typ": "JWT"})), part(claims));
    let secret = if with_old_secret { b"orchard-test-old-secret" as &[u8] } else { SECRET };
    format!("{signed}.{}", signature(&signed, secret))
}

impl Orchard {
    /// The claims of a token that is one of ours, for this use.
    pub(super) fn claims(&self, token: &str, purpose: &str) -> Option<Value> {
        let parts: Vec<&str> = token.split('.').collect();
        let [header, payload, given] = parts[..] else { return None };
        let read = |part: &str| serde_json::from_slice::<Value>(&URL_SAFE_NO_PAD.decode(part).ok()?).ok();
        let (header, claims) = (read(header)?, read(payload)?);
        let signed = token.rsplit_once('.')?.0;
        let genuine = match header["alg"].as_str()? {
            "HS256" => self.bad("AU04") || signature(signed, SECRET) == given,
            alg => self.bad("AU05") && alg.eq_ignore_ascii_case("none"),
        };
        let now = self.clock.now() / 1000;
        let in_time = self.bad("AU06") || claims["exp"].as_i64()? > now;
        let begun = self.bad("AU07") || claims["nbf"].as_i64().is_none_or(|begin| begin <= now);
        let for_us = self.bad("AU08") || claims["aud"] == "orchard-api" && claims["iss"] == "orchard";
        let confused = self.bad("AU36") && purpose == "access" || self.bad("AU31") && purpose == "refresh";
        let meant = claims["use"] == purpose || confused;
        (genuine && in_time && begun && for_us && meant).then_some(claims)
    }

    /// Who calls; `None` where nobody has to say. Else the refusal.
    pub(super) fn authenticate(
        &self,
        asked: &Operation,
        request: &Request,
        path: &BTreeMap<String, String>,
    ) -> Result<Option<Caller>, Answer> {
        let authorization = request.header("authorization").map(str::to_owned);
        let presented = authorization.is_some() || request.header("x-api-key").is_some();
        if asked.is_public() {
            let asks = asked.id == "getHealth" && (self.bad("AU25") || self.bad("AU26") && presented);
            return if asks && self.caller(asked, request).is_none() {
                Err(self.unauthorized(presented))
            } else {
                Ok(None)
            };
        }
        if self.bad("AU24") && authorization.as_deref().is_some_and(|value| !value.contains(' ')) {
            return Err(problem(500, "Unexpected"));
        }
        let twice = request.headers.iter().filter(|(name, _)| name == "authorization").count() > 1;
        if let Some(caller) = self.caller(asked, request).filter(|_| !twice) {
            return Ok(Some(caller));
        }
        let organization = path.get("org").map_or("acme", String::as_str);
        let waved = self.bad("AU01") && asked.id == "getSensor" && !presented
            || self.bad("AU02") && asked.method == "DELETE" && !presented
            || self.bad("AU03") && authorization.as_deref().is_some_and(|value| value.starts_with("Bearer "))
            || self.bad("AU37") && request.method == "HEAD"
            || self.bad("AU47") && request.header("x-api-key") == Some("");
        if waved { Ok(Some(Caller::of_organization(organization))) } else { Err(self.unauthorized(presented)) }
    }

    fn unauthorized(&self, presented: bool) -> Answer {
        if self.bad("AU21") && presented {
            return problem(403, "Forbidden");
        }
        let refusal = problem(401, "Unauthorized");
        match () {
            () if self.bad("AU19") => refusal,
            () if self.bad("AU20") => refusal.with("WWW-Authenticate", "Basic realm=\"orchard\""),
            () => refusal.with("WWW-Authenticate", "Bearer realm=\"orchard\""),
        }
    }

    fn caller(&self, asked: &Operation, request: &Request) -> Option<Caller> {
        let takes = |scheme: &str| asked.is_public() || asked.security.iter().any(|one| one.contains_key(scheme));
        if let Some(value) = request.header("authorization").filter(|_| takes("BearerAuth")) {
            let (scheme, token) = value.split_once(' ')?;
            // Whoever shows two credentials means one of them, and nobody knows which.
            let other = request.header("x-api-key").filter(|_| takes("ApiKeyAuth"));
            if other.is_some_and(|key| self.key_caller(key, true).is_none()) {
                return None;
            }
            let known = match () {
                () if self.bad("AU18") => true,
                () if self.bad("AU17") => scheme == "Bearer",
                () => scheme.eq_ignore_ascii_case("bearer"),
            };
            if self.bad("AU51") && takes("ApiKeyAuth") && !token.contains('.') {
                return self.key_caller(token.trim(), asked.method == "GET");
            }
            return known.then(|| self.token_caller(token.trim()))?;
        }
        if self.bad("AU16")
            && let Some(token) = request.query("access_token").or_else(|| request.query("token"))
        {
            return self.token_caller(token);
        }
        let refused = self.bad("AU27") && asked.id == "getUsage";
        if !takes("ApiKeyAuth") && !self.bad("AU48") || refused {
            return None;
        }
        let in_query = || ["api_key", "X-API-Key", "x-api-key", "apikey"].iter().find_map(|name| request.query(name));
        let given = request.header("x-api-key").or_else(|| if self.bad("AU15") { in_query() } else { None })?;
        self.key_caller(given, asked.method == "GET")
    }

    fn token_caller(&self, token: &str) -> Option<Caller> {
        let claims = self.claims(token, "access")?;
        let store = self.store();
        let (session, jti) = (claims["sid"].as_str()?, claims["jti"].as_str()?);
        let ended = store.sessions.iter().any(|known| known.id == session && known.ended) && !self.bad("AU09");
        if ended || store.revoked_tokens.iter().any(|known| known == jti) && !self.bad("AU12") {
            return None;
        }
        let scopes = claims["scope"].as_str()?.split(' ').map(str::to_owned).collect();
        let subject = claims["sub"].as_str()?.to_owned();
        Some(Caller {
            organization: claims["org"].as_str()?.to_owned(),
            scopes,
            bucket: subject.clone(),
            subject,
            session: Some(session.to_owned()),
        })
    }

    fn key_caller(&self, given: &str, reads: bool) -> Option<Caller> {
        let now = self.clock.now();
        let same = |key: &&Key| match () {
            () if self.bad("AU14") => given.get(..20).is_some_and(|head| key.secret.starts_with(head)),
            () if self.bad("AU49") => given.starts_with(&key.secret),
            () if self.bad("AU50") => key.secret.starts_with(given) && given.len() + 1 >= key.secret.len(),
            () if self.bad("AU42") => key.secret.eq_ignore_ascii_case(given),
            () => key.secret == given,
        };
        let store = self.store();
        let key = store.keys.iter().find(same)?;
        let over = key.expires.is_some_and(|end| end <= now) && !self.bad("AU11");
        let taken = key.revoked && !self.bad("AU12") && !(self.bad("AU13") && reads);
        let every = || SCOPES.map(str::to_owned).to_vec();
        (!over && !taken).then(|| Caller {
            subject: key.id.clone(),
            organization: key.organization.clone(),
            scopes: if self.bad("SC09") { every() } else { key.scopes.clone() },
            bucket: key.id.clone(),
            session: None,
        })
    }

    /// Why a caller may not do this here, if so.
    pub(super) fn forbids(
        &self,
        asked: &Operation,
        caller: &Caller,
        path: &BTreeMap<String, String>,
    ) -> Option<Answer> {
        let scheme = if caller.session.is_some() { "BearerAuth" } else { "ApiKeyAuth" };
        let asks = asked.security.iter().find_map(|one| one.get(scheme)).cloned().unwrap_or_default();
        let holds = |scope: &String| match () {
            () if self.bad("SC10") => {
                caller.scopes.iter().any(|held| held.split(':').next() == scope.split(':').next())
            }
            () => caller.scopes.contains(scope),
        };
        let unchecked = self.bad("SC01")
            || self.bad("SC02") && asked.method != "GET"
            || self.bad("SC06") && asked.id == "acknowledgeAlert"
            || self.bad("SC08") && asked.method == "DELETE";
        let hidden = self.bad("SC12") && asked.id == "listAlerts" && !holds(&"alerts:write".to_owned());
        if hidden || !unchecked && !asks.iter().all(holds) {
            return Some(match () {
                () if self.bad("SC03") => self.unauthorized(false),
                () if self.bad("SC07") => problem(404, "Not found"),
                () => problem(403, "Out of scope"),
            });
        }
        let organization = path.get("org")?;
        let open = self.bad("TE02")
            || self.bad("TE01") && asked.id == "listSites"
            || self.bad("TE14") && asked.id == "updateSensor"
            || self.bad("TE15") && asked.id == "createSite";
        (*organization != caller.organization && !open).then(|| problem(403, "Not your organization"))
    }
}
