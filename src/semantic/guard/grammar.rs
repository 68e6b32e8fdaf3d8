//! What small words decide where the others agree: who, may or must, to or from, before or after, can I or how do I.

use super::frame::Edits;
use super::pairing::Pairing;
use super::refusal::{Difference, Refusal};
use super::text::Text;

/// The first difference in grammar between two texts whose other words agree.
pub(super) fn judge(a: &Text, b: &Text, pairing: &Pairing, edits: Edits) -> Option<Difference> {
    question(a, b, pairing)
        .or_else(|| person(a, b).filter(|_| edits.all <= 1 || edits.all <= 3 && a.tokens.len() == b.tokens.len()))
        .or_else(|| exchanged(a, b))
        .or_else(|| mood(a, b, edits))
        .or_else(|| direction(a, b).filter(|_| edits.firm <= 2))
}

/// What may stand in front of a question word.
const WRAPPERS: [&str; 14] =
    ["hi", "hello", "hey", "please", "pls", "so", "ok", "can", "could", "you", "tell", "me", "and", "from"];

/// What a question asks for, by the words it begins with.
pub(super) fn asked(text: &Text) -> &'static str {
    let words: Vec<&str> = text.tokens.iter().map(|token| token.lower.as_str()).collect();
    let mut found = "";
    for (k, word) in words.iter().enumerate().take(12) {
        let next = words.get(k + 1).copied().unwrap_or("");
        found = match *word {
            "how" => match next {
                "many" | "much" => "how many",
                "often" | "frequently" => "how often",
                "long" => "how long",
                "far" => "how far",
                "old" => "how old",
                "big" | "large" => "how big",
                "tall" | "high" => "how tall",
                "fast" | "quickly" => "how fast",
                "soon" | "early" | "late" | "deep" | "wide" | "heavy" | "hot" | "cold" => "how",
                "come" => "why",
                _ => "how",
            },
            "how many" | "how much" => "how many",
            "how come" | "why" | "reason" | "reasons" => "why",
            "how to" => "how",
            "how long" => "how long",
            "how far" => "how far",
            "how often" => "how often",
            "how old" => "how old",
            "how big" => "how big",
            "how tall" => "how tall",
            "how fast" => "how fast",
            "way" if k < 6 => "how",
            "when" if k == 0 || words[..k].iter().all(|word| WRAPPERS.contains(word)) => "when",
            "where" if k == 0 || words[..k].iter().all(|word| WRAPPERS.contains(word)) => "where",
            "who" | "whom" if k == 0 => "who",
            "what" | "which" => match next {
                "time" | "date" | "year" | "day" | "month" => "when",
                "cause" | "causes" => "why",
                _ => "what",
            },
            _ => continue,
        };
        break;
    }
    let yes_no = [
        "can", "could", "may", "should", "must", "do", "does", "did", "is", "are", "was", "were", "will", "would",
        "has", "have", "am",
    ];
    let begin = words
        .iter()
        .position(|word| !matches!(*word, "hi" | "hello" | "hey" | "please" | "pls" | "so" | "ok" | "okay"))
        .unwrap_or(0);
    let first = words.get(begin);
    if first.is_some_and(|first| yes_no.contains(first))
        && words.get(begin + 1) != Some(&"you")
        && (found != "how" || words.get(begin..begin + 3) != Some(&["is", "there", "a"]))
    {
        return "whether";
    }
    found
}

/// Whether a text asks how to do something.
pub(super) fn is_how(text: &Text) -> bool {
    asked(text) == "how"
}

fn question(a: &Text, b: &Text, _: &Pairing) -> Option<Difference> {
    let (x, y) = (asked(a), asked(b));
    let neutral = |x: &str| x.is_empty();
    if x == y || neutral(x) || neutral(y) {
        return None;
    }
    let vague = |x: &str, y: &str| x == "what" && (y.starts_with("how") || matches!(y, "who" | "where" | "when"));
    // "Which is bigger, A or B" is "is A bigger or B", "what is the cause" is "why".
    let says = |text: &Text, is: &dyn Fn(&super::text::Token) -> bool| text.tokens.iter().any(is);
    let choice = |text: &Text| says(text, &|token| token.class() == "or");
    let reason = |text: &Text| says(text, &|token| token.key == "cause");
    if (x == "whether" || y == "whether") && choice(a) && choice(b)
        || reason(a) && reason(b)
        || (x == "why" || y == "why") && (x == "what" || y == "what") && (reason(a) || reason(b))
    {
        return None;
    }
    (!vague(x, y) && !vague(y, x)).then(|| Difference::new(Refusal::Question, x, y))
}

fn classes(text: &Text, wanted: &[&str]) -> Vec<&'static str> {
    text.tokens.iter().map(super::text::Token::class).filter(|class| wanted.contains(class)).collect()
}

