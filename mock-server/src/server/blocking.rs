//! A server for tests that are not asynchronous: it runs on a thread of its own.

use std::ops::Deref;

use tokio::runtime::Runtime;

use super::{Builder, RunningServer, StartError};

/// A server that runs on a thread of its own. Dropping it shuts it down; not from within asynchronous code, which has
/// [`Builder::start`].
#[derive(Debug)]
pub struct BlockingServer {
    // The order matters: the server ends before what it runs on.
    server: RunningServer,
    _runtime: Runtime,
}

impl BlockingServer {
    pub(super) fn start(builder: Builder) -> Result<Self, StartError> {
        let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(1).enable_all().build();
        let runtime = runtime.map_err(|error| StartError::Thread { error })?;
        let server = runtime.block_on(builder.start())?;
        Ok(Self { server, _runtime: runtime })
    }
}

impl Deref for BlockingServer {
    type Target = RunningServer;

    fn deref(&self) -> &RunningServer {
        &self.server
    }
}
