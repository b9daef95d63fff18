//! `bitting serve`: the reference server until it is told to stop.

use std::process::ExitCode;

use bitting_mock::{RunningServer, Server};
use bitting_spec::Document;

use crate::document;
use crate::failure::Failure;
use crate::options::Serve;

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
        let ports = (options.port, options.control_port);
        let extras = (!options.no_docs, options.tls.is_some());
        let server = start(document, options.seed, &options.defect, ports, extras).await?;
        let ready = serde_json::json!({
            "base_url": server.base_url(),
            "control_url": server.control_url(),
            "control_token": server.control_token(),
            "docs_url": (!options.no_docs).then(|| format!("{}/docs", server.base_url())),
            "console_url": server.console_url(),
            "certificate": server.certificate(),
            "pid": std::process::id(),
        });
        anstream::println!("{ready}");
        tokio::select! {
            () = server.stopped() => {}
            () = interrupted() => server.shutdown().await,
        }
        Ok(ExitCode::SUCCESS)
    })
}

/// Starts a reference server with the defects that are named.
pub(crate) async fn start(
    document: Document,
    seed: u64,
    defects: &[String],
    (port, control_port): (u16, u16),
    (docs, tls): (bool, bool),
) -> Result<RunningServer, Failure> {
    let mut builder = Server::builder(document).seed(seed).port(port).control_port(control_port).docs(docs).tls(tls);
    for id in defects {
        builder = builder.defect(id).map_err(|error| Failure::Usage(error.to_string()))?;
    }
    builder.start().await.map_err(|error| Failure::usage(error, "choose another port, or 0 for any free one"))
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

/// Ends when the process is asked to stop.
pub(crate) async fn interrupted() {
    #[cfg(unix)]
    {
        use tokio::signal::unix::{SignalKind, signal};
        if let Ok(mut terminated) = signal(SignalKind::terminate()) {
            tokio::select! {
                _ = terminated.recv() => return,
                _ = tokio::signal::ctrl_c() => return,
            }
        }
    }
    let _ = tokio::signal::ctrl_c().await;
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
