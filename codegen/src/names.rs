//! Names: one place says how an operation, a parameter or a schema is called in each language.

use heck::{ToLowerCamelCase, ToPascalCase, ToSnakeCase};

/// A language that clients are generated for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Language {
    /// Rust, over the crate `bitting`.
    Rust,
    /// Python, over the package `bitting` on PyPI.
    Python,
    /// JavaScript and TypeScript, over the package `bitting` on npm.
    Node,
}

impl Language {
    /// Every language, in the order in which they are generated.
    pub const ALL: [Self; 3] = [Self::Rust, Self::Python, Self::Node];

    /// Its name on the command line.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Rust => "rust",
            Self::Python => "python",
            Self::Node => "node",
        }
    }

    fn reserved(self) -> &'static [&'static str] {
        match self {
            Self::Rust => &RUST,
            Self::Python => &PYTHON,
            Self::Node => &NODE,
        }
    }

    /// Whether the language keeps `word` for itself.
    #[must_use]
    pub fn keeps(self, word: &str) -> bool {
        self.reserved().contains(&word)
    }

    /// The name of a method, a field or an argument: `snake_case` in Rust and Python, `camelCase` in Node.
    #[must_use]
    pub fn value(self, name: &str) -> String {
        let cased = match self {
            Self::Rust | Self::Python => spelled(name).to_snake_case(),
            Self::Node => spelled(name).to_lower_camel_case(),
        };
        self.free(started(cased))
    }

    /// The name of a type: `PascalCase` everywhere.
    #[must_use]
    pub fn type_name(self, name: &str) -> String {
        self.free(type_name(name))
    }

    /// `name`, with a `_` behind it where the language keeps the word for itself.
    fn free(self, name: String) -> String {
        if self.keeps(&name) { format!("{name}_") } else { name }
    }
}

/// The name of a type in `PascalCase`.
#[must_use]
pub fn type_name(name: &str) -> String {
    let cased = spelled(name).to_pascal_case();
    match cased.chars().next() {
        None => "Empty".to_owned(),
        Some(first) if first.is_ascii_digit() => format!("T{cased}"),
        Some(_) => cased,
    }
}

/// Signs that tell names apart are spelled out, so that `==` and `!=`, `+1` and `-1` stay different.
fn spelled(name: &str) -> String {
    let mut spelled = String::with_capacity(name.len());
    for (index, sign) in name.char_indices() {
        match sign {
            '+' => spelled.push_str(" plus "),
            '-' if index == 0 => spelled.push_str(" minus "),
            '=' => spelled.push_str(" eq "),
            '!' => spelled.push_str(" not "),
            '<' => spelled.push_str(" lt "),
            '>' => spelled.push_str(" gt "),
            '*' => spelled.push_str(" any "),
            '$' => spelled.push_str(" dollar "),
            '@' => spelled.push_str(" at "),
            sign if sign.is_ascii_alphanumeric() => spelled.push(sign),
            sign if sign.is_alphanumeric() => spelled.push_str(&format!("u{:x}", sign as u32)),
            _ => spelled.push(' '),
        }
    }
    spelled
}

/// No language lets a name begin with a digit, or be empty.
fn started(name: String) -> String {
    match name.chars().next() {
        None => "empty".to_owned(),
        Some(first) if first.is_ascii_digit() => format!("n{name}"),
        Some(_) => name,
    }
}

/// Makes `names` differ by numbering those that came before.
pub(crate) fn distinct(name: String, taken: &mut Vec<String>) -> String {
    distinct_words(name, "", taken)
}

/// The same with `joint` before the number.
pub(crate) fn distinct_words(name: String, joint: &str, taken: &mut Vec<String>) -> String {
    let mut numbered = (2..).map(|number| format!("{name}{joint}{number}"));
    let distinct = if taken.contains(&name) { numbered.find(|other| !taken.contains(other)) } else { None };
    let distinct = distinct.unwrap_or(name);
    taken.push(distinct.clone());
    distinct
}

const RUST: [&str; 56] = [
    "as", "async", "await", "break", "const", "continue", "crate", "dyn", "else", "enum", "extern", "false", "fn",
    "for", "if", "impl", "in", "let", "loop", "match", "mod", "move", "mut", "pub", "ref", "return", "self", "Self",
    "static", "struct", "super", "trait", "true", "type", "unsafe", "use", "where", "while", "abstract", "become",
    "box", "do", "final", "gen", "macro", "override", "priv", "try", "typeof", "unsized", "virtual", "yield", "with",
    "Client", "Error", "Result",
];
const PYTHON: [&str; 41] = [
    "False", "None", "True", "and", "as", "assert", "async", "await", "break", "class", "continue", "def", "del",
    "elif", "else", "except", "finally", "for", "from", "global", "if", "import", "in", "is", "lambda", "nonlocal",
    "not", "or", "pass", "raise", "return", "try", "while", "with", "yield", "self", "match", "case", "type", "print",
    "super",
];
/// JavaScript takes every word as a member; only those that objects and promises give a meaning are kept away.
const NODE: [&str; 6] = ["constructor", "prototype", "then", "toString", "valueOf", "hasOwnProperty"];

#[cfg(test)]
mod tests {
    use super::*;

    /// One table for all three languages, so that they never drift apart.
    #[test]
    fn one_name_in_three_languages() {
        let table = [
            ("listDevices", "list_devices", "list_devices", "listDevices"),
            ("org_slug", "org_slug", "org_slug", "orgSlug"),
            ("X-API-Key", "x_api_key", "x_api_key", "xApiKey"),
            ("type", "type_", "type_", "type"),
            ("delete", "delete", "delete", "delete"),
            ("then", "then", "then", "then_"),
            ("3d", "n3d", "n3d", "n3d"),
            ("+1", "plus_1", "plus_1", "plus1"),
            ("-1", "minus_1", "minus_1", "minus1"),
            ("", "empty", "empty", "empty"),
        ];
        for (name, rust, python, node) in table {
            assert_eq!(Language::Rust.value(name), rust, "{name}");
            assert_eq!(Language::Python.value(name), python, "{name}");
            assert_eq!(Language::Node.value(name), node, "{name}");
        }
        assert_eq!(type_name("device_create"), "DeviceCreate");
        assert_eq!(type_name("2fa"), "T2fa");
        assert_ne!(type_name("=="), type_name("!="));
    }
}
