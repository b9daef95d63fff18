//! What the benches and fuzz targets of this repository look at. It is no part of the API.

pub mod fast_path;
pub mod parsers;
