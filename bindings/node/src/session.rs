//! A client as JavaScript holds it.

use std::collections::HashMap;
use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

use bitting_ffi::{Invocation, Part, TokenProvider, TokenRequest};
use bytes::Bytes;
use napi::bindgen_prelude::{Either, Function, Uint8Array};
use napi::threadsafe_function::ThreadsafeFunctionCallMode;
use napi::{Error, Result};
use napi_derive::napi;

use crate::batch;
use crate::inbox::Inbox;

/// A client of one API; nothing is left of it once it is closed.
#[napi]
pub struct Session {
    session: Option<bitting_ffi::Session>,
    /// The requests for a token that JavaScript has not answered yet.
    asked: Asked,
}

type Asked = Arc<Mutex<HashMap<u32, TokenRequest>>>;

/// Makes a client from its configuration, a JSON object. What is wrong with it comes back as the JSON of a failure.
/// `provider` is called with a number for each request for a token, which `provide` answers.
///
/// # Errors
/// When Node gives no threadsafe function, as in an environment that is ending.
#[napi]
#[allow(clippy::needless_pass_by_value, reason = "napi hands strings over as owned ones")]
pub fn open(config: String, provider: Option<Function<'_, u32, ()>>) -> Result<Either<Session, String>> {
    let asked = Asked::default();
    let provider = provider.map(|ask| provider_of(ask, &asked)).transpose()?;
    Ok(match bitting_ffi::Session::open_with(config.as_bytes(), provider) {
        Ok(session) => Either::A(Session { session: Some(session), asked }),
        Err(failure) => Either::B(batch::failure(&failure)),
    })
}

fn provider_of(ask: Function<'_, u32, ()>, asked: &Asked) -> Result<TokenProvider> {
    let ask = ask.build_threadsafe_function::<u32>().weak::<true>().callee_handled::<false>().build()?;
    let (asked, number) = (Arc::clone(asked), AtomicU32::new(0));
    Ok(bitting_ffi::pending(move |request| {
        let number = number.fetch_add(1, Ordering::Relaxed);
        asked.lock().unwrap_or_else(PoisonError::into_inner).insert(number, request);
        // The status is of no interest: where nobody is left to answer, the wait for a token has an end of its own.
        let _ = ask.call(number, ThreadsafeFunctionCallMode::NonBlocking);
    }))
}

/// A file of a form.
#[napi(object)]
pub struct File {
    /// The field's name.
    pub name: String,
    /// The file's name.
    pub file_name: String,
    /// Its media type.
    pub media_type: String,
    /// Its content.
    pub content: Uint8Array,
}

impl File {
    fn part(self) -> Part {
        let Self { name, file_name, media_type, content } = self;
        let content = Bytes::copy_from_slice(&content);
        Part { name, file_name: Some(file_name), media_type: Some(media_type), content }
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
        files: Option<Vec<File>>,
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
            files: files.into_iter().flatten().map(File::part).collect(),
            options: options.map(Bytes::from),
        };
        let session = self.session.as_ref().ok_or_else(|| Error::from_reason("the session is closed"))?;
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
        let Some(session) = &self.session else { return vec![None, None] };
        match session.next_page(operation, args.as_bytes(), answer) {
            Ok(next) => vec![next, None],
            Err(failure) => vec![None, Some(batch::failure(&failure))],
        }
    }

    /// What the last answer that spoke of a rate limit said, as JSON.
    #[napi]
    pub fn rate_limit(&self) -> Option<String> {
        let state = self.session.as_ref()?.rate_limit().ok().flatten()?;
        Some(batch::rate_limit(&state).to_string())
    }

    /// What `<PREFIX>_LOG` asks for.
    #[napi]
    pub fn log_level(&self) -> Option<String> {
        self.session.as_ref()?.log_level()
    }

    /// Which credentials the client has, from where, until when: a JSON list without secrets.
    #[napi]
    pub fn explain(&self) -> String {
        let explained = self.session.as_ref().and_then(|session| session.explain().ok());
        explained.unwrap_or_else(|| "[]".to_owned())
    }

    /// What is worth knowing about the configuration, such as a variable that shadows another.
    #[napi]
    pub fn warnings(&self) -> Vec<String> {
        self.session.as_ref().and_then(|session| session.warnings().ok()).unwrap_or_default()
    }

    /// Answers a request for a token with a JSON object.
    #[napi]
    #[allow(clippy::needless_pass_by_value, reason = "napi hands strings over as owned ones")]
    pub fn provide(&self, number: u32, answer: String) {
        if let Some(request) = self.asked.lock().unwrap_or_else(PoisonError::into_inner).remove(&number) {
            request.answer(answer.into_bytes());
        }
    }

    /// Lets go of connections, thread and credentials at once, not when JavaScript's memory is next looked through.
    #[napi]
    pub fn close(&mut self) {
        self.session = None;
    }
}
