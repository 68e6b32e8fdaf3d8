//! Which words of one text are words of the other, in another form or spelling, and which are left over.

use super::lexicon::LEXICON;
use super::stem;
use super::text::{Kind, Text, Token};

/// The words of two texts that stand for each other.
#[derive(Debug)]
pub(super) struct Pairing {
    /// The content tokens of each text, by their place.
    pub(super) content: [Vec<usize>; 2],
    /// For every token of the first text the token of the second that it stands for.
    pub(super) other: Vec<Option<usize>>,
    /// The content tokens of each text that stand for none of the other.
    pub(super) rest: [Vec<usize>; 2],
    /// The share of the smaller text's words that the other says too, from 0 to 1.
    pub(super) share: f64,
    /// The share of both texts' words that the other says too, from 0 to 1: long texts share few words with short ones.
    pub(super) dice: f64,
    /// How many words they share.
    pub(super) shared: usize,
}

/// Pairs the words of two texts.
pub(super) fn pair(a: &Text, b: &Text) -> Pairing {
    let content =
        |text: &Text| -> Vec<usize> { (0..text.tokens.len()).filter(|&k| text.tokens[k].is_content()).collect() };
    let content = [content(a), content(b)];
    let mut marks = Marks { to: vec![None; a.tokens.len()], from: vec![None; b.tokens.len()], a, b };
    marks.join(&content, same);
    marks.compounds();
    marks.acronyms();
    marks.join(&content, akin);
    marks.join(&content, typing_error);
    marks.join_light();
    let rest = [
        content[0].iter().copied().filter(|&k| marks.to[k].is_none()).collect::<Vec<_>>(),
        content[1].iter().copied().filter(|&k| marks.from[k].is_none()).collect::<Vec<_>>(),
    ];
    let firm = |text: &Text, places: &[usize]| places.iter().filter(|&&k| !text.tokens[k].is_soft()).count();
    let sizes = [firm(a, &content[0]), firm(b, &content[1])];
    let left = [firm(a, &rest[0]), firm(b, &rest[1])];
    let (shared, share) = if sizes[0] == 0 || sizes[1] == 0 {
        let all = [content[0].len(), content[1].len()];
        let shared = (all[0] - rest[0].len()).min(all[1] - rest[1].len());
        (shared, ratio(shared, all[0].min(all[1])))
    } else {
        let shared = (sizes[0] - left[0]).max(sizes[1] - left[1]).min(sizes[0].min(sizes[1]));
        (shared, ratio(shared, sizes[0].min(sizes[1])))
    };
    let other = marks.to.iter().map(|place| place.filter(|&place| place != usize::MAX)).collect();
    let total = content[0].len() + content[1].len();
    let dice = ratio(total - rest[0].len() - rest[1].len(), total);
    Pairing { content, other, rest, share, dice, shared }
}

/// A share, from 0 to 1.
pub(super) fn ratio(part: usize, whole: usize) -> f64 {
    if whole == 0 { 0.0 } else { part as f64 / whole as f64 }
}

struct Marks<'a> {
    to: Vec<Option<usize>>,
    from: Vec<Option<usize>>,
    a: &'a Text,
    b: &'a Text,
}

