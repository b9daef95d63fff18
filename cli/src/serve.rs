//! `bitting serve`: the reference server until it is told to stop.

use std::io::IsTerminal as _;
use std::path::Path;
use std::process::ExitCode;
use std::sync::Arc;

use bitting_mock::{Builder, Core, Misfit, RunningServer, Server, StartError};
use bitting_spec::Document;

use crate::document;
use crate::failure::{Failure, warn};
use crate::options::{Serve, Tenancy};

pub(crate) fn run(options: &Serve) -> Result<ExitCode, Failure> {
    let document = options.document.as_deref().map(document::load).transpose()?;
    if options.list_defects {
        list_defects(document.as_ref());
        return Ok(ExitCode::SUCCESS);
    }
    let Some(document) = document else {
        return Err(Failure::usage("no document is given", "bitting serve DOCUMENT"));
    };
    document::warn(&document);
    runtime()?.block_on(async {
        let server = builder(document, options)?.start().await.map_err(|error| unstarted(&error))?;
        // Whoever is told that it is ready may end it at once.
        let asked_to_stop = interrupted();
        announce(&server, options)?;
        tokio::spawn(tell_misfits(Arc::clone(server.core())));
        tokio::select! {
            () = server.stopped() => {}
            () = asked_to_stop => {}
        }
        // Whoever asks a second time does not want to wait.
        let again = interrupted();
        tokio::select! {
            () = server.shutdown() => {}
            () = again => {}
        }
        Ok(ExitCode::SUCCESS)
    })
}

/// The server as the options want it.
fn builder(document: Document, options: &Serve) -> Result<Builder, Failure> {
    warn_unseen(&document, &options.defect);
    let builder = Server::builder(document).seed(options.seed).port(options.port).control_port(options.control_port);
    let builder = builder.docs(!options.no_docs).tls(options.tls.is_some()).reasons(options.reasons);
    let builder = builder.same_port(options.same_port).record(options.record);
    let builder = match options.tenancy {
        Some(Tenancy::Forbid) => builder.tenancy(bitting_mock::Tenancy::Forbid),
        Some(Tenancy::Hide) => builder.tenancy(bitting_mock::Tenancy::Hide),
        None => builder,
    };
    let builder = match &options.world {
        Some(file) => world(builder, file)?,
        None => builder,
    };
    with_defects(builder, &options.defect)
}

/// Says that the server is ready: a line for programs, and where people sit at a terminal a few for them.
fn announce(server: &RunningServer, options: &Serve) -> Result<(), Failure> {
    let docs = server.docs_url();
    let ready = serde_json::json!({
        "base_url": server.base_url(),
        "control_url": server.control_url(),
        "control_token": server.control_token(),
        "docs_url": docs,
        "console_url": server.console_url(),
        "certificate": server.certificate(),
        "pid": std::process::id(),
    });
    if let Some(file) = &options.ready_file {
        write(file, &format!("{ready}\n"))?;
    }
    anstream::println!("{ready}");
    if std::io::stdout().is_terminal() {
        tell(server, docs.as_deref());
    }
    Ok(())
}

/// Says once of each operation that no answer was found which fits the document.
async fn tell_misfits(core: Arc<Core>) {
    let (mut news, mut told) = (core.follow_misfits(), 0);
    while news.changed().await.is_ok() {
        for misfit in core.misfits().into_iter().skip(told) {
            told += 1;
            if !misfit.mended {
                let Misfit { operation, status, fault, .. } = misfit;
                let help = "it goes out as it is; give the response an example that fits";
                document::note(&format!(
                    "{operation}: no answer {status} was found that fits the document ({fault}); {help}"
                ));
            }
        }
    }
}

/// What somebody at a terminal does next.
fn tell(server: &RunningServer, docs: Option<&str>) {
    anstream::eprintln!("  server   {}", server.base_url());
    if let Some(docs) = docs {
        anstream::eprintln!("  docs     {docs}");
    }
    anstream::eprintln!("  console  {}", server.console_url());
    if let Some((user, secret)) = server.core().first_keys().first() {
        anstream::eprintln!("  a key    {secret} ({user})");
    }
    anstream::eprintln!(
        "`bitting serve --help` shows how to move the clock, plan faults and read the journal; Ctrl-C ends it."
    );
}

