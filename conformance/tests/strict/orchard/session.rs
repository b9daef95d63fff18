//! Login, refresh, logout.

use serde_json::{Value, json};

use super::auth::{Caller, LIFE, sign};
use super::store::{SCOPES, User};
use super::{Given, Orchard, problem};
use crate::wire::Answer;

/// What makes a token other than a login does.
#[derive(Debug, Clone, Default)]
pub(crate) struct Claims {
    /// Seconds from now to its end; the usual life if there is none.
    pub(crate) life: Option<i64>,
    /// Seconds from now to its beginning.
    pub(crate) begins_in: Option<i64>,
    /// Its scopes; those of the user if there are none.
    pub(crate) scopes: Option<Vec<String>>,
    /// Another audience.
    pub(crate) audience: Option<&'static str>,
    /// Another issuer.
    pub(crate) issuer: Option<&'static str>,
}

impl Orchard {
    pub(super) fn log_in(&self, given: &Given) -> Answer {
        let body = &given["body"];
        let (email, password) = (body["email"].as_str().unwrap_or(""), body["password"].as_str().unwrap_or(""));
        let Some(at) = self.store().users.iter().position(|user| user.email == email) else {
            return if self.bad("AU29") { problem(404, "No such user") } else { self.rejected() };
        };
        let right = self.store().users[at].password.clone();
        let same = match () {
            () if self.bad("AU28") => true,
            () if self.bad("AU38") => right.get(..8) == password.get(..8),
            () => right == password,
        };
        if !same {
            return self.rejected();
        }
        let (session, refresh) = self.store().begin(at);
        self.pair(at, &session, &refresh)
    }

    fn rejected(&self) -> Answer {
        problem(401, "Wrong email or password").with("WWW-Authenticate", "Bearer realm=\"orchard\"")
    }

    /// An access token of a session, and its id.
    pub(crate) fn access_token(&self, user: &User, session: &str, wanted: &Claims) -> (String, String) {
        let (now, jti) = (self.clock.now() / 1000, self.store().hex());
        let widened = self.bad("AU40") && wanted.scopes.is_none() && session.ends_with('+');
        let scopes = wanted
            .scopes
            .clone()
            .unwrap_or_else(|| if widened { SCOPES.map(str::to_owned).to_vec() } else { user.scopes.clone() });
        let claims = json!({
            "iss": wanted.issuer.unwrap_or("orchard"), "aud": wanted.audience.unwrap_or("orchard-api"), "use": "access",
            "sub": user.email, "org": user.organization, "scope": scopes.join(" "), "sid": session.trim_end_matches('+'), "jti": jti,
            "iat": now, "nbf": now + wanted.begins_in.unwrap_or(0), "exp": now + wanted.life.unwrap_or(LIFE),
        });
        (sign(&claims, false), jti)
    }

    fn pair(&self, user: usize, session: &str, refresh: &str) -> Answer {
        let user = self.store().users[user].clone();
        let now = self.clock.now() / 1000;
        let (access, _) = self.access_token(&user, session, &Claims::default());
        let renewal = json!({
            "iss": "orchard", "aud": "orchard-api", "use": "refresh", "sub": user.email, "org": user.organization,
            "scope": user.scopes.join(" "), "sid": session.trim_end_matches('+'), "jti": refresh, "iat": now, "exp": now + 86_400,
        });
        let told = if self.bad("AU30") { LIFE * 4 } else { LIFE };
        let body = json!({
            "access_token": access, "refresh_token": sign(&renewal, false), "token_type": "Bearer", "expires_in": told,
        });
        let answer = Answer::json(200, "application/json", &body);
        if self.bad("AU44") { answer } else { answer.with("Cache-Control", "no-store") }
    }

    pub(super) fn refresh(&self, given: &Given) -> Answer {
        let token = given["body"]["refresh_token"].as_str().unwrap_or("");
        let claims = match self.claims(token, "refresh") {
            Some(claims) => claims,
            None if self.bad("AU35") => {
                let (session, refresh) = self.store().begin(0);
                return self.pair(0, &session, &refresh);
            }
            None => return self.rejected(),
        };
        let (session, jti) = (claims["sid"].as_str().unwrap_or(""), claims["jti"].as_str().unwrap_or(""));
        let is_access = claims["use"] == "access";
        let mut store = self.store();
        let fresh = if self.bad("AU32") { jti.to_owned() } else { store.hex() };
        let Some(known) = store.sessions.iter_mut().find(|known| known.id == session) else { return self.rejected() };
        let stale = known.refresh != jti && !self.bad("AU33") && !is_access;
        if stale {
            // One of the two who have it has stolen it (RFC 9700, 4.14.2).
            (known.ended, known.refresh_ended) = (true, true);
        }
        if stale || known.refresh_ended && !self.bad("AU10") {
            return self.rejected();
        }
        known.refresh.clone_from(&fresh);
        let user = if self.bad("AU39") { (known.user + 1) % 3 } else { known.user };
        drop(store);
        let marked = if self.bad("AU40") { format!("{session}+") } else { session.to_owned() };
        let answer = self.pair(user, &marked, &fresh);
        if !self.bad("AU34") {
            return answer;
        }
        let mut body: Value = serde_json::from_slice(&answer.body).expect("it is ours");
        body["access_token"] = json!(sign(&claims, true));
        Answer { body: body.to_string().into_bytes(), ..answer }
    }

    pub(super) fn log_out(&self, caller: &Caller) -> Answer {
        let mut store = self.store();
        let session = store.sessions.iter_mut().find(|known| Some(&known.id) == caller.session.as_ref());
        if let Some(session) = session {
            (session.ended, session.refresh_ended) = (true, true);
        }
        if self.bad("AU54") {
            store.sessions.iter_mut().for_each(|session| session.ended = true);
        }
        Answer::new(204)
    }
}