impl Marks<'_> {
    fn join(&mut self, content: &[Vec<usize>; 2], fits: fn(&Token, &Token) -> bool) {
        for &x in &content[0] {
            if self.to[x].is_some() {
                continue;
            }
            let free = |&&y: &&usize| self.from[y].is_none() && fits(&self.a.tokens[x], &self.b.tokens[y]);
            if let Some(&y) = content[1].iter().find(free) {
                self.to[x] = Some(y);
                self.from[y] = Some(x);
            }
        }
    }

    /// Content on one side may be grammar on the other: `contains` and `with`, `'I'` and `I` are not meant, `US` and
    /// `us` neither; only a word that is written the same.
    fn join_light(&mut self) {
        for x in 0..self.a.tokens.len() {
            let ours = &self.a.tokens[x];
            if self.to[x].is_some() || ours.quoted {
                continue;
            }
            let same = |y: &usize| {
                let theirs = &self.b.tokens[*y];
                let one = |number: &Token, word: &Token| {
                    number.key == "1" && matches!(word.lower.as_str(), "one" | "a" | "an")
                };
                self.from[*y].is_none()
                    && !theirs.quoted
                    && ours.is_content() != theirs.is_content()
                    && (ours.written == theirs.written || one(ours, theirs) || one(theirs, ours))
            };
            if let Some(y) = (0..self.b.tokens.len()).find(same) {
                self.to[x] = Some(y);
                self.from[y] = Some(x);
            }
        }
    }

    /// `checkout` is `check out`, `light hearted` is `lighthearted`.
    fn compounds(&mut self) {
        for flipped in [false, true] {
            let (one, two) = if flipped { (self.b, self.a) } else { (self.a, self.b) };
            for x in 0..one.tokens.len() {
                let word = &one.tokens[x].lower;
                let taken = if flipped { self.from[x] } else { self.to[x] };
                if taken.is_some() || word.len() < 5 || !one.tokens[x].is_content() {
                    continue;
                }
                let found = (1..two.tokens.len()).find(|&y| {
                    let marks = if flipped { &self.to } else { &self.from };
                    let pair = &two.tokens[y - 1..=y];
                    marks[y].is_none() && marks[y - 1].is_none() && joined(word, &pair[0].lower, &pair[1].lower)
                });
                if let Some(y) = found {
                    let (to, from) =
                        if flipped { (&mut self.from, &mut self.to) } else { (&mut self.to, &mut self.from) };
                    to[x] = Some(y);
                    from[y] = Some(x);
                    from[y - 1] = Some(usize::MAX);
                }
            }
        }
    }

    /// `AD` is `Active Directory`.
    fn acronyms(&mut self) {
        for flipped in [false, true] {
            let (one, two) = if flipped { (self.b, self.a) } else { (self.a, self.b) };
            for x in 0..one.tokens.len() {
                let token = &one.tokens[x];
                let letters: Vec<char> = token.lower.trim_end_matches("'s").chars().filter(|c| *c != '.').collect();
                let taken = if flipped { self.from[x] } else { self.to[x] };
                let capital = token.written.chars().all(|c| c.is_uppercase() || c == '.' || c == 's');
                let looks =
                    (2..=5).contains(&letters.len()) && (capital || letters.len() > 2 && !LEXICON.known(&token.lower));
                if taken.is_some() || !looks || !token.is_content() || token.kind != Kind::Word {
                    continue;
                }
                let marks = if flipped { &self.to } else { &self.from };
                let n = letters.len();
                let spelled = |y: &usize| {
                    let words = &two.tokens[*y..*y + n];
                    words
                        .iter()
                        .zip(&letters)
                        .all(|(word, letter)| word.lower.starts_with(*letter) && word.lower.len() > 1)
                        && (*y..*y + n).all(|k| marks[k].is_none())
                };
                let found = (0..(two.tokens.len() + 1).saturating_sub(n)).find(spelled);
                if let Some(y) = found {
                    let (to, from) =
                        if flipped { (&mut self.from, &mut self.to) } else { (&mut self.to, &mut self.from) };
                    to[x] = Some(y);
                    from[y..y + n].fill(Some(usize::MAX));
                    from[y] = Some(x);
                }
            }
        }
    }
}

fn joined(word: &str, first: &str, second: &str) -> bool {
    let word = &word.replace('_', "");
    let rest = word.strip_prefix(first).map(|rest| rest.strip_prefix('-').unwrap_or(rest));
    rest.is_some_and(|rest| {
        !rest.is_empty() && (rest == second || stem::base(rest, &LEXICON) == stem::base(second, &LEXICON))
    })
}

/// Whether two words say the same. What both quote has to be the same to the letter.
fn same(a: &Token, b: &Token) -> bool {
    if a.quoted && b.quoted {
        return a.lower == b.lower;
    }
    if let (Some(x), Some(y)) = (&a.value, &b.value) {
        return a.key == b.key
            || x == y && (a.unit.is_none() || b.unit.is_none()) && a.key.starts_with('#') == b.key.starts_with('#');
    }
    a.key == b.key || a.lower == b.lower
}

/// Whether one word is derived from the other: `cancel` and `cancellation`.
fn akin(a: &Token, b: &Token) -> bool {
    let plain = |token: &Token| token.kind == Kind::Word && !token.quoted && token.lower.is_ascii();
    // Cheap before dear: nothing is derived from a word that begins otherwise.
    if a.lower.len() < 4
        || b.lower.len() < 4
        || a.lower.as_bytes()[..3] != b.lower.as_bytes()[..3]
        || !plain(a)
        || !plain(b)
    {
        return false;
    }
    let (x, y) = (stem::base(&a.lower, &LEXICON), stem::base(&b.lower, &LEXICON));
    stem::root(&x) == stem::root(&y)
}

/// Whether one word is the other with a typing error: one of the two is a word, and they are one edit apart.
fn typing_error(a: &Token, b: &Token) -> bool {
    if a.lower.chars().next() != b.lower.chars().next() || !stem::one_edit(&a.lower, &b.lower) {
        return false;
    }
    let plain = |token: &Token| {
        token.kind == Kind::Word && !token.lower.contains(' ') && !(token.quoted && a.quoted == b.quoted)
    };
    if !plain(a) || !plain(b) || a.lower.chars().count().min(b.lower.chars().count()) < 4 {
        return false;
    }
    let known = |token: &Token| {
        LEXICON.known(&token.lower)
            || LEXICON.known(&stem::base(&token.lower, &LEXICON))
            || !LEXICON.terms(&token.lower).is_empty()
    };
    known(a) != known(b)
}
