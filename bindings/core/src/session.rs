//! One client for one API, as another language holds it.

use std::cell::RefCell;
use std::fmt;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Weak};

use arc_swap::ArcSwap;
use bitting::table::Operation;
use bitting::{Body, Call, Client, RateLimitState};
use bytes::Bytes;
use serde_json::{Map, Value};

use crate::completions::Completions;
use crate::config::{Config, Options};
use crate::outcome::{Failure, Reply};
use crate::runtime::{self, Background};

/// A client. Clones share it.
///
/// It notices a fork: the child gets fresh connections and a thread of its own with the same credentials, and leaves
/// alone what it inherited (E7).
#[derive(Clone)]
pub struct Session {
    inner: Arc<Inner>,
}

struct Inner {
    config: Config,
    live: ArcSwap<Live>,
}

/// What belongs to one process.
struct Live {
    id: u64,
    pid: u32,
    client: Client,
    background: Arc<Background>,
}

/// What goes into a call.
#[derive(Debug, Default)]
pub struct Invocation {
    /// The operation's place in the operation table.
    pub operation: u32,
    /// The arguments: a JSON object by argument key. Empty: none.
    pub arguments: Bytes,
    /// The body's media type. `None`: the body is JSON, and is written as the operation asks, be it a form.
    pub media_type: Option<String>,
    /// The body.
    pub body: Option<Bytes>,
    /// The call's options: a JSON object.
    pub options: Option<Bytes>,
}

/// A call that is under way. It goes on when this is dropped.
#[derive(Debug)]
pub struct Abort(Option<tokio::task::AbortHandle>);

impl Abort {
    /// Stops the call: its connection is closed, and nothing is completed for it.
    pub fn abort(&self) {
        if let Some(task) = &self.0 {
            task.abort();
        }
    }
}

static NEXT_ID: AtomicU64 = AtomicU64::new(0);

thread_local! {
    /// The calling thread's clients: connections belong to the runtime that they were made in.
    static CLIENTS: RefCell<Vec<(Weak<Live>, u64, Client)>> = const { RefCell::new(Vec::new()) };
}

impl Session {
    /// Makes a client from its configuration (see [`Config`]). Does no I/O and starts no thread.
    ///
    /// # Errors
    /// When the configuration cannot be used.
    pub fn open(config: &[u8]) -> Result<Self, Failure> {
        let config = Config::parse(config)?;
        let live = Live::new(&config)?;
        Ok(Self { inner: Arc::new(Inner { config, live: ArcSwap::from_pointee(live) }) })
    }

    /// Makes a call and waits for it on this thread. `interrupted` is asked every 50 ms.
    ///
    /// # Errors
    /// Why the call did not succeed; `interrupted` if it was told to stop.
    pub fn call_blocking(&self, invocation: Invocation, interrupted: impl FnMut() -> bool) -> Result<Reply, Failure> {
        let live = self.live()?;
        let call = self.call(invocation)?;
        let client = live.client_of_this_thread();
        let future = std::pin::pin!(client.call(call));
        runtime::block_on(future, interrupted)?.map(Reply::from).map_err(Failure::from)
    }

    /// Starts a call on the client's thread. When it ends, its outcome is put into `completions` under `ticket`.
    pub fn start(&self, ticket: u64, invocation: Invocation, completions: &Arc<Completions>) -> Abort {
        match self.spawn(ticket, invocation, completions) {
            Ok(task) => Abort(Some(task)),
            Err(failure) => {
                completions.put(ticket, Err(failure));
                Abort(None)
            }
        }
    }

    fn spawn(
        &self,
        ticket: u64,
        invocation: Invocation,
        completions: &Arc<Completions>,
    ) -> Result<tokio::task::AbortHandle, Failure> {
        let live = self.live()?;
        let call = self.call(invocation)?;
        let Some(handle) = live.background.handle() else {
            return Err(Failure::config("no thread could be started for asynchronous calls"));
        };
        let (client, completions) = (live.client.clone(), Arc::clone(completions));
        let task = handle.spawn(async move {
            let outcome = client.call(call).await;
            completions.put(ticket, outcome.map(Reply::from).map_err(Failure::from));
        });
        Ok(task.abort_handle())
    }

    /// The place of the operation `id` in the operation table.
    #[must_use]
    pub fn operation(&self, id: &str) -> Option<u32> {
        let operations = &self.inner.config.api().operations;
        operations.iter().position(|operation| operation.id == id).and_then(|index| u32::try_from(index).ok())
    }

    /// The arguments of the page after the one that `arguments`, a JSON object, asked for and whose body is `answer`;
    /// `None` after the last one.
    ///
    /// # Errors
    /// When the answer is no page of the operation.
    pub fn next_page(&self, operation: u32, arguments: &[u8], answer: &[u8]) -> Result<Option<String>, Failure> {
        let operation = self.described(operation)?;
        let next = bitting::next_page(operation, self::arguments(arguments)?, answer);
        let next = next.map_err(|problem| Failure::page(operation, &problem))?;
        Ok(next.map(|arguments| Value::Object(arguments.into_iter().collect()).to_string()))
    }

