//! Reports: one result, several ways to read it.

mod count;
mod github;
mod har;
mod html;
mod json;
mod junit;
mod ndjson;
mod sarif;
mod terminal;
mod time;
mod wfc;

pub use github::{github, summary};
pub use har::har;
pub use html::html;
pub use json::{json, replay};
pub use junit::junit;
pub use ndjson::{ndjson, ndjson_result, ndjson_verdict};
pub use sarif::sarif;
pub use terminal::{quiet, terminal};
pub use wfc::wfc;
