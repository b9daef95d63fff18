//! What a token endpoint answers, read totally: a grant, or a problem that says whether trying again is of use.

use std::time::{Duration, SystemTime};

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use bitting_spec::extension::TokenPointers;
use http::StatusCode;
use serde_json::Value;

use super::life::{LONGEST_LIFE, Lifetime};
use crate::clock::Now;
use crate::limit::{Answer, Dialect};
use crate::secret::{Secret, scrub};
use crate::transport::{Fault, Incoming};

/// The OAuth errors after which the same credentials never succeed (A9; RFC 6749, 5.2).
const TERMINAL: [&str; 4] = ["invalid_grant", "invalid_client", "unauthorized_client", "unsupported_grant_type"];

/// A token, as it was granted.
#[derive(Debug, Clone)]
pub(crate) struct Grant {
    pub(crate) access: Secret,
    pub(crate) refresh: Option<Secret>,
    pub(crate) lifetime: Lifetime,
    pub(crate) scopes: Vec<String>,
    /// When it was asked for (A14).
    pub(crate) asked: Now,
}

/// Why there is no token.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct TokenProblem {
    /// The credentials themselves were refused (A9).
    pub(crate) terminal: bool,
    /// The status of the answer, if one came.
    pub(crate) status: Option<StatusCode>,
    /// The OAuth error code, if the answer has one.
    pub(crate) code: Option<String>,
    /// What the answer or the connection said.
    pub(crate) message: String,
    /// How long the token endpoint asks to wait.
    pub(crate) retry_after: Option<Duration>,
}

impl TokenProblem {
    /// A problem that may pass.
    pub(crate) fn transient(message: impl Into<String>) -> Self {
        Self { terminal: false, status: None, code: None, message: message.into(), retry_after: None }
    }

    /// Whether what was refused is the refresh token itself, and not the client that offered it (RFC 6749, 5.2).
    pub(crate) fn refuses_the_grant(&self) -> bool {
        self.terminal && self.code.as_deref().is_none_or(|code| code == "invalid_grant")
    }
}

impl From<Fault> for TokenProblem {
    /// What has no status is transient (A9).
    fn from(fault: Fault) -> Self {
        Self::transient(fault.reason)
    }
}

/// Reads the answer of a token endpoint. `secrets` are what was sent there (B8).
pub(crate) fn read(
    incoming: &Incoming,
    pointers: &TokenPointers,
    asked: Now,
    received: Now,
    secrets: &[Secret],
) -> Result<Grant, TokenProblem> {
    let body: Option<Value> = serde_json::from_slice(&incoming.body).ok();
    if !incoming.status.is_success() {
        return Err(refusal(incoming, body.as_ref(), received, secrets));
    }
    let unusable = |what: String| TokenProblem { status: Some(incoming.status), ..TokenProblem::transient(what) };
    let body =
        body.ok_or_else(|| unusable("its answer is not JSON; check that this is the API's address".to_owned()))?;
    let text = |pointer: &str| body.pointer(pointer).and_then(Value::as_str).filter(|text| !text.trim().is_empty());
    let Some(access) = text(&pointers.access_token) else {
        let place = &pointers.access_token;
        return Err(unusable(format!(
            "its answer has no token at `{place}`; the document says where it stands (`x-auth`)"
        )));
    };
    let optional = |pointer: &Option<String>| pointer.as_deref().and_then(text);
    let stated = pointers.expires_in.as_deref().and_then(|pointer| body.pointer(pointer));
    let date = Answer { headers: &incoming.headers, body: &[], wall: received.wall }.server_time();
    Ok(Grant {
        access: Secret::new(access.trim()),
        refresh: optional(&pointers.refresh_token).map(Secret::new),
        lifetime: stated.and_then(lifetime).or_else(|| claimed_lifetime(access, date)).unwrap_or(Lifetime::Unknown),
        scopes: optional(&pointers.scope)
            .map(|scope| scope.split_whitespace().map(str::to_owned).collect())
            .unwrap_or_default(),
        asked,
    })
}

/// `expires_in` as servers write it: a number or a string, possibly absurd (A15). `None`: it says nothing.
fn lifetime(value: &Value) -> Option<Lifetime> {
    let seconds = match value {
        Value::Number(number) => number.as_f64()?,
        Value::String(text) => text.trim().parse::<f64>().ok().filter(|seconds| !seconds.is_nan())?,
        _ => return None,
    };
    Some(if seconds <= 0.0 {
        Lifetime::Once
    } else {
        Lifetime::For(Duration::from_secs_f64(seconds.min(LONGEST_LIFE.as_secs_f64())))
    })
}

/// The life that a JWT claims, where the answer states none: `exp` less the server's own time, never this machine's
/// (A14). The token is not trusted for anything else (D5).
fn claimed_lifetime(token: &str, server_time: SystemTime) -> Option<Lifetime> {
    let claims = token.split('.').nth(1)?;
    let claims: Value = serde_json::from_slice(&URL_SAFE_NO_PAD.decode(claims.trim_end_matches('=')).ok()?).ok()?;
    let end = claims.get("exp")?.as_f64().filter(|end| *end > 0.0 && *end < 1e12)?;
    let end = SystemTime::UNIX_EPOCH.checked_add(Duration::from_secs_f64(end))?;
    Some(match end.duration_since(server_time) {
        Ok(life) if !life.is_zero() => Lifetime::For(life.min(LONGEST_LIFE)),
        _ => Lifetime::Once,
    })
}

