//! What the clients, the server and the suite promise, id by id: each is named by a test that proves it, so that none
//! rots unseen.

use std::collections::BTreeSet;

use super::{is_generated, is_test};

/// The ids by family: the requirements of the auth layer, and the statements of the four systems.
const FAMILIES: [(&str, u8); 10] = [
    ("A", 22),
    ("B", 12),
    ("C", 18),
    ("D", 6),
    ("E", 7),
    ("F", 4),
    ("ARROTECH-", 6),
    ("ARROW-", 10),
    ("ROBOTICKS-", 9),
    ("ARTOS-", 10),
];

/// What is not built: hedged requests, and stores that machines share.
const NOT_BUILT: [&str; 5] = ["C16", "E3", "E4", "E5", "E6"];

/// Collects which ids the tests name, file by file.
#[derive(Default)]
pub(super) struct Promises {
    named: BTreeSet<String>,
}

impl Promises {
    /// Reads one file of the repository.
    pub(super) fn read(&mut self, file: &str, text: &str) {
        if is_generated(file) {
            return;
        }
        let told = match file.rsplit_once('.').map_or("", |(_, extension)| extension) {
            "rs" => before(text, "///", &["#[test]", "::test]", "::test("]),
            "py" if is_test(file) => after(text, "def test_"),
            "mjs" if is_test(file) => before(text, "/**", &["test("]),
            "json" if file.starts_with("spec/vectors/") => text.lines().map(str::to_owned).collect(),
            _ => Vec::new(),
        };
        let is_part = |letter: char| letter.is_ascii_alphanumeric() || letter == '-';
        self.named.extend(told.iter().flat_map(|line| line.split(|letter| !is_part(letter))).map(str::to_owned));
    }

    /// A fault for each id that no test names.
    pub(super) fn faults(&self) -> Vec<String> {
        let ids = FAMILIES.into_iter().flat_map(|(family, last)| (1..=last).map(move |id| format!("{family}{id}")));
        let missing = ids.filter(|id| !NOT_BUILT.contains(&id.as_str()) && !self.named.contains(id));
        missing.map(|id| format!("no test names {id}: write it in the comment of the test that proves it")).collect()
    }
}

/// The lines of comments that begin with `mark` and stand right before a test; attributes may stand between.
fn before(text: &str, mark: &str, tests: &[&str]) -> Vec<String> {
    let (mut told, mut comment) = (Vec::new(), Vec::new());
    for line in text.lines().map(str::trim_start) {
        if line.starts_with(mark) || (mark == "/**" && line.starts_with('*')) {
            comment.push(line.to_owned());
        } else if tests.iter().any(|test| line.starts_with(test) || (line.starts_with("#[") && line.contains(test))) {
            told.append(&mut comment);
        } else if !line.starts_with("#[") {
            comment.clear();
        }
    }
    told
}

/// The lines of docstrings that stand right after a line which begins with `test`; parameters may stand between.
fn after(text: &str, test: &str) -> Vec<String> {
    const QUOTES: &str = "\"\"\"";
    let (mut told, mut is_awaited, mut is_open) = (Vec::new(), false, false);
    for line in text.lines().map(str::trim_start) {
        let begins = is_awaited && line.starts_with(QUOTES);
        if is_open || begins {
            told.push(line.to_owned());
            is_open = line.matches(QUOTES).count() == usize::from(begins);
            is_awaited = false;
        } else if line.trim_start_matches("async ").starts_with(test) {
            is_awaited = true;
        } else if line.is_empty() {
            is_awaited = false;
        }
    }
    told
}

#[cfg(test)]
mod tests {
    use super::*;

    fn named(file: &str, text: &str) -> Vec<String> {
        let mut promises = Promises::default();
        promises.read(file, text);
        let missing = promises.faults().join("\n");
        let is_missing = |id: &str| missing.contains(&format!("names {id}:"));
        ["A1", "A11", "B2", "C16", "ARTOS-1", "ARTOS-10"]
            .into_iter()
            .filter(|id| !is_missing(id))
            .map(str::to_owned)
            .collect()
    }

    #[test]
    fn a_promise_is_named_by_a_test_and_by_nothing_else() {
        let rust =
            "/// A1 is promised here.\nfn promise() {}\n\n/// A11, ARTOS-10: it holds.\n#[cfg(unix)]\n#[tokio::test]\n";
        assert_eq!(named("sdk-rust/src/x.rs", rust), ["A11", "C16", "ARTOS-10"]);
        let python = "async def test_it(stub):\n    \"\"\"A1: it holds,\n    and B2.\"\"\"\n\ndef other():\n    \"\"\"A11\"\"\"\n";
        assert_eq!(named("bindings/python/tests/test_x.py", python), ["A1", "B2", "C16"]);
        assert_eq!(named("bindings/python/python/bitting/x.py", python), ["C16"]);
        let node = "/** A1: it holds. */\ntest('it holds', () => {});\n/** A11 */\nconst a = 1;\n";
        assert_eq!(named("bindings/node/test/x.test.mjs", node), ["A1", "C16"]);
        assert_eq!(named("spec/vectors/x.json", "\"proves\": [\"ARTOS-1\", \"B2\"]"), ["B2", "C16", "ARTOS-1"]);
    }
}
