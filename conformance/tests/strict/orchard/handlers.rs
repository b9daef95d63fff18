//! What each operation does with what it was given.

use std::collections::BTreeMap;

use bitting_spec::Operation;
use serde_json::{Value, json};

use super::auth::Caller;
use super::store::{Object, Store};
use super::{Given, Orchard, problem};
use crate::clock::rfc3339;
use crate::wire::{Answer, Request};

/// The text of a given value.
fn text<'a>(given: &'a Given, name: &str) -> &'a str {
    given.get(name).and_then(Value::as_str).unwrap_or("")
}

/// The number of a given value.
fn number(given: &Given, name: &str, usual: usize) -> usize {
    let number = given.get(name).and_then(Value::as_f64);
    number.map_or(usual, |number| number as usize)
}

fn etag(object: &Object) -> String {
    format!("\"{:x}\"", object.revision)
}

impl Orchard {
    pub(super) fn handle(&self, run: &Operation, given: &Given, caller: &Caller) -> Answer {
        match run.id.as_str() {
            "getHealth" => Answer::json(200, "application/json", &json!({"status": "ok", "version": "1.4.2"})),
            "logIn" => self.log_in(given),
            "refresh" => self.refresh(given),
            "logOut" => self.log_out(caller),
            "getMe" => self.me(caller),
            "listApiKeys" => self.list_keys(caller),
            "createApiKey" => self.create_key(given, caller),
            "getApiKey" => self.get_key(given, caller),
            "revokeApiKey" => self.revoke_key(given, caller),
            "listSites" => self.list_sites(given, caller),
            "createSite" => self.create_site(given, caller),
            "search" => self.search(given),
            "getSite" => self.get_site(given, caller),
            "replaceSite" => self.replace_site(given, caller),
            "deleteSite" => self.delete_site(given, caller),
            "listAlerts" => self.list_alerts(given, caller),
            "raiseAlert" => self.raise_alert(given, caller),
            "getAlert" | "deleteAlert" | "acknowledgeAlert" => self.one_alert(run, given, caller),
            "getUsage" if self.bad("RE15") => problem(500, "Something broke"),
            "getUsage" => self.usage(given, caller),
            _ => self.below_a_site(run, given, caller),
        }
    }

    fn me(&self, caller: &Caller) -> Answer {
        let mut body = json!({"subject": caller.subject, "organization": caller.organization, "scopes": caller.scopes});
        if self.bad("RE05") {
            body["password_hash"] = json!("$2b$12$orchard.test.hash");
        }
        Answer::json(200, "application/json", &body)
    }

    fn with_etag(&self, answer: Answer, object: &Object) -> Answer {
        match () {
            () if self.bad("RE04") => answer,
            () if self.bad("RE10") => answer.with("ETag", object.revision.to_string()),
            () if self.bad("HT12") => answer.with("ETag", "\"1\""),
            () if self.bad("HT19") => answer.with("ETag", etag(object)).with("Cache-Control", "public, max-age=60"),
            () => answer.with("ETag", etag(object)),
        }
    }

    fn list_sites(&self, given: &Given, caller: &Caller) -> Answer {
        let store = self.store();
        let organization = text(given, "org").to_owned();
        let kind = given.get("kind").filter(|_| !self.bad("ST09"));
        let mut all: Vec<Value> = store
            .sites
            .iter()
            .filter(|site| {
                site.organization == organization || self.bad("TE02") && site.organization == caller.organization
            })
            .filter(|site| kind.is_none_or(|kind| site.value["kind"] == *kind && !self.bad("ST32")))
            .filter(|site| !self.bad("ST02") || store.sites.iter().position(|one| one.id == site.id) < Some(4))
            .map(|site| site.value.clone())
            .collect();
        let sort = if self.bad("ST14") { "created_at" } else { text(given, "sort") };
        let sort = if self.bad("ST40") && sort.is_empty() { "-created_at" } else { sort };
        if let Some(member) = sort.strip_prefix('-').or(Some(sort)).filter(|member| *member == "name") {
            let name = |site: &Value| site[member].as_str().unwrap_or("").to_owned();
            all.sort_by_key(|site| if self.bad("ST38") { name(site).len().to_string() } else { name(site) });
        }
        if sort.starts_with('-') {
            all.reverse();
        }
        if kind.is_some() && self.bad("ST24") {
            return self.page(given, &all, 1);
        }
        let foreign = if self.bad("TE16") { store.sites.len() - all.len() } else { 0 };
        self.page(given, &all, foreign)
    }

