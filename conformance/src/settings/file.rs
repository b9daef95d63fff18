//! The form of a settings file, and what is said of one that has another.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use serde::de::DeserializeOwned;
use serde::{Deserialize, Deserializer};
use serde_json::Value;

use super::Settings;
use super::duration::duration;
use crate::credentials::{Credentials, Entry, ProvisionerEntry, Role, Source};
use crate::error::Error;
use crate::finding::Severity;
use crate::options::{Data, Fixture, Level, Options, Rule};
use crate::provision::{Command, Provisioner};

#[derive(Deserialize, Default)]
#[serde(deny_unknown_fields, rename_all = "kebab-case", default)]
struct File {
    document: Option<String>,
    only: Vec<String>,
    require: Vec<String>,
    fail_on: Option<Severity>,
    baseline: Option<String>,
    report: Vec<String>,
    target: TargetEntry,
    credentials: BTreeMap<Role, Entry>,
    provisioner: Option<ProvisionerEntry>,
    rules: BTreeMap<String, Level>,
    data: DataEntry,
    operations: BTreeMap<String, OperationEntry>,
    budget: Budget,
}

/// What a file of principals holds: of a [`File`] only who the suite can be.
#[derive(Deserialize, Default)]
#[serde(deny_unknown_fields, default)]
struct Principals {
    credentials: BTreeMap<Role, Entry>,
    provisioner: Option<ProvisionerEntry>,
}

#[derive(Deserialize, Default)]
#[serde(deny_unknown_fields, default)]
struct TargetEntry {
    url: Option<String>,
    ca: Option<String>,
    owned: bool,
    http2: bool,
}

#[derive(Deserialize, Default)]
#[serde(deny_unknown_fields, default)]
struct DataEntry {
    parameters: BTreeMap<String, Value>,
}

#[derive(Deserialize, Default)]
#[serde(deny_unknown_fields, default)]
struct OperationEntry {
    rules: BTreeMap<String, Level>,
    parameters: BTreeMap<String, Value>,
    body: Option<Value>,
}

#[derive(Deserialize, Default)]
#[serde(deny_unknown_fields, rename_all = "kebab-case", default)]
struct Budget {
    #[serde(deserialize_with = "time")]
    max_time: Option<Duration>,
    #[serde(deserialize_with = "time")]
    max_wait: Option<Duration>,
    #[serde(deserialize_with = "time")]
    leeway: Option<Duration>,
    max_cases: Option<u32>,
    rate: Option<u32>,
    workers: Option<usize>,
    #[serde(deserialize_with = "time")]
    timeout: Option<Duration>,
    seed: Option<u64>,
}

fn time<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<Duration>, D::Error> {
    let text = Option::<String>::deserialize(deserializer)?;
    text.map(|text| duration(&text)).transpose().map_err(serde::de::Error::custom)
}

/// Reads the file's text.
pub(super) fn parse(text: &str, source: Source<'_>) -> Result<Settings, Error> {
    let whole = "`bitting init DOCUMENT` writes a file that is right, with a comment for each member";
    let file: File = read(text, source.name, whole)?;
    let mut options = Options {
        only: file.only,
        require: file.require,
        owned: file.target.owned,
        http2: file.target.http2,
        ..Options::default()
    };
    options.fail_on = file.fail_on.unwrap_or(options.fail_on);
    file.budget.apply(&mut options);
    options.rules = rules(file.rules, None).collect();
    options.data = Data { parameters: file.data.parameters, operations: BTreeMap::new() };
    for (id, entry) in file.operations {
        options.rules.extend(rules(entry.rules, Some(&id)));
        options.data.operations.insert(id, Fixture { parameters: entry.parameters, body: entry.body });
    }
    Ok(Settings {
        document: file.document,
        url: file.target.url,
        authority: file.target.ca,
        credentials: credentials(file.credentials, file.provisioner, source)?,
        baseline: file.baseline,
        reports: file.report,
        options,
    })
}

impl Budget {
    fn apply(&self, options: &mut Options) {
        options.max_time = self.max_time.or(options.max_time);
        options.max_wait = self.max_wait.unwrap_or(options.max_wait);
        options.leeway = self.leeway.unwrap_or(options.leeway);
        options.max_cases = self.max_cases.unwrap_or(options.max_cases);
        options.rate = self.rate.or(options.rate);
        options.workers = self.workers.unwrap_or(options.workers);
        options.timeout = self.timeout.unwrap_or(options.timeout);
        options.seed = self.seed.unwrap_or(options.seed);
    }
}

