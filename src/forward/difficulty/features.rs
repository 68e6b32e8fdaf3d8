//! The numbers that the model reads a request by. Each has a name, which is also the reason that is shown for it.

use super::Seen;
use super::lexicon::{Lexicon, Side, words_of};
use super::reader::{self, Parts};

/// One number, by its name. All lie between 0 and about 10.
pub type Feature = (&'static str, f32);

/// Signs that are written in mathematics and hardly anywhere else.
const MATHS_SIGNS: &str = "\u{2211}\u{222b}\u{221a}\u{2264}\u{2265}\u{2260}\u{2208}\u{2209}\u{2200}\u{2203}\u{2192}\u{21d2}\u{221e}\u{00b1}\u{00d7}\u{2202}\u{2207}^";

/// Signs of source code.
const CODE_SIGNS: &str = "{}()[];=<>_$#";

/// The names of all features that [`values`] gives, in its order.
#[must_use]
pub fn names(lexicon: &Lexicon) -> Vec<&'static str> {
    values(&Seen::default(), lexicon).into_iter().map(|(name, _)| name).collect()
}

/// The features of a request. Time and memory grow with the part of the text that is read (see [`reader::bounded`]).
#[must_use]
pub fn values(seen: &Seen, lexicon: &Lexicon) -> Vec<Feature> {
    let (head, tail) = reader::bounded(seen.text);
    let parts = reader::parts(head, tail, lexicon);
    let read = (head.len() + tail.len()).max(1);
    let mut features = shape(&parts, ratio(seen.text.len(), read));
    features.extend(wording(&parts.request));
    features.extend(words(&parts, lexicon));
    features.extend(around(seen));
    features
}

/// How the text is built. `unread` is the whole text's length over that of what was read of it.
fn shape(parts: &Parts, unread: f32) -> Vec<Feature> {
    let request = &parts.request;
    let asked = reader::count(request);
    let pasted = reader::count(&parts.passage) + reader::count(&parts.code);
    let total = (number(asked + pasted) * unread).max(1.0);
    let pasted = (total - number(asked)).max(0.0);
    let starts = |line: &&&str| !line.is_empty();
    let before = std::iter::once(&"").chain(request.iter());
    let paragraphs = request.iter().zip(before).filter(|(line, before)| !line.is_empty() && before.is_empty()).count();
    vec![
        ("long", number(asked).ln_1p()),
        ("pasted-text", pasted.ln_1p()),
        ("pasted-share", pasted / total),
        ("lines", number(request.iter().filter(starts).count()).ln_1p()),
        ("paragraphs", number(paragraphs).ln_1p()),
        ("list-items", number(request.iter().filter(|line| is_item(line)).count()).ln_1p()),
        ("code", number(parts.code.len()).ln_1p()),
    ]
}

/// Whether a line is an item of a list: `- x`, `* x`, `3. x`, `b) x`.
fn is_item(line: &str) -> bool {
    let Some((mark, rest)) = line.split_once(' ') else { return false };
    let numbered = mark.strip_suffix(['.', ')']).is_some_and(|mark| {
        let mark = mark.trim_start_matches('(');
        (1..=2).contains(&mark.len()) && mark.chars().all(char::is_alphanumeric)
    });
    !rest.is_empty() && (matches!(mark, "-" | "*" | "+" | "\u{2022}") || numbered)
}

/// What kind of signs and words the request is written with, whatever they mean.
fn wording(request: &[&str]) -> Vec<Feature> {
    let (mut bytes, mut questions, mut sentences, mut maths, mut code) = (0, 0, 0, 0, 0);
    for line in request {
        bytes += line.len();
        questions += line.matches('?').count();
        sentences += line.matches(['.', '?', '!']).count();
        maths += line.chars().filter(|&c| MATHS_SIGNS.contains(c)).count();
        code += line.chars().filter(|&c| CODE_SIGNS.contains(c)).count();
    }
    let (mut words, mut long, mut numbers, mut acronyms) = (0, 0, 0, 0);
    for word in request.iter().flat_map(|line| words_of(line)) {
        words += 1;
        long += usize::from(word.len() >= 10);
        numbers += usize::from(word.starts_with(|c: char| c.is_ascii_digit()));
        acronyms += usize::from(
            word.len() > 1
                && word.chars().all(|c| c.is_ascii_uppercase() || c.is_ascii_digit())
                && word.starts_with(|c: char| c.is_ascii_uppercase()),
        );
    }
    vec![
        ("several-questions", number(questions).min(6.0).ln_1p()),
        ("sentences", number(sentences).ln_1p()),
        ("maths-signs", number(maths).ln_1p()),
        ("code-signs", 10.0 * ratio(code, bytes).min(0.2)),
        ("long-words", 5.0 * ratio(long, words).min(0.4)),
        ("numbers", number(numbers).ln_1p()),
        ("acronyms", number(acronyms).ln_1p()),
    ]
}

/// The word lists that the request touches. Code adds to a field's vocabulary by half; a passage adds nothing, for a
/// text on heart surgery is translated like any other.
fn words(parts: &Parts, lexicon: &Lexicon) -> Vec<Feature> {
    let lists = lexicon.lists();
    let mut counts = vec![0.0_f32; lists.len()];
    let mut lead = None;
    for line in &parts.request {
        lexicon.scan(line, |list| {
            if let Some(count) = counts.get_mut(list) {
                *count += 1.0;
            }
            let side = lists.get(list).map(|list| list.side);
            lead = lead.or(side.filter(|side| matches!(side, Side::Hard | Side::Middle | Side::Easy | Side::Text)));
        });
    }
    let known = counts.iter().any(|&count| count > 0.0);
    for line in &parts.code {
        lexicon.scan(line, |list| {
            if let (Some(count), Some(Side::Expert)) = (counts.get_mut(list), lists.get(list).map(|list| list.side)) {
                *count += 0.5;
            }
        });
    }
    let pairs = || lists.iter().zip(&counts);
    let sum = |sides: &[Side]| pairs().filter(|(list, _)| sides.contains(&list.side)).map(|(_, n)| n).sum::<f32>();
    let flag = |on: bool| f32::from(u8::from(on));
    let mut features = vec![
        ("begins-with-hard-task", flag(lead == Some(Side::Hard))),
        ("begins-with-easy-task", flag(matches!(lead, Some(Side::Easy | Side::Text)))),
        ("hard-tasks", sum(&[Side::Hard]).ln_1p()),
        ("easy-tasks", sum(&[Side::Easy, Side::Text]).ln_1p()),
        ("expert-words", sum(&[Side::Expert]).ln_1p()),
        ("not-readable", flag(!known)),
    ];
    features.extend(pairs().filter(|(list, _)| list.side != Side::Known).map(|(list, n)| (list.name, n.ln_1p())));
    features
}

/// What came with the text.
fn around(seen: &Seen) -> Vec<Feature> {
    let flag = |on: bool| f32::from(u8::from(on));
    vec![
        ("long-system-prompt", ratio(seen.system_bytes, 100).ln_1p()),
        ("tools", number(seen.tools).ln_1p()),
        ("earlier-turns", number(seen.turns).ln_1p()),
        ("media", flag(seen.media)),
        ("effort-asked", flag(seen.effort_asked)),
    ]
}

#[expect(clippy::cast_precision_loss, reason = "a count; its logarithm or a share is what is used")]
fn number(count: usize) -> f32 {
    count as f32
}

fn ratio(part: usize, whole: usize) -> f32 {
    number(part) / number(whole.max(1))
}

#[cfg(test)]
#[path = "features_tests.rs"]
mod tests;
