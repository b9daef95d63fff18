//! The authorization endpoint of OAuth 2.0 (RFC 6749, 4.1.1) and its page, on which a user logs in and consents. A
//! document may give it another host than the API; this server answers both.

use chrono::{DateTime, Utc};
use serde_json::Value;

use super::Desk;
use super::grant::{doubled, fields};
use super::token::words;
use crate::authenticate::check_password;
use crate::core::Core;
use crate::defect::Flaw;
use crate::exchange::{Answer, Request};
use crate::fake::seed_of;
use crate::scheme::Scheme;
use crate::world::{Code, hex};

/// Where the page sends what the user decided: no path of any document.
pub(crate) const DECISION: &str = "/_bitting/consent";
const PAGE: &str = include_str!("../../assets/consent.html");
const HTML: &str = "text/html";

/// What an app asks for.
struct Asked {
    client: String,
    redirect_uri: String,
    scopes: Vec<String>,
    state: Option<String>,
    challenge: Option<String>,
}

/// Why an app does not get what it asks for.
enum Refused {
    /// It is not known, or wants the user sent where it may not: the user stays (RFC 6749, 4.1.2.1).
    Page(&'static str),
    /// The user is sent back with an error.
    Back(Box<Asked>, &'static str),
}

/// A user who is to be asked, or has been.
struct Counter<'a> {
    core: &'a Core,
    scheme: &'a Scheme,
}

impl Desk<'_> {
    /// The authorization endpoint, reached by an operation of the document.
    pub(super) fn authorize(&self, scheme: &Scheme) -> Answer {
        authorize(self.core, scheme, self.request.query())
    }
}

/// Answers the page, or sends the user back with an error.
pub(crate) fn authorize(core: &Core, scheme: &Scheme, query: &str) -> Answer {
    let counter = Counter { core, scheme };
    match counter.read(query) {
        Ok(asked) => page(&asked, query, ""),
        Err(refused) => counter.refused(refused),
    }
}

/// What an app is told that asks in a way that the document does not have: it is sent back with that, if it is known and
/// may have users sent there (RFC 6749, 4.1.2.1).
pub(crate) fn misasked(core: &Core, scheme: &Scheme, query: &str) -> Option<Answer> {
    let counter = Counter { core, scheme };
    match counter.read(query) {
        Err(Refused::Page(_)) => None,
        Err(refused) => Some(counter.refused(refused)),
        Ok(asked) => Some(counter.refused(Refused::Back(Box::new(asked), "invalid_request"))),
    }
}

/// What the user decided: back to the app with a code, or with `access_denied`.
pub(crate) fn decide(core: &Core, scheme: &Scheme, request: &Request, now: DateTime<Utc>) -> Answer {
    let counter = Counter { core, scheme };
    let form = fields(&request.body);
    let field = |name: &str| form.get(name).and_then(Value::as_str).unwrap_or_default();
    let asked = match counter.read(field("request")) {
        Ok(asked) => asked,
        Err(refused) => return counter.refused(refused),
    };
    if field("decision") != "allow" {
        return counter.refused(Refused::Back(Box::new(asked), "access_denied"));
    }
    let email = field("email");
    if check_password(&core.world(), email, field("password")).is_none() {
        let answer = page(&asked, field("request"), "The email or the password is wrong.");
        return Answer { status: 401, ..answer }.because("login");
    }
    let code =
        core.new_code(&asked.client, &asked.redirect_uri, email, (asked.scopes.clone(), asked.challenge.clone()), now);
    counter.back(&asked, ("code", &code))
}