    fn search(&self, given: &Given) -> Answer {
        let wanted = text(given, "q").to_lowercase();
        let store = self.store();
        let seen = |site: &&Object| site.organization == text(given, "org") || self.bad("TE19");
        let named =
            |site: &&Object| site.value["name"].as_str().is_some_and(|name| name.to_lowercase().contains(&wanted));
        let limit = if self.bad("ST29") { 50 } else { number(given, "limit", 50) };
        let found = store.sites.iter().filter(seen).filter(named).take(limit);
        let names: Vec<Value> = found.map(|site| json!({"site": site.id, "name": site.value["name"]})).collect();
        Answer::json(200, "application/json", &json!({"names": names}))
    }

    fn page(&self, given: &Given, all: &[Value], more: usize) -> Answer {
        let (limit, offset) = (number(given, "limit", 20), number(given, "offset", 0));
        if self.bad("RE06") && offset > 1_000_000 {
            let trace = "Traceback (most recent call last):\n  File \"sites.py\", line 12, in page\nOverflowError";
            return Answer { body: trace.as_bytes().to_vec(), ..Answer::new(500).with("content-type", "text/plain") };
        }
        let taken = if self.bad("ST07") { 100 } else { limit };
        let skipped = match () {
            () if self.bad("ST08") => offset.saturating_sub(1),
            () if self.bad("ST18") => 0,
            () if self.bad("ST19") && offset > 0 => offset + 1,
            () => offset,
        };
        let items: Vec<&Value> = all.iter().skip(skipped).take(taken).collect();
        let total = if self.bad("ST10") { items.len() } else { all.len() + more };
        let told = if self.bad("ST37") { 20 } else { limit };
        let body = json!({"items": items, "total": total, "limit": told, "offset": offset});
        Answer::json(200, "application/json", &body)
    }

    fn create_site(&self, given: &Given, caller: &Caller) -> Answer {
        let body = given["body"].clone();
        let mut store = self.store();
        let named = store.mass.iter().find(|(name, _)| name == "mass:org").and_then(|(_, org)| org.as_str());
        let organization = named.unwrap_or_else(|| text(given, "org")).to_owned();
        if store.sites.iter().any(|site| site.organization == organization && site.value["code"] == body["code"]) {
            return problem(409, "The code is taken");
        }
        let id = store.add_site(&organization, body, self.clock.now());
        let mass = std::mem::take(&mut store.mass);
        let site = store.sites.last_mut().expect("it was just added");
        for (name, value) in mass.iter().filter(|_| self.bad("DA01")) {
            if let Some(name) = name.strip_prefix("mass:").filter(|name| ["id", "created_at"].contains(name)) {
                site.value[name] = value.clone();
            }
        }
        let mut shown = site.value.clone();
        if self.bad("RE03") {
            shown["created_at"] = json!(1_790_000_000);
        }
        let status = if self.bad("RE01") { 200 } else { 201 };
        let answer = self.with_etag(Answer::json(status, "application/json", &shown), site);
        if self.bad("ST01") {
            store.sites.pop();
        }
        let place = if self.bad("HT04") {
            format!("/orgs/{organization}/site/{id}")
        } else {
            format!("/v1/orgs/{organization}/sites/{id}")
        };
        let _ = caller;
        if self.bad("HT03") { answer } else { answer.with("Location", place) }
    }

    fn get_site(&self, given: &Given, caller: &Caller) -> Answer {
        let store = self.store();
        let any = self.bad("TE03");
        match store
            .sites
            .iter()
            .find(|site| site.id == text(given, "site_id") && (any || self.sees(site, given, caller)))
        {
            Some(site) => {
                let known = given.get("If-None-Match").and_then(Value::as_str);
                if known.is_some_and(|known| known == etag(site) || self.bad("HT18")) {
                    return Answer::new(304);
                }
                let mut shown = site.value.clone();
                if self.bad("RE13") && shown.get("tags").is_none() {
                    shown["tags"] = Value::Null;
                }
                self.with_etag(Answer::json(200, "application/json", &shown), site)
            }
            None => problem(404, "No such site"),
        }
    }

    /// Whether an object is of the organization that the path names.
    fn sees(&self, object: &Object, given: &Given, caller: &Caller) -> bool {
        let wanted = if given.contains_key("org") { text(given, "org") } else { caller.organization.as_str() };
        object.organization == wanted
    }

