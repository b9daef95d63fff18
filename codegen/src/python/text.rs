//! Small pieces of Python source: literals, wrapped prose, imports of what a text mentions.

/// The longest line that is written.
pub(super) const WIDTH: usize = 120;

/// `name`, with a `_` behind it if it is one of `taken`.
pub(super) fn kept_free(name: String, taken: &[&str]) -> String {
    if taken.contains(&name.as_str()) { format!("{name}_") } else { name }
}

/// A string literal. JSON's escapes are Python's too.
pub(super) fn literal(text: &str) -> String {
    serde_json::Value::from(text).to_string()
}

/// A tuple of strings.
pub(super) fn tuple(items: &[String]) -> String {
    match items {
        [one] => format!("({},)", literal(one)),
        many => format!("({})", many.iter().map(|item| literal(item)).collect::<Vec<_>>().join(", ")),
    }
}

/// `head`, `items` and `tail` on one line, or with a line for each item where that is too long.
pub(super) fn listed(indent: usize, head: &str, items: &[String], tail: &str) -> String {
    let margin = " ".repeat(indent);
    let line = format!("{margin}{head}{}{tail}\n", items.join(", "));
    // One column is kept for the comma behind an argument.
    if line.trim_end().chars().count() < WIDTH && !items.iter().any(|item| item.contains('\n')) {
        return line;
    }
    let items: String = items.iter().map(|item| format!("{margin}    {item},\n")).collect();
    format!("{margin}{head}\n{items}{margin}{tail}\n")
}

/// A docstring of paragraphs, each of which may have lines of its own (they keep their indentation).
pub(super) fn docstring(indent: usize, paragraphs: &[String]) -> String {
    let margin = " ".repeat(indent);
    let lines: Vec<String> = paragraphs
        .iter()
        .enumerate()
        .flat_map(|(index, paragraph)| {
            let blank = (index > 0).then(String::new);
            blank.into_iter().chain(paragraph.lines().flat_map(|line| wrapped(line, WIDTH - indent)))
        })
        .map(|line| line.replace(char::is_control, " ").replace('\\', "\\\\").replace("\"\"\"", "\\\"\\\"\\\""))
        .collect();
    match lines.as_slice() {
        [] => String::new(),
        [one] if one.len() + indent + 6 <= WIDTH && !one.ends_with('"') => format!("{margin}\"\"\"{one}\"\"\"\n"),
        [first, rest @ ..] => {
            let rest: String =
                rest.iter().map(|line| format!("{margin}{line}\n").replace(&format!("{margin}\n"), "\n")).collect();
            format!("{margin}\"\"\"{first}\n{rest}{margin}\"\"\"\n")
        }
    }
}

/// A line of prose in lines of at most `width`; those after the first go in as deep as the first does, and four more
/// where it is an entry (`name: text`).
fn wrapped(line: &str, width: usize) -> Vec<String> {
    let depth = line.len() - line.trim_start().len();
    let hanging = " ".repeat(if depth > 0 { depth + 4 } else { 0 });
    let mut lines = Vec::new();
    let mut current = " ".repeat(depth);
    for word in line.split_whitespace() {
        // Three characters are kept for the quotes that open a docstring.
        if current.trim().is_empty() || current.chars().count() + word.chars().count() + 4 <= width {
            if !current.trim().is_empty() {
                current.push(' ');
            }
        } else {
            lines.push(std::mem::replace(&mut current, hanging.clone()));
        }
        current.push_str(word);
    }
    lines.push(current);
    lines
}

/// Whether `source` mentions `name` as a whole word, docstrings aside.
pub(super) fn mentions(source: &str, name: &str) -> bool {
    source.split("\"\"\"").step_by(2).any(|code| is_in(code, name))
}

fn is_in(code: &str, name: &str) -> bool {
    let is_part = |letter: Option<char>| letter.is_some_and(|letter| letter.is_alphanumeric() || letter == '_');
    code.match_indices(name)
        .any(|(at, _)| !is_part(code[..at].chars().next_back()) && !is_part(code[at + name.len()..].chars().next()))
}

/// `from module import ...` with those of `names` that `source` mentions, or nothing.
pub(super) fn import(indent: usize, module: &str, names: &[String], source: &str) -> String {
    let mut used: Vec<String> = names.iter().filter(|name| mentions(source, name)).cloned().collect();
    used.sort();
    used.dedup();
    if used.is_empty() {
        return String::new();
    }
    let line = listed(indent, &format!("from {module} import "), &used, "");
    if line.lines().count() == 1 { line } else { listed(indent, &format!("from {module} import ("), &used, ")") }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_docstring_cannot_be_left_early() {
        let text = docstring(4, &["Ends \"\"\" with \\ and \"quotes\"".to_owned()]);
        assert_eq!(text, "    \"\"\"Ends \\\"\\\"\\\" with \\\\ and \"quotes\"\n    \"\"\"\n");
        assert_eq!(docstring(0, &["One.".to_owned(), "Two.".to_owned()]), "\"\"\"One.\n\nTwo.\n\"\"\"\n");
    }

    #[test]
    fn only_whole_words_are_mentioned() {
        assert!(mentions("x: list[Device]", "Device"));
        assert!(!mentions("x: DevicePage", "Device"));
        assert!(!mentions("def x():\n    \"\"\"Device.\"\"\"\n", "Device"));
    }

    #[test]
    fn long_lists_take_a_line_for_each_item() {
        let items: Vec<String> = (0..30).map(|number| format!("argument_{number}")).collect();
        let text = listed(4, "call(", &items, ")");
        assert!(
            text.starts_with("    call(\n        argument_0,\n") && text.ends_with("        argument_29,\n    )\n")
        );
    }
}
