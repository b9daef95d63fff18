//! The server of `parcel.yaml`: small, strict, and in another style than [`orchard`](crate::orchard).

use std::sync::{Mutex, MutexGuard, PoisonError};

use bitting_conformance::{Credentials, OAuthClient, Principal, Role};
use bitting_spec::Document;
use serde_json::{Value, json};

use crate::schema::Schemas;
use crate::wire::{Answer, Request, Service};

/// Its two partners: name, key, secret of the client.
const PARTNERS: [(&str, &str, &str); 2] =
    [("north", "pk_test_north_0123456789", "test-north"), ("south", "pk_test_south_9876543210", "test-south")];
const PATHS: [(&str, &[&str]); 6] = [
    ("ping", &["GET"]),
    ("oauth/token", &["POST"]),
    ("parcels", &["GET", "POST"]),
    ("parcels/*", &["GET", "PATCH", "DELETE"]),
    ("labels", &["POST"]),
    ("labels/*", &["GET"]),
];

/// An object with its partner.
type Owned = (usize, Value);

#[derive(Default)]
struct State {
    parcels: Vec<Owned>,
    labels: Vec<Owned>,
    tokens: Vec<(usize, String)>,
    serial: u64,
}

/// The server.
pub(crate) struct Parcel {
    schemas: Schemas,
    defect: Option<&'static str>,
    state: Mutex<State>,
}

fn failure(status: u16, code: &str) -> Answer {
    Answer::json(status, "application/json", &json!({"error": {"code": code, "message": "see the manual"}}))
}

fn schema(name: &str) -> Value {
    json!({"$ref": format!("#/components/schemas/{name}")})
}

/// What a user of the suite would write down.
pub(crate) fn principals() -> Credentials {
    let principal = |(name, key, secret): (&str, &str, &str)| Principal {
        organization: Some(name.to_owned()),
        secrets: [("PartnerKey".to_owned(), key.into())].into(),
        client: Some(OAuthClient { id: name.to_owned(), secret: secret.into() }),
        ..Principal::default()
    };
    Credentials::default()
        .with(Role::Valid, principal(PARTNERS[0]))
        .with(Role::OtherOrganization, principal(PARTNERS[1]))
}

impl Parcel {
    /// A server with at most one defect.
    pub(crate) fn new(document: &Document, defect: Option<&'static str>) -> Self {
        let components = document.schemas.iter().map(|(name, schema)| (name.clone(), schema.clone())).collect();
        let ignored = if defect == Some("PX10") { Some("maximum") } else { None };
        Self { schemas: Schemas { components, ignored }, defect, state: Mutex::default() }
    }

