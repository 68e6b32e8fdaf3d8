use super::*;

#[test]
fn the_same_question_in_other_filler_words_passes() {
    for (a, b) in [
        ("How do I reset my password?", "How can I reset my password?"),
        ("How do I reset my password?", "how do you reset your password"),
        ("How do I reset my password?", "What is the way to reset my password?"),
        ("How do I reset my password?", "Please tell me how to reset my password."),
        ("How do I reset my password?", "Can you tell me how I reset my password, please?"),
        ("What is the capital of France?", "What's the capital of France"),
        ("What is the capital of France?", "Tell me the capital of France."),
        ("How do I convert 5 miles to km?", "How do I convert five miles to km?"),
        ("What is 24,000 divided by 3?", "what is 24000 divided by 3"),
        ("Do you ship a 5GB card?", "do you ship 5 gb cards"),
        ("What does `git push` do?", "what does `git push` do?"),
        ("List the planets", "List the planets!"),
        ("How do I reset my password?", "What's the best way of resetting my password?"),
        ("How do I make bread?", "What is the way of making bread?"),
        ("Compare cats & dogs", "Compare cats and dogs"),
    ] {
        assert_eq!(compare(a, b), Ok(()), "{a} | {b}");
        assert_eq!(compare(b, a), Ok(()), "{b} | {a}");
    }
}

#[test]
fn a_difference_that_may_change_the_answer_is_refused_with_its_reason() {
    for (a, b, reason) in [
        ("What is 15% of 240?", "What is 15% of 420?", Refusal::Numbers),
        ("Give me seven names for a bakery", "Give me three names for a bakery", Refusal::Numbers),
        ("What does error 404 mean?", "What does error mean?", Refusal::Numbers),
        ("Add 3.5 and 2", "Add 35 and 2", Refusal::Numbers),
        ("Which foods are safe for dogs?", "Which foods are not safe for dogs?", Refusal::Negation),
        ("Should I take it with food?", "Should I take it without food?", Refusal::Negation),
        ("Why can I log in?", "Why can't I log in?", Refusal::Negation),
        ("Why dont my plants grow?", "Why do my plants grow?", Refusal::Negation),
        ("How do I reset my password?", "Can I reset my password?", Refusal::Question),
        ("How does a heat pump work?", "What is a heat pump work?", Refusal::Question),
        ("Do I need a visa for Peru?", "I need a visa for Peru", Refusal::Question),
        ("Translate 'good night' into French", "Translate 'good nights' into French", Refusal::Quoted),
        ("Can I use 'I' in an essay?", "Can I use 'you' in an essay?", Refusal::Quoted),
        ("What does `a` do?", "What does `an` do?", Refusal::Quoted),
        ("differentiate ln(x^2 + 1)", "differentiate ln(x^2 - 1)", Refusal::Symbols),
        ("what does 1 << n compute", "what does 1 >> n compute", Refusal::Symbols),
        ("Is $5 a fair price?", "Is €5 a fair price?", Refusal::Symbols),
        ("Explain C# generics", "Explain C generics", Refusal::Symbols),
        ("redirect http to https", "redirect https to http", Refusal::Order),
        ("don't name one, do tell me why", "do name one, don't tell me why", Refusal::Order),
        ("Is the tagline built for people?", "Is the tagline built by people?", Refusal::Wording),
        ("convert psi to bar", "convert bar to psi", Refusal::Order),
        ("Can I paint over wallpaper?", "Can I wallpaper over paint?", Refusal::Order),
        ("is 5 larger than 3", "is 3 larger than 5", Refusal::Order),
        ("turn on dark mode", "turn off dark mode", Refusal::Wording),
        ("How long does a transfer to India take?", "How long does a transfer from India take?", Refusal::Wording),
        ("When do shops open?", "Where do shops open?", Refusal::Wording),
        (
            "Who was the first woman to win a Nobel Prize?",
            "Who was the first woman to win a Nobel Prize in Literature?",
            Refusal::Wording,
        ),
        ("How do I encrypt a file?", "How do I decrypt a file?", Refusal::Wording),
        ("How do I block a user?", "How do I unblock a user?", Refusal::Wording),
        ("Is the shop open?", "Was the shop open?", Refusal::Wording),
        ("comment réinitialiser mon mot de passe", "comment changer mon mot de passe", Refusal::Wording),
        ("как сбросить пароль", "как сменить пароль", Refusal::Wording),
    ] {
        assert_eq!(compare(a, b), Err(reason), "{a} | {b}");
        assert_eq!(compare(b, a), Err(reason), "{b} | {a}");
    }
}

#[test]
fn every_word_list_is_sorted_into_one_kind_only() {
    let mut seen = std::collections::HashMap::new();
    for (list, name) in [
        (include_str!("words/fillers.txt"), "fillers"),
        (include_str!("words/markers.txt"), "markers"),
        (include_str!("words/negators.txt"), "negators"),
    ] {
        for word in entries(list) {
            assert_eq!(seen.insert(word, name), None, "{word} stands in {name} and elsewhere");
            assert!(word.chars().all(|c| c.is_ascii_lowercase()), "{word}");
        }
    }
    for (word, value) in &LISTS.numbers {
        assert!(!seen.contains_key(word), "{word}");
        assert!(value.parse::<f64>().is_ok(), "{word} {value}");
    }
}

#[test]
fn odd_texts_never_panic_and_never_pass_unless_they_agree() {
    let odd = [
        "",
        "?",
        "\u{200b}",
        "🦀",
        "'",
        "\"",
        "`",
        "'''",
        "a'",
        "'a",
        "1,",
        ",000",
        "n't",
        "…",
        "\u{0}\u{1}",
        "שלום",
        "½",
        "_",
        "__x__",
    ];
    for a in odd {
        for b in odd {
            let _ = compare(a, b);
        }
    }
    assert_eq!(compare("open the door 🦀", "open the door"), Err(Refusal::Symbols));
    assert_eq!(compare("open the\u{200b} door", "open the door"), Err(Refusal::Symbols));
}

proptest::proptest! {
    #[test]
    fn a_text_always_agrees_with_itself_and_the_order_of_two_never_matters(a in ".{0,60}", b in ".{0,60}") {
        proptest::prop_assert_eq!(compare(&a, &a), Ok(()));
        proptest::prop_assert_eq!(compare(&a, &b).is_ok(), compare(&b, &a).is_ok());
    }
}
