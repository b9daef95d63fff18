//! A client as JavaScript holds it.

use bitting_ffi::Invocation;
use bytes::Bytes;
use napi::bindgen_prelude::{Either, Uint8Array};
use napi::{Error, Result};
use napi_derive::napi;

use crate::batch;
use crate::inbox::Inbox;

/// A client of one API; nothing is left of it once it is closed.
#[napi]
pub struct Session(Option<bitting_ffi::Session>);

/// Makes a client from its configuration, a JSON object. What is wrong with it comes back as the JSON of a failure.
#[napi]
#[allow(clippy::needless_pass_by_value, reason = "napi hands strings over as owned ones")]
pub fn open(config: String) -> Either<Session, String> {
    match bitting_ffi::Session::open(config.as_bytes()) {
        Ok(session) => Either::A(Session(Some(session))),
        Err(failure) => Either::B(batch::failure(&failure)),
    }
}

#[napi]
impl Session {
    /// Starts a call. Its end comes to `inbox` under `ticket`; a call that cannot even begin ends there too.
    ///
    /// `operation` is the place in the operation table; `arguments` and `options` are JSON objects.
    ///
    /// # Errors
    /// When the session is closed.
    #[napi]
    #[allow(clippy::too_many_arguments, reason = "one call across the border is cheaper than an object with members")]
    pub fn start(
        &self,
        inbox: &mut Inbox,
        ticket: u32,
        operation: u32,
        arguments: Option<String>,
        body: Option<Either<String, Uint8Array>>,
        media_type: Option<String>,
        options: Option<String>,
    ) -> Result<()> {
        let body = body.map(|body| match body {
            Either::A(text) => Bytes::from(text),
            Either::B(bytes) => Bytes::copy_from_slice(&bytes),
        });
        let invocation = Invocation {
            operation,
            arguments: arguments.map(Bytes::from).unwrap_or_default(),
            media_type,
            body,
            options: options.map(Bytes::from),
        };
        let session = self.0.as_ref().ok_or_else(|| Error::from_reason("the session is closed"))?;
        inbox.start(session, ticket, invocation);
        Ok(())
    }

    /// The arguments of the page after the one that `args` asked for and `answer` is, if there is one; and the JSON of
    /// the failure to find them.
    #[napi]
    #[allow(clippy::needless_pass_by_value, reason = "napi hands strings over as owned ones")]
    pub fn next_page(&self, operation: u32, args: String, answer: Either<String, Uint8Array>) -> Vec<Option<String>> {
        let answer = match &answer {
            Either::A(text) => text.as_bytes(),
            Either::B(bytes) => bytes,
        };
        let Some(session) = &self.0 else { return vec![None, None] };
        match session.next_page(operation, args.as_bytes(), answer) {
            Ok(next) => vec![next, None],
            Err(failure) => vec![None, Some(batch::failure(&failure))],
        }
    }

    /// What the last answer that spoke of a rate limit said, as JSON.
    #[napi]
    pub fn rate_limit(&self) -> Option<String> {
        let state = self.0.as_ref()?.rate_limit().ok().flatten()?;
        Some(batch::rate_limit(&state).to_string())
    }

    /// What `<PREFIX>_LOG` asks for.
    #[napi]
    pub fn log_level(&self) -> Option<String> {
        self.0.as_ref()?.log_level()
    }

    /// Which credentials the client has, from where, until when: a JSON list without secrets.
    #[napi]
    pub fn explain(&self) -> String {
        let explained = self.0.as_ref().and_then(|session| session.explain().ok());
        explained.unwrap_or_else(|| "[]".to_owned())
    }

    /// What is worth knowing about the configuration, such as a variable that shadows another.
    #[napi]
    pub fn warnings(&self) -> Vec<String> {
        self.0.as_ref().and_then(|session| session.warnings().ok()).unwrap_or_default()
    }

    /// Lets go of connections, thread and credentials at once, not when JavaScript's memory is next looked through.
    #[napi]
    pub fn close(&mut self) {
        self.0 = None;
    }
}
