//! A provisioner that is a program: any executable that reads orders on its standard input, one JSON object a line, and
//! writes one JSON object a line to its standard output.
//!
//! | order | answer |
//! |---|---|
//! | `{"do": "world"}` | `{"organizations": [{"slug", "projects"}], "users": [{"email", "password", "organization", "permission"?}]}` |
//! | `{"do": "mint-key", "user", "scheme"?, "scopes"?, "ttl"?, "environment"?}` | `{"id", "secret"}` |
//! | `{"do": "revoke-key", "id"}`, `{"do": "expire-key", "id"}` | `{}` |
//! | `{"do": "mint-token", "user", "scheme"?, "scopes"?, "ttl"?, "environment"?, "tamper", "expired"}` | `{"id", "secret"}` |
//! | `{"do": "revoke-token", "id"}` | `{}` |
//! | `{"do": "mint-code", "client_id", "redirect_uri", "user", "scopes", "code_challenge"?}` | `{"secret"}` |
//! | `{"do": "remove-member", "user"}`, `{"do": "restore-member", "user"}` | `{}` |
//! | `{"do": "advance-clock", "seconds"}` | `{}` |
//! | `{"do": "set-rate-limit", "limit", "window"}`, `{"do": "restore-rate-limit"}`, `{"do": "reset-rate-limits"}` | `{}` |
//! | `{"do": "reset"}` | `{}` |
//!
//! The `permission` of a user who may not write is `read-only`.
//!
//! An order that the program cannot follow is answered with `{"unsupported": true}`, and the checks that need it are
//! skipped; one that failed with `{"error": "why"}`. `ttl`, `seconds` and `window` are seconds; `tamper` is one of
//! `none`, `bad-signature`, `alg-none`, `key-confusion`, `wrong-audience`, `wrong-issuer`, `not-yet-valid` and `garbage`. The
//! program may stay and take many orders, or end after each: it is started when an order waits. What it writes to its
//! standard error goes to that of the suite. It is started without a shell, in the folder of the settings file.

use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::time::Duration;

use serde::Deserialize;
use serde::de::DeserializeOwned;
use serde_json::{Value, json};
use tokio::io::{AsyncBufReadExt, AsyncWriteExt, BufReader};
use tokio::process::{Child, ChildStdin, ChildStdout};
use tokio::sync::Mutex;

use super::{CodeOrder, KeyOrder, Minted, Provision, ProvisionError, Provisioner, TokenOrder, World};
use crate::error::Error;
use crate::secret::Secret;

/// The most time for one order.
const PATIENCE: Duration = Duration::from_secs(30);
/// The longest answer, in bytes.
const MAX_ANSWER: usize = 1024 * 1024;

/// The protocol of such a program as Markdown: the head of this file, which is its one description.
#[must_use]
pub fn protocol() -> String {
    let lines = include_str!("command.rs").lines().map_while(|line| line.strip_prefix("//!"));
    lines.map(|line| format!("{}\n", line.strip_prefix(' ').unwrap_or(line))).collect()
}

/// A program that makes credentials to order. The module's head has the protocol.
#[derive(Debug)]
pub struct Command {
    words: Vec<String>,
    folder: PathBuf,
    running: Mutex<Option<Running>>,
}

#[derive(Debug)]
struct Running {
    /// Killed when it is dropped.
    _child: Child,
    orders: ChildStdin,
    answers: BufReader<ChildStdout>,
}

impl Command {
    /// The program `words[0]` with its arguments. It is started when the first order waits.
    ///
    /// # Errors
    /// [`Error::Config`] when there is no word.
    pub fn new(words: Vec<String>) -> Result<Self, Error> {
        if words.first().is_none_or(String::is_empty) {
            let remedy = "write `command = [\"program\", \"argument\"]`";
            return Err(Error::config("[provisioner]", "`command` names no program", remedy));
        }
        Ok(Self { words, folder: PathBuf::from("."), running: Mutex::new(None) })
    }

    /// The same, started in `folder`.
    #[must_use]
    pub fn in_folder(mut self, folder: &Path) -> Self {
        if !folder.as_os_str().is_empty() {
            self.folder = folder.to_owned();
        }
        self
    }

    fn start(&self) -> Result<Running, ProvisionError> {
        let Some((program, arguments)) = self.words.split_first() else { return Err(ProvisionError::Unsupported) };
        let failed = |reason: &str| ProvisionError::Failed(format!("{program} cannot be started: {reason}"));
        let mut child = tokio::process::Command::new(program)
            .args(arguments)
            .current_dir(&self.folder)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .kill_on_drop(true)
            .spawn()
            .map_err(|error| failed(&error.to_string()))?;
        let pipes = child.stdin.take().zip(child.stdout.take());
        let (orders, answers) = pipes.ok_or_else(|| failed("it has no standard input and output"))?;
        Ok(Running { _child: child, orders, answers: BufReader::new(answers) })
    }

