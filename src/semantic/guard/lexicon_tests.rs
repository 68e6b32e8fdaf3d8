use super::*;

const LISTS: [(&str, &str); 10] = [
    ("light", include_str!("words/light.txt")),
    ("negation", include_str!("words/negation.txt")),
    ("soft", include_str!("words/soft.txt")),
    ("foreign", include_str!("words/foreign.txt")),
    ("irregular", include_str!("words/irregular.txt")),
    ("spelling", include_str!("words/spelling.txt")),
    ("equals", include_str!("words/equals.txt")),
    ("opposites", include_str!("words/opposites.txt")),
    ("known", include_str!("words/known.txt")),
    ("confused", include_str!("words/confused.txt")),
];

#[test]
fn every_list_begins_with_what_it_is_and_is_lower_case() {
    for (name, list) in LISTS {
        assert!(list.starts_with("# "), "{name}");
        for line in lines(list) {
            assert!(!line.chars().any(char::is_uppercase) && line == line.trim(), "{name}: {line:?}");
            assert!(!line.contains(",,") && !line.ends_with(','), "{name}: {line:?}");
        }
    }
}

#[test]
fn a_word_stands_in_one_group_of_equals() {
    let mut seen = HashSet::new();
    for group in lines(include_str!("words/equals.txt")) {
        assert!(group.split(", ").count() > 1, "{group}");
        for word in group.split(", ") {
            assert!(seen.insert(word), "{word} stands twice");
        }
    }
}

#[test]
fn no_word_is_its_own_opposite_or_the_opposite_of_its_equal() {
    for pair in lines(include_str!("words/opposites.txt")).flat_map(|line| line.split(", ")) {
        let Some((a, b)) = pair.split_once('/') else { panic!("{pair} is no pair") };
        assert_ne!(LEXICON.key_of(a), LEXICON.key_of(b), "{pair}");
        assert!(LEXICON.opposite(&LEXICON.key_of(a), &LEXICON.key_of(b)), "{pair}");
        assert!(LEXICON.opposite(&LEXICON.key_of(b), &LEXICON.key_of(a)), "{pair}");
    }
}

#[test]
fn every_family_has_a_reason_a_rule_and_different_members() {
    for (head, members) in pairs(include_str!("words/families.txt")) {
        assert!(matches!(head.split_once(' '), Some((_, "hard" | "close"))), "{head}");
        let names: Vec<&str> = members.split(", ").flat_map(|member| member.split('=')).collect();
        let mut unique = names.clone();
        unique.sort_unstable();
        unique.dedup();
        assert!(names.len() > 1 && unique.len() == names.len(), "{head}: {members}");
    }
}

#[test]
fn every_unit_has_a_factor() {
    for (_, line) in pairs(include_str!("words/units.txt")) {
        let factor =
            line.split_once(" = ").and_then(|(name, _)| name.rsplit_once(' ')).map(|(_, factor)| factor.parse::<f64>());
        assert!(matches!(factor, Some(Ok(factor)) if factor > 0.0), "{line}");
    }
}

#[test]
fn forms_of_a_word_have_one_base() {
    for forms in [
        "cancel cancels cancelled canceled cancelling",
        "delete deletes deleted deleting",
        "plan plans planned planning",
        "buy bought buying",
        "organise organize organised organizing",
        "colour color colours",
        "box boxes",
        "study studies studied studying",
        "match matches matching",
        "call called calling",
        "hope hoped hoping",
    ] {
        let mut bases: Vec<String> = forms.split(' ').map(|form| stem::base(form, &LEXICON)).collect();
        bases.dedup();
        assert_eq!(bases.len(), 1, "{forms}: {bases:?}");
    }
    for different in ["promise promize", "exercise exercize", "plane plan", "new news"] {
        let bases: Vec<String> = different.split(' ').map(|form| stem::base(form, &LEXICON)).collect();
        assert_ne!(bases[0], bases[1], "{different}");
    }
}
