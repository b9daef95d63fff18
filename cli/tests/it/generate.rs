//! `bitting generate` writes whole packages.

use crate::{bitting, folder};

#[test]
fn three_packages_are_written() {
    let out = folder("generate");
    let done = bitting(&["generate", "spec/openapi/artos.yaml", "--out", &out.to_string_lossy()]);
    assert_eq!(done.code, Some(0), "{}{}", done.out, done.err);
    for file in ["rust/Cargo.toml", "rust/src/lib.rs", "python/pyproject.toml", "node/package.json", "node/index.d.mts"]
    {
        assert!(out.join(file).is_file(), "{file} is missing");
    }
    let one = out.join("one");
    let done = bitting(&[
        "generate",
        "spec/openapi/artos.yaml",
        "--lang",
        "node",
        "--name",
        "my-api",
        "--out",
        &one.to_string_lossy(),
    ]);
    assert_eq!(done.code, Some(0), "{}", done.err);
    assert!(std::fs::read_to_string(one.join("package.json")).unwrap().contains("my-api"));
}
