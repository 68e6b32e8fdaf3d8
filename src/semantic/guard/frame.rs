//! How alike two texts are as sentences: in how many places one would have to be edited to become the other.

use super::pairing::{Pairing, ratio};
use super::text::{Text, Token};

/// The most that two texts are compared in, token by token; longer ones count as edited in many places.
const MAX_CELLS: usize = 60_000;

/// In how many places two texts differ.
#[derive(Clone, Copy, Debug)]
pub(super) struct Edits {
    /// Counting every word but articles.
    pub(super) all: usize,
    /// Leaving out wrappers and the verbs that only make a question.
    pub(super) firm: usize,
    /// The share of the longer text's words that both say in the same order, from 0 to 1.
    pub(super) alike: f64,
}

impl Edits {
    /// Of texts that are nothing alike.
    pub(super) const MANY: Self = Self { all: usize::MAX, firm: usize::MAX, alike: 0.0 };

    /// Counts them.
    pub(super) fn of(a: &Text, b: &Text, pairing: &Pairing) -> Self {
        let (all, common) = edits(a, b, pairing, |token| token.class() != "article");
        let (firm, _) = edits(a, b, pairing, weighs);
        let longer = a.tokens.len().max(b.tokens.len());
        Self { all, firm, alike: ratio(common, longer) }
    }
}

fn edits(a: &Text, b: &Text, pairing: &Pairing, weighs: fn(&Token) -> bool) -> (usize, usize) {
    let places = |text: &Text| -> Vec<usize> { (0..text.tokens.len()).filter(|&k| weighs(&text.tokens[k])).collect() };
    let (x, y) = (places(a), places(b));
    let same = |i: usize, j: usize| {
        let (ours, theirs) = (&a.tokens[i], &b.tokens[j]);
        pairing.other[i] == Some(j)
            || ours.key == theirs.key
            || !ours.class().is_empty() && ours.class() == theirs.class()
    };
    let start = x.iter().zip(&y).take_while(|(i, j)| same(**i, **j)).count();
    let (x, y) = (&x[start..], &y[start..]);
    let end = x.iter().rev().zip(y.iter().rev()).take_while(|(i, j)| same(**i, **j)).count();
    let (x, y) = (&x[..x.len() - end], &y[..y.len() - end]);
    if x.len() * y.len() > MAX_CELLS {
        return (usize::MAX, 0);
    }
    let (hunks, common) = hunks(x, y, same);
    // Articles are left out of the places and counted among what is alike.
    let articles = |text: &Text| text.tokens.iter().filter(|token| token.class() == "article").count();
    (hunks, start + common + end + articles(a).min(articles(b)))
}

/// Whether a token counts as a difference in wording when it is on one side only.
fn weighs(token: &Token) -> bool {
    token.is_content() || !matches!(token.class(), "article" | "filler" | "now" | "ability" | "first" | "ask" | "to")
}

/// The number of runs that a longest common subsequence leaves over, and its length.
fn hunks(x: &[usize], y: &[usize], same: impl Fn(usize, usize) -> bool) -> (usize, usize) {
    let width = y.len() + 1;
    let mut longest = vec![0u16; (x.len() + 1) * width];
    for i in (0..x.len()).rev() {
        for j in (0..y.len()).rev() {
            longest[i * width + j] = if same(x[i], y[j]) {
                longest[(i + 1) * width + j + 1] + 1
            } else {
                longest[(i + 1) * width + j].max(longest[i * width + j + 1])
            };
        }
    }
    let (mut i, mut j, mut count, mut inside) = (0, 0, 0, false);
    let common = usize::from(longest[0]);
    while i < x.len() || j < y.len() {
        if i < x.len() && j < y.len() && same(x[i], y[j]) {
            inside = false;
            (i, j) = (i + 1, j + 1);
            continue;
        }
        count += usize::from(!inside);
        inside = true;
        if j == y.len() || i < x.len() && longest[(i + 1) * width + j] >= longest[i * width + j + 1] {
            i += 1;
        } else {
            j += 1;
        }
    }
    (count, common)
}
