use super::*;
use serde::Deserialize;

#[derive(Debug, PartialEq, Serialize, Deserialize)]
struct First(u64, String);

impl Stored for First {
    const VERSION: u8 = 1;
}

#[derive(Debug, PartialEq, Serialize, Deserialize)]
struct Second(u64, String);

impl Stored for Second {
    const VERSION: u8 = 2;
}

fn value() -> First {
    First(300, "what is kept".to_owned())
}

#[test]
fn what_was_written_is_read_again() {
    let bytes = value().encode();
    assert_eq!(bytes[0], 1, "the version comes first");
    assert_eq!(First::decode(&bytes), Some(value()));
}

#[test]
fn another_version_is_nothing() {
    assert_eq!(Second::decode(&value().encode()), None);
}

#[test]
fn a_changed_bit_is_noticed() {
    let bytes = value().encode();
    for at in 0..bytes.len() * 8 {
        let mut damaged = bytes.clone();
        damaged[at / 8] ^= 1 << (at % 8);
        assert_eq!(First::decode(&damaged), None, "bit {at}");
    }
}

#[test]
fn too_much_and_too_little_are_nothing() {
    let bytes = value().encode();
    for length in 0..bytes.len() {
        assert_eq!(First::decode(&bytes[..length]), None, "{length} bytes");
    }
    assert_eq!(First::decode(&[bytes.as_slice(), &[0]].concat()), None);
    // A whole value with something behind it, and a checksum that holds for both.
    let body = [&bytes[HEAD_BYTES..], &[0]].concat();
    assert_eq!(First::decode(&[&[1], &checksum(&body).to_le_bytes()[..], &body].concat()), None);
}

#[test]
fn the_checksum_is_fnv_1a() {
    // From <http://www.isthe.com/chongo/tech/comp/fnv/>: the vectors for the empty text, "a" and "foobar".
    for (text, expected) in [("", 0x811c_9dc5), ("a", 0xe40c_292c), ("foobar", 0xbf9c_f968)] {
        assert_eq!(checksum(text.as_bytes()), expected, "{text}");
    }
}