impl Counter<'_> {
    fn read(&self, query: &str) -> Result<Asked, Refused> {
        let (all, doubled) = (fields(query.as_bytes()), doubled(query.as_bytes()));
        if doubled.as_deref().is_some_and(|name| ["client_id", "redirect_uri"].contains(&name)) {
            return Err(Refused::Page("The app asks for two things at once."));
        }
        let text = |name: &str| all.get(name).and_then(Value::as_str).map(str::to_owned);
        let client = text("client_id").unwrap_or_default();
        let known = self.core.world().clients.get(&client).cloned().ok_or(Refused::Page("The app is not known."))?;
        // Who has one need not name it (RFC 6749, 3.1.2.3).
        let only = || known.redirect_uris.first().filter(|_| known.redirect_uris.len() == 1).cloned();
        let redirect_uri = text("redirect_uri").or_else(only).unwrap_or_default();
        if redirect_uri.is_empty() {
            return Err(Refused::Page("The app must say where it wants the user sent."));
        }
        if !known.owns(&redirect_uri) && !self.core.flaws.has(Flaw::M63) {
            return Err(Refused::Page("The app has no such redirect URI."));
        }
        let scopes = words(&text("scope").unwrap_or_default());
        let is_open = scopes.iter().any(|scope| !self.scheme.scopes.contains(scope));
        // `plain` proves nothing (RFC 9700, 2.1.1), and a SHA-256 has 43 characters (RFC 7636, 4.2).
        let is_hash =
            |text: &str| text.len() == 43 && text.bytes().all(|b| b.is_ascii_alphanumeric() || b"-_".contains(&b));
        let is_plain = text("code_challenge")
            .is_some_and(|challenge| !is_hash(&challenge) || text("code_challenge_method").as_deref() != Some("S256"));
        let scopes = if scopes.is_empty() { self.scheme.scopes.clone() } else { scopes };
        let asked = Asked { client, redirect_uri, scopes, state: text("state"), challenge: text("code_challenge") };
        match text("response_type").as_deref() {
            _ if doubled.is_some() => Err(Refused::Back(Box::new(asked), "invalid_request")),
            Some("code") if is_open => Err(Refused::Back(Box::new(asked), "invalid_scope")),
            Some("code") if is_plain => Err(Refused::Back(Box::new(asked), "invalid_request")),
            Some("code") => Ok(asked),
            None => Err(Refused::Back(Box::new(asked), "invalid_request")),
            Some(_) => Err(Refused::Back(Box::new(asked), "unsupported_response_type")),
        }
    }

    fn refused(&self, refused: Refused) -> Answer {
        match refused {
            Refused::Page(words) => {
                let text = format!("<!doctype html><meta charset=utf-8><title>No</title><p>{words}");
                Answer { media: HTML.to_owned(), ..Answer::json(400, Value::from(text)) }.because("client")
            }
            Refused::Back(asked, error) => self.back(&asked, ("error", error)).because(error),
        }
    }

    /// Back to the app, with what it is to know and the state that it gave (RFC 6749, 4.1.2).
    fn back(&self, asked: &Asked, (name, value): (&str, &str)) -> Answer {
        let (uri, fragment) = asked.redirect_uri.split_once('#').unwrap_or((&asked.redirect_uri, ""));
        let mut query = form_urlencoded::Serializer::new(String::new());
        query.append_pair(name, value);
        if let Some(state) = asked.state.as_ref().filter(|_| !self.core.flaws.has(Flaw::M62)) {
            query.append_pair("state", state);
        }
        let mark = if uri.contains('?') { '&' } else { '?' };
        let fragment = if fragment.is_empty() { String::new() } else { format!("#{fragment}") };
        Answer::empty(302)
            .with("location", &format!("{uri}{mark}{}{fragment}", query.finish()))
            .with("cache-control", "no-store")
    }
}

impl Core {
    /// An authorization code for a user who has consented: scopes, and the challenge that it is bound to.
    pub(crate) fn new_code(
        &self,
        client: &str,
        redirect_uri: &str,
        user: &str,
        (scopes, challenge): (Vec<String>, Option<String>),
        now: DateTime<Utc>,
    ) -> String {
        let session = self.new_session();
        let mut world = self.world();
        let seed = seed_of(self.seed, &["code", &world.next_serial().to_string()]);
        let text = format!("code_test_{}", hex(&seed.to_be_bytes()));
        let code = Code {
            client: client.to_owned(),
            redirect_uri: redirect_uri.to_owned(),
            user: user.to_owned(),
            scopes,
            challenge,
            session,
            issued_at: now,
            is_used: false,
        };
        world.codes.insert(&text, code);
        text
    }
}

fn page(asked: &Asked, query: &str, fault: &str) -> Answer {
    let scopes: String = asked.scopes.iter().map(|scope| format!("<li><code>{}</code></li>", escaped(scope))).collect();
    let fault = if fault.is_empty() { String::new() } else { format!("<p class=fault role=alert>{fault}</p>") };
    let parts = [
        ("{{action}}", DECISION.to_owned()),
        ("{{fault}}", fault),
        ("{{scopes}}", scopes),
        ("{{client}}", escaped(&asked.client)),
        ("{{target}}", escaped(&asked.redirect_uri)),
        ("{{request}}", escaped(query)),
    ];
    let text = parts.iter().fold(PAGE.to_owned(), |text, (mark, value)| text.replace(mark, value));
    // No other page may frame it, or a user could be led to consent unawares (RFC 6749, 10.13).
    Answer { media: HTML.to_owned(), ..Answer::json(200, Value::from(text)) }
        .with("x-frame-options", "DENY")
        .with("content-security-policy", "default-src 'none'; style-src 'unsafe-inline'; frame-ancestors 'none'")
        .with("cache-control", "no-store")
}

/// Text as HTML shows it.
fn escaped(text: &str) -> String {
    text.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;").replace('"', "&quot;").replace('{', "&#123;")
}