/// Starts a reference server with the defects that are named, on any free ports.
pub(crate) async fn start(document: Document, seed: u64, defects: &[String]) -> Result<RunningServer, Failure> {
    warn_unseen(&document, defects);
    let builder = with_defects(Server::builder(document).seed(seed), defects)?;
    builder.start().await.map_err(|error| unstarted(&error))
}

/// Says which of the defects nobody will see, since the document has nothing that could show them.
fn warn_unseen(document: &Document, defects: &[String]) {
    let is_named = |id: &str| defects.iter().any(|named| named.trim().eq_ignore_ascii_case(id));
    for defect in bitting_mock::defects().iter().filter(|known| is_named(known.id) && !known.applies(document)) {
        let help = "`bitting serve --list-defects DOCUMENT` tells which it can show";
        warn(format!("{} cannot be seen in this document: {}", defect.id, defect.name), help);
    }
}

fn with_defects(mut builder: Builder, defects: &[String]) -> Result<Builder, Failure> {
    for id in defects {
        builder = builder.defect(id).map_err(|error| Failure::Usage(error.to_string()))?;
    }
    Ok(builder)
}

/// Who and what the world begins with, from a file.
fn world(builder: Builder, file: &Path) -> Result<Builder, Failure> {
    let name = file.to_string_lossy();
    let help = "check the path and the file's permissions";
    let text = std::fs::read_to_string(file).map_err(|error| Failure::usage(format!("{name}: {error}"), help))?;
    builder.world_file(&name, &text).map_err(|error| Failure::Usage(error.to_string()))
}

fn unstarted(error: &StartError) -> Failure {
    match error {
        StartError::Listen { .. } => Failure::usage(error, "choose another port, or 0 for any free one"),
        _ => Failure::Usage(error.to_string()),
    }
}

/// Whoever waits for the file finds all of it.
fn write(file: &Path, text: &str) -> Result<(), Failure> {
    let beside = file.with_extension(format!("{}.new", std::process::id()));
    let written = std::fs::write(&beside, text).and_then(|()| std::fs::rename(&beside, file));
    written.map_err(|error| {
        Failure::usage(format!("{}: {error}", file.display()), "name a file in a folder that can be written")
    })
}

/// The runtime that a command runs on.
pub(crate) fn runtime() -> Result<tokio::runtime::Runtime, Failure> {
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build();
    runtime.map_err(|error| Failure::usage(format!("no runtime could be made: {error}"), "free threads or memory"))
}

/// A runtime of this thread alone: what it runs need not wake anything across threads.
pub(crate) fn runtime_here() -> Result<tokio::runtime::Runtime, Failure> {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
    runtime.map_err(|error| Failure::usage(format!("no runtime could be made: {error}"), "free memory"))
}

/// Ends when the process is asked to stop; whatever asks from now on is heard. It is called in a runtime.
pub(crate) fn interrupted() -> impl Future<Output = ()> {
    #[cfg(unix)]
    let signals = {
        use tokio::signal::unix::{SignalKind, signal};
        [SignalKind::interrupt(), SignalKind::terminate()].map(signal)
    };
    async move {
        #[cfg(unix)]
        if let [Ok(mut interrupted), Ok(mut terminated)] = signals {
            tokio::select! {
                _ = interrupted.recv() => return,
                _ = terminated.recv() => return,
            }
        }
        let _ = tokio::signal::ctrl_c().await;
    }
}

/// Every deliberate defect; with a document, whether it can show there.
fn list_defects(document: Option<&Document>) {
    for defect in bitting_mock::defects() {
        let mark = match document {
            Some(document) if !defect.applies(document) => "  (this document cannot show it)",
            _ => "",
        };
        anstream::println!("{}  {}{mark}", defect.id, defect.name);
    }
}
