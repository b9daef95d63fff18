//! What is known of an operation before it is called: its path in pieces, its server, its credentials. Made once.

use std::sync::Arc;

use bitting_spec::table::{Location, Operation};
use http::{HeaderValue, Method};

use crate::attach::Attachment;
use crate::limit::Dialect;
use crate::secret::Secret;
use crate::token::{Circuit, TokenCache};

/// A piece of a path template.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Piece {
    /// Text as it is.
    Text(String),
    /// The value of the parameter with this index in the operation.
    Parameter(usize),
}

/// How one scheme of an alternative is satisfied.
#[derive(Debug, Clone)]
pub(crate) struct Use {
    /// The scheme's index in the API.
    pub(crate) scheme: usize,
    /// The credential's index in the client.
    pub(crate) held: usize,
    /// The scopes that the operation asks of it.
    pub(crate) scopes: Vec<String>,
    pub(crate) grip: Grip,
}

/// One alternative of an operation's security, all of whose schemes are satisfied.
#[derive(Debug)]
pub(crate) struct Alternative {
    pub(crate) uses: Vec<Use>,
    /// The index of the gate and budget that it shares.
    pub(crate) lane: usize,
}

impl Alternative {
    /// The scheme whose token is known to lack a scope of the operation, with the scopes that it has (B3). A token whose
    /// scopes nobody told may have any.
    pub(crate) fn lacks(&self) -> Option<(&Use, Vec<String>)> {
        self.uses.iter().find_map(|used| match &used.grip {
            Grip::Session(cache) if !used.scopes.is_empty() => {
                let token = cache.current()?;
                let is_short =
                    !token.scopes.is_empty() && !used.scopes.iter().all(|scope| token.scopes.contains(scope));
                is_short.then(|| (used, token.scopes.clone()))
            }
            _ => None,
        })
    }
}

/// What is put on a request.
#[derive(Debug, Clone)]
pub(crate) enum Grip {
    /// The same for every request; never renewed (A11).
    Fixed(Attachment, Secret),
    /// Nothing: the connection itself says who we are.
    Connection,
    /// The current token.
    Session(Arc<TokenCache>),
}

/// Which credentials an operation is called with. One alternative is chosen per attempt, so two are never sent (B1).
#[derive(Debug)]
pub(crate) enum Choice {
    /// None: the operation is public (B2), or may be called without and no credential is held.
    Public,
    /// Those of one alternative, the preferred one first. There is at least one.
    Schemes(Vec<Alternative>),
    /// None, because the operation's server is not one of the document's (B4).
    Withheld(String),
    /// No alternative can be satisfied; the text says what would.
    Missing(String),
}

/// An operation, prepared.
#[derive(Debug)]
pub(crate) struct Plan {
    /// Its index in the API.
    pub(crate) operation: usize,
    pub(crate) id: Arc<str>,
    pub(crate) method: Method,
    pub(crate) template: Arc<str>,
    pub(crate) pieces: Vec<Piece>,
    /// The server's URL without a slash at its end.
    pub(crate) base: String,
    pub(crate) accept: HeaderValue,
    pub(crate) choice: Choice,
    /// Whether a repeat does no harm (C10).
    pub(crate) idempotent: bool,
    pub(crate) dialect: Dialect,
    /// The index of the gate and budget that its calls without a credential share.
    pub(crate) lane: usize,
    /// Whether its refusals still renew tokens (A11).
    pub(crate) circuit: Circuit,
}

/// Cuts a path template at its expressions. An expression that names no path parameter stays as text.
pub(crate) fn pieces(operation: &Operation) -> Vec<Piece> {
    let mut pieces = Vec::new();
    // What some documents write behind a path to tell two operations apart is never sent (RFC 9110, 7.1).
    let mut rest = operation.path.split('#').next().unwrap_or_default();
    while let Some((before, after)) = rest.split_once('{') {
        let Some((name, tail)) = after.split_once('}') else { break };
        let is_named =
            |parameter: &bitting_spec::table::Parameter| parameter.location == Location::Path && parameter.name == name;
        match operation.parameters.iter().position(is_named) {
            Some(index) => {
                push_text(&mut pieces, before);
                pieces.push(Piece::Parameter(index));
            }
            None => push_text(&mut pieces, &rest[..before.len() + name.len() + 2]),
        }
        rest = tail;
    }
    push_text(&mut pieces, rest);
    pieces
}

fn push_text(pieces: &mut Vec<Piece>, text: &str) {
    match pieces.last_mut() {
        _ if text.is_empty() => {}
        Some(Piece::Text(before)) => before.push_str(text),
        _ => pieces.push(Piece::Text(text.to_owned())),
    }
}

/// The `Accept` header for what an operation answers.
pub(crate) fn accept(media_types: &[String]) -> HeaderValue {
    let wanted = media_types.join(", ");
    match HeaderValue::from_str(&wanted) {
        Ok(value) if !wanted.is_empty() => value,
        _ => HeaderValue::from_static("*/*"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_template_is_cut_at_its_parameters() {
        let operation = |path: &str| -> Operation {
            let table = serde_json::json!({"id": "op", "method": "GET", "path": path, "parameters": [
                {"name": "id", "in": "path", "required": true, "encoding": {"style": {"style": "simple", "explode": false}}}
            ]});
            serde_json::from_value(table).expect("an operation")
        };
        let text = |text: &str| Piece::Text(text.to_owned());
        assert_eq!(pieces(&operation("/a/{id}/b")), [text("/a/"), Piece::Parameter(0), text("/b")]);
        assert_eq!(pieces(&operation("/a/{other}/{id}")), [text("/a/{other}/"), Piece::Parameter(0)]);
        assert_eq!(pieces(&operation("/a/{open")), [text("/a/{open")]);
        assert_eq!(pieces(&operation("/a/{id}#twin")), [text("/a/"), Piece::Parameter(0)]);
    }
}
