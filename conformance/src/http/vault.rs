//! The secrets that a run knows, each under the name of a shell variable: so that they go on requests and nowhere else.

use std::fmt;
use std::sync::{Arc, PoisonError, RwLock};

use aho_corasick::AhoCorasick;
use bitting_spec::infer::is_secret_name;
use serde_json::Value;

use super::Answer;
use crate::secret::Secret;

/// A shorter secret stands in many a text by chance.
const TELLING: usize = 12;

/// The shell variable that stands for a secret.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Variable {
    pub(crate) name: String,
    /// What it holds, for people.
    pub(crate) origin: String,
    /// The commands that set it. `None`: somebody has to paste it.
    pub(crate) made: Option<String>,
}

/// One secret and how people get one like it.
#[derive(Clone)]
struct Entry {
    secret: Secret,
    /// The texts that it may stand as. A run asks for each secret in many thousand texts.
    forms: Vec<Secret>,
    variable: Variable,
}

impl Entry {
    /// Whether it opens something and stands in no text by chance; what was changed or forged to be refused does not.
    fn is_telling(&self) -> bool {
        let is_made_up = ["CHANGED_", "FORGED_", "SHOWN_"].iter().any(|start| self.variable.name.starts_with(start));
        self.secret.expose().len() >= TELLING && !is_made_up
    }
}

/// Finds secrets in a text, and what each of them is.
type Finder = (Option<AhoCorasick>, Vec<String>);

/// Every secret of a run.
#[derive(Default)]
pub(crate) struct Vault {
    entries: RwLock<Vec<Entry>>,
    prefixes: Vec<String>,
    /// Made anew when a secret comes that it has to find.
    finder: RwLock<Option<Arc<Finder>>>,
}

impl Vault {
    /// A vault that also knows a key that it has never seen, by one of `prefixes`.
    pub(crate) fn new(prefixes: Vec<String>) -> Self {
        Self { prefixes, ..Self::default() }
    }

    /// Remembers a secret: from now on every text says `$VARIABLE` in its place.
    pub(crate) fn keep(&self, secret: &Secret, variable: &str, origin: &str) {
        let (name, origin) = (variable.to_owned(), origin.to_owned());
        self.insert(secret, Variable { name, origin, made: None });
    }

    /// The same for a secret that the shell commands `made` get anew.
    pub(crate) fn keep_made(&self, secret: &Secret, variable: &str, origin: &str, made: String) {
        let (name, origin) = (variable.to_owned(), origin.to_owned());
        self.insert(secret, Variable { name, origin, made: Some(made) });
    }

    fn insert(&self, secret: &Secret, variable: Variable) {
        let mut entries = self.entries.write().unwrap_or_else(PoisonError::into_inner);
        if secret.expose().len() >= 4 && !entries.iter().any(|entry| entry.secret == *secret) {
            let entry = Entry {
                secret: secret.clone(),
                forms: forms(secret.expose()).into_iter().map(Secret::new).collect(),
                variable,
            };
            if entry.is_telling() {
                *self.finder.write().unwrap_or_else(PoisonError::into_inner) = None;
            }
            entries.push(entry);
            // A secret that contains another is replaced first.
            entries.sort_by_key(|entry| std::cmp::Reverse(entry.secret.expose().len()));
        }
    }

    /// `text` with a variable in the place of each known secret, and the variables that it came to need.
    pub(crate) fn variables(&self, text: &str) -> (String, Vec<Variable>) {
        let entries = self.entries.read().unwrap_or_else(PoisonError::into_inner);
        let mut text = text.to_owned();
        let mut used = Vec::new();
        for entry in entries.iter() {
            for form in entry.forms.iter().map(Secret::expose) {
                if text.contains(form) {
                    text = text.replace(form, &format!("${{{}}}", entry.variable.name));
                    if !used.contains(&entry.variable) {
                        used.push(entry.variable.clone());
                    }
                }
            }
        }
        (text, used)
    }

    /// `text` without anything that is, or looks like, a secret.
    pub(crate) fn scrub(&self, text: &str) -> String {
        let text = match serde_json::from_str::<Value>(text) {
            Ok(mut value) if value.is_object() || value.is_array() => {
                mask(&mut value);
                value.to_string()
            }
            _ => text.to_owned(),
        };
        let (text, _) = self.variables(&text);
        text.split_inclusive(|letter: char| !is_token(letter)).map(|word| self.word(word)).collect()
    }