    fn replace_site(&self, given: &Given, caller: &Caller) -> Answer {
        let mut store = self.store();
        let body = given["body"].clone();
        let (id, organization) = (text(given, "site_id").to_owned(), text(given, "org").to_owned());
        let taken = store
            .sites
            .iter()
            .any(|site| site.id != id && site.organization == organization && site.value["code"] == body["code"]);
        let any = self.bad("TE04");
        let Some(site) = store.sites.iter_mut().find(|site| site.id == id && (any || self.sees(site, given, caller)))
        else {
            return problem(404, "No such site");
        };
        let wanted = given.get("If-Match").and_then(Value::as_str).filter(|_| !self.bad("HT11"));
        if wanted.is_some_and(|wanted| wanted != "*" && (wanted != etag(site) || self.bad("HT16"))) {
            if self.bad("HT17") {
                site.value["name"] = body["name"].clone();
            }
            return problem(412, "It has changed");
        }
        if taken {
            return problem(409, "The code is taken");
        }
        let mut new = if self.bad("ST11") { site.value.clone() } else { json!({}) };
        for (name, value) in body.as_object().into_iter().flatten() {
            new[name] = value.clone();
        }
        new["id"] = site.value["id"].clone();
        new["created_at"] = match self.bad("ST36") {
            true => json!(rfc3339(self.clock.now() + 60_000)),
            false => site.value["created_at"].clone(),
        };
        site.revision += 1;
        let answer = self.with_etag(Answer::json(200, "application/json", &new), site);
        if !self.bad("ST20") {
            site.value = new;
        }
        answer
    }

    fn delete_site(&self, given: &Given, caller: &Caller) -> Answer {
        let mut store = self.store();
        let id = text(given, "site_id").to_owned();
        let Some(at) = store.sites.iter().position(|site| site.id == id && self.sees(site, given, caller)) else {
            return problem(if self.bad("HT08") { 500 } else { 404 }, "No such site");
        };
        if store.sensors.iter().any(|sensor| sensor.parent == id) {
            return problem(409, "It still has sensors");
        }
        if !self.bad("ST03") {
            store.sites.remove(at);
        }
        Answer::new(204)
    }

    /// A refusal, and what a careless server has done by then.
    pub(super) fn after_refusal(
        &self,
        run: &Operation,
        request: &Request,
        path: &BTreeMap<String, String>,
        refusal: Answer,
    ) -> Answer {
        let body: Value = serde_json::from_slice(&request.body).unwrap_or(Value::Null);
        let mut store = self.store();
        let Store { sensors, sites, .. } = &mut *store;
        match run.id.as_str() {
            "updateSensor" if self.bad("ST06") => {
                let found = sensors.iter_mut().find(|sensor| Some(&sensor.id) == path.get("sensor_id"));
                for (name, value) in
                    found.iter().flat_map(|_| body.as_object()).flatten().filter(|(_, value)| value.is_string())
                {
                    if name == "label" && value.as_str().is_some_and(|label| (1..=40).contains(&label.chars().count()))
                    {
                        sensors.iter_mut().filter(|sensor| Some(&sensor.id) == path.get("sensor_id")).for_each(
                            |sensor| {
                                sensor.value["label"] = value.clone();
                            },
                        );
                        break;
                    }
                }
            }
            "createSite" if self.bad("ST15") && body["name"].is_string() && refusal.status == 422 => {
                let organization = path.get("org").cloned().unwrap_or_default();
                let number = sites.len();
                let whole = json!({"name": "half made", "code": format!("ERR-{number:06}"), "kind": "orchard"});
                store.add_site(&organization, whole, self.clock.now());
            }
            _ => {}
        }
        refusal
    }

    fn usage(&self, given: &Given, caller: &Caller) -> Answer {
        let store = self.store();
        let mine =
            |sensor: &str| store.sensors.iter().any(|one| one.id == sensor && one.organization == caller.organization);
        let mut counts = BTreeMap::from([("temperature", 0), ("humidity", 0), ("moisture", 0)]);
        for (_, reading) in store.readings.iter().filter(|(sensor, _)| mine(sensor)) {
            if let Some(count) = reading["metric"].as_str().and_then(|metric| counts.get_mut(metric)) {
                *count += 1;
            }
        }
        if let Some(wanted) = given.get("metrics").and_then(Value::as_array) {
            counts.retain(|metric, _| wanted.iter().any(|one| one == metric));
        }
        let body = json!({"month": given["month"], "organization": caller.organization, "readings": counts});
        Answer::json(200, "application/json", &body)
    }
}

mod alerts;
mod sensors;
