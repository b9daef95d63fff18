//! Reports: one result, several ways to read it.

mod junit;
mod terminal;

pub use junit::junit;
pub use terminal::terminal;