fn rules(entries: BTreeMap<String, Level>, operation: Option<&str>) -> impl Iterator<Item = Rule> {
    let operation = operation.map(str::to_owned);
    entries.into_iter().map(move |(checks, level)| Rule { checks, operation: operation.clone(), level })
}

/// Who the suite can be, if the file says something about it.
/// Reads a file of principals alone.
pub(super) fn principals(text: &str, source: Source<'_>) -> Result<Credentials, Error> {
    let alone = "this file holds [credentials.ROLE] and [provisioner] alone, as `bitting init DOCUMENT` writes them; \
                 --config reads a file with more";
    let file: Principals = read(text, source.name, alone)?;
    credentials(file.credentials, file.provisioner, source)?.ok_or_else(|| {
        let remedy = "write a [credentials.valid], or a [provisioner] with its `command`";
        Error::config(source.name, "it names nobody", remedy)
    })
}

fn credentials(
    entries: BTreeMap<Role, Entry>,
    provisioner: Option<ProvisionerEntry>,
    source: Source<'_>,
) -> Result<Option<Credentials>, Error> {
    if entries.is_empty() && provisioner.is_none() {
        return Ok(None);
    }
    let mut credentials = Credentials::default();
    for (role, entry) in entries {
        credentials = credentials.with(role, entry.read(source)?);
    }
    if let Some(ProvisionerEntry { command }) = provisioner {
        let command = Command::new(command)?.in_folder(source.folder);
        credentials = credentials.with_provisioner(Arc::new(command) as Arc<dyn Provisioner>);
    }
    Ok(Some(credentials))
}

/// The text as a file of some form. A TOML file cannot begin with a brace, so one that does is JSON.
fn read<T: DeserializeOwned>(text: &str, name: &str, remedy: &str) -> Result<T, Error> {
    if text.trim_start().starts_with('{') {
        return serde_json::from_str(text).map_err(|error| {
            let message = error.to_string();
            let message = message.split(" at line ").next().unwrap_or_default();
            fault(name, error.line(), message, remedy)
        });
    }
    toml::from_str(text).map_err(|mut error: toml::de::Error| {
        // With its input the error's text quotes the line at fault, which may hold a secret; without, it has the member.
        let line = error.span().map_or(1, |span| text.get(..span.start).unwrap_or(text).matches('\n').count() + 1);
        error.set_input(None);
        fault(name, line, &error.to_string(), remedy)
    })
}

fn fault(name: &str, line: usize, message: &str, remedy: &str) -> Error {
    let message = redacted(message.trim()).replace('\n', " ");
    Error::config(format!("{name}, line {line}"), message, remedy)
}

