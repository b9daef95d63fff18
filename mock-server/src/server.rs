//! The reference server as a whole: a document in, addresses out.

mod blocking;

use std::borrow::Cow;
use std::sync::Arc;

use bitting_spec::Document;
use tokio::sync::watch;
use tokio::task::JoinHandle;
use uuid::Uuid;

pub use blocking::BlockingServer;

use crate::clock::Clock;
use crate::control::{self, Both, Control};
use crate::core::Core;
use crate::defect::{self, UnknownDefect};
use crate::front::tls::self_signed;
use crate::front::{self, bind, serve};
use crate::journal::record::Recording;
use crate::step::Tenancy;
use crate::world::file::Origin;
use crate::world::{Population, WorldError};

/// The reference server of a document.
#[derive(Debug)]
pub struct Server;

impl Server {
    /// A server of `document`, not yet started.
    #[must_use]
    pub fn builder(document: Document) -> Builder {
        // A login that a plain document has, it has for whoever reads it.
        let mut document = Cow::Owned(document);
        bitting_spec::infer::sessions(&mut document);
        bitting_spec::infer::bare_lists(&mut document);
        Builder {
            document: document.into_owned(),
            seed: 0,
            clock: Clock::real(),
            defects: Vec::new(),
            port: 0,
            control_port: 0,
            population: None,
            docs: false,
            reasons: false,
            tls: false,
            tenancy: None,
            same_port: false,
            record: false,
        }
    }
}

/// A server that is being set up.
#[derive(Debug)]
pub struct Builder {
    document: Document,
    seed: u64,
    clock: Clock,
    defects: Vec<&'static str>,
    port: u16,
    control_port: u16,
    population: Option<(Population, Origin)>,
    docs: bool,
    reasons: bool,
    tls: bool,
    tenancy: Option<Tenancy>,
    same_port: bool,
    record: bool,
}

/// Why a server does not start.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum StartError {
    /// A schema that is no JSON Schema.
    #[error("{file}{}: at {pointer}: the schema cannot be used: {message}\n  help: write it in JSON Schema 2020-12, or in OpenAPI 3.0 in the dialect of that", line.map_or(String::new(), |line| format!(":{line}")))]
    Schema {
        /// The document.
        file: String,
        /// The line, counted from 1.
        line: Option<usize>,
        /// The place in the document (RFC 6901).
        pointer: String,
        /// What is wrong with it.
        message: String,
    },
    /// A path template that cannot be served.
    #[error("{file}{}: the path `{path}` cannot be served: {message}\n  help: write each parameter as `{{name}}`, whole and with a name", line.map_or(String::new(), |line| format!(":{line}")))]
    Path {
        /// The document.
        file: String,
        /// The line, counted from 1.
        line: Option<usize>,
        /// The template.
        path: String,
        /// What is wrong with it.
        message: String,
    },
    /// A world that cannot be.
    #[error(transparent)]
    World(#[from] WorldError),
    /// The control plane cannot share the port.
    #[error("{file}{}: the path `{path}` stands where the control plane would be; give it a port of its own", line.map_or(String::new(), |line| format!(":{line}")))]
    Taken {
        /// The document.
        file: String,
        /// The line, counted from 1.
        line: Option<usize>,
        /// The path.
        path: String,
    },
    /// No certificate could be made.
    #[error("TLS cannot be offered: {error}; start without it")]
    Tls {
        /// What went wrong.
        error: Box<dyn std::error::Error + Send + Sync>,
    },
    /// There can be no thread to run on.
    #[error("the server has no thread to run on: {error}; free threads or memory")]
    Thread {
        /// What the system says.
        error: std::io::Error,
    },
    /// The port is taken, or may not be used.
    #[error("127.0.0.1:{port} cannot be listened on: {error}; port 0 takes any free one")]
    Listen {
        /// The port.
        port: u16,
        /// What the system says.
        error: std::io::Error,
    },
}

impl Builder {
    /// What everything made up comes from; 0 by default. The same seed makes the same world.
    #[must_use]
    pub fn seed(mut self, seed: u64) -> Self {
        self.seed = seed;
        self
    }

    /// The server's clock; the wall clock by default.
    #[must_use]
    pub fn clock(mut self, clock: Clock) -> Self {
        self.clock = clock;
        self
    }

