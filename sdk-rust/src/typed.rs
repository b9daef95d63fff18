//! What generated code builds on: a call whose answer has a type.

use std::fmt;
use std::marker::PhantomData;
use std::ops::{Deref, DerefMut};

use bytes::Bytes;
use http::{HeaderMap, StatusCode};
use serde::Serialize;
use serde::de::DeserializeOwned;

use crate::body::Body;
use crate::call::{Call, CallOptions};
use crate::client::Client;
use crate::error::{DecodeError, Error};
use crate::pages::Pages;
use crate::response::{Meta, Response, sealed};

/// A call of one operation whose answer is a `T`.
#[derive(Debug)]
#[must_use = "a request is sent by `send`"]
pub struct Request<T> {
    pub(crate) client: Client,
    pub(crate) call: Call,
    answer: PhantomData<fn() -> T>,
}

impl<T> Clone for Request<T> {
    fn clone(&self) -> Self {
        Self { client: self.client.clone(), call: self.call.clone(), answer: PhantomData }
    }
}

impl<T> Request<T> {
    /// A request for the operation with this id.
    pub fn new(client: &Client, operation_id: &'static str) -> Self {
        Self { client: client.clone(), call: Call::new(operation_id), answer: PhantomData }
    }

    /// Sets a parameter; see [`Call::argument`].
    pub fn set(&mut self, name: &str, value: impl Serialize) {
        self.call.set(name, &value);
    }

    /// Sets the body; see [`Call::json`].
    pub fn json(&mut self, value: &impl Serialize) {
        self.call.set_json(value);
    }

    /// Sets the body, with its media type.
    pub fn body(&mut self, media_type: impl Into<String>, body: Body) {
        self.call.payload = crate::call::Payload::Body(media_type.into(), body);
    }

    /// What holds for this call alone.
    pub fn options(&mut self) -> &mut CallOptions {
        &mut self.call.options
    }

    /// Walks the pages of a list, this request being the first.
    pub fn pages(self) -> Pages<T> {
        Pages::new(self)
    }
}

impl<T: Decode> Request<T> {
    /// Makes the call and decodes its answer.
    ///
    /// # Errors
    /// Those of [`Client::call`], and [`Error::Decode`] if the answer is no `T`.
    pub async fn send(self) -> Result<Success<T>, Error> {
        let response = self.client.call(self.call).await?;
        Success::decode(response)
    }
}

/// A successful answer, decoded, with how the call went. It can be used like the `T` itself.
#[derive(Clone)]
pub struct Success<T> {
    value: T,
    status: StatusCode,
    headers: HeaderMap,
    meta: Meta,
}

impl<T: fmt::Debug> fmt::Debug for Success<T> {
    /// The headers stay out: a session may stand there (B8).
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut debug = formatter.debug_struct("Success");
        debug.field("value", &self.value).field("status", &self.status).field("meta", &self.meta);
        debug.finish_non_exhaustive()
    }
}

impl<T: Decode> Success<T> {
    pub(crate) fn decode(response: Response) -> Result<Self, Error> {
        let value = T::decode(&response)?;
        let Response { status, headers, meta, .. } = response;
        Ok(Self { value, status, headers, meta })
    }
}

impl<T> Success<T> {
    /// The answer alone.
    pub fn into_inner(self) -> T {
        self.value
    }

    /// How the call went: attempts, waits, request id, rate limit.
    pub fn meta(&self) -> &Meta {
        &self.meta
    }

    /// The answer's headers.
    pub fn headers(&self) -> &HeaderMap {
        &self.headers
    }

    /// The answer's status.
    pub fn status(&self) -> StatusCode {
        self.status
    }
}

impl<T> Deref for Success<T> {
    type Target = T;

    fn deref(&self) -> &T {
        &self.value
    }
}

impl<T> DerefMut for Success<T> {
    fn deref_mut(&mut self) -> &mut T {
        &mut self.value
    }
}

/// What an answer can be decoded into.
pub trait Decode: Sized {
    /// Reads an answer.
    ///
    /// # Errors
    /// [`Error::Decode`] if the answer is something else.
    fn decode(response: &Response) -> Result<Self, Error>;
}

/// A JSON answer. It can be used like the `T` itself.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Json<T>(pub T);

impl<T> Json<T> {
    /// The value alone.
    pub fn into_inner(self) -> T {
        self.0
    }
}

impl<T> Deref for Json<T> {
    type Target = T;

    fn deref(&self) -> &T {
        &self.0
    }
}

impl<T> DerefMut for Json<T> {
    fn deref_mut(&mut self) -> &mut T {
        &mut self.0
    }
}

impl<T: DeserializeOwned> Decode for Json<T> {
    /// An answer without content is `null`, so that an operation may answer 200 with a body and 204 without.
    fn decode(response: &Response) -> Result<Self, Error> {
        let body = if response.body.is_empty() { b"null" } else { &response.body[..] };
        let read = serde_json::from_slice(body).map(Json);
        read.map_err(|error| undecodable(response, without_value(&error.to_string())))
    }
}

/// What serde says of a value of a wrong type, without the value: that may be a token (B8).
fn without_value(text: &str) -> String {
    match (text.find("string \""), text.rfind("\", expected")) {
        (Some(start), Some(end)) if start + 7 < end => format!("{}string{}", &text[..start], &text[end + 1..]),
        _ => text.to_owned(),
    }
}

impl Decode for () {
    /// An answer without content; whatever it has is left unread.
    fn decode(_: &Response) -> Result<Self, Error> {
        Ok(())
    }
}

impl Decode for Bytes {
    fn decode(response: &Response) -> Result<Self, Error> {
        Ok(response.body.clone())
    }
}

impl Decode for String {
    fn decode(response: &Response) -> Result<Self, Error> {
        let text = std::str::from_utf8(&response.body);
        text.map(str::to_owned).map_err(|error| undecodable(response, error.to_string()))
    }
}

impl Decode for Response {
    fn decode(response: &Response) -> Result<Self, Error> {
        Ok(response.clone())
    }
}

/// The error for an answer that is not what was promised.
pub(crate) fn undecodable(response: &Response, problem: String) -> Error {
    let Response { status, headers, body, meta } = response.clone();
    Error::Decode(Box::new(DecodeError { problem, status, headers: sealed(headers), body, meta }))
}

#[cfg(test)]
mod tests {
    use super::*;

    /// B8: a value of a wrong type is not shown, and what is wrong with it is.
    #[test]
    fn a_wrong_value_is_not_shown() {
        let error = serde_json::from_str::<Vec<u8>>(r#"["test \" canary, expected"]"#).expect_err("a wrong type");
        assert_eq!(without_value(&error.to_string()), "invalid type: string, expected u8 at line 1 column 27");
        assert_eq!(without_value("missing field `id` at line 1"), "missing field `id` at line 1");
    }
}
