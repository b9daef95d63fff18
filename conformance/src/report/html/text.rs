//! Text that goes into HTML.

/// `text` as the content of an element or of a quoted attribute.
pub(super) fn escape(text: &str) -> String {
    let mut escaped = String::with_capacity(text.len());
    for letter in text.chars() {
        match letter {
            '&' => escaped.push_str("&amp;"),
            '<' => escaped.push_str("&lt;"),
            '>' => escaped.push_str("&gt;"),
            '"' => escaped.push_str("&quot;"),
            '\'' => escaped.push_str("&#39;"),
            // What HTML does not allow at all is shown as what it is.
            control if control.is_control() && !matches!(control, '\n' | '\t') => {
                escaped.push_str(&control.escape_default().to_string());
            }
            other => escaped.push(other),
        }
    }
    escaped
}

/// A sentence of a finding: it begins with a capital, and what stands in backticks is code.
pub(super) fn sentence(text: &str) -> String {
    let mut letters = text.chars();
    let first: String = letters.next().into_iter().flat_map(char::to_uppercase).collect();
    words(&(first + letters.as_str()))
}

/// Words in which what stands in backticks is code.
pub(super) fn words(text: &str) -> String {
    let part = |(index, part): (usize, &str)| match index % 2 {
        0 => escape(part),
        _ => format!("<code>{}</code>", escape(part)),
    };
    text.split('`').enumerate().map(part).collect::<String>().replace('\n', "<br>")
}

/// Method and path of an operation; a long path breaks before its slashes.
pub(super) fn operation(place: &str) -> String {
    let (method, path) = place.split_once(' ').unwrap_or(("", place));
    let path = escape(path).replace('/', "<wbr>/");
    format!("<span class=\"method {}\">{}</span> <code>{path}</code>", escape(&method.to_lowercase()), escape(method))
}

/// The name of the place on the page where a finding stands.
pub(super) fn anchor(id: &str) -> String {
    format!("finding-{}", escape(id))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sentences_show_their_code() {
        assert_eq!(sentence("the `a<b` is\nlate"), "The <code>a&lt;b</code> is<br>late");
    }

    /// What a server answers is text on the page, whatever it looks like.
    #[test]
    fn nothing_gets_out_of_its_place() {
        assert_eq!(escape("<script>\"'&\u{0}"), "&lt;script&gt;&quot;&#39;&amp;\\u{0}");
        assert_eq!(operation("GET /a/{b}"), "<span class=\"method get\">GET</span> <code><wbr>/a<wbr>/{b}</code>");
    }
}
