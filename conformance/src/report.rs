//! Reports: one result, several ways to read it.

mod count;
mod github;
mod html;
mod json;
mod junit;
mod sarif;
mod terminal;

pub use github::{github, summary};
pub use html::html;
pub use json::{json, replay};
pub use junit::junit;
pub use sarif::sarif;
pub use terminal::terminal;
