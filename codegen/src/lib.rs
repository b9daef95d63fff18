//! Generates clients from the model of an OpenAPI document.
//!
//! Pure: a [`Document`](bitting_spec::Document) in, files out. The [`Surface`] says what a client offers; Rust, Python
//! and Node each write it down in their own words, over the same operation table.

mod credentials;
pub mod names;
pub mod node;
pub mod python;
pub mod rust;
pub mod surface;
pub mod types;

use std::borrow::Cow;

use bitting_spec::Document;

pub use names::Language;
pub use surface::Surface;

/// The clients of `document` for an API called `name` (kebab case), one per language. With several languages each has a
/// folder of its own: `rust/`, `python/`, `node/`.
#[must_use]
pub fn generate(document: &Document, name: &str, languages: &[Language]) -> Generated {
    let mut known = Cow::Borrowed(document);
    bitting_spec::infer::sessions(&mut known);
    let surface = Surface::of(&known, name);
    let mut all = Generated { notes: inferred(document, &known), ..Generated::default() };
    for language in languages {
        let mut one = match language {
            Language::Rust => rust::generate(&surface, &rust::Options::default()),
            Language::Python => python::generate(&surface),
            Language::Node => node::generate(&surface),
        };
        if languages.len() > 1 {
            one.files.iter_mut().for_each(|file| file.path = format!("{}/{}", language.as_str(), file.path));
        }
        all.files.append(&mut one.files);
        all.notes.append(&mut one.notes);
    }
    all
}

/// What the clients know of logins that the document does not say itself.
fn inferred(document: &Document, known: &Document) -> Vec<Note> {
    let schemes = document.security_schemes.iter().zip(&known.security_schemes);
    let added = schemes.filter_map(|(said, known)| {
        let acquire = known.auth.acquire.as_ref().filter(|_| said.auth.acquire.is_none())?;
        let message = format!(
            "a login is taken to be operation `{}`, by its names and shapes; `x-auth` can say otherwise",
            acquire.operation_id
        );
        Some(Note { place: format!("security scheme `{}`", known.name), message })
    });
    added.collect()
}

/// What a generator made.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Generated {
    /// The files, in the order in which they should be read.
    pub files: Vec<File>,
    /// What the reader of the output should know.
    pub notes: Vec<Note>,
}

/// Something of the document that the output does not carry, or carries in another form.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Note {
    /// Where it stands: a type's or operation's name, with a JSON pointer inside it where that helps.
    pub place: String,
    /// What was done, and why.
    pub message: String,
}

impl std::fmt::Display for Note {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(formatter, "{}: {}", self.place, self.message)
    }
}

/// A generated file.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct File {
    /// Its path below the output folder, with `/` between the parts.
    pub path: String,
    /// Its text.
    pub text: String,
}
