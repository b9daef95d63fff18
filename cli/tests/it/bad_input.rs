//! Bad input: a clear text with the place and the remedy, exit code 2 or 3, never a panic.

use crate::{bitting, folder};

const ROBOTICKS: &str = "spec/openapi/roboticks.yaml";

#[test]
fn bad_input_is_told_with_place_and_remedy() {
    let folder = folder("bad");
    let file = |name: &str, text: &str| {
        std::fs::write(folder.join(name), text).unwrap();
        folder.join(name).to_string_lossy().into_owned()
    };
    let broken = file("broken.yaml", "openapi: 3.1.0\ninfo: {title: A, version: 1}\npaths:\n  /a:\n    get: [\n");
    let empty = file("empty.yaml", "");
    let credentials =
        file("credentials.toml", "[credentials.valid]\nsecrets = { ApiKeyHeader = { env = \"NOT_SET_ANYWHERE\" } }\n");
    let misspelled = file("misspelled.toml", "[credentials.vaild]\n");
    let cases: [(&[&str], i32); 14] = [
        (&["check", "nowhere.yaml"], 2),
        (&["check", &broken], 2),
        (&["check", &empty], 2),
        (&["check", ROBOTICKS, "--only", "nonsense"], 2),
        (&["check", ROBOTICKS, "--operation", "nonsense"], 2),
        (&["check", ROBOTICKS, "--defect", "M99"], 2),
        (&["check", ROBOTICKS, "--report", "stone=tablet"], 2),
        (&["check", ROBOTICKS, "--colour", "blue"], 2),
        (&["check", ROBOTICKS, "--url", "not a url"], 2),
        (&["check", ROBOTICKS, "--url", "http://127.0.0.1:9"], 3),
        (&["check", ROBOTICKS, "--url", "http://127.0.0.1:9", "--credentials", &credentials], 2),
        (&["check", ROBOTICKS, "--url", "http://127.0.0.1:9", "--credentials", &misspelled], 2),
        (&["generate", ROBOTICKS, "--out", "/dev/null/x"], 2),
        (&["explain", "token.nonsense"], 2),
    ];
    let mut told = String::new();
    for (arguments, code) in cases {
        let done = bitting(arguments);
        assert_eq!(done.code, Some(code), "{arguments:?}: {}{}", done.out, done.err);
        assert!(done.out.is_empty(), "{arguments:?}: {}", done.out);
        told += &format!("$ bitting {}\n{}\n", arguments.join(" "), done.err);
    }
    insta::assert_snapshot!(told.replace(&*folder.to_string_lossy(), "FOLDER"));
}
