//! The same words in another order: a clause that moved, or two parts that changed places.

use super::frame::Edits;
use super::pairing::Pairing;
use super::refusal::{Difference, Refusal};
use super::text::{Kind, Text, Token};

/// A shared word: its place in the first text and in the second.
type Shared = (usize, usize);

/// The difference that the order of the shared words makes, if it does.
pub(super) fn judge(a: &Text, b: &Text, pairing: &Pairing, edits: Edits) -> Option<Difference> {
    let shared: Vec<Shared> =
        pairing.content[0].iter().filter_map(|&k| pairing.other[k].map(|place| (k, place))).collect();
    governed(a, b, &shared).or_else(|| swapped(a, b, &shared, edits))
}

/// The class of the small word that governs a token: the nearest before it, but for articles and pronouns.
fn governor(text: &Text, k: usize) -> &'static str {
    let passed = |class: &str| matches!(class, "article" | "first" | "second" | "third" | "filler");
    let before = text.tokens[..k].iter().rev().map(Token::class).find(|class| !passed(class));
    before.unwrap_or("")
}

/// A word is the source in one text and the aim in the other.
fn governed(a: &Text, b: &Text, shared: &[Shared]) -> Option<Difference> {
    const OPPOSED: [(&str, &str); 9] = [
        ("from", "to"),
        ("from", "into"),
        ("to", "by"),
        ("on", "off"),
        ("over", "under"),
        ("before", "after"),
        ("before", "with"),
        ("in", "out"),
        ("into", "out"),
    ];
    for &(x, y) in shared {
        let (one, two) = (governor(a, x), governor(b, y));
        // "before or after" asks about both.
        let both = |text: &Text| {
            text.tokens.windows(3).any(|words| {
                let ends = [words[0].class(), words[2].class()];
                matches!(words[1].class(), "or" | "and") && (ends.contains(&one) || ends.contains(&two))
            })
        };
        let opposed = OPPOSED.contains(&(one, two)) || OPPOSED.contains(&(two, one));
        if opposed && !both(a) && !both(b) {
            let span = |text: &Text, k: usize| format!("{} {}", governor(text, k), text.tokens[k].written);
            return Some(Difference::new(Refusal::Direction, &span(a, x), &span(b, y)));
        }
    }
    None
}

/// Two parts changed places, and it is neither a list of equals ("A and B", "A vs B") nor a phrase that may stand
/// anywhere ("in Python").
fn swapped(a: &Text, b: &Text, shared: &[Shared], edits: Edits) -> Option<Difference> {
    let blocks = blocks(shared);
    let order: Vec<usize> = blocks.iter().map(|block| block.0).collect();
    let (first, second) = match order.as_slice() {
        [1, 0] => (0, 1),
        [0, 2, 1] | [0, 2, 1, 3] => (1, 2),
        [1, 0, 2] => (0, 1),
        [2, 1, 0] | [2, 1, 0, 3] => (0, 2),
        [0, 3, 2, 1] | [0, 3, 2, 1, 4] => (1, 3),
        _ => return None,
    };
    let (one, two) = (&blocks[first].1, &blocks[second].1);
    let (x, y) = (*one.first()?, *two.first()?);
    let neighbours = second == first + 1;
    let between = &a.tokens[one.last()?.0 + 1..y.0];
    let theirs = &b.tokens[two.last()?.1 + 1..x.1];
    let soft = |block: &[Shared]| block.iter().all(|(k, _)| a.tokens[*k].is_soft());
    if soft(one) || soft(two) || is_list(a, x.0, y.0) || is_list(b, y.1, x.1) {
        return None;
    }
    // A phrase with its own preposition may stand anywhere: it is governed the same in both.
    let phrase = |(k, place): Shared| {
        let (one, two) = (governor(a, k), governor(b, place));
        one == two && !matches!(one, "" | "now" | "past" | "ask" | "ability" | "duty" | "and" | "or" | "join")
    };
    if phrase(x) || phrase(y) {
        return None;
    }
    // What stands between the two: "x - 3", "only A not B", "A for B".
    let sum = |block: &[Shared]| {
        block.iter().all(|(k, _)| a.tokens[*k].kind == Kind::Number || a.tokens[*k].lower.len() == 1)
    };
    let formula = sum(one) && sum(two) && a.symbols.contains(['-', '/', '^', '<', '>', '%']);
    let linked = links(between).is_some() && links(between) == links(theirs) && edits.all <= 4;
    let long = one.len().min(two.len()) > 3;
    // Two words that changed places around others, and nothing else did.
    let even = one.len() == two.len() && edits.all <= 2 && a.tokens.len().abs_diff(b.tokens.len()) <= 1;
    let swapped = if neighbours { (formula || linked) && !long } else { even };
    swapped.then(|| {
        let span = |text: &Text, one: usize, two: usize| {
            format!("{} … {}", text.tokens[one].written, text.tokens[two].written)
        };
        Difference::new(Refusal::Order, &span(a, x.0, y.0), &span(b, y.1, x.1))
    })
}

/// The shared words in runs that stand in the same order in both texts, each with its rank in the second text.
fn blocks(shared: &[Shared]) -> Vec<(usize, Vec<Shared>)> {
    let mut places: Vec<usize> = shared.iter().map(|pair| pair.1).collect();
    places.sort_unstable();
    let rank = |place: usize| places.binary_search(&place).unwrap_or(0);
    let mut blocks: Vec<(usize, Vec<Shared>)> = Vec::new();
    let mut last = None;
    for &pair in shared {
        let here = rank(pair.1);
        match blocks.last_mut().filter(|_| last.is_some_and(|last| here == last + 1)) {
            Some((_, block)) => block.push(pair),
            None => blocks.push((here, vec![pair])),
        }
        last = Some(here);
    }
    let mut starts: Vec<usize> = blocks.iter().map(|block| block.0).collect();
    starts.sort_unstable();
    for block in &mut blocks {
        block.0 = starts.binary_search(&block.0).unwrap_or(0);
    }
    blocks
}

/// Whether two parts stand in a list of equals: "A or B", "a gallon of A or a gallon of B", "the difference between A and
/// B". `x` and `y` are their places.
fn is_list(text: &Text, x: usize, y: usize) -> bool {
    let between = &text.tokens[x + 1..y];
    let key = |k: Option<usize>| k.and_then(|k| text.tokens.get(k)).map_or("", |token| token.key.as_str());
    let head = key(x.checked_sub(1));
    let after = if key(Some(x + 1)) == key(Some(y + 1)) { key(Some(x + 1)) } else { head };
    let joins = |token: &Token| matches!(token.class(), "and" | "or" | "join") || token.key == "differ";
    let passes = |token: &Token| {
        !token.is_content() || token.is_soft() || token.key == "differ" || token.key == head || token.key == after
    };
    between.iter().any(joins) && between.iter().all(passes)
}

/// The first small word or negation that links two parts.
fn links(tokens: &[Token]) -> Option<&'static str> {
    let link = |token: &Token| if token.is_negation() { "not" } else { token.class() };
    tokens.iter().map(link).find(|class| !matches!(*class, "" | "article" | "filler" | "first" | "now"))
}
