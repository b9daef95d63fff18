//! The README's Rust code, compiled with the tests so that it cannot rot.

#![doc = include_str!("../../../README.md")]
