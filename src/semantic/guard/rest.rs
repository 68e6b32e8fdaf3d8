//! What is left over when two texts have been paired: a word in the place of another, or a word more, in an otherwise
//! equal frame.

use super::frame::Edits;
use super::pairing::Pairing;
use super::refusal::{Difference, Refusal};
use super::text::Text;

/// Words in a row that stand for none of the other text.
#[derive(Debug)]
struct Run {
    tokens: Vec<usize>,
    /// The place in the second text of the paired word before and behind it; none at the text's ends.
    before: Option<usize>,
    after: Option<usize>,
    /// It has a word that is not soft.
    firm: bool,
}

/// The difference that the words left over make, if they do.
pub(super) fn judge(a: &Text, b: &Text, pairing: &Pairing, edits: Edits) -> Option<Difference> {
    let (x, y) = (runs(a, pairing, 0), runs(b, pairing, 1));
    replaced(a, b, &x, &y, pairing, edits).or_else(|| {
        added(a, b, &x, &y, pairing)
            .filter(|_| edits.all <= 1 || edits.firm <= 1 && edits.all <= 2 && pairing.shared > 3)
    })
}

fn runs(text: &Text, pairing: &Pairing, side: usize) -> Vec<Run> {
    let mut runs: Vec<Run> = Vec::new();
    let mut open = false;
    let mut before = None;
    for &k in &pairing.content[side] {
        if pairing.rest[side].contains(&k) {
            if !open {
                runs.push(Run { tokens: Vec::new(), before, after: None, firm: false });
                open = true;
            }
            if let Some(run) = runs.last_mut() {
                run.firm |= !text.tokens[k].is_soft();
                run.tokens.push(k);
            }
            continue;
        }
        let place = if side == 0 { pairing.other[k].unwrap_or(usize::MAX) } else { k };
        before = Some(place);
        if open {
            if let Some(run) = runs.last_mut() {
                run.after = before;
            }
            open = false;
        }
    }
    runs
}

fn span(text: &Text, run: Option<&Run>) -> String {
    let words = run.map_or(&[][..], |run| &run.tokens);
    words.iter().map(|&k| text.tokens[k].written.as_str()).collect::<Vec<_>>().join(" ")
}

/// A word stands in the place of another.
fn replaced(a: &Text, b: &Text, x: &[Run], y: &[Run], pairing: &Pairing, edits: Edits) -> Option<Difference> {
    let only = x.len() == 1 && y.len() == 1;
    for (x, y) in x.iter().flat_map(|x| y.iter().map(move |y| (x, y))) {
        let counts = x.firm && y.firm || only && x.tokens.len() == y.tokens.len();
        let sides = usize::from(x.before == y.before) + usize::from(x.after == y.after);
        let short = x.tokens.len() <= 2 && y.tokens.len() <= 2;
        let same_slot = sides == 2 && short && edits.firm <= 4 && pairing.dice >= 0.6 && pairing.shared >= 3;
        let minimal = edits.all <= 1 && edits.alike >= 0.5 && (x.firm || y.firm);
        if minimal
            || edits.alike >= 0.25 && counts && sides >= 1 && (edits.firm <= 2 && pairing.dice >= 0.55 || same_slot)
        {
            return Some(Difference::new(Refusal::Replaced, &span(a, Some(x)), &span(b, Some(y))));
        }
    }
    let firm = |runs: &[Run]| runs.iter().filter(|run| run.firm).count();
    if firm(x) >= 1 && firm(y) >= 1 && edits.firm <= 2 && pairing.dice >= 0.55 && edits.alike >= 0.25 {
        let first = |runs: &[Run], text: &Text| span(text, runs.iter().find(|run| run.firm));
        return Some(Difference::new(Refusal::Replaced, &first(x, a), &first(y, b)));
    }
    None
}

/// One text says a word more.
fn added(a: &Text, b: &Text, x: &[Run], y: &[Run], pairing: &Pairing) -> Option<Difference> {
    let firm = |runs: &[Run]| runs.iter().any(|run| run.firm);
    if firm(x) == firm(y) || pairing.share < 0.8 {
        return None;
    }
    let first = |runs: &[Run], text: &Text| span(text, runs.iter().find(|run| run.firm));
    Some(Difference::new(Refusal::Added, &first(x, a), &first(y, b)))
}
