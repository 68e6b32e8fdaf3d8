use super::*;

#[test]
fn a_call_is_whole_at_its_last_bracket_and_no_sooner() {
    for arguments in [
        "{}",
        r#" {"a":{"b":[1,{"c":[]}]},"d":{}}"#,
        r#"{"a":"}"}"#,
        r#"{"a":"\"}"}"#,
        r#"{"a\\":"\\\"}{[","b":"\\"}"#,
        r#"{"é🦀":"\u007d}"}"#,
    ] {
        for (end, _) in arguments.char_indices() {
            let (mut at_once, mut in_pieces) = (Extent::default(), Extent::default());
            at_once.take(&arguments[..end]);
            assert!(!at_once.is_whole(), "{}", &arguments[..end]);
            in_pieces.take(&arguments[..end]);
            in_pieces.take(&arguments[end..]);
            assert!(in_pieces.is_whole(), "{arguments} in pieces at {end}");
        }
    }
}
