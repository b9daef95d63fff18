//! What `--help` says.

use crate::bitting;

#[test]
fn help_is_written_for_people() {
    for command in ["check", "serve", "generate", "explain"] {
        let help = bitting(&[command, "--help"]);
        assert_eq!(help.code, Some(0));
        insta::assert_snapshot!(format!("help_{command}"), help.out);
    }
    insta::assert_snapshot!("help", bitting(&["--help"]).out);
}

/// Every check has an explanation with its source.
#[test]
fn every_check_is_explained() {
    let list = bitting(&["check", "--list"]).out;
    assert!(list.lines().count() > 40, "{list}");
    for id in list.lines().filter_map(|line| line.split_whitespace().next()) {
        let explained = bitting(&["explain", id]);
        assert_eq!((explained.code, explained.out.contains("Source: ")), (Some(0), true), "{id}");
    }
}