    /// Switches a deliberate defect on, by its id.
    ///
    /// # Errors
    /// [`UnknownDefect`] if there is none of this id.
    pub fn defect(mut self, id: &str) -> Result<Self, UnknownDefect> {
        self.defects.push(defect::find(id)?.id);
        Ok(self)
    }

    /// The port; 0, the default, takes any free one.
    #[must_use]
    pub fn port(mut self, port: u16) -> Self {
        self.port = port;
        self
    }

    /// The control plane's port; 0, the default, takes any free one.
    #[must_use]
    pub fn control_port(mut self, port: u16) -> Self {
        self.control_port = port;
        self
    }

    /// Who lives in the world; [`Population::seeded`] by default.
    #[must_use]
    pub fn world(mut self, population: Population) -> Self {
        self.population = Some((population, Origin::default()));
        self
    }

    /// Who lives in the world, read from the text of a file (YAML or JSON, `world.schema.json`); `file` is what errors
    /// call it.
    ///
    /// # Errors
    /// What is wrong, on which line and at which place. What only the document can tell is told by the start.
    pub fn world_file(mut self, file: &str, text: &str) -> Result<Self, WorldError> {
        self.population = Some(crate::world::file::read(file, text)?);
        Ok(self)
    }

    /// Whether it shows interactive documentation at `/docs`, if the document has no such path; not by default.
    #[must_use]
    pub fn docs(mut self, docs: bool) -> Self {
        self.docs = docs;
        self
    }

    /// Whether the headers `X-Bitting-Reason` and, in words, `X-Bitting-Detail` tell why a request was refused; not by
    /// default, so that nobody comes to rely on what no real server tells.
    #[must_use]
    pub fn reasons(mut self, reasons: bool) -> Self {
        self.reasons = reasons;
        self
    }

    /// Whether it speaks TLS, with a certificate that it signs itself; not by default. The control plane does so only on the
    /// same port.
    #[must_use]
    pub fn tls(mut self, tls: bool) -> Self {
        self.tls = tls;
        self
    }

    /// What a caller is told whose path names another organization; by default as `x-auth.tenant_isolation` says, and
    /// 403 without that.
    #[must_use]
    pub fn tenancy(mut self, tenancy: Tenancy) -> Self {
        self.tenancy = Some(tenancy);
        self
    }

    /// Whether the control plane is at `/__bitting` of the server's own port, for where one port is all there is; not by
    /// default. It needs its token there too.
    #[must_use]
    pub fn same_port(mut self, same_port: bool) -> Self {
        self.same_port = same_port;
        self
    }

    /// Whether the archive of the journal has headers and bodies, of at most a thousand requests and 16 MiB, with every
    /// secret masked; not by default, since it takes time and memory.
    #[must_use]
    pub fn record(mut self, record: bool) -> Self {
        self.record = record;
        self
    }

    /// The server without any network.
    ///
    /// # Errors
    /// What in the document or in the world cannot be served, and where it stands.
    pub fn core(self) -> Result<Arc<Core>, StartError> {
        let population = self.population.unwrap_or_else(|| (Population::seeded(self.seed), Origin::default()));
        let mut core = Core::new(self.document, self.seed, population, self.clock, self.docs)?;
        core.tells_reasons = self.reasons;
        core.tenancy = self.tenancy;
        core.recording = self.record.then(Recording::default);
        for id in self.defects {
            // They were found when they were given.
            let _ = core.set_defect(id, true);
        }
        Ok(Arc::new(core))
    }

    /// Starts the server on a thread of its own, for tests that are not asynchronous.
    ///
    /// # Errors
    /// As [`start`](Self::start), and [`StartError::Thread`] if there can be no thread.
    pub fn start_blocking(self) -> Result<BlockingServer, StartError> {
        BlockingServer::start(self)
    }

