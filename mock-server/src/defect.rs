//! Deliberate defects: what a server can get wrong, each switched on by its id, so that a suite can prove that it
//! finds it. The defects are data here; each acts at one small place in the core.

mod traits;

use std::borrow::Cow;
use std::fmt;
use std::sync::atomic::{AtomicU64, Ordering};

use bitting_spec::Document;

/// A defect that the server can have.
#[derive(Clone, Copy)]
pub struct Defect {
    /// Its stable id, such as `M03`.
    pub id: &'static str,
    /// What the server then gets wrong.
    pub name: &'static str,
    pub(crate) flaw: Flaw,
    fits: fn(&Document) -> bool,
}

impl Defect {
    /// Whether a server of `document` can show the defect: one without scopes cannot ignore them.
    #[must_use]
    pub fn applies(&self, document: &Document) -> bool {
        let mut document = Cow::Borrowed(document);
        bitting_spec::infer::sessions(&mut document);
        bitting_spec::infer::bare_lists(&mut document);
        (self.fits)(&document)
    }
}

impl fmt::Debug for Defect {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "{}: {}", self.id, self.name)
    }
}

/// An id that no defect has.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("`{id}` is no defect; `bitting serve --list-defects` shows them all")]
pub struct UnknownDefect {
    /// What was given.
    pub id: String,
}

/// Every defect, in the order of the ids.
#[must_use]
pub fn defects() -> &'static [Defect] {
    &DEFECTS
}

/// The defect of this id, in either case.
///
/// # Errors
/// [`UnknownDefect`] if there is none.
pub fn find(id: &str) -> Result<&'static Defect, UnknownDefect> {
    let found = DEFECTS.iter().find(|defect| defect.id.eq_ignore_ascii_case(id.trim()));
    found.ok_or_else(|| UnknownDefect { id: id.to_owned() })
}

/// The defects as the core asks for them; the number is that of the id.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[rustfmt::skip]
pub(crate) enum Flaw {
    M01 = 1, M02 = 2, M03 = 3, M04 = 4, M05 = 5, M06 = 6, M07 = 7, M08 = 8, M09 = 9, M10 = 10, M11 = 11, M12 = 12, M13 = 13,
    M14 = 14, M15 = 15, M16 = 16, M17 = 17, M18 = 18, M19 = 19, M20 = 20, M21 = 21, M22 = 22, M30 = 30, M31 = 31,
    M32 = 32, M33 = 33, M34 = 34, M35 = 35, M36 = 36, M37 = 37, M38 = 38, M39 = 39, M40 = 40, M50 = 50, M51 = 51,
    M52 = 52, M53 = 53, M54 = 54, M55 = 55, M56 = 56, M57 = 57, M58 = 58, M59 = 59, M60 = 60,
    M61 = 61, M62 = 62, M63 = 63, M70 = 70, M71 = 71, M72 = 72, M73 = 73, M74 = 74, M75 = 75, M76 = 76, M77 = 77, M80 = 80, M81 = 81, M82 = 82,
    M83 = 83, M84 = 84, M85 = 85, M86 = 86, M87 = 87, M88 = 88,
}

const fn defect(id: &'static str, flaw: Flaw, name: &'static str, fits: fn(&Document) -> bool) -> Defect {
    Defect { id, name, flaw, fits }
}

