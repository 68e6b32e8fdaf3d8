use super::*;

#[test]
fn the_same_question_in_another_wrapping_passes() {
    for (a, b) in [
        ("How do I reset my password?", "How can I reset my password?"),
        ("How do I reset my password?", "how to reset my password"),
        ("How do I reset my password?", "What is the best way to reset my password?"),
        ("How do I reset my password?", "Please tell me how to reset my password."),
        ("How do I reset my password?", "Hi, could you please tell me how I can reset my password? Thanks!"),
        ("What is the capital of France?", "What's the capital of France"),
        ("What is the capital of France?", "what is the capital of france?"),
        ("What is the capital of France?", "Tell me the capital of France."),
        ("What is the capital of France?", "Can you tell me what the capital of France is?"),
        ("How do I convert 5 miles to km?", "How do I convert five miles to km?"),
        ("What is 24,000 divided by 3?", "what is 24000 divided by 3"),
        ("Who won the World Cup?", "who won the world cup"),
        ("Do you ship a 5gb card?", "do you ship a 5 gb card"),
        ("Why don\u{2019}t cats like water?", "why do not cats like water"),
        ("What does `git push` do?", "what does `git push` do"),
        ("List the planets", "List planets, please!"),
    ] {
        // The last words of an indirect question stand elsewhere, and the guard does not try to follow.
        let indirect = b.ends_with("France is?");
        assert_eq!(compare(a, b).is_ok(), !indirect, "{a} | {b}: {:?}", compare(a, b));
        assert_eq!(compare(b, a).is_ok(), !indirect, "{b} | {a}");
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
        ("don't name one, do tell me why", "do name one, don't tell me why", Refusal::Order),
        ("convert psi to bar", "convert bar to psi", Refusal::Order),
        ("redirect http to https", "redirect https to http", Refusal::Order),
        ("fly into the US from France", "fly into France from the US", Refusal::Order),
        ("Can I paint over wallpaper?", "Can I wallpaper over paint?", Refusal::Order),
        ("is 5 larger than 3", "is 3 larger than 5", Refusal::Order),
        ("Should I learn how to fly?", "How should I learn to fly?", Refusal::Order),
        ("Is -5 greater than 3?", "Is 5 greater than -3?", Refusal::Order),
        ("What is (2 + 3) * 4?", "What is 2 + (3 * 4)?", Refusal::Order),
        ("Is 5% of 80 more than 4?", "Is 5 of 80 more than 4%?", Refusal::Order),
        ("differentiate ln(x^2 + 1)", "differentiate ln(x^2 - 1)", Refusal::Symbols),
        ("what does 1 << n compute", "what does 1 >> n compute", Refusal::Symbols),
        ("Is .5 mg of clonazepam safe?", "Is 5 mg of clonazepam safe?", Refusal::Symbols),
        ("What does if (x != 5) do?", "What does if (x = 5) do?", Refusal::Symbols),
        ("What is 5! / 4?", "What is 5 / 4?", Refusal::Symbols),
        ("what does the regex .*? match", "what does the regex .* match", Refusal::Symbols),
        ("f'(2) for f(x) = x^3", "f(2) for f(x) = x^3", Refusal::Symbols),
        ("Is $5 a fair price?", "Is €5 a fair price?", Refusal::Symbols),
        ("Explain C# generics", "Explain C generics", Refusal::Symbols),
        ("Can I use 'I' in an essay?", "Can I use I in an essay?", Refusal::Symbols),
        ("How do I reset my password?", "Can I reset my password?", Refusal::Wording),
        ("How do I reset my password?", "reset my password", Refusal::Question),
        ("Convert 5 mW to watts", "Convert 5 MW to watts", Refusal::Capitals),
        ("Is that true for us?", "Is that true for US?", Refusal::Capitals),
        ("What is Rust?", "What is rust?", Refusal::Capitals),
        ("for x in y:\n  a()\n  b()", "for x in y:\n  a()\nb()", Refusal::Layout),
        ("What is hepatitis A?", "What is hepatitis?", Refusal::Wording),
        ("How do I get admin access?", "How do I give admin access?", Refusal::Wording),
        ("Do I have to register a trademark?", "Can I register a trademark?", Refusal::Wording),
        ("What is my name?", "What is your name?", Refusal::Wording),
        ("How do I call you?", "How do you call me?", Refusal::Wording),
        ("How do I work here?", "How do you work here?", Refusal::Wording),
        ("Translate 'good night' into French", "Translate 'good nights' into French", Refusal::Wording),
        ("turn on dark mode", "turn off dark mode", Refusal::Wording),
        ("How long does a transfer to India take?", "How long does a transfer from India take?", Refusal::Wording),
        ("When do shops open?", "Where do shops open?", Refusal::Wording),
        ("Who was the first woman to win?", "Who was the first woman to win in Literature?", Refusal::Wording),
        ("How do I encrypt a file?", "How do I decrypt a file?", Refusal::Wording),
        ("Is the shop open?", "Was the shop open?", Refusal::Wording),
        ("comment réinitialiser mon mot de passe", "comment changer mon mot de passe", Refusal::Wording),
        ("как сбросить пароль", "как сменить пароль", Refusal::Wording),
    ] {
        assert_eq!(compare(a, b), Err(reason), "{a} | {b}");
        assert_eq!(compare(b, a), Err(reason), "{b} | {a}");
    }
}

#[test]
fn a_text_of_nothing_but_wrapping_never_passes() {
    for (a, b) in [("", ""), ("?", "?"), ("the", "the the")] {
        assert!(compare(a, b).is_err(), "{a:?} | {b:?}");
    }
}

#[test]
fn every_word_list_is_lower_case_and_every_number_reads() {
    let lists = &*LISTS;
    let phrases = lists.prefixes.iter().chain(&lists.suffixes).chain(lists.openers.iter().map(|(opener, _)| opener));
    for word in phrases.flatten().chain(&lists.negators) {
        assert!(!word.is_empty() && word.chars().all(|c| c.is_ascii_lowercase()), "{word:?}");
    }
    for (word, value) in &lists.numbers {
        assert!(value.parse::<f64>().is_ok(), "{word} {value}");
    }
    for (opener, form) in &lists.openers {
        assert!(!opener.contains(&"you") && !form.is_empty(), "{opener:?}");
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
        "please",
        "tell me how",
        "how do i",
        "\n",
        "the",
        "1,000,",
        "3.",
        ".5.",
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
    fn a_text_agrees_with_itself_and_the_order_of_two_never_matters(a in ".{0,60}", b in ".{0,60}") {
        proptest::prop_assert_eq!(compare(&a, &b), compare(&b, &a));
        let text = format!("x {a}");
        proptest::prop_assert_eq!(compare(&text, &text), Ok(()));
    }
}
