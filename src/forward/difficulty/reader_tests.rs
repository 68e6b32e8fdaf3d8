use super::*;

fn lexicon() -> Lexicon {
    Lexicon::parse(include_str!("words.txt")).unwrap()
}

const STORY: &str = "The ferry left at nine with forty passengers and two dogs on board, and the captain said that the \
                     wind would turn before noon. It did not. They reached the island late, wet and in good spirits, and \
                     the landlady had kept the soup warm for all of them.";

#[test]
fn a_text_after_or_before_its_instruction_is_a_passage() {
    let lexicon = lexicon();
    for (text, request) in [
        (format!("Summarize this: {STORY}"), vec!["Summarize this"]),
        (format!("Translate into Spanish:\n{STORY}"), vec!["Translate into Spanish:"]),
        (format!("Give me five keywords for this text.\n\n{STORY}"), vec!["Give me five keywords for this text."]),
        (format!("{STORY}\n\nSummarize the text above."), vec!["Summarize the text above."]),
        (
            format!("Translate this:\n\n{STORY}\n\nMake it sound more polite."),
            vec!["Translate this:", "Make it sound more polite."],
        ),
    ] {
        let parts = parts(&text, "", &lexicon);
        assert_eq!(parts.request, request, "{text}");
        assert!(count(&parts.passage) >= count(&[STORY]), "{text}");
    }
}

#[test]
fn after_a_hard_instruction_the_text_is_the_problem() {
    let lexicon = lexicon();
    for ask in ["Review this:", "Why did they arrive late? Diagnose it from this account:"] {
        let text = format!("{ask}\n\n{STORY}");
        let parts = parts(&text, "", &lexicon);
        assert!(parts.passage.is_empty(), "{ask}");
        assert!(count(&parts.request) > count(&[STORY]), "{ask}");
    }
}

#[test]
fn marks_set_a_passage_apart_whatever_is_asked() {
    let lexicon = lexicon();
    let text = "Is this right?\n```rust\nlet x = 1;\n```\n> he said so\n<doc>\nthe text\n</doc>\n\"\"\"\nmore\n\"\"\"\nTell me why.";
    let parts = parts(text, "", &lexicon);
    assert_eq!(parts.request, ["Is this right?", "Tell me why."]);
    assert_eq!(parts.code, ["let x = 1;"]);
    assert_eq!(parts.passage, ["> he said so", "the text", "more"]);
}

#[test]
fn a_long_quotation_in_a_line_is_a_passage_and_a_short_one_is_not() {
    let lexicon = lexicon();
    let text = format!("Judge \u{201c}{STORY}\u{201d} as a text");
    let long = parts(&text, "", &lexicon);
    assert_eq!(long.request, ["Judge ", " as a text"]);
    assert_eq!(long.passage, [STORY]);
    assert_eq!(parts("What does \"mutatis mutandis\" mean?", "", &lexicon).passage, Vec::<&str>::new());
}

#[test]
fn an_open_fence_ends_with_the_text() {
    let parts = parts("Fix it\n```\nlet x", "", &lexicon());
    assert_eq!((parts.request, parts.code), (vec!["Fix it"], vec!["let x"]));
}

#[test]
fn of_a_long_text_the_beginning_and_the_end_are_read_between_characters() {
    assert_eq!(bounded("short"), ("short", ""));
    let text = "\u{1f600}".repeat(100_000);
    let (head, tail) = bounded(&text);
    assert!(head.len() <= HEAD_BYTES && head.len() + 4 > HEAD_BYTES);
    assert!(tail.len() <= TAIL_BYTES && tail.len() + 4 > TAIL_BYTES);
    assert!(text.starts_with(head) && text.ends_with(tail));
}
