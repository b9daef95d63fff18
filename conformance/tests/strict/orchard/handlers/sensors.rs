//! Sensors and their readings: what lies below a site.

use bitting_spec::Operation;
use serde_json::{Value, json};

use super::super::auth::Caller;
use super::super::store::{Object, Store};
use super::super::{Given, Orchard, problem};
use super::{number, text};
use crate::wire::Answer;

impl Orchard {
    pub(super) fn below_a_site(&self, run: &Operation, given: &Given, caller: &Caller) -> Answer {
        let known = {
            let store = self.store();
            store.sites.iter().any(|site| site.id == text(given, "site_id") && self.sees(site, given, caller))
        };
        let loose = self.bad("TE14") && run.id == "updateSensor" || self.bad("TE20") && run.id == "addReadings";
        if !known && !loose {
            return problem(404, "No such site");
        }
        match run.id.as_str() {
            "listSensors" => self.list_sensors(given),
            "createSensor" => self.create_sensor_once(given, caller),
            _ => self.one_sensor(run, given),
        }
    }

    fn list_sensors(&self, given: &Given) -> Answer {
        let model = given.get("model").filter(|_| !self.bad("ST09"));
        let all: Vec<Value> = {
            let store = self.store();
            let is_here = |sensor: &&Object| {
                let elsewhere = self.bad("TE21") && sensor.organization == text(given, "org");
                sensor.parent == text(given, "site_id") || elsewhere
            };
            let here = store.sensors.iter().filter(is_here);
            let fits = here.filter(|sensor| model.is_none_or(|model| sensor.value["model"] == *model));
            let mut shown: Vec<Value> = fits.map(|sensor| sensor.value.clone()).collect();
            if self.bad("ST22") {
                shown.iter_mut().for_each(|one| one["interval"] = json!(60));
            }
            if self.bad("ST35") {
                shown.iter_mut().for_each(|one| one["status"] = json!("offline"));
            }
            if self.bad("RE07") {
                shown.iter_mut().filter_map(Value::as_object_mut).for_each(|one| drop(one.remove("interval")));
            }
            shown
        };
        self.page(given, &all, 0)
    }

    /// Makes a sensor, unless its key has come before.
    fn create_sensor_once(&self, given: &Given, caller: &Caller) -> Answer {
        let key = text(given, "Idempotency-Key").to_owned();
        if key.is_empty() || self.bad("ST26") {
            return self.create_sensor(given);
        }
        let owner = if self.bad("TE22") { String::new() } else { caller.subject.clone() };
        let key = (owner, key);
        let known = self.store().repeats.get(&key).cloned();
        match known {
            Some((body, answer)) if body == given["body"] || self.bad("ST27") => answer,
            Some(_) => self.invalid("/Idempotency-Key (another body)"),
            None => {
                let answer = self.create_sensor(given);
                self.store().repeats.insert(key, (given["body"].clone(), answer.clone()));
                answer
            }
        }
    }

    fn create_sensor(&self, given: &Given) -> Answer {
        let mut store = self.store();
        let mut body = given["body"].clone();
        if store.sensors.iter().any(|one| one.parent == text(given, "site_id") && one.value["label"] == body["label"]) {
            return problem(409, "The label is taken");
        }
        if self.bad("ST28") && body.get("interval").is_none() {
            body["interval"] = json!(30);
        }
        if let (true, Some(members)) = (self.bad("ST39"), body.as_object_mut()) {
            members.remove("firmware");
        }
        let sent = body.clone();
        if self.bad("ST13") {
            body["label"] = json!(body["label"].as_str().unwrap_or("").to_uppercase());
        }
        let (organization, site) = (text(given, "org").to_owned(), text(given, "site_id").to_owned());
        let id = store.add_sensor(&organization, &site, body, self.clock.now());
        let mut shown = store.sensors.last().map(|sensor| sensor.value.clone()).unwrap_or_default();
        shown["label"] = sent["label"].clone();
        if self.bad("RE09") {
            shown["status"] = json!("unknown");
        }
        let place = format!("/v1/orgs/{organization}/sites/{site}/sensors/{id}");
        let answer = Answer::json(201, "application/json", &shown);
        if self.bad("HT03") { answer } else { answer.with("Location", place) }
    }

    fn one_sensor(&self, run: &Operation, given: &Given) -> Answer {
        let mut store = self.store();
        let (id, site) = (text(given, "sensor_id").to_owned(), text(given, "site_id"));
        let strays = match run.method.as_str() {
            "GET" => self.bad("TE08"),
            "PATCH" => self.bad("TE14"),
            "DELETE" => self.bad("TE09"),
            _ => false,
        };
        let organization = text(given, "org");
        let found = store.sensors.iter().position(|sensor| {
            sensor.id == id
                && (sensor.parent == site || strays && (sensor.organization == organization || self.bad("TE14")))
        });
        let Some(at) = found else {
            return problem(if self.bad("HT08") && run.method == "DELETE" { 500 } else { 404 }, "No such sensor");
        };
        match run.id.as_str() {
            "getSensor" => Answer::json(200, "application/json", &store.sensors[at].value),
            "deleteSensor" => {
                let parent = store.sensors[at].parent.clone();
                match () {
                    () if self.bad("ST03") => {}
                    () if self.bad("ST31") => store.sensors.retain(|sensor| sensor.parent != parent),
                    () => drop(store.sensors.remove(at)),
                }
                Answer::new(204)
            }
            "updateSensor" => {
                if let (true, Some(label)) = (self.bad("ST30"), given["body"].get("label")) {
                    store.sensors.iter_mut().for_each(|sensor| sensor.value["label"] = label.clone());
                }
                update(self, &mut store, at, given)
            }
            "addReadings" => {
                let readings = given["body"]["readings"].as_array().cloned().unwrap_or_default();
                let accepted = readings.len();
                if !self.bad("ST17") {
                    store.readings.extend(readings.into_iter().map(|reading| (id.clone(), reading)));
                }
                Answer::json(202, "application/json", &json!({"accepted": accepted}))
            }
            _ => {
                let here = store.readings.iter().rev().filter(|(sensor, _)| *sensor == id).map(|(_, reading)| reading);
                let metric = given.get("metric");
                let fits = here.filter(|reading| metric.is_none_or(|metric| reading["metric"] == *metric));
                let since = given.get("since").and_then(Value::as_str).unwrap_or("");
                let limit = if self.bad("ST07") { 500 } else { number(given, "limit", 100) };
                let new = fits.filter(|reading| reading["at"].as_str() >= Some(since));
                Answer::json(200, "application/json", &new.take(limit).cloned().collect::<Value>())
            }
        }
    }
}

/// Changes the sensor at `at`.
fn update(orchard: &Orchard, store: &mut Store, at: usize, given: &Given) -> Answer {
    let mass = std::mem::take(&mut store.mass);
    let sensor = &mut store.sensors[at].value;
    let (old, mut new) = (sensor.clone(), sensor.clone());
    if orchard.bad("ST12") {
        new.as_object_mut()
            .into_iter()
            .for_each(|members| members.retain(|name, _| name != "firmware" && name != "thresholds"));
    }
    for (name, value) in given["body"].as_object().into_iter().flatten() {
        new[name] = value.clone();
    }
    for (name, value) in mass.iter().filter(|_| orchard.bad("DA02")) {
        if let Some(name) = name.strip_prefix("mass:").filter(|name| ["status", "site_id"].contains(name)) {
            new[name] = value.clone();
        }
    }
    if !orchard.bad("ST05") {
        *sensor = new.clone();
    }
    Answer::json(200, "application/json", if orchard.bad("ST33") { &old } else { &new })
}
