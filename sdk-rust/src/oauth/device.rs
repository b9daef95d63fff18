//! Logging in on another device (RFC 8628): a short code for the user, and polling at the pace that the server asks for
//! (D3).

use std::time::Duration;

use serde_json::Value;
use url::Url;

use super::{LoginError, OAuthClient, OAuthError};
use crate::secret::Secret;
use crate::token::acquire::{Endpoint, Place, TokenRequest};
use crate::token::{Grant, TokenProblem};
use crate::transport::Incoming;

const GRANT_TYPE: &str = "urn:ietf:params:oauth:grant-type:device_code";

/// The pause between two polls where the server names none, and what `slow_down` adds to it (RFC 8628, 3.2 and 3.5).
const FIVE_SECONDS: Duration = Duration::from_secs(5);

/// No pause is longer.
const LONGEST_PAUSE: Duration = Duration::from_secs(300);

/// No user takes longer, whatever the server says.
const LONGEST_LIFE: Duration = Duration::from_secs(3_600);

/// What the user is shown.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct DevicePrompt {
    /// Where the user goes, on any device.
    pub verification_uri: String,
    /// The same with the code in it, for a link or a picture.
    pub verification_uri_complete: Option<String>,
    /// What the user types there.
    pub user_code: String,
    /// How long that works.
    pub expires_in: Duration,
}

/// A login on another device that has begun.
#[derive(Debug)]
pub(super) struct Device {
    pub(super) prompt: DevicePrompt,
    code: Secret,
    pause: Duration,
    /// The end of the code's life on the monotonic clock.
    end: Duration,
}

impl Device {
    /// Asks for a code (RFC 8628, 3.1).
    pub(super) async fn begin(
        endpoint: &Endpoint,
        url: Url,
        client: &OAuthClient,
        scopes: &[String],
    ) -> Result<Self, LoginError> {
        let scope = (!scopes.is_empty()).then(|| ("scope", Secret::new(scopes.join(" "))));
        let request = TokenRequest { client: Some(client.clone()), ..TokenRequest::form(url, scope) };
        let (incoming, asked) = endpoint.exchange(&request, None, None).await?;
        Self::read(&incoming, asked.mono)
    }

    fn read(incoming: &Incoming, asked: Duration) -> Result<Self, LoginError> {
        let body: Value = serde_json::from_slice(&incoming.body).unwrap_or_default();
        let text = |name: &str| body.get(name).and_then(Value::as_str).filter(|text| !text.trim().is_empty());
        if !incoming.status.is_success() {
            let error = text("error").map_or_else(|| format!("the server answered {}", incoming.status), str::to_owned);
            let error_description = text("error_description").map(str::to_owned);
            return Err(LoginError::Refused(OAuthError { error, error_description }));
        }
        let missing = |name: &str| LoginError::Token(format!("the answer of the device endpoint has no `{name}`"));
        // Google writes `verification_url`, as the drafts did.
        let uri = text("verification_uri").or_else(|| text("verification_url"));
        let verification_uri = plain(uri.ok_or_else(|| missing("verification_uri"))?);
        let user_code = plain(text("user_code").ok_or_else(|| missing("user_code"))?);
        let code = Secret::new(text("device_code").ok_or_else(|| missing("device_code"))?);
        let seconds = |name: &str| body.get(name).and_then(Value::as_f64).filter(|seconds| *seconds > 0.0);
        let duration = |name| seconds(name).map(|seconds| Duration::from_secs_f64(seconds.min(1e6)));
        let life = duration("expires_in").unwrap_or(LONGEST_LIFE).min(LONGEST_LIFE);
        let pause = duration("interval").unwrap_or(FIVE_SECONDS).min(LONGEST_PAUSE);
        let verification_uri_complete = text("verification_uri_complete").map(plain);
        let prompt = DevicePrompt { verification_uri, verification_uri_complete, user_code, expires_in: life };
        Ok(Self { prompt, code, pause, end: asked.saturating_add(life) })
    }

