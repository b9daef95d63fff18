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