#[rustfmt::skip]
static DEFECTS: [Defect; 64] = [
    defect("M01", Flaw::M01, "a missing credential is accepted", traits::protected),
    defect("M02", Flaw::M02, "any bearer token that is not empty is accepted", traits::bearer),
    defect("M03", Flaw::M03, "an expired credential is accepted", traits::protected),
    defect("M04", Flaw::M04, "a token is accepted before it is valid (nbf)", traits::tokens),
    defect("M05", Flaw::M05, "the signature of a token is not checked", traits::tokens),
    defect("M06", Flaw::M06, "a token of the algorithm none is accepted", traits::tokens),
    defect("M07", Flaw::M07, "the public key of one algorithm is taken as the secret of another", traits::tokens),
    defect("M08", Flaw::M08, "a token for another audience is accepted", traits::tokens),
    defect("M09", Flaw::M09, "a token of another issuer is accepted", traits::tokens),
    defect("M10", Flaw::M10, "a revoked credential is accepted", traits::protected),
    defect("M11", Flaw::M11, "a revocation takes effect only after a minute", traits::protected),
    defect("M12", Flaw::M12, "a credential of another environment is accepted", traits::environments),
    defect("M13", Flaw::M13, "only the beginning of a key is compared", traits::keys),
    defect("M14", Flaw::M14, "a credential in the query is accepted where a header is declared", traits::header),
    defect("M15", Flaw::M15, "the scheme name `bearer` is taken in one spelling only", traits::bearer),
    defect("M16", Flaw::M16, "a key is accepted as a bearer token where only its own header is declared", traits::only_key_header),
    defect("M17", Flaw::M17, "alternatives of a security requirement are all demanded", traits::alternatives),
    defect("M18", Flaw::M18, "schemes that are needed together are taken as alternatives", traits::conjunction),
    defect("M19", Flaw::M19, "an invalid credential beside a valid one is accepted", traits::two_places),
    defect("M20", Flaw::M20, "a public operation demands a credential", traits::public),
    defect("M21", Flaw::M21, "a 401 has no WWW-Authenticate", traits::protected),
    defect("M22", Flaw::M22, "a malformed credential header makes the server fail", traits::header),
    defect("M30", Flaw::M30, "scopes are not checked", traits::scopes),
    defect("M31", Flaw::M31, "a scope to read is taken as one to write", traits::write_scopes),
    defect("M32", Flaw::M32, "scopes are checked on GET only", traits::write_scopes),
    defect("M33", Flaw::M33, "HEAD needs no credential", traits::protected_get),
    defect("M34", Flaw::M34, "another organization can be read by its path", traits::tenant_path),
    defect("M35", Flaw::M35, "another organization's object can be read under one's own path", traits::tenant_items),
    defect("M36", Flaw::M36, "lists hold rows of other organizations", traits::tenant_lists),
    defect("M37", Flaw::M37, "a query parameter chooses the organization whose rows are listed", traits::tenant_lists),
    defect("M38", Flaw::M38, "404 tells an organization that does not exist from one that is foreign", traits::tenant_path),
    defect("M39", Flaw::M39, "a slash too many at the end of a path skips the credential", traits::protected),
    defect("M40", Flaw::M40, "who was taken out of an organization still gets in with what was issued before", traits::protected),
    defect("M50", Flaw::M50, "a refresh accepts any token", traits::refresh),
    defect("M51", Flaw::M51, "a refresh token that was replaced still works", traits::rotation),
    defect("M52", Flaw::M52, "a stolen refresh token does not end its session", traits::rotation),
    defect("M53", Flaw::M53, "a refreshed token may do more than the one before", traits::refreshed_scopes),
    defect("M54", Flaw::M54, "a token still works after the logout", traits::logout),
    defect("M55", Flaw::M55, "an authorization code works twice", traits::codes),
    defect("M56", Flaw::M56, "an authorization code works for another client or redirect URI", traits::codes),
    defect("M57", Flaw::M57, "the code verifier is not checked (PKCE)", traits::codes),
    defect("M58", Flaw::M58, "expires_in is not the token's life", traits::issues_tokens),
    defect("M59", Flaw::M59, "an answer with a token may be cached", traits::issues_tokens),
    defect("M60", Flaw::M60, "a login tells an unknown user from a wrong password", traits::login),
    defect("M61", Flaw::M61, "client credentials are granted scopes that were not asked for", traits::client_scopes),
    defect("M62", Flaw::M62, "the state of an authorization request does not come back", traits::codes),
    defect("M63", Flaw::M63, "a user is sent to any redirect URI", traits::codes),
    defect("M70", Flaw::M70, "answers have no rate limit headers", traits::rate_headers),
    defect("M71", Flaw::M71, "the remaining requests never fall", traits::rate_headers),
    defect("M72", Flaw::M72, "the rate limit resets in the past", traits::rate_headers),
    defect("M73", Flaw::M73, "a 429 does not say when to try again", traits::rate_limit),
    defect("M74", Flaw::M74, "the rate limit is shared by all callers of one address", traits::rate_limit),
    defect("M75", Flaw::M75, "requests with a wrong credential count against everybody", traits::rate_limit),
    defect("M76", Flaw::M76, "Retry-After and the body of a 429 disagree", traits::rate_body),
    defect("M77", Flaw::M77, "the window of the rate limit never ends", traits::rate_limit),
    defect("M80", Flaw::M80, "answers break their schema", traits::json_answer),
    defect("M81", Flaw::M81, "answers have a status that is not documented", traits::json_answer),
    defect("M82", Flaw::M82, "answers have another content type than documented", traits::json_answer),
    defect("M83", Flaw::M83, "a created object is not listed", traits::create_and_list),
    defect("M84", Flaw::M84, "a deleted object is still readable", traits::delete_and_read),
    defect("M85", Flaw::M85, "the same list has another order each time", traits::lists),
    defect("M86", Flaw::M86, "a client sets what the server owns, such as the id", traits::open_create),
    defect("M87", Flaw::M87, "a secret that is shown once is shown again", traits::shown_once),
    defect("M88", Flaw::M88, "a refusal repeats the credential that it refuses", traits::protected),
];

/// The defects that are switched on.
#[derive(Debug, Default)]
pub(crate) struct Flaws {
    low: AtomicU64,
    high: AtomicU64,
}

impl Flaws {
    pub(crate) fn has(&self, flaw: Flaw) -> bool {
        self.word(flaw).load(Ordering::Relaxed) & bit(flaw) != 0
    }

    pub(crate) fn set(&self, flaw: Flaw, on: bool) {
        if on {
            self.word(flaw).fetch_or(bit(flaw), Ordering::Relaxed);
        } else {
            self.word(flaw).fetch_and(!bit(flaw), Ordering::Relaxed);
        }
    }

    /// Whether none is on.
    pub(crate) fn is_empty(&self) -> bool {
        self.low.load(Ordering::Relaxed) == 0 && self.high.load(Ordering::Relaxed) == 0
    }

    /// The ids of those that are on.
    pub(crate) fn ids(&self) -> Vec<&'static str> {
        DEFECTS.iter().filter(|defect| self.has(defect.flaw)).map(|defect| defect.id).collect()
    }

    fn word(&self, flaw: Flaw) -> &AtomicU64 {
        if (flaw as u32) < 64 { &self.low } else { &self.high }
    }
}

fn bit(flaw: Flaw) -> u64 {
    1 << (flaw as u32 % 64)
}