    /// The credential of a principal, or one that the API made, that stands in `body`: what it is.
    pub(crate) fn held_in(&self, body: &[u8]) -> Option<String> {
        let known = self.finder.read().unwrap_or_else(PoisonError::into_inner).clone();
        let finder = known.unwrap_or_else(|| {
            let finder = Arc::new(self.finder());
            *self.finder.write().unwrap_or_else(PoisonError::into_inner) = Some(Arc::clone(&finder));
            finder
        });
        let found = finder.0.as_ref()?.find(body)?;
        finder.1.get(found.pattern().as_usize()).cloned()
    }

    fn finder(&self) -> Finder {
        let entries = self.entries.read().unwrap_or_else(PoisonError::into_inner);
        let telling: Vec<&Entry> = entries.iter().filter(|entry| entry.is_telling()).collect();
        let finder = AhoCorasick::new(telling.iter().map(|entry| entry.secret.expose())).ok();
        (finder, telling.into_iter().map(|entry| entry.variable.origin.clone()).collect())
    }

    /// At most `length` characters of the body, for people to read. It is scrubbed whole, so that no secret is cut in two
    /// and shown by half.
    pub(crate) fn excerpt(&self, answer: &Answer, length: usize) -> String {
        cut(&self.scrub(&String::from_utf8_lossy(&answer.body)), length)
    }

    /// A word that looks like a token or a key is not shown, known or not.
    fn word(&self, word: &str) -> String {
        let bare = word.trim_end_matches(|letter: char| !is_token(letter));
        let jwt = bare.starts_with("eyJ") && bare.matches('.').count() >= 2;
        let key = self.prefixes.iter().any(|prefix| bare.len() > prefix.len() && bare.starts_with(prefix.as_str()));
        if jwt || key { word.replacen(bare, "[secret]", 1) } else { word.to_owned() }
    }
}

impl fmt::Debug for Vault {
    /// Shows how many secrets there are: the finder has them in it.
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let count = self.entries.read().unwrap_or_else(PoisonError::into_inner).len();
        write!(formatter, "Vault of {count} secrets")
    }
}

/// The first `length` characters, and a sign where there are more.
pub(crate) fn cut(text: &str, length: usize) -> String {
    match text.char_indices().nth(length) {
        Some((end, _)) => format!("{}…", &text[..end]),
        None => text.to_owned(),
    }
}

fn is_token(letter: char) -> bool {
    letter.is_ascii_alphanumeric() || matches!(letter, '.' | '_' | '-')
}

/// The ways in which a secret can stand in a request: as it is, in a query, and in a JSON text.
fn forms(secret: &str) -> Vec<String> {
    let mut forms = vec![secret.to_owned()];
    let query: String = form_urlencoded::byte_serialize(secret.as_bytes()).collect();
    let json = Value::from(secret).to_string();
    for form in [query, json.trim_matches('"').to_owned()] {
        if !forms.contains(&form) {
            forms.push(form);
        }
    }
    forms
}

fn mask(value: &mut Value) {
    match value {
        Value::Object(object) => {
            for (name, member) in object {
                if member.is_string() && is_secret_name(name) {
                    *member = Value::from("[secret]");
                } else {
                    mask(member);
                }
            }
        }
        Value::Array(items) => items.iter_mut().for_each(mask),
        _ => {}
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// ARTOS-9: known secrets become variables, unknown ones that look like it are masked.
    #[test]
    fn nothing_secret_is_left() {
        let vault = Vault::new(vec!["rbtk_".to_owned()]);
        vault.keep(&Secret::new("rbtk_test_known"), "API_KEY", "a key");
        let text = "key rbtk_test_known, other rbtk_test_unknown; eyJhbGciOi.eyJzdWIi.c2ln!";
        assert_eq!(vault.scrub(text), "key ${API_KEY}, other [secret]; [secret]!");
        let body = r#"{"refreshToken":"opaque","nested":[{"hashed_password":"hunter2"}],"name":"x"}"#;
        let masked = r#"{"refreshToken":"[secret]","nested":[{"hashed_password":"[secret]"}],"name":"x"}"#;
        assert_eq!(vault.scrub(body), masked);
        // The whole is scrubbed before it is cut, or what is left of it would be no JSON.
        let answer = Answer::new(422, http::HeaderMap::new(), bytes::Bytes::from(body));
        assert_eq!(vault.excerpt(&answer, 30), format!("{}…", &masked[..30]));
    }

    #[test]
    fn a_secret_in_a_query_is_known_too() {
        let vault = Vault::new(Vec::new());
        vault.keep(&Secret::new("a+b/c=d"), "TOKEN", "a token");
        assert_eq!(vault.variables("?t=a%2Bb%2Fc%3Dd").0, "?t=${TOKEN}");
    }
}
