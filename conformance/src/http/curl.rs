//! A request as a curl command that can be pasted: secrets are shell variables, and it says how to set them.

use super::{Base, Request, Variable, Vault};

/// A value that is longer than this and made of one letter is written as a command that makes it.
const LONG: usize = 1024;

/// The command, with the lines before it that set each variable that it needs.
pub(crate) fn curl(base: &Base, request: &Request, vault: &Vault) -> String {
    let mut variables = Vec::new();
    let command = command("curl -i", base, request, vault, &mut variables);
    setting(&variables) + &command
}

/// The commands that set `variable` to what stands at `pointer` (RFC 6901) in the JSON of the answer.
pub(crate) fn taken(base: &Base, request: &Request, vault: &Vault, pointer: &str, variable: &str) -> String {
    let mut variables = Vec::new();
    let command = command("curl -s", base, request, vault, &mut variables);
    let filter: String = pointer.split('/').skip(1).map(step).collect();
    format!("{}export {variable}=\"$({command} | jq -r '{filter}')\"\n", setting(&variables))
}

/// One step of a JSON pointer as a filter of jq.
fn step(name: &str) -> String {
    let name = name.replace("~1", "/").replace("~0", "~");
    if name.bytes().all(|byte| byte.is_ascii_digit()) {
        return format!("[{name}]");
    }
    let plain = name.chars().all(|letter| letter.is_ascii_alphanumeric() || letter == '_');
    if plain { format!(".{name}") } else { format!(".{}", serde_json::Value::from(name)).replace('\'', "\\u0027") }
}

/// The lines that set the variables: by the commands that get one anew, or for somebody to paste it.
fn setting(variables: &[Variable]) -> String {
    let mut lines = String::new();
    for Variable { name, origin, made } in variables {
        let set = made.clone().unwrap_or_else(|| format!("export {name}='paste it here'\n"));
        lines.push_str(&format!("# {name}: {origin}\n{set}"));
    }
    lines
}

fn command(start: &str, base: &Base, request: &Request, vault: &Vault, variables: &mut Vec<Variable>) -> String {
    let mut word = |text: &[u8]| quoted(text, vault, variables);
    // `-X HEAD` would wait for the body that Content-Length promises.
    let method = if request.method == "HEAD" { "--head".to_owned() } else { format!("-X {}", request.method) };
    let mut command = format!("{start} {method}");
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
    command
}

/// `text` as one word of a POSIX shell (of bash, where it is no text).
fn quoted(text: &[u8], vault: &Vault, variables: &mut Vec<Variable>) -> String {
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
    for Variable { name, .. } in &used {
        word = word.replace(&format!("\\${{{name}}}"), &format!("${name}"));
    }
    for variable in used {
        if !variables.iter().any(|known| known.name == variable.name) {
            variables.push(variable);
        }
    }
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
    let last = text.chars().next_back().filter(|letter| letter.is_ascii_alphanumeric() || *letter == '[')?;
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
            "# TOKEN: log in as ada@example.com\n\
             export TOKEN='paste it here'\n\
             curl -i -X POST 'http://127.0.0.1:1/a?q=1' -H \"authorization: Bearer $TOKEN\" \
             --data-binary '{\"it'\\''s\": 1}'"
        );
    }

    /// A body of deep brackets would fill the screen.
    #[test]
    fn what_is_long_and_of_one_letter_is_made_by_a_command() {
        let request = Request::new("POST", "/a").body(Bytes::from("[".repeat(50_000)));
        assert!(
            shown(&request).ends_with("--data-binary \"$(head -c 50000 /dev/zero | tr '\\0' '[')\""),
            "{}",
            shown(&request)
        );
    }

    /// What a login made is made again by the same login.
    #[test]
    fn a_login_stands_before_what_needs_its_token() {
        let (vault, base) = (Vault::new(Vec::new()), Base::parse("http://127.0.0.1:1").expect("a URL"));
        vault.keep(&Secret::new("canary-password"), "PASSWORD", "the password of ada");
        let login = Request::new("POST", "/login").body(Bytes::from_static(b"{\"p\":\"canary-password\"}"));
        let made = taken(&base, &login, &vault, "/data/access-token", "TOKEN");
        vault.keep_made(&Secret::new("canary-token"), "TOKEN", "a token of ada", made);
        let request = Request::new("GET", "/a").header("authorization", "Bearer canary-token");
        assert_eq!(
            curl(&base, &request, &vault),
            "# TOKEN: a token of ada\n\
             # PASSWORD: the password of ada\n\
             export PASSWORD='paste it here'\n\
             export TOKEN=\"$(curl -s -X POST 'http://127.0.0.1:1/login' --data-binary \"{\\\"p\\\":\\\"$PASSWORD\\\"}\" \
             | jq -r '.data.\"access-token\"')\"\n\
             curl -i -X GET 'http://127.0.0.1:1/a' -H \"authorization: Bearer $TOKEN\""
        );
    }

    #[test]
    fn strange_bytes_and_long_values_can_be_pasted() {
        let request = Request::new("GET", "/").raw_header("x", Bytes::from_static(b"\xff"));
        assert!(shown(&request).ends_with("-H $'x: \\xff'"), "{}", shown(&request));
        let long = Request::new("GET", "/").header("x", &"a".repeat(65536));
        assert!(shown(&long).contains("$(head -c 65536 /dev/zero | tr '\\0' 'a')"), "{}", shown(&long));
        assert!(shown(&Request::new("GET", "/").header("x", "")).ends_with("-H 'x;'"));
        assert!(shown(&Request::new("HEAD", "/")).starts_with("curl -i --head 'http"));
    }
}
