//! The behaviours that all languages share (`spec/vectors`), as Rust has them.

#![allow(clippy::unwrap_used, reason = "a test that cannot go on should say where")]

use std::collections::BTreeMap;
use std::path::Path;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use bitting::{Call, Client, Error, Response, table};
use serde::Deserialize;
use serde_json::{Map, Value};
use wiremock::{Mock, MockServer, Request, Respond, ResponseTemplate, matchers::any};

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Vectors {
    #[serde(rename = "about")]
    _about: String,
    vectors: Vec<Vector>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Vector {
    name: String,
    #[serde(rename = "proves")]
    _proves: Vec<String>,
    api: String,
    #[serde(default)]
    client: Map<String, Value>,
    #[serde(default)]
    environment: BTreeMap<String, String>,
    open: Option<String>,
    #[serde(default)]
    steps: Vec<Step>,
    #[serde(default)]
    exchanges: Vec<Exchange>,
    #[serde(default)]
    unordered: bool,
}

#[derive(Deserialize)]
#[serde(untagged)]
enum Step {
    Wait(Wait),
    Call(Box<CallStep>),
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Wait {
    wait: f64,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct CallStep {
    call: String,
    #[serde(default)]
    arguments: Map<String, Value>,
    json: Option<Value>,
    #[serde(default = "one")]
    together: usize,
    expect: Expected,
}

fn one() -> usize {
    1
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Expected {
    status: Option<u16>,
    json: Option<Value>,
    error: Option<String>,
    mentions: Option<String>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Exchange {
    request: Expectation,
    response: Answer,
    times: Option<Times>,
    #[serde(skip)]
    seen: usize,
}

/// How many requests: exactly so many, or from one number to another.
#[derive(Clone, Copy, Deserialize)]
#[serde(untagged)]
enum Times {
    Exactly(usize),
    Between(usize, usize),
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Expectation {
    method: String,
    target: String,
    #[serde(default)]
    headers: BTreeMap<String, String>,
    #[serde(default)]
    without: Vec<String>,
    json: Option<Value>,
    form: Option<BTreeMap<String, String>>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Answer {
    status: u16,
    #[serde(default)]
    headers: BTreeMap<String, String>,
    json: Option<Value>,
}

impl Exchange {
    fn bounds(&self) -> (usize, usize) {
        match self.times {
            None => (1, 1),
            Some(Times::Exactly(times)) => (times, times),
            Some(Times::Between(least, most)) => (least, most),
        }
    }

    /// Why `request` is not this exchange's, or `None` if it is.
    fn differs(&self, request: &Request) -> Option<String> {
        let expected = &self.request;
        let query = request.url.query().map(|query| format!("?{query}")).unwrap_or_default();
        let target = format!("{}{query}", request.url.path());
        if (request.method.as_str(), target.as_str()) != (&expected.method, &expected.target) {
            return Some(format!("{} {target}", request.method));
        }
        for (name, value) in &expected.headers {
            if request.headers.get(name).map(|found| found.as_bytes()) != Some(value.as_bytes()) {
                return Some(format!("{name}: {:?}", request.headers.get(name)));
            }
        }
        if let Some(name) = expected.without.iter().find(|name| request.headers.contains_key(name.as_str())) {
            return Some(format!("{name} is there"));
        }
        if let Some(form) = &expected.form {
            let body: BTreeMap<String, String> = form_urlencoded::parse(&request.body).into_owned().collect();
            return (body != *form).then(|| format!("body {body:?}"));
        }
        let json = expected.json.as_ref()?;
        let body: Option<Value> = serde_json::from_slice(&request.body).ok();
        (body.as_ref() != Some(json)).then(|| format!("body {body:?}"))
    }
}

/// Answers requests as a vector says, and remembers those that it does not know.
struct Script {
    exchanges: Mutex<Vec<Exchange>>,
    surprises: Mutex<Vec<String>>,
    is_unordered: bool,
}

struct Front(Arc<Script>);

impl Respond for Front {
    fn respond(&self, request: &Request) -> ResponseTemplate {
        let mut exchanges = self.0.exchanges.lock().unwrap();
        let mut reasons = Vec::new();
        for exchange in exchanges.iter_mut() {
            let (least, most) = exchange.bounds();
            if exchange.seen == most {
                continue;
            }
            match exchange.differs(request) {
                None => {
                    exchange.seen += 1;
                    return exchange.response.template();
                }
                Some(reason) => reasons.push(reason),
            }
            if !self.0.is_unordered && exchange.seen < least {
                break;
            }
        }
        let text = format!("{} {}: {}", request.method, request.url.path(), reasons.join("; "));
        self.0.surprises.lock().unwrap().push(text);
        ResponseTemplate::new(599)
    }
}

impl Answer {
    fn template(&self) -> ResponseTemplate {
        let mut template = ResponseTemplate::new(self.status);
        for (name, value) in &self.headers {
            template = template.insert_header(name.as_str(), http::HeaderValue::from_bytes(value.as_bytes()).unwrap());
        }
        match &self.json {
            Some(json) => template.set_body_json(json),
            None => template,
        }
    }
}

/// Every vector of every file.
#[tokio::test]
async fn every_vector_holds() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("..");
    let mut files: Vec<_> =
        std::fs::read_dir(root.join("spec/vectors")).unwrap().map(|file| file.unwrap().path()).collect();
    files.retain(|file| file.extension().is_some_and(|extension| extension == "json"));
    files.sort();
    let mut vectors = Vec::new();
    for file in files {
        let text = std::fs::read_to_string(&file).unwrap();
        let read: Vectors = serde_json::from_str(&text).unwrap_or_else(|error| panic!("{}: {error}", file.display()));
        let stem = file.file_stem().unwrap().to_string_lossy().into_owned();
        vectors.extend(read.vectors.into_iter().map(|vector| (format!("{stem}: {}", vector.name), vector)));
    }
    assert!(vectors.len() > 30);
    let runs = vectors.into_iter().map(|(name, vector)| tokio::spawn(run(name, vector)));
    for run in runs.collect::<Vec<_>>() {
        run.await.unwrap();
    }
}

async fn run(name: String, vector: Vector) {
    let server = MockServer::start().await;
    let (exchanges, is_unordered) = (Mutex::new(vector.exchanges), vector.unordered);
    let script = Arc::new(Script { exchanges, surprises: Mutex::default(), is_unordered });
    Mock::given(any()).respond_with(Front(Arc::clone(&script))).mount(&server).await;

    let client = match (open(&vector.api, &vector.client, vector.environment, &server.uri()), vector.open) {
        (Ok(client), None) => client,
        (Err(error), Some(kind)) => return assert_eq!(error.kind().as_str(), kind, "{name}: {error}"),
        (Ok(_), Some(kind)) => panic!("{name}: expected an error of kind `{kind}`"),
        (Err(error), None) => panic!("{name}: {error}"),
    };
    let secrets: Vec<&str> = ["api_key", "token", "password", "client_secret"]
        .iter()
        .filter_map(|member| vector.client.get(*member)?.as_str())
        .map(str::trim)
        .collect();
    for step in vector.steps {
        match step {
            Step::Wait(Wait { wait }) => tokio::time::sleep(Duration::from_secs_f64(wait)).await,
            Step::Call(step) => {
                let CallStep { call, arguments, json, together, expect } = *step;
                let calls = (0..together).map(|_| {
                    let mut call = Call::new(&call);
                    for (name, value) in &arguments {
                        call = call.argument(name, value);
                    }
                    let call = match &json {
                        Some(json) => call.json(json),
                        None => call,
                    };
                    client.call(call)
                });
                for outcome in futures_util::future::join_all(calls).await {
                    check(&name, &expect, outcome, &secrets);
                }
            }
        }
    }
    assert_eq!(*script.surprises.lock().unwrap(), Vec::<String>::new(), "{name}: unexpected requests");
    for exchange in script.exchanges.lock().unwrap().iter() {
        let (least, most) = exchange.bounds();
        let request = format!("{} {}", exchange.request.method, exchange.request.target);
        assert!((least..=most).contains(&exchange.seen), "{name}: {request} came {} times", exchange.seen);
    }
}

fn open(
    api: &str,
    config: &Map<String, Value>,
    environment: BTreeMap<String, String>,
    server: &str,
) -> Result<Client, Error> {
    let table = Path::new(env!("CARGO_MANIFEST_DIR")).join(format!("apis/{api}/api.json"));
    let api: table::Api = serde_json::from_str(&std::fs::read_to_string(table).unwrap()).unwrap();
    let mut builder =
        Client::builder(Arc::new(api)).base_url(server).environment(move |name| environment.get(name).cloned());
    let text = |name: &str| config.get(name).and_then(Value::as_str).unwrap_or_default();
    for (name, value) in config {
        builder = match name.as_str() {
            "base_url" => builder.base_url(text("base_url")),
            "api_key" => builder.api_key(text("api_key")),
            "token" => builder.token(text("token")),
            "username" => builder.login(text("username"), text("password")),
            "client_id" => {
                let scopes = config.get("scopes").and_then(Value::as_array).into_iter().flatten();
                let scopes = scopes.filter_map(Value::as_str);
                builder.client_credentials(text("client_id"), text("client_secret"), scopes)
            }
            "password" | "client_secret" | "scopes" => builder,
            "max_retries" => builder.max_retries(u32::try_from(value.as_u64().unwrap()).unwrap()),
            "deadline" => builder.deadline(Duration::from_secs_f64(value.as_f64().unwrap())),
            "headers" => value
                .as_object()
                .unwrap()
                .iter()
                .fold(builder, |builder, (name, value)| builder.default_header(name, value.as_str().unwrap())),
            other => panic!("unknown member `{other}` of a client"),
        };
    }
    builder.build()
}

fn check(name: &str, expected: &Expected, outcome: Result<Response, Error>, secrets: &[&str]) {
    match outcome {
        Ok(response) => {
            assert_eq!(expected.error, None, "{name}: it succeeded");
            assert_eq!(Some(response.status.as_u16()), expected.status, "{name}");
            if let Some(json) = &expected.json {
                assert_eq!(&serde_json::from_slice::<Value>(&response.body).unwrap(), json, "{name}");
            }
        }
        Err(error) => {
            let text = format!("{error} {error:?}");
            assert_eq!(Some(error.kind().as_str()), expected.error.as_deref(), "{name}: {text}");
            assert!(
                expected.status.is_none() || error.status().map(|status| status.as_u16()) == expected.status,
                "{name}: {text}"
            );
            let mentions = expected.mentions.as_deref().unwrap_or_default();
            assert!(error.to_string().contains(mentions), "{name}: {text} does not mention `{mentions}`");
            assert!(!secrets.iter().any(|secret| text.contains(secret)), "{name}: a secret stands in {text}");
        }
    }
}