    /// Polls until the user has decided, or the code has ended (RFC 8628, 3.4).
    pub(super) async fn wait(
        mut self,
        endpoint: &Endpoint,
        place: Place,
        client: OAuthClient,
    ) -> Result<Grant, LoginError> {
        let fields = [("grant_type", Secret::new(GRANT_TYPE)), ("device_code", self.code.clone())];
        let request = TokenRequest { client: Some(client), ..TokenRequest::form(place, fields) };
        loop {
            let next = endpoint.clock.now().mono.saturating_add(self.pause);
            if next >= self.end {
                return Err(LoginError::TimedOut(self.prompt.expires_in));
            }
            endpoint.clock.sleep_until(next).await;
            match endpoint.ask(&request, None, None).await {
                Ok(grant) => return Ok(grant),
                Err(problem) => self.pause = pause_after(self.pause, &problem).ok_or(problem)?,
            }
        }
    }
}

/// The pause before the next poll; `None`: there is none (RFC 8628, 3.5).
fn pause_after(pause: Duration, problem: &TokenProblem) -> Option<Duration> {
    let next = match (problem.code.as_deref(), problem.status) {
        (Some("authorization_pending"), _) => pause,
        (Some("slow_down"), _) => pause + FIVE_SECONDS,
        // No answer, or a server in trouble: the user may still decide.
        (None, None) => pause * 2,
        (None, Some(status)) if status.is_server_error() || status.as_u16() == 429 => pause * 2,
        _ => return None,
    };
    Some(next.max(problem.retry_after.unwrap_or_default()).min(LONGEST_PAUSE))
}

/// A server's text for a terminal, without what could steer one.
fn plain(text: &str) -> String {
    text.chars().filter(|c| !c.is_control()).collect()
}

#[cfg(test)]
mod tests {
    use bytes::Bytes;
    use http::{HeaderMap, StatusCode};

    use super::*;

    fn read(status: u16, body: &str) -> Result<Device, LoginError> {
        let status = StatusCode::from_u16(status).expect("a status");
        let incoming = Incoming { status, headers: HeaderMap::new(), body: Bytes::copy_from_slice(body.as_bytes()) };
        Device::read(&incoming, Duration::from_secs(7))
    }

    /// D3: what the server leaves out has the value of the RFC; what it must say is missed by name.
    #[test]
    fn the_answer_is_read() {
        let device = r#"{"device_code": "test-code", "user_code": "AB-CD", "verification_uri": "https://x.example"}"#;
        let device = read(200, device).expect("a code");
        assert_eq!((device.pause, device.end), (FIVE_SECONDS, Duration::from_secs(3_607)));
        assert!(!format!("{device:?}").contains("test-code"));
        let error = read(200, r#"{"device_code": "c", "verification_uri": "u"}"#).expect_err("no code");
        assert!(error.to_string().contains("user_code"), "{error}");
        assert!(matches!(read(200, "<html>"), Err(LoginError::Token(_))));
        let refused = read(400, r#"{"error": "invalid_client"}"#).expect_err("a refusal");
        assert!(matches!(refused, LoginError::Refused(OAuthError { error, .. }) if error == "invalid_client"));
    }

    /// D3: pending keeps the pace, `slow_down` adds five seconds for good, trouble doubles it, a decision ends it.
    #[test]
    fn the_pace_is_the_servers() {
        let problem = |code: Option<&str>, status: Option<u16>| TokenProblem {
            code: code.map(str::to_owned),
            status: status.and_then(|status| StatusCode::from_u16(status).ok()),
            ..TokenProblem::transient("")
        };
        let next = |code, status| pause_after(FIVE_SECONDS, &problem(code, status)).map(|pause| pause.as_secs());
        assert_eq!(next(Some("authorization_pending"), Some(400)), Some(5));
        assert_eq!(next(Some("slow_down"), Some(400)), Some(10));
        assert_eq!(next(None, None), Some(10));
        assert_eq!(next(None, Some(503)), Some(10));
        for end in ["expired_token", "access_denied", "invalid_grant"] {
            assert_eq!(next(Some(end), Some(400)), None, "{end}");
        }
    }
}
