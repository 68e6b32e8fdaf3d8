use super::*;

#[test]
fn a_long_label_is_cut_between_two_characters() {
    let cases = [
        (String::new(), 0),
        ("a".repeat(128), 128),
        ("a".repeat(129), 128),
        // 127 bytes, then a character of two, three, four bytes that would end behind the limit.
        (format!("{}é", "a".repeat(127)), 127),
        (format!("{}€", "a".repeat(126)), 126),
        (format!("{}💥", "a".repeat(125)), 125),
        (format!("{}💥💥", "a".repeat(124)), 128),
    ];
    for (label, bytes) in cases {
        assert_eq!(cut(&label).len(), bytes, "{label}");
        assert!(label.starts_with(cut(&label)));
    }
}

#[test]
fn a_label_is_found_as_it_was_put_there() {
    let mut labels = Labels::<u64>::default();
    let long = "x".repeat(500);
    *labels.seat(&long, true).0 = 3;
    assert_eq!(labels.get(&long), Some(&3));
    assert_eq!(labels.get(&long[..128]), Some(&3));
    assert_eq!(labels.get(&long[..127]), None);
}

#[test]
fn without_room_only_new_labels_overflow() {
    let mut labels = Labels::<u64>::default();
    assert_eq!(labels.place(OTHER, false), (OTHER, false), "who says other is no overflow");
    *labels.seat("here", true).0 += 1;
    for (label, has_room, overflows) in [
        ("here", false, false),
        ("new", false, true),
        ("newer", false, true),
        (OTHER, false, false),
        ("last", true, false),
    ] {
        let (count, overflowed) = labels.seat(label, has_room);
        *count += 1;
        assert_eq!(overflowed, overflows, "{label}");
    }
    let all: Vec<_> = labels.iter().map(|(label, count)| (label, *count)).collect();
    assert_eq!(all, [("here", 2), ("last", 1), (OTHER, 3)]);
    assert_eq!(labels.len(), 2, "other is not counted");
}
