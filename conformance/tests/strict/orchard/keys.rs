//! API keys.

use serde_json::{Value, json};

use super::auth::Caller;
use super::{Given, Orchard, problem};
use crate::wire::Answer;

impl Orchard {
    pub(super) fn list_keys(&self, caller: &Caller) -> Answer {
        let store = self.store();
        let seen = |organization: &str| organization == caller.organization || self.bad("TE17");
        let items: Vec<Value> = store
            .keys
            .iter()
            .filter(|key| seen(&key.organization) && !key.revoked)
            .map(|key| self.shown(&key.value, &key.secret, "DA04"))
            .collect();
        Answer::json(200, "application/json", &json!({"items": items}))
    }

    /// A key as it is shown: with its secret if the server has the defect `id`.
    fn shown(&self, value: &Value, secret: &str, id: &str) -> Value {
        let mut value = value.clone();
        if self.bad(id) {
            value["secret"] = json!(secret);
        }
        value
    }

    pub(super) fn create_key(&self, given: &Given, caller: &Caller) -> Answer {
        let body = &given["body"];
        let asked: Vec<String> =
            body["scopes"].as_array().into_iter().flatten().filter_map(Value::as_str).map(str::to_owned).collect();
        if !self.bad("SC04") && !asked.iter().all(|scope| caller.scopes.contains(scope)) {
            return problem(403, "A key cannot have more scopes than you");
        }
        let now = self.clock.now();
        let life = body["expires_in"].as_f64().filter(|_| !self.bad("AU41"));
        let expires = life.map(|life| now + (life * 1000.0) as i64);
        let mut store = self.store();
        let at = store.add_key(&caller.organization, body["name"].as_str().unwrap_or(""), &asked, expires, now);
        let key = &store.keys[at];
        let mut value = key.value.clone();
        let shown =
            if self.bad("AU53") { key.secret.replacen("ork_test_", "ork_test_0", 1) } else { key.secret.clone() };
        value["secret"] = json!(shown);
        let place = format!("/v1/api-keys/{}", key.id);
        Answer::json(201, "application/json", &value).with("Location", place)
    }

    pub(super) fn get_key(&self, given: &Given, caller: &Caller) -> Answer {
        let store = self.store();
        let found = store
            .keys
            .iter()
            .find(|key| given["key_id"] == key.id.as_str() && key.organization == caller.organization && !key.revoked);
        match found {
            Some(key) => Answer::json(200, "application/json", &self.shown(&key.value, &key.secret, "DA03")),
            None => problem(404, "No such key"),
        }
    }

    pub(super) fn revoke_key(&self, given: &Given, caller: &Caller) -> Answer {
        let mut store = self.store();
        let ours = |organization: &str| organization == caller.organization || self.bad("TE12");
        let found = store
            .keys
            .iter_mut()
            .find(|key| given["key_id"] == key.id.as_str() && ours(&key.organization) && !key.revoked);
        match found {
            Some(key) => {
                key.revoked = true;
                Answer::new(204)
            }
            None if self.bad("HT08") => problem(500, "Unexpected"),
            None => problem(404, "No such key"),
        }
    }
}