/// An answer other than success: what it says, and whether the credentials themselves were refused (A9).
fn refusal(incoming: &Incoming, body: Option<&Value>, received: Now, secrets: &[Secret]) -> TokenProblem {
    let text = |places: &[&str]| {
        let found = places.iter().find_map(|place| body?.pointer(place)?.as_str());
        found.map(|text| scrub(text, secrets))
    };
    let code = text(&["/error"]);
    let status = incoming.status;
    let refused = matches!(status.as_u16(), 401 | 403);
    let message = text(&["/error_description", "/detail", "/message", "/error"]);
    let answer = Answer { headers: &incoming.headers, body: &incoming.body, wall: received.wall };
    TokenProblem {
        terminal: refused || code.as_deref().is_some_and(|code| TERMINAL.contains(&code)),
        status: Some(status),
        message: message.unwrap_or_else(|| status.canonical_reason().unwrap_or("no reason given").to_owned()),
        code,
        retry_after: Dialect::new(None).delay(&answer),
    }
}

#[cfg(test)]
mod tests {
    use bytes::Bytes;
    use http::HeaderMap;

    use super::*;

    const NOW: Now = Now { mono: Duration::ZERO, wall: SystemTime::UNIX_EPOCH };

    fn read_body(status: u16, body: &str) -> Result<Grant, TokenProblem> {
        let status = StatusCode::from_u16(status).expect("a status");
        let incoming = Incoming { status, headers: HeaderMap::new(), body: Bytes::copy_from_slice(body.as_bytes()) };
        read(&incoming, &TokenPointers::default(), NOW, NOW, &[Secret::new("canary-password")])
    }

    /// A15: `expires_in` missing, 0, negative, a string, huge, nonsense.
    #[test]
    fn every_expires_in_is_defined() {
        let life = |value: &str| {
            let body = format!(r#"{{"access_token": "t", "expires_in": {value}}}"#);
            read_body(200, &body).expect("a grant").lifetime
        };
        let hour = Lifetime::For(Duration::from_secs(3_600));
        assert_eq!(read_body(200, r#"{"access_token": "t"}"#).expect("a grant").lifetime, Lifetime::Unknown);
        for (value, expected) in [
            ("3600", hour),
            ("3600.0", hour),
            (r#""3600""#, hour),
            ("0", Lifetime::Once),
            ("-5", Lifetime::Once),
            (r#""-5""#, Lifetime::Once),
            ("1e300", Lifetime::For(LONGEST_LIFE)),
            (r#""inf""#, Lifetime::For(LONGEST_LIFE)),
            ("99999999999999999999", Lifetime::For(LONGEST_LIFE)),
            (r#""soon""#, Lifetime::Unknown),
            (r#""nan""#, Lifetime::Unknown),
            ("null", Lifetime::Unknown),
            ("[]", Lifetime::Unknown),
        ] {
            assert_eq!(life(value), expected, "{value}");
        }
    }

    /// A14: a JWT's `exp` counts where nothing is stated, against the server's date.
    #[test]
    fn a_jwt_says_when_it_ends() {
        let token = format!("x.{}.y", URL_SAFE_NO_PAD.encode(r#"{"exp": 1800003600}"#));
        let mut headers = HeaderMap::new();
        headers.insert("date", http::HeaderValue::from_static("Fri, 15 Jan 2027 08:00:00 GMT"));
        let body = Bytes::from(format!(r#"{{"access_token": "{token}"}}"#));
        let incoming = Incoming { status: StatusCode::OK, headers, body };
        let grant = read(&incoming, &TokenPointers::default(), NOW, NOW, &[]).expect("a grant");
        assert_eq!(grant.lifetime, Lifetime::For(Duration::from_secs(3_600)));
    }

    /// A9: which refusals are for good, and which may pass.
    #[test]
    fn terminal_and_transient_problems() {
        let problem = |status, body| read_body(status, body).expect_err("a problem");
        assert!(problem(400, r#"{"error": "invalid_grant"}"#).terminal);
        assert!(problem(401, r#"{"detail": "Incorrect email or password"}"#).terminal);
        assert!(!problem(400, r#"{"error": "invalid_scope"}"#).terminal);
        assert!(!problem(503, "").terminal);
        assert!(!problem(200, "<html>").terminal);
        assert!(problem(200, "{}").message.starts_with("its answer has no token at `/access_token`; "));
        assert_eq!(problem(429, r#"{"retry_after": 9}"#).retry_after, None);
    }

    /// B8: an echo of the password is not repeated.
    #[test]
    fn an_echo_is_scrubbed() {
        let problem = read_body(401, r#"{"detail": "bad password canary-password"}"#).expect_err("a problem");
        assert_eq!(problem.message, "bad password [redacted]");
    }

    proptest::proptest! {
        /// A15: no answer makes the reader panic.
        #[test]
        fn no_answer_is_too_strange(body in "\\{\"access_token\": \"[a-zA-Z0-9._=-]{0,60}\", \"expires_in\": (-?[0-9]{1,40}|\"\\PC{0,9}\"|-?[0-9]e[0-9]{1,3})\\}") {
            let _ = read_body(200, &body);
        }
    }
}