/// A message of serde without the value that it quotes, which may be a secret in the wrong place.
fn redacted(message: &str) -> String {
    match (message.split_once("string \""), message.rsplit_once("\", expected")) {
        (Some((head, _)), Some((_, tail))) => format!("{head}text, expected{tail}"),
        _ => message.to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parsed(text: &str) -> Result<Settings, Error> {
        Settings::parse("bitting.toml", text, |name| (name == "KEY").then(|| "rbtk_test_1".to_owned()))
    }

    #[test]
    fn everything_that_a_run_needs_is_read() {
        let text = r#"
            document = "openapi.yaml"
            only = ["auth"]
            fail-on = "note"
            report = ["junit=out.xml"]
            [target]
            url = "http://127.0.0.1:1"
            owned = true
            [credentials.valid]
            secrets = { Key = { env = "KEY" } }
            [rules]
            "http.*" = "off"
            [data]
            parameters = { org = "acme", page = 2 }
            [operations.makeThing]
            rules = { "response.schema" = "note" }
            body = { name = "x" }
            [budget]
            max-time = "2m"
            max-wait = "10s"
            leeway = "0s"
            rate = 5
        "#;
        let settings = parsed(text).expect("it is valid");
        let options = &settings.options;
        assert_eq!(
            (settings.document.as_deref(), settings.url.as_deref()),
            (Some("openapi.yaml"), Some("http://127.0.0.1:1"))
        );
        assert_eq!((options.max_time, options.rate, options.owned), (Some(Duration::from_secs(120)), Some(5), true));
        assert_eq!((options.max_wait, options.leeway), (Duration::from_secs(10), Duration::ZERO));
        assert_eq!((options.fail_on, options.max_cases), (Severity::Note, Options::default().max_cases));
        assert_eq!(options.data.parameters["page"], Value::from(2));
        assert_eq!(options.data.operations["makeThing"].body, Some(serde_json::json!({"name": "x"})));
        let level = |check, operation| options.rule(check, operation).map(|rule| rule.level);
        assert_eq!(level("http.options", "makeThing"), Some(Level::Off));
        assert_eq!(level("response.schema", "makeThing"), Some(Level::Note));
        assert_eq!(level("response.schema", "other"), None);
        let valid = settings.credentials.expect("somebody is named");
        assert!(valid.principal(Role::Valid).is_some_and(|valid| valid.secrets["Key"] == "rbtk_test_1".into()));
    }

    /// What another program hands over is JSON, with the same members.
    #[test]
    fn json_has_the_same_members() {
        let text = r#"{"document": "a.yaml", "budget": {"max-time": "1m"}, "rules": {"http.allow": "note"}}"#;
        let settings = parsed(text).expect("it is valid");
        assert_eq!(settings.options.max_time, Some(Duration::from_secs(60)));
        assert_eq!(settings.options.rules[0].level, Level::Note);
        let fault = parsed("{\n\"documents\": 1}").expect_err("no such member").to_string();
        assert!(fault.contains("bitting.toml, line 2: unknown field `documents`"), "{fault}");
    }

    /// Bad input: file, line, member and what is allowed, and no secret.
    #[test]
    fn a_fault_is_told_with_its_place_and_what_is_allowed() {
        for (text, says) in [
            ("documents = 'x'", vec!["bitting.toml, line 1", "unknown field `documents`", "`document`"]),
            ("[budget]\nmax-time = '5d'", vec!["line 2", "`d` is no unit of time", "max-time"]),
            ("[rules]\n'http.*' = 'loud'", vec!["line 2", "`loud`", "`off`", "`note`", "`error`"]),
            ("[credentials.vaild]", vec!["line 1", "`vaild`", "`other-organization`"]),
            ("[credentials.valid]\nlogin = 'canary'", vec!["line 2", "login"]),
            ("[credentials.valid]\nsecrets = { Key = { enw = 'canary' } }", vec!["line 2", "{ env = \"NAME\" }"]),
            ("[credentials.valid]\nsecrets = { Key = 'canary', = }", vec!["line 2"]),
            ("[credentials.valid]\nsecrets = { Key = { env = 'UNSET' } }", vec!["`UNSET` is not set"]),
            ("[credentials.valid]\nsecrets = { Key = { file = 'no/such' } }", vec!["`no/such` cannot be read"]),
            ("[credentials.valid]\nsecrets = { Key = { command = ['false'] } }", vec!["`false` failed"]),
            ("fail-on = 'never'", vec!["`never`", "`note`"]),
        ] {
            let fault = parsed(text).map(drop).expect_err(text).to_string();
            for part in says {
                assert!(fault.contains(part), "{part} is missing in {fault}");
            }
            assert!(!fault.contains("canary"), "{fault}");
        }
    }

    #[test]
    fn a_value_may_come_from_a_file_or_a_command() {
        let folder = std::env::temp_dir().join(format!("bitting-settings-{}", std::process::id()));
        std::fs::create_dir_all(&folder).expect("a folder can be made");
        std::fs::write(folder.join("key.txt"), "rbtk_test_file\n").expect("it can be written");
        let text = "[credentials.valid]\nsecrets = { A = { file = 'key.txt' }, B = { command = ['cat', 'key.txt'] } }";
        let name = folder.join("bitting.toml");
        let settings = Settings::parse(&name.to_string_lossy(), text, |_| None).expect("it is valid");
        let credentials = settings.credentials.expect("somebody is named");
        let valid = credentials.principal(Role::Valid).expect("it is there");
        assert!(valid.secrets.values().all(|secret| *secret == "rbtk_test_file".into()) && valid.secrets.len() == 2);
        std::fs::remove_dir_all(&folder).expect("it can be removed");
    }
}
