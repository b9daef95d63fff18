//! Doc comments: a document's CommonMark, so that rustdoc neither runs it nor stumbles over it.

use proc_macro2::TokenStream;
use quote::quote;

/// `text` as a doc comment, a line each.
pub(super) fn doc(text: &str) -> TokenStream {
    // Rust takes no lone carriage return in a comment.
    let text = text.replace('\r', "");
    let lines = text.trim_end().lines().map(|line| if line.is_empty() { String::new() } else { format!(" {line}") });
    quote!(#(#[doc = #lines])*)
}

/// What the document says, if anything, as rustdoc should show it.
pub(super) fn described(text: Option<&str>) -> Option<String> {
    let text = text.map(str::trim).filter(|text| !text.is_empty())?;
    Some(escaped(text))
}

/// Code blocks are marked as text, so that none becomes a test; what else rustdoc would read as a link, as HTML or as
/// code is escaped.
fn escaped(text: &str) -> String {
    let text = text.replace("\r\n", "\n").replace('\r', "\n");
    let mut lines = Vec::new();
    let mut fence: Option<&str> = None;
    for line in text.lines() {
        let start = line.trim_start();
        let mark = ["```", "~~~"].into_iter().find(|mark| start.starts_with(mark));
        match (fence, mark) {
            (None, Some(mark)) => {
                fence = Some(mark);
                lines.push(format!("{mark}text"));
            }
            (Some(open), Some(mark)) if open == mark => {
                fence = None;
                lines.push(mark.to_owned());
            }
            (Some(_), _) => lines.push(line.trim_end().to_owned()),
            (None, None) => lines.push(inline(line)),
        }
    }
    lines.extend(fence.map(str::to_owned));
    lines.join("\n")
}

/// A line outside of code blocks. Its indentation is cut below that of a code block.
fn inline(line: &str) -> String {
    let line = line.trim_end().replace('\t', " ");
    let indentation = line.len() - line.trim_start().len();
    let mut text = " ".repeat(indentation.min(2));
    let words: Vec<&str> = line.split(' ').filter(|word| !word.is_empty()).collect();
    let line = words.join(" ").replace("```", "`").replace("~~~", "~");
    let mut rest = line.as_str();
    while let Some(first) = rest.chars().next() {
        let (taken, written) = match first {
            '`' => code(rest),
            'h' if rest.starts_with("http://") || rest.starts_with("https://") => url(rest, text.ends_with(['(', '<'])),
            '[' => link(rest),
            '<' | '>' if text.trim().is_empty() && first == '>' => (1, ">".to_owned()),
            '<' | ']' => (1, format!("\\{first}")),
            other => (other.len_utf8(), other.to_string()),
        };
        text.push_str(&written);
        rest = &rest[taken..];
    }
    text
}

/// A code span that ends in the line stays; any other backtick is one.
fn code(rest: &str) -> (usize, String) {
    match rest[1..].find('`') {
        Some(end) => (end + 2, rest[..end + 2].to_owned()),
        None => (1, "\\`".to_owned()),
    }
}

/// A bare URL becomes a link.
fn url(rest: &str, is_linked: bool) -> (usize, String) {
    let end = rest.find(|sign: char| sign.is_whitespace() || "<>()[]\"'`".contains(sign)).unwrap_or(rest.len());
    let end = rest[..end].trim_end_matches(['.', ',', ';', ':', '!', '?', '*', '_']).len();
    let url = &rest[..end];
    (end, if is_linked { url.to_owned() } else { format!("<{url}>") })
}

/// A link to the web stays; any other bracket is one.
fn link(rest: &str) -> (usize, String) {
    let target = rest.find("](http").filter(|close| !rest[1..*close].contains(['[', ']', '`', '<']));
    let end = target.and_then(|close| rest[close..].find(')').map(|end| close + end + 1));
    match end {
        Some(end) => (end, rest[..end].to_owned()),
        None => (1, "\\[".to_owned()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Style, habit 18: the doc of a generated crate runs nothing that the document's author wrote.
    #[test]
    fn nothing_becomes_a_test_a_link_or_html() {
        let table = [
            ("```\nlet x;\n```", "```text\nlet x;\n```"),
            ("```rust\nlet x;", "```text\nlet x;\n```"),
            ("    indented", "  indented"),
            ("-     five", "- five"),
            ("a <b> [c] `d<e>`", "a \\<b> \\[c\\] `d<e>`"),
            ("see https://a.example/b.", "see <https://a.example/b>."),
            ("[here](https://a.example)", "[here](https://a.example)"),
            ("[here](#there)", "\\[here\\](#there)"),
            ("one ` tick", "one \\` tick"),
            ("> ```rust", "> \\`rust"),
            ("one\r\ntwo\r- three", "one\ntwo\n- three"),
        ];
        for (text, expected) in table {
            assert_eq!(escaped(text), expected, "{text}");
        }
    }
}
