//! Where calls run: one background thread per client for what is asynchronous, and the caller's own thread for what
//! blocks. Neither survives a fork, so both know the process that they belong to.

use std::cell::RefCell;
use std::future::Future;
use std::pin::Pin;
use std::sync::OnceLock;
use std::time::Duration;

use tokio::runtime::{Builder, Handle, Runtime};

use crate::outcome::Failure;

/// How often a blocking call asks whether it should stop: the longest time that Ctrl-C waits.
const TICK: Duration = Duration::from_millis(50);

/// The thread that asynchronous calls and refreshes run on. It starts with the first of them.
#[derive(Debug, Default)]
pub(crate) struct Background {
    runtime: OnceLock<Option<Runtime>>,
}

impl Background {
    /// The thread's handle. Without a thread (the process may have no more) there is none.
    pub(crate) fn handle(&self) -> Option<Handle> {
        let start = || Builder::new_multi_thread().worker_threads(1).thread_name("bitting").enable_all().build().ok();
        self.runtime.get_or_init(start).as_ref().map(|runtime| runtime.handle().clone())
    }
}

impl Drop for Background {
    /// Whoever drops a client may be an event loop or a garbage collector: it must not wait for what is under way.
    fn drop(&mut self) {
        if let Some(Some(runtime)) = self.runtime.take() {
            runtime.shutdown_background();
        }
    }
}

thread_local! {
    /// The calling thread's own runtime, with the process that it was made in.
    static OWN: RefCell<Option<(u32, Runtime)>> = const { RefCell::new(None) };
}

/// Runs `future` on the calling thread and asks `interrupted` every tick.
///
/// `interrupted` runs outside the runtime, since it may run anything, a signal handler that makes a call of its own
/// included.
pub(crate) fn block_on<T>(
    mut future: Pin<&mut impl Future<Output = T>>,
    mut interrupted: impl FnMut() -> bool,
) -> Result<T, Failure> {
    let (pid, runtime) = take()?;
    let outcome = loop {
        match runtime.block_on(async { tokio::time::timeout(TICK, future.as_mut()).await }) {
            Ok(output) => break Ok(output),
            Err(_) if interrupted() => break Err(Failure::interrupted()),
            Err(_) => {}
        }
    };
    OWN.with_borrow_mut(|own| own.get_or_insert((pid, runtime)).0);
    outcome
}

/// The thread's runtime, taken out while it is used, so that a call within a call gets another one.
fn take() -> Result<(u32, Runtime), Failure> {
    let pid = std::process::id();
    match OWN.take() {
        Some((owner, runtime)) if owner == pid => return Ok((pid, runtime)),
        // A parent's runtime shares its descriptors with the parent: closing it here would be felt there.
        Some(parents) => std::mem::forget(parents),
        None => {}
    }
    let runtime = Builder::new_current_thread().enable_all().build();
    runtime.map(|runtime| (pid, runtime)).map_err(|error| Failure::config(format!("no runtime could be made: {error}")))
}
