//! Where the calls of one environment end: a queue that wakes the event loop once for all that it holds.

use std::collections::HashMap;
use std::sync::Arc;

use bitting_ffi::{Abort, Completions, Invocation};
use napi::bindgen_prelude::{Array, Function};
use napi::threadsafe_function::ThreadsafeFunctionCallMode;
use napi::{Env, Result};
use napi_derive::napi;

use crate::batch::Batch;

/// The finished calls of one environment, and the means to stop those that are under way.
#[napi]
pub struct Inbox {
    completions: Arc<Completions>,
    under_way: HashMap<u32, Abort>,
}

#[napi]
impl Inbox {
    /// An inbox that calls `wake` on the event loop when there is something to drain. It does not keep the loop alive.
    ///
    /// # Errors
    /// When Node gives no threadsafe function, as in an environment that is ending.
    #[napi(constructor)]
    pub fn new(wake: Function<'_, (), ()>) -> Result<Self> {
        let wake = wake.build_threadsafe_function::<()>().weak::<true>().callee_handled::<false>().build()?;
        let completions = Completions::new(move || {
            // The status is of no interest: a loop that is ending takes over nothing any more.
            let _ = wake.call((), ThreadsafeFunctionCallMode::NonBlocking);
        });
        Ok(Self { completions, under_way: HashMap::new() })
    }

    /// Up to `max` finished calls as one flat list, [`Batch::WIDTH`] entries each.
    ///
    /// # Errors
    /// When Node cannot make a value.
    #[napi]
    pub fn drain<'env>(&mut self, env: &'env Env, max: u32) -> Result<Array<'env>> {
        let mut batch = Batch::new(env)?;
        let under_way = &mut self.under_way;
        self.completions.drain(max as usize, |ticket, outcome| {
            // Tickets are given by `start`, so they fit.
            let ticket = ticket as u32;
            under_way.remove(&ticket);
            batch.push(ticket, outcome);
        });
        batch.finish()
    }

    /// Stops the call of `ticket`: its connection is closed, and nothing more is heard of it.
    #[napi]
    pub fn abort(&mut self, ticket: u32) {
        if let Some(call) = self.under_way.remove(&ticket) {
            call.abort();
        }
    }
}

impl Inbox {
    /// Starts a call that ends here.
    pub(crate) fn start(&mut self, session: &bitting_ffi::Session, ticket: u32, invocation: Invocation) {
        let call = session.start(u64::from(ticket), invocation, &self.completions);
        self.under_way.insert(ticket, call);
    }
}

impl Drop for Inbox {
    /// The environment ends (a worker was terminated): nobody waits for these calls any more.
    fn drop(&mut self) {
        self.under_way.values().for_each(Abort::abort);
    }
}