    fn bad(&self, id: &str) -> bool {
        self.defect == Some(id)
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn respond(&self, request: &Request) -> Answer {
        let path: Vec<&str> = request.path.iter().map(String::as_str).collect();
        let name = match path.as_slice() {
            [first @ ("parcels" | "labels"), id] if !id.is_empty() => format!("{first}/*"),
            _ => path.join("/"),
        };
        let Some((_, methods)) = PATHS.iter().find(|(known, _)| *known == name) else {
            return failure(404, "no_route");
        };
        if !methods.contains(&request.method.as_str()) {
            return failure(405, "method").with("Allow", methods.join(", "));
        }
        match name.as_str() {
            "ping" => return Answer::new(204),
            "oauth/token" => return self.token(request),
            _ => {}
        }
        let Some(partner) = self.partner(request) else {
            let status = if self.bad("PX01") { 400 } else { 401 };
            return failure(status, "unauthorized").with("WWW-Authenticate", "Bearer");
        };
        self.served(&request.method, &path, request, partner)
    }

    fn partner(&self, request: &Request) -> Option<usize> {
        let count = |name: &str| request.headers.iter().filter(|(known, _)| known == name).count();
        if count("authorization") > 1 {
            return None;
        }
        let by_key = request.header("x-parcel-key").map(|key| {
            PARTNERS.iter().position(|(_, known, _)| *known == key || self.bad("PX02") && key.starts_with("pk_test_"))
        });
        let by_token = request.header("authorization").map(|value| {
            let (scheme, token) = value.split_once(' ')?;
            let known = scheme.eq_ignore_ascii_case("bearer");
            let found = self.state().tokens.iter().find(|(_, known)| known == token).map(|(partner, _)| *partner);
            found.filter(|_| known).or(if self.bad("PX03") && known { Some(0) } else { None })
        });
        // Whatever is presented has to be right.
        match (by_key, by_token) {
            (Some(key), Some(token)) => key.filter(|_| key == token),
            (Some(one), None) | (None, Some(one)) => one,
            (None, None) if self.bad("PX04") => Some(0),
            (None, None) => None,
        }
    }

    fn token(&self, request: &Request) -> Answer {
        if request.media_type() != "application/x-www-form-urlencoded" {
            return failure(415, "form_only");
        }
        let form: Vec<(String, String)> = form_urlencoded::parse(&request.body).into_owned().collect();
        let read = |name: &str| form.iter().find(|(known, _)| known == name).map(|(_, value)| value.as_str());
        let (Some(grant), Some(id), Some(secret)) = (read("grant_type"), read("client_id"), read("client_secret"))
        else {
            return Answer::json(400, "application/json", &json!({"error": {"code": "invalid_request"}}));
        };
        if grant != "client_credentials" {
            return failure(400, "unsupported_grant_type");
        }
        if read("scope").is_some_and(|scope| scope.split(' ').any(|one| !one.is_empty() && one != "parcels")) {
            return failure(400, "invalid_scope");
        }
        let right = |(known, _, kept): &(&str, &str, &str)| *known == id && (*kept == secret || self.bad("PX05"));
        let Some(partner) = PARTNERS.iter().position(right) else { return failure(401, "invalid_client") };
        let mut state = self.state();
        state.serial += 1;
        let token = format!("test-token-{}-{}", PARTNERS[partner].0, state.serial);
        state.tokens.push((partner, token.clone()));
        let body = json!({"access_token": token, "token_type": "Bearer", "expires_in": 600, "scope": "parcels"});
        let answer = Answer::json(200, "application/json", &body);
        if self.bad("PX06") { answer } else { answer.with("Cache-Control", "no-store") }
    }

    fn body(&self, request: &Request, schema: &Value) -> Result<Value, Answer> {
        if request.media_type() != "application/json" {
            return Err(failure(415, "json_only"));
        }
        let value = serde_json::from_slice(&request.body).map_err(|_| failure(400, "no_json"))?;
        match self.schemas.fault(schema, &value) {
            Some(_) => Err(failure(400, "invalid")),
            None => Ok(value),
        }
    }

    fn served(&self, method: &str, path: &[&str], request: &Request, partner: usize) -> Answer {
        let id = path.get(1).map(|id| id.parse::<u64>().ok().filter(|id| *id > 0));
        if id == Some(None) {
            return failure(400, "invalid_id");
        }
        let id = id.flatten().unwrap_or(0);
        let done = match (method, path) {
            ("GET", ["parcels"]) => self.list(request, partner),
            ("POST", ["parcels"]) => self.create(request, partner),
            ("POST", ["labels"]) => self.print(request, partner),
            ("GET", ["labels", _]) => {
                let state = self.state();
                let mine = |(owner, label): &&Owned| label["id"] == id && (*owner == partner || self.bad("PX07"));
                Ok(state.labels.iter().find(mine).map_or_else(
                    || failure(404, "no_label"),
                    |(_, label)| Answer::json(200, "application/json", label),
                ))
            }
            _ => self.one(method, id, request, partner),
        };
        done.unwrap_or_else(|refusal| refusal)
    }

    fn list(&self, request: &Request, partner: usize) -> Result<Answer, Answer> {
        let number = |name: &str, usual: usize, most: usize| match request.query(name) {
            None => Ok(usual),
            Some(text) => {
                text.parse().ok().filter(|number| (1..=most).contains(number)).ok_or_else(|| failure(400, name))
            }
        };
        let (page, size) = (number("page", 1, usize::MAX)?, number("perPage", 10, 50)?);
        let status = request.query("status");
        if status.is_some_and(|status| !["created", "moving", "delivered"].contains(&status)) {
            return Err(failure(400, "status"));
        }
        let state = self.state();
        let mine = state.parcels.iter().filter(|(owner, _)| *owner == partner || self.bad("PX08"));
        let fits =
            mine.filter(|(_, parcel)| self.bad("PX09") || status.is_none_or(|status| parcel["status"] == status));
        let all: Vec<&Value> = fits.map(|(_, parcel)| parcel).collect();
        let skipped = (page - 1).saturating_mul(size).saturating_sub(usize::from(self.bad("PX11") && page > 1));
        let shown: Vec<&&Value> = all.iter().skip(skipped).take(size).collect();
        let total = all.len() + usize::from(self.bad("PX12"));
        Ok(Answer::json(200, "application/json", &json!({"parcels": shown, "totalCount": total})))
    }

    fn create(&self, request: &Request, partner: usize) -> Result<Answer, Answer> {
        let mut parcel = self.body(request, &schema("NewParcel"))?;
        let mut state = self.state();
        if state.parcels.iter().any(|(_, known)| known["reference"] == parcel["reference"]) {
            return Err(failure(409, "reference_taken"));
        }
        state.serial += 1;
        parcel["id"] = json!(state.serial);
        if parcel.get("status").is_none() {
            parcel["status"] = json!("created");
        }
        let mut kept = parcel.clone();
        if self.bad("PX13") {
            kept["weightGrams"] = json!(1);
        }
        if !self.bad("PX14") {
            state.parcels.push((partner, kept));
        }
        if self.bad("PX15") {
            parcel["status"] = json!("lost");
        }
        Ok(Answer::json(201, "application/json", &parcel))
    }

    fn print(&self, request: &Request, partner: usize) -> Result<Answer, Answer> {
        let rule = json!({"type": "object", "additionalProperties": false, "required": ["parcelId", "format"], "properties": {
            "parcelId": {"type": "integer", "minimum": 1}, "format": {"type": "string", "enum": ["a6", "a7"]}}});
        let mut label = self.body(request, &rule)?;
        let mut state = self.state();
        let mine =
            |(owner, parcel): &Owned| parcel["id"] == label["parcelId"] && (*owner == partner || self.bad("PX16"));
        if !state.parcels.iter().any(mine) {
            return Err(failure(404, "no_parcel"));
        }
        state.serial += 1;
        label["id"] = json!(state.serial);
        state.labels.push((partner, label.clone()));
        Ok(Answer::json(201, "application/json", &label))
    }

    fn one(&self, method: &str, id: u64, request: &Request, partner: usize) -> Result<Answer, Answer> {
        let loose = serde_json::from_slice(&request.body).ok().filter(|body: &Value| body.get("reference").is_some());
        let change = match loose.filter(|_| self.bad("PX23")) {
            Some(loose) => loose,
            None if method == "PATCH" => self.body(request, &schema("ParcelChange"))?,
            None => json!({}),
        };
        let mut state = self.state();
        let open = self.bad("PX17") && method == "DELETE" || self.bad("PX18") && method == "PATCH";
        let found = state.parcels.iter().position(|(owner, one)| one["id"] == id && (*owner == partner || open));
        let Some(at) = found else {
            return Err(failure(if self.bad("PX19") && method == "DELETE" { 500 } else { 404 }, "no_parcel"));
        };
        let mut parcel = state.parcels[at].1.clone();
        if method == "DELETE" && !self.bad("PX20") {
            state.parcels.remove(at);
        }
        if method == "PATCH" {
            if self.bad("PX21") {
                parcel["note"] = Value::Null;
            }
            for (name, value) in change.as_object().into_iter().flatten() {
                parcel[name] = value.clone();
            }
            if !self.bad("PX22") {
                state.parcels[at].1 = parcel.clone();
            }
        }
        Ok(Answer::json(200, "application/json", &parcel))
    }
}

impl Service for Parcel {
    fn answer(&self, request: &Request) -> Answer {
        self.respond(request)
    }
}
