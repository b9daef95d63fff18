//! A request as a curl command that can be pasted: secrets are shell variables, and it says how to set them.

use super::{Base, Request, Vault};

/// A value that is longer than this and made of one letter is written as a command that makes it.
const LONG: usize = 1024;

/// The command, with a line before it for each variable that it needs.
pub(crate) fn curl(base: &Base, request: &Request, vault: &Vault) -> String {
    let mut variables: Vec<(String, String)> = Vec::new();
    let mut word = |text: &[u8]| quoted(text, vault, &mut variables);
    let mut command = format!("curl -i -X {}", request.method);
    // Without this curl would clean up the very path that is asked for.
    if request.path().contains("/.") || request.path().contains("//") {
        command.push_str(" --path-as-is");
    }
    command.push_str(&format!(" {}", word(base.join(&request.target).as_bytes())));
    for (name, value) in &request.headers {
        let mut line = format!("{name}: ").into_bytes();
        if value.is_empty() {
            // `-H 'name:'` would remove the field.
            line = format!("{name};").into_bytes();
        }
        line.extend_from_slice(value);
        command.push_str(&format!(" -H {}", word(&line)));
    }
    if let Some(body) = &request.body {
        command.push_str(&format!(" --data-binary {}", word(body)));
    }
    let exports: String = variables.iter().map(|(name, origin)| format!("export {name}=…  # {origin}\n")).collect();
    exports + &command
}

/// `text` as one word of a POSIX shell (of bash, where it is no text).
fn quoted(text: &[u8], vault: &Vault, variables: &mut Vec<(String, String)>) -> String {
    let Ok(plain) = std::str::from_utf8(text) else { return ansi(text) };
    if let Some(made) = repeated(plain) {
        return made;
    }
    let (shown, used) = vault.variables(plain);
    if used.is_empty() {
        return if plain.chars().any(char::is_control) {
            ansi(text)
        } else {
            format!("'{}'", plain.replace('\'', "'\\''"))
        };
    }
    let mut escaped = String::new();
    for letter in shown.chars() {
        if matches!(letter, '"' | '\\' | '`') {
            escaped.push('\\');
        }
        escaped.push(letter);
    }
    // Only our own variables may expand.
    let mut word = escaped.replace('$', "\\$");
    for (name, _) in &used {
        word = word.replace(&format!("\\${{{name}}}"), &format!("${name}"));
    }
    variables.extend(used.into_iter().filter(|variable| !variables.contains(variable)).collect::<Vec<_>>());
    format!("\"{word}\"")
}

fn ansi(text: &[u8]) -> String {
    let mut word = String::from("$'");
    for byte in text {
        match byte {
            b'\'' | b'\\' => word.extend(['\\', char::from(*byte)]),
            b' '..=b'~' => word.push(char::from(*byte)),
            other => word.push_str(&format!("\\x{other:02x}")),
        }
    }
    word + "'"
}

fn repeated(text: &str) -> Option<String> {
    let last = text.chars().next_back().filter(char::is_ascii_alphanumeric)?;
    let head = text.trim_end_matches(last);
    let count = text.len() - head.len();
    (count > LONG).then(|| format!("\"{head}$(head -c {count} /dev/zero | tr '\\0' '{last}')\""))
}

#[cfg(test)]
mod tests {
    use bytes::Bytes;

    use super::*;
    use crate::secret::Secret;

    fn shown(request: &Request) -> String {
        let vault = Vault::new(Vec::new());
        vault.keep(&Secret::new("canary-secret"), "TOKEN", "log in as ada@example.com");
        curl(&Base::parse("http://127.0.0.1:1").expect("a URL"), request, &vault)
    }

    #[test]
    fn secrets_are_variables_that_can_be_set() {
        let request = Request::new("POST", "/a?q=1").header("Authorization", "Bearer canary-secret");
        let request = request.body(Bytes::from_static(b"{\"it's\": 1}"));
        assert_eq!(
            shown(&request),
            "export TOKEN=…  # log in as ada@example.com\n\
             curl -i -X POST 'http://127.0.0.1:1/a?q=1' -H \"authorization: Bearer $TOKEN\" \
             --data-binary '{\"it'\\''s\": 1}'"
        );
    }

    #[test]
    fn strange_bytes_and_long_values_can_be_pasted() {
        let request = Request::new("GET", "/").raw_header("x", Bytes::from_static(b"\xff"));
        assert!(shown(&request).ends_with("-H $'x: \\xff'"), "{}", shown(&request));
        let long = Request::new("GET", "/").header("x", &"a".repeat(65536));
        assert!(shown(&long).contains("$(head -c 65536 /dev/zero | tr '\\0' 'a')"), "{}", shown(&long));
        assert!(shown(&Request::new("GET", "/").header("x", "")).ends_with("-H 'x;'"));
    }
}