/// Me and you change places, or one speaks of somebody else.
fn person(a: &Text, b: &Text) -> Option<Difference> {
    let (x, y) = (classes(a, &["first", "second", "third"]), classes(b, &["first", "second", "third"]));
    let differs = || Some(Difference::new(Refusal::Person, &x.join(" "), &y.join(" ")));
    let has = |list: &[&str], class: &str| list.contains(&class);
    for (one, other) in [("first", "second"), ("first", "third"), ("second", "third")] {
        let swapped = has(&x, one) && !has(&x, other) && has(&y, other) && !has(&y, one)
            || has(&y, one) && !has(&y, other) && has(&x, other) && !has(&x, one);
        if swapped {
            return differs();
        }
    }
    // "my boss yelled at me" and "I yelled at my boss".
    let subject = |text: &Text| text.tokens.iter().any(|token| matches!(token.lower.as_str(), "i" | "we"));
    let object = |text: &Text| {
        text.tokens.windows(2).any(|pair| {
            matches!(pair[1].lower.as_str(), "me" | "us") && !pair[0].is_soft() && pair[1].class() == "first"
        })
    };
    if subject(a) && object(b) && !subject(b) && !object(a) || subject(b) && object(a) && !subject(a) && !object(b) {
        return differs();
    }
    let mut sorted = (x.clone(), y.clone());
    sorted.0.sort_unstable();
    sorted.1.sort_unstable();
    if sorted.0 == sorted.1 && x != y { differs() } else { None }
}

/// The writer does in one text what is done to him in the other: "can I read my employer's emails" and "can my employer
/// read my emails". The same words, in another order, and `I` in one alone.
fn exchanged(a: &Text, b: &Text) -> Option<Difference> {
    let i = |text: &Text| text.tokens.iter().position(|token| matches!(token.lower.as_str(), "i" | "we"));
    let words = |text: &Text| -> Vec<String> {
        text.tokens.iter().filter(|token| token.is_content()).map(|token| token.key.clone()).collect()
    };
    let (mut one, mut two) = (words(a), words(b));
    // "How to" and "how do I" ask the same of the writer.
    if i(a).is_some() == i(b).is_some() || one == two || asked(a) != "whether" || asked(b) != "whether" {
        return None;
    }
    one.sort_unstable();
    two.sort_unstable();
    let span = |text: &Text| i(text).map_or(String::new(), |k| text.tokens[k].written.clone());
    (one == two).then(|| Difference::new(Refusal::Person, &span(a), &span(b)))
}

/// May or must, is or was, will be.
fn mood(a: &Text, b: &Text, edits: Edits) -> Option<Difference> {
    let words = |text: &Text, class: &str| {
        text.tokens.iter().find(|token| token.class() == class).map_or("", |token| token.written.as_str()).to_owned()
    };
    let how = asked(a) == "how" || asked(b) == "how";
    for class in ["past", "future", "duty"] {
        let (x, y) = (words(a, class), words(b, class));
        // "Do I have to" and "can I" differ in two places.
        let near = if class == "duty" { 2 } else { 1 };
        if x.is_empty() == y.is_empty() || class == "duty" && how || edits.all > near {
            continue;
        }
        let politely = |word: &str| word.eq_ignore_ascii_case("would");
        if !politely(&x) && !politely(&y) {
            return Some(Difference::new(Refusal::Mood, &x, &y));
        }
    }
    None
}

/// To or from, with or without, before or after.
fn direction(a: &Text, b: &Text) -> Option<Difference> {
    const PAIRS: [(&str, &[&str]); 14] = [
        ("from", &["to", "into", "for", "in", "at"]),
        ("into", &["out", "from"]),
        ("out", &["in", "into"]),
        ("on", &["off"]),
        ("up", &["down"]),
        ("over", &["under"]),
        ("before", &["after", "until", "while"]),
        ("after", &["before", "until", "while"]),
        ("with", &["against"]),
        ("for", &["against", "from"]),
        ("by", &["for", "to", "before"]),
        ("until", &["after", "before", "from"]),
        ("and", &["or"]),
        ("to", &["from"]),
    ];
    let class = |text: &Text| -> Vec<(&'static str, String)> {
        text.tokens
            .iter()
            .map(|token| (token.class(), token.written.clone()))
            .filter(|(class, _)| !class.is_empty())
            .collect()
    };
    let (x, y) = (class(a), class(b));
    let lacks = |list: &[(&str, String)], class: &str| !list.iter().any(|(found, _)| *found == class);
    for (one, others) in PAIRS {
        for (mine, theirs, flipped) in [(&x, &y, false), (&y, &x, true)] {
            let Some((_, here)) = mine.iter().find(|(class, _)| *class == one && lacks(theirs, one)) else { continue };
            let Some((_, there)) = theirs.iter().find(|(class, _)| others.contains(class) && lacks(mine, class)) else {
                continue;
            };
            let (here, there) = if flipped { (there, here) } else { (here, there) };
            return Some(Difference::new(Refusal::Direction, here, there));
        }
    }
    None
}