    /// Which credentials the client has, from where, until when: a JSON list without secrets.
    ///
    /// # Errors
    /// When a forked child cannot make its client.
    pub fn explain(&self) -> Result<String, Failure> {
        let live = self.live()?;
        let reports: Vec<Value> = live
            .client
            .auth()
            .explain()
            .into_iter()
            .map(|report| {
                let expires_at = report.expires_at.and_then(|at| at.duration_since(std::time::UNIX_EPOCH).ok());
                serde_json::json!({
                    "scheme": report.scheme,
                    "source": report.source.to_string(),
                    "id": report.id,
                    "expires_at": expires_at.map(|at| at.as_secs()),
                    "scopes": report.scopes,
                })
            })
            .collect();
        Ok(Value::Array(reports).to_string())
    }

    /// What the last answer that spoke of a rate limit said.
    ///
    /// # Errors
    /// When a forked child cannot make its client.
    pub fn rate_limit(&self) -> Result<Option<RateLimitState>, Failure> {
        Ok(self.live()?.client.rate_limit())
    }

    /// What `<PREFIX>_LOG` asks for, such as `info` or `debug`; `None` where it is not set.
    #[must_use]
    pub fn log_level(&self) -> Option<String> {
        self.inner.config.variable("LOG")
    }

    /// What is worth knowing about the client's configuration, such as a variable that shadows another.
    ///
    /// # Errors
    /// When a forked child cannot make its client.
    pub fn warnings(&self) -> Result<Vec<String>, Failure> {
        Ok(self.live()?.client.warnings().to_vec())
    }

    /// Gives a forked child its own connections and thread at once. Without it, the next call does.
    ///
    /// # Errors
    /// When the client cannot be made.
    pub fn after_fork(&self) -> Result<(), Failure> {
        self.live().map(drop)
    }

    /// What belongs to this process, made anew after a fork.
    fn live(&self) -> Result<Arc<Live>, Failure> {
        let live = self.inner.live.load_full();
        if live.pid == std::process::id() {
            return Ok(live);
        }
        let fresh = Arc::new(Live::new(&self.inner.config)?);
        self.inner.live.store(Arc::clone(&fresh));
        // Dropping it would close the parent's connections and wait for a thread that is not there.
        std::mem::forget(live);
        Ok(fresh)
    }

    fn described(&self, operation: u32) -> Result<&Operation, Failure> {
        let missing = || Failure::request(format!("there is no operation number {operation} in this API"));
        self.inner.config.api().operations.get(operation as usize).ok_or_else(missing)
    }

    fn call(&self, invocation: Invocation) -> Result<Call, Failure> {
        let Invocation { operation, arguments, media_type, body, options } = invocation;
        let operation = self.described(operation)?;
        let mut call = Call::new(&operation.id);
        for (name, value) in self::arguments(&arguments)? {
            call = call.argument(&name, value);
        }
        call = match (body, media_type) {
            (None, _) => call,
            (Some(body), Some(media_type)) => call.body(media_type, Body::Bytes(body)),
            (Some(body), None) => with_json(call, operation, body)?,
        };
        if let Some(options) = options {
            call = call.options(Options::parse(&options)?);
        }
        Ok(call)
    }
}

/// The arguments of a call by their names; no bytes are none.
fn arguments(json: &[u8]) -> Result<Vec<(String, Value)>, Failure> {
    if json.is_empty() {
        return Ok(Vec::new());
    }
    let arguments: Map<String, Value> = serde_json::from_slice(json)
        .map_err(|error| Failure::request(format!("the arguments are no JSON object: {error}")))?;
    Ok(arguments.into_iter().collect())
}

/// JSON goes out as it is where the operation takes JSON, and is read only to become a form or text.
fn with_json(call: Call, operation: &Operation, body: Bytes) -> Result<Call, Failure> {
    let declared = operation.body.as_ref().and_then(|body| body.media_types.first());
    if let Some(media_type) = declared.filter(|media_type| media_type.contains("json")) {
        return Ok(call.body(media_type, Body::Bytes(body)));
    }
    let value: Value =
        serde_json::from_slice(&body).map_err(|error| Failure::request(format!("the body is no JSON: {error}")))?;
    Ok(call.json(&value))
}

impl Live {
    fn new(config: &Config) -> Result<Self, Failure> {
        let background = Arc::new(Background::default());
        let thread = Arc::downgrade(&background);
        let spawn_on = bitting::Background::new(move || thread.upgrade()?.handle());
        Ok(Self {
            id: NEXT_ID.fetch_add(1, Ordering::Relaxed),
            pid: std::process::id(),
            client: config.client(spawn_on)?,
            background,
        })
    }

    /// This thread's client: the same credentials, tokens and limits over connections of its own.
    fn client_of_this_thread(self: &Arc<Self>) -> Client {
        CLIENTS.with_borrow_mut(|clients| {
            if let Some((_, _, client)) = clients.iter().find(|(_, id, _)| *id == self.id) {
                return client.clone();
            }
            clients.retain(|(live, _, _)| live.strong_count() > 0);
            let client = self.client.with_own_connections();
            clients.push((Arc::downgrade(self), self.id, client.clone()));
            client
        })
    }
}

impl fmt::Debug for Session {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.debug_struct("Session").field("api", &self.inner.config.api().name).finish_non_exhaustive()
    }
}