    /// Starts the server on 127.0.0.1, in the tokio runtime that this is called in.
    ///
    /// # Errors
    /// What in the document or in the world cannot be served, or which port cannot be listened on.
    pub async fn start(self) -> Result<RunningServer, StartError> {
        let (port, control_port, same_port) = (self.port, self.control_port, self.same_port);
        let tls = self.tls.then(self_signed).transpose().map_err(|error| StartError::Tls { error })?;
        let core = self.core()?;
        if same_port {
            control::is_free(&core.plan.document)?;
        }
        let (listener, mut base_url) = listen(port).await?;
        if tls.is_some() {
            base_url = base_url.replacen("http:", "https:", 1);
        }
        // It is not set before: a core starts once.
        let _ = core.origin.set(base_url.clone());
        let token = format!("bitting-control-{}", Uuid::new_v4().simple());
        let (stop, stopped) = watch::channel(false);
        let control = Control::new(Arc::clone(&core), token.clone(), stop.clone());
        let acceptor = tls.as_ref().map(|tls| tls.acceptor.clone());
        let certificate = tls.map(|tls| tls.certificate);
        let (control_url, tasks) = if same_port {
            let control_url = format!("{base_url}{}", control::PREFIX);
            (control_url, vec![tokio::spawn(serve(listener, Arc::new(Both(control)), acceptor, stopped))])
        } else {
            let (control_listener, control_url) = listen(control_port).await?;
            let api = tokio::spawn(serve(listener, Arc::clone(&core), acceptor, stopped.clone()));
            (control_url, vec![api, tokio::spawn(serve(control_listener, Arc::new(control), None, stopped))])
        };
        Ok(RunningServer { base_url, control_url, token, certificate, core, stop, tasks })
    }
}

async fn listen(port: u16) -> Result<(tokio::net::TcpListener, String), StartError> {
    let fault = |error| StartError::Listen { port, error };
    let listener = bind(port).await.map_err(fault)?;
    let address = listener.local_addr().map_err(fault)?;
    Ok((listener, format!("http://{address}")))
}

impl front::Service for Core {
    fn answer(&self, request: crate::Request) -> crate::Outcome {
        self.handle(&request)
    }

    fn refuse(&self, unread: &front::Unread) -> crate::Outcome {
        self.refuse(unread)
    }

    fn gates(&self) -> &crate::Gates {
        self.gates()
    }
}

/// A server that runs. Dropping it shuts it down.
pub struct RunningServer {
    base_url: String,
    control_url: String,
    token: String,
    certificate: Option<String>,
    core: Arc<Core>,
    stop: watch::Sender<bool>,
    tasks: Vec<JoinHandle<()>>,
}

impl RunningServer {
    /// Where it is, such as `http://127.0.0.1:4000`; no slash at the end.
    #[must_use]
    pub fn base_url(&self) -> &str {
        &self.base_url
    }

    /// Where its documentation for people is, if it shows any.
    #[must_use]
    pub fn docs_url(&self) -> Option<String> {
        self.core.has_docs.then(|| format!("{}{}", self.base_url, crate::pages::DOCS))
    }

    /// Where its control plane is; no slash at the end.
    #[must_use]
    pub fn control_url(&self) -> &str {
        &self.control_url
    }

    /// The certificate to trust, in PEM, where the server speaks TLS.
    #[must_use]
    pub fn certificate(&self) -> Option<&str> {
        self.certificate.as_deref()
    }

    /// The console, a page for people on the control plane, with the token that opens it.
    #[must_use]
    pub fn console_url(&self) -> String {
        format!("{}/#token={}", self.control_url, self.token)
    }

    /// The bearer token of the control plane; a new one for every server.
    #[must_use]
    pub fn control_token(&self) -> &str {
        &self.token
    }

    /// The server without its network: its clock, its journal, its credentials.
    #[must_use]
    pub fn core(&self) -> &Arc<Core> {
        &self.core
    }

    /// Waits until somebody asks for a shutdown (`POST /v1/shutdown`).
    pub async fn stopped(&self) {
        // The sender lives as long as this does.
        let _ = self.stop.subscribe().wait_for(|stop| *stop).await;
    }

    /// Lets the answers on their way finish, for at most five seconds, and ends.
    pub async fn shutdown(mut self) {
        self.end();
        for task in std::mem::take(&mut self.tasks) {
            // A task that panicked has ended too.
            let _ = task.await;
        }
    }

    fn end(&self) {
        self.stop.send_replace(true);
        self.core.gates().release_all();
    }
}

impl Drop for RunningServer {
    fn drop(&mut self) {
        self.end();
    }
}

impl std::fmt::Debug for RunningServer {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(formatter, "RunningServer {{ base_url: {:?}, control_url: {:?} }}", self.base_url, self.control_url)
    }
}
