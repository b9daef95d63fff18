//! Alerts: a collection that belongs to the caller's organization, without saying so in its path.

use bitting_spec::Operation;
use serde_json::{Value, json};

use super::super::auth::Caller;
use super::super::{Given, Orchard, problem};
use super::{number, text};
use crate::wire::Answer;

impl Orchard {
    pub(super) fn list_alerts(&self, given: &Given, caller: &Caller) -> Answer {
        let store = self.store();
        let sensor = given.get("sensor_id").and_then(Value::as_str).filter(|_| !self.bad("ST23"));
        let severity = given.get("severity").filter(|_| !self.bad("ST09"));
        let start: u64 = text(given, "cursor").trim_start_matches('c').parse().unwrap_or(0);
        let size = number(given, "page_size", 25);
        let seen = |organization: &str| {
            organization == caller.organization
                || self.bad("TE07")
                || self.bad("TE11") && sensor.is_some()
                || self.bad("TE23") && severity.is_some()
        };
        let fits: Vec<&Value> = store
            .alerts
            .iter()
            .filter(|alert| seen(&alert.organization))
            .map(|alert| &alert.value)
            .filter(|alert| alert["id"].as_u64() >= Some(start))
            .filter(|alert| severity.is_none_or(|severity| alert["severity"] == *severity))
            .filter(|alert| sensor.is_none_or(|sensor| alert["sensor_id"] == sensor))
            .collect();
        let taken = if self.bad("ST07") { fits.len() } else { size };
        let page: Vec<&&Value> = fits.iter().take(taken).collect();
        let after = if self.bad("ST08") { taken.saturating_sub(1) } else { taken };
        let next = match fits.get(after) {
            Some(_) if self.bad("ST16") => json!(format!("c{start}")),
            Some(next) => json!(format!("c{}", next["id"])),
            None => Value::Null,
        };
        Answer::json(200, "application/json", &json!({"data": page, "next_cursor": next}))
    }

    pub(super) fn raise_alert(&self, given: &Given, caller: &Caller) -> Answer {
        let mut store = self.store();
        let body = given["body"].clone();
        let known = |organization: &str| organization == caller.organization || self.bad("TE10");
        if !store.sensors.iter().any(|sensor| body["sensor_id"] == sensor.id.as_str() && known(&sensor.organization)) {
            if self.bad("ST25") {
                store.add_alert(&caller.organization, body, self.clock.now());
            }
            return self.invalid("/sensor_id (no such sensor)");
        }
        let id = store.add_alert(&caller.organization, body, self.clock.now());
        let mass = std::mem::take(&mut store.mass);
        let alert = store.alerts.last_mut().expect("it was just added");
        for (name, value) in mass.iter().filter(|_| self.bad("DA05")) {
            if let Some(name) = name.strip_prefix("mass:").filter(|name| ["acknowledged", "raised_at"].contains(name)) {
                alert.value[name] = value.clone();
            }
        }
        let answer = Answer::json(201, "application/json", &alert.value);
        if self.bad("HT03") { answer } else { answer.with("Location", format!("/v1/alerts/{id}")) }
    }

    pub(super) fn one_alert(&self, run: &Operation, given: &Given, caller: &Caller) -> Answer {
        let mut store = self.store();
        let id = given["alert_id"].to_string();
        let Some(at) = store.alerts.iter().position(|alert| alert.id == id) else {
            return problem(if self.bad("HT08") && run.method == "DELETE" { 500 } else { 404 }, "No such alert");
        };
        let open = match run.id.as_str() {
            "getAlert" => self.bad("TE06"),
            "deleteAlert" => self.bad("TE05"),
            _ => self.bad("TE18"),
        };
        if store.alerts[at].organization != caller.organization && !open {
            if self.bad("TE13") && run.id == "deleteAlert" {
                store.alerts.remove(at);
            }
            return problem(404, "No such alert");
        }
        match run.id.as_str() {
            "getAlert" => Answer::json(200, "application/json", &store.alerts[at].value),
            "deleteAlert" => {
                if !self.bad("ST03") {
                    store.alerts.remove(at);
                }
                Answer::new(204)
            }
            _ => {
                let alert = &mut store.alerts[at].value;
                if alert["acknowledged"] == true {
                    return problem(409, "It is acknowledged already");
                }
                let mut new = alert.clone();
                new["acknowledged"] = json!(true);
                if !self.bad("ST21") {
                    *alert = new.clone();
                }
                if self.bad("ST34") {
                    store.alerts.iter_mut().for_each(|alert| alert.value["acknowledged"] = json!(true));
                }
                Answer::json(200, "application/json", &new)
            }
        }
    }
}
