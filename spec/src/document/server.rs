//! Servers, with their variables filled in.

use super::error::Fault;
use super::node::Node;

/// A server of the document.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Server {
    /// Its URL with the variables' defaults filled in; it may be relative.
    pub url: String,
    /// About it, in CommonMark.
    pub description: Option<String>,
}

/// The servers that stand at `node`: the document, a path or an operation.
pub(super) fn read(node: &Node<'_>) -> Result<Vec<Server>, Fault> {
    let Some(list) = node.raw("servers") else { return Ok(Vec::new()) };
    list.items()?.iter().map(server).collect()
}

fn server(node: &Node<'_>) -> Result<Server, Fault> {
    let mut url = node.required_text("url")?;
    if let Some(variables) = node.get("variables")? {
        for (name, variable) in variables.members()? {
            url = url.replace(&format!("{{{name}}}"), &variable.required_text("default")?);
        }
    }
    Ok(Server { url: url.trim_end_matches('/').to_owned(), description: node.text("description")? })
}

/// The path of a URL, without origin, query, fragment and a slash at its end: `/v1/token` of
/// `https://api.example/v1/token?x=1`. A relative one is a path of the server (RFC 3986, 5.2): `/token` of `token`.
#[must_use]
pub fn path_of(url: &str) -> String {
    let path = match url.split_once("://") {
        Some((_, rest)) => rest.find(['/', '?', '#']).map_or("", |at| &rest[at..]),
        None => url,
    };
    let path = path.split(['?', '#']).next().unwrap_or_default();
    let steps = path.split('/').filter(|step| !matches!(*step, "" | "." | ".."));
    steps.flat_map(|step| ["/", step]).collect()
}

#[cfg(test)]
mod tests {
    use super::path_of;

    #[test]
    fn a_path_is_found_in_every_form_of_url() {
        for (url, path) in [
            ("https://api.example/v1/token?x=1", "/v1/token"),
            ("https://api.example", ""),
            ("https://api.example?x=/a", ""),
            ("/v1/", "/v1"),
            ("/", ""),
            ("token", "/token"),
            ("./auth/token#top", "/auth/token"),
            ("../token", "/token"),
        ] {
            assert_eq!(path_of(url), path, "{url}");
        }
    }
}