    /// Gives an order. A program that ended after the last one is started anew, once.
    async fn order<T: DeserializeOwned>(&self, order: &Value) -> Result<T, ProvisionError> {
        let name = order["do"].as_str().unwrap_or_default().to_owned();
        let mut running = self.running.lock().await;
        let is_old = running.is_some();
        let mut answer = self.ask(&mut running, order).await;
        if is_old && matches!(answer, Ok(None)) {
            *running = None;
            answer = self.ask(&mut running, order).await;
        }
        let failed = |what: &str| ProvisionError::Failed(format!("the provisioner {what} `{name}`"));
        let line = match answer {
            Ok(Some(line)) => line,
            Ok(None) => {
                *running = None;
                return Err(failed("ended without an answer to"));
            }
            Err(error) => {
                *running = None;
                return Err(error);
            }
        };
        // The answer may hold a secret: no error repeats it.
        let value: Value = serde_json::from_slice(&line).map_err(|_| failed("answered no JSON to"))?;
        if value["unsupported"] == true {
            return Err(ProvisionError::Unsupported);
        }
        if let Some(reason) = value["error"].as_str() {
            return Err(ProvisionError::Failed(reason.to_owned()));
        }
        serde_json::from_value(value).map_err(|_| failed("answered without what it should to"))
    }

    /// The line that answers an order; `None` when the program is not there any more.
    async fn ask(&self, running: &mut Option<Running>, order: &Value) -> Result<Option<Vec<u8>>, ProvisionError> {
        let program = match running {
            Some(program) => program,
            None => running.insert(self.start()?),
        };
        let asked = async {
            let line = format!("{order}\n");
            if program.orders.write_all(line.as_bytes()).await.is_err() || program.orders.flush().await.is_err() {
                return Ok(None);
            }
            read_line(&mut program.answers).await
        };
        let late = || ProvisionError::Failed(format!("it did not answer within {} seconds", PATIENCE.as_secs()));
        tokio::time::timeout(PATIENCE, asked).await.unwrap_or_else(|_| Err(late()))
    }

    fn does<'a>(&'a self, order: Value) -> Provision<'a, ()> {
        Box::pin(async move { self.order::<Value>(&order).await.map(drop) })
    }
}

/// One line, as long as it may be; `None` at the end.
async fn read_line(answers: &mut BufReader<ChildStdout>) -> Result<Option<Vec<u8>>, ProvisionError> {
    let mut line = Vec::new();
    loop {
        let failed = |error: std::io::Error| ProvisionError::Failed(error.to_string());
        let bytes = answers.fill_buf().await.map_err(failed)?;
        if bytes.is_empty() {
            return Ok((!line.is_empty()).then_some(line));
        }
        let end = bytes.iter().position(|byte| *byte == b'\n');
        let taken = end.map_or(bytes.len(), |end| end + 1);
        line.extend_from_slice(bytes.get(..end.unwrap_or(taken)).unwrap_or_default());
        answers.consume(taken);
        if line.len() > MAX_ANSWER {
            return Err(ProvisionError::Failed(format!("its answer is longer than {MAX_ANSWER} bytes")));
        }
        if end.is_some() {
            return Ok(Some(line));
        }
    }
}

/// An order with the members of `more`.
fn with(order: &str, more: Value) -> Value {
    let mut all = json!({"do": order});
    if let (Some(all), Value::Object(more)) = (all.as_object_mut(), more) {
        all.extend(more);
    }
    all
}

#[derive(Deserialize)]
struct MintedAnswer {
    #[serde(default)]
    id: String,
    secret: Secret,
}

impl From<MintedAnswer> for Minted {
    fn from(answer: MintedAnswer) -> Self {
        Self { id: answer.id, secret: answer.secret }
    }
}

impl Provisioner for Command {
    fn world(&self) -> Provision<'_, World> {
        Box::pin(async { self.order(&json!({"do": "world"})).await })
    }

    fn mint_key(&self, order: KeyOrder) -> Provision<'_, Minted> {
        Box::pin(async move { self.order::<MintedAnswer>(&with("mint-key", json!(order))).await.map(Minted::from) })
    }

    fn revoke_key<'a>(&'a self, id: &'a str) -> Provision<'a, ()> {
        self.does(json!({"do": "revoke-key", "id": id}))
    }

    fn expire_key<'a>(&'a self, id: &'a str) -> Provision<'a, ()> {
        self.does(json!({"do": "expire-key", "id": id}))
    }

    fn mint_token(&self, order: TokenOrder) -> Provision<'_, Minted> {
        Box::pin(async move { self.order::<MintedAnswer>(&with("mint-token", json!(order))).await.map(Minted::from) })
    }

    fn revoke_token<'a>(&'a self, id: &'a str) -> Provision<'a, ()> {
        self.does(json!({"do": "revoke-token", "id": id}))
    }

    fn mint_code(&self, order: CodeOrder) -> Provision<'_, Minted> {
        Box::pin(async move { self.order::<MintedAnswer>(&with("mint-code", json!(order))).await.map(Minted::from) })
    }

    fn remove_member<'a>(&'a self, user: &'a str) -> Provision<'a, ()> {
        self.does(json!({"do": "remove-member", "user": user}))
    }

    fn restore_member<'a>(&'a self, user: &'a str) -> Provision<'a, ()> {
        self.does(json!({"do": "restore-member", "user": user}))
    }

    fn advance_clock(&self, by: Duration) -> Provision<'_, ()> {
        self.does(json!({"do": "advance-clock", "seconds": by.as_secs()}))
    }

    fn set_rate_limit(&self, limit: u64, window: Duration) -> Provision<'_, ()> {
        self.does(json!({"do": "set-rate-limit", "limit": limit, "window": window.as_secs()}))
    }

    fn restore_rate_limit(&self) -> Provision<'_, ()> {
        self.does(json!({"do": "restore-rate-limit"}))
    }

    fn reset_rate_limits(&self) -> Provision<'_, ()> {
        self.does(json!({"do": "reset-rate-limits"}))
    }

    fn reset(&self) -> Provision<'_, ()> {
        self.does(json!({"do": "reset"}))
    }
}
