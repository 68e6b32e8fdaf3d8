use proptest::prelude::*;

use super::*;

const ODD: &str = " { \"z\" : 1.50e+3 , \"a\":[ { } ,{\"t\":\"\\u00e9\\n\"}, [ ] ],\"\\u0062\":-0 } ";

#[test]
fn every_value_knows_the_bytes_that_it_is_written_in() {
    let body = Json::read(ODD.as_bytes()).unwrap();
    for (name, raw) in [("z", "1.50e+3"), ("a", "[ { } ,{\"t\":\"\\u00e9\\n\"}, [ ] ]"), ("b", "-0")] {
        let value = body.get(name).unwrap();
        assert_eq!(value.raw(), raw);
        assert_eq!(&ODD[value.span()], raw);
    }
    let item = body.get("a").unwrap().items().unwrap()[1];
    assert_eq!(item.get("t").unwrap().text().unwrap(), "é\n");
    assert_eq!(&ODD[item.span()], item.raw());
    assert_eq!(body.get("z").unwrap().whole(), Some(1500));
    assert!(Json::read(b"{\"a\":1} x").is_none());
}

#[test]
fn changes_leave_every_other_byte_alone() {
    let body = Json::read(ODD.as_bytes()).unwrap();
    let items = body.get("a").unwrap().items().unwrap();
    let mut edits = Edits::default();
    edits.add_field(items[0], "x", "1");
    edits.add_field(items[0], "y", "2");
    edits.add_field(items[1], "x", "3");
    edits.add_last(items[2], "true");
    edits.set_field(body, "z", "9");
    edits.set_field(body, "new", "null");
    let made = String::from_utf8(edits.apply(ODD.as_bytes())).unwrap();
    let wanted = " { \"z\" : 9 , \"a\":[ { \"x\":1,\"y\":2} ,{\"t\":\"\\u00e9\\n\",\"x\":3}, [ true] ],\"\\u0062\":-0 ,\"new\":null} ";
    assert_eq!(made, wanted);
}

proptest! {
    #[test]
    fn any_json_is_found_again_piece_by_piece(text in r#"\{("[a-c]{1,3}":(1|"x\\"y"|\[1, 2\]| \{ \}),){0,3}"k":"[^"\\\x00-\x1f]{0,8}"\}"#) {
        let Some(body) = Json::read(text.as_bytes()) else { return Ok(()) };
        for (_, value) in body.fields().unwrap() {
            prop_assert_eq!(&text[value.span()], value.raw());
        }
        prop_assert_eq!(Edits::default().apply(text.as_bytes()), text.as_bytes());
        let mut edits = Edits::default();
        edits.add_field(body, "added", "1");
        let made = edits.apply(text.as_bytes());
        prop_assert_eq!(Json::read(&made).unwrap().get("added").unwrap().raw(), "1");
    }
}
