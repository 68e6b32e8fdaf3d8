use super::*;

fn lexicon() -> Lexicon {
    Lexicon::parse(include_str!("words.txt")).unwrap()
}

fn value(features: &[Feature], name: &str) -> f32 {
    features.iter().find(|(n, _)| *n == name).unwrap_or_else(|| panic!("no feature {name}")).1
}

#[test]
fn each_text_has_the_features_that_a_reader_sees_in_it() {
    let lexicon = lexicon();
    for (text, has, has_not) in [
        ("Prove that 7 is prime.", "proof-words", "translate-task"),
        ("Prove that 7 is prime.", "begins-with-hard-task", "begins-with-easy-task"),
        ("Translate to French: good morning", "translate-task", "proof-words"),
        ("Translate to French: good morning", "begins-with-easy-task", "begins-with-hard-task"),
        ("Why does my lock-free queue deadlock?", "debug-task", "convert-task"),
        ("Why does my lock-free queue deadlock?", "systems-words", "law-words"),
        ("Design a schema for a hospital", "design-task", "code"),
        ("Is the indemnity clause enforceable?", "law-words", "systems-words"),
        ("It must run without a server", "constraint-words", "stakes-words"),
        ("Which? What? How?", "several-questions", "numbers"),
        ("Do it:\n- quickly\n- well", "list-items", "code"),
        ("\u{2200}x \u{2208} A: x \u{2264} 3", "maths-signs", "list-items"),
        ("Fix `a[i] = {b: c};`", "code-signs", "maths-signs"),
        ("Run it\n```\nlet x = 1;\n```", "code", "maths-signs"),
        ("Sort 12 names", "numbers", "acronyms"),
        ("What is a CPU?", "acronyms", "numbers"),
        ("Define entropy in one sentence", "brief-words", "proof-words"),
        ("\u{4f60}\u{597d}", "not-readable", "acronyms"),
        ("", "not-readable", "long"),
    ] {
        let features = values(&Seen { text, ..Seen::default() }, &lexicon);
        assert!(value(&features, has) > 0.0, "{text}: {has}");
        assert!(value(&features, has_not) <= 0.0, "{text}: {has_not}");
    }
}

#[test]
fn what_came_with_the_text_counts() {
    let lexicon = lexicon();
    let bare = values(&Seen::default(), &lexicon);
    let seen = Seen { system_bytes: 900, tools: 3, turns: 2, media: true, effort_asked: true, ..Seen::default() };
    let full = values(&seen, &lexicon);
    for name in ["long-system-prompt", "tools", "earlier-turns", "media", "effort-asked"] {
        assert!(value(&bare, name) <= 0.0 && value(&full, name) > 0.5, "{name}");
    }
}

#[test]
fn a_passage_adds_to_no_word_list_and_a_length_that_was_not_read_is_counted() {
    let lexicon = lexicon();
    let passage = "The theorem on the eigenvalue of a matrix was proved by induction on its dimension. ".repeat(2000);
    let text = format!("Summarize this:\n\n{passage}");
    let features = values(&Seen { text: &text, ..Seen::default() }, &lexicon);
    assert!(value(&features, "proof-words") <= 0.0);
    assert!(value(&features, "maths-words") <= 0.0);
    assert!(value(&features, "long") < 2.0);
    assert!((value(&features, "pasted-text") - 30_000_f32.ln()).abs() < 0.1);
}

#[test]
fn items_of_lists_are_told_from_lines() {
    for (line, item) in [
        ("- x", true),
        ("3. x", true),
        ("(b) x", true),
        ("\u{2022} x", true),
        ("-x", false),
        ("Fine. x", false),
        ("- ", false),
        ("", false),
    ] {
        assert_eq!(is_item(line), item, "{line}");
    }
}

#[test]
fn names_are_unique_and_come_in_the_order_of_the_values() {
    let lexicon = lexicon();
    let names = names(&lexicon);
    let unique: std::collections::BTreeSet<_> = names.iter().collect();
    assert_eq!(unique.len(), names.len());
    let other = values(&Seen { text: "Prove it.\n\n- a", tools: 1, ..Seen::default() }, &lexicon);
    assert_eq!(other.iter().map(|(name, _)| *name).collect::<Vec<_>>(), names);
}
