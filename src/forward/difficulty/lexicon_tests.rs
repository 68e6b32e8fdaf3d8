use std::collections::BTreeSet;

use super::*;

const SHIPPED: &str = include_str!("words.txt");

fn found(lexicon: &Lexicon, line: &str) -> Vec<&'static str> {
    let mut names = Vec::new();
    lexicon.scan(line, |list| names.push(lexicon.lists()[list].name));
    names
}

#[test]
fn inflections_share_a_stem() {
    for (words, shared) in [
        (&["prove", "proves", "proved", "proving"][..], true),
        (&["debug", "debugs", "debugged", "debugging"], true),
        (&["spell", "spells", "spelling"], true),
        (&["study", "studies"], true),
        (&["assess", "assesses", "assessing"], true),
        (&["prove", "proof"], false),
        (&["design", "desire"], false),
    ] {
        let stems: BTreeSet<&str> = words.iter().map(|word| stem(word)).collect();
        assert_eq!(stems.len() == 1, shared, "{words:?} {stems:?}");
    }
}

#[test]
fn the_longest_phrase_counts_and_its_words_count_no_further() {
    let lexicon = Lexicon::parse("a hard: root cause\nb easy: root, cause, tree\nc hard: root cause").unwrap();
    assert_eq!(found(&lexicon, "Find the ROOT-CAUSE!"), ["a", "c"]);
    assert_eq!(found(&lexicon, "the root of the tree's cause"), ["b", "b", "b"]);
    assert!(found(&lexicon, "nothing of it").is_empty());
}

#[test]
fn a_line_out_of_form_is_refused_by_name() {
    for text in ["no colon", "name: words", "name sideways: words", "name hard: , "] {
        assert!(Lexicon::parse(text).unwrap_err().contains("no `name side: words`"), "{text}");
    }
}

#[test]
fn the_shipped_lists_have_one_side_each_and_no_phrase_twice() {
    let mut sides = std::collections::BTreeMap::new();
    let mut seen = BTreeSet::new();
    for line in SHIPPED.lines().filter(|line| !line.is_empty() && !line.starts_with('#')) {
        let (head, words) = line.split_once(": ").unwrap();
        let (name, side) = head.split_once(' ').unwrap();
        assert_eq!(*sides.entry(name).or_insert(side), side, "{name}");
        for phrase in words.split(", ") {
            assert!(seen.insert((name, phrase)), "{name}: {phrase}");
        }
    }
    let lexicon = Lexicon::parse(SHIPPED).unwrap();
    assert_eq!(lexicon.lists().len(), sides.len());
    for name in [GIVEN_TEXT, QUESTION] {
        assert!(sides.contains_key(name), "{name}");
    }
}

#[test]
fn an_instruction_on_a_text_is_told_from_a_hard_one() {
    let lexicon = Lexicon::parse(SHIPPED).unwrap();
    for (line, asks) in [
        ("Summarize this", true),
        ("Translate into German", true),
        ("How many days do I have, according to the policy below?", true),
        ("Who wrote Hamlet?", false),
        ("Review the contract below and tell me which clause is weak", false),
        ("Debug this", false),
    ] {
        assert_eq!(lexicon.asks_on_text(line), asks, "{line}");
    }
}
