//! What broke a prefix: the part and the place in which a request's tools or system prompt differ from those of the
//! last one of its kind. A timestamp in a system prompt costs a whole cache, and nobody sees it in an answer.

use serde::{Deserialize, Serialize};

use crate::cache::key::{Digest, Hasher};
use crate::forward::body::Json;

/// A part of a prefix.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Part {
    /// The tools.
    Tools,
    /// The system prompt.
    System,
}

impl Part {
    /// Every part, in the order in which a provider reads them.
    pub const ALL: [Self; 2] = [Self::Tools, Self::System];

    /// The part as it is shown.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Tools => "tools",
            Self::System => "system",
        }
    }
}

/// The text of a part: of the tools as they are written, of the system prompt as it reads.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct PartText {
    /// Which part.
    pub part: Part,
    /// Its text.
    pub text: String,
}

/// Where a prefix changed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Break {
    /// In which part.
    pub part: Part,
    /// At which byte of its text.
    pub offset: u64,
}

impl Break {
    /// The value of `x-nearhit-prefix-break`: `system@1312`.
    #[must_use]
    pub fn header(&self) -> String {
        format!("{}@{}", self.part.as_str(), self.offset)
    }
}

/// What the texts of a content say, joined.
#[must_use]
pub fn said(content: Json<'_>) -> String {
    if let Some(text) = content.text() {
        return text;
    }
    let parts = content.items().unwrap_or_default();
    let texts: Vec<String> = parts
        .iter()
        .map(|part| part.get("text").and_then(Json::text).unwrap_or_else(|| part.raw().to_owned()))
        .collect();
    texts.join("\n")
}

/// The prefixes of one kind of requests that were seen last, the last one first.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Family(Vec<Vec<PartText>>);

/// Prefixes of one kind that are remembered: an application may have several prompts for one model.
const MAX_MEMBERS: usize = 8;

/// The bytes of a part that are looked at and remembered.
const MAX_BYTES: usize = 64 * 1024;

/// The share of a prefix that another one must have in common to be the same one, changed.
const ALIKE: f64 = 0.5;

impl Family {
    /// Takes note of a request's prefix. Tells where it differs from the one that it must have come from, if it does.
    pub fn note(&mut self, parts: &[PartText]) -> Option<Break> {
        let parts: Vec<PartText> = parts.iter().map(cut).collect();
        let known = self.0.iter().position(|known| *known == parts);
        let alike = |known: &Vec<PartText>| likeness(known, &parts);
        let nearest = || {
            let likenesses = self.0.iter().enumerate().map(|(i, known)| (i, alike(known)));
            // Of several the one that was used last.
            likenesses.fold(None, |best: Option<(usize, f64)>, (i, at)| match best {
                Some((_, most)) if most >= at => best,
                _ => Some((i, at)),
            })
        };
        let (place, found) = match known {
            Some(i) => (Some(i), None),
            None => match nearest().filter(|(_, at)| *at >= ALIKE) {
                Some((i, _)) => (Some(i), self.0.get(i).and_then(|known| first_difference(known, &parts))),
                None => (None, None),
            },
        };
        if let Some(i) = place {
            self.0.remove(i);
        }
        self.0.insert(0, parts);
        self.0.truncate(MAX_MEMBERS);
        found
    }

    /// The digests of its prefixes; see [`digest`].
    #[must_use]
    pub fn digests(&self) -> Vec<Digest> {
        self.0.iter().map(|parts| digest(parts)).collect()
    }

    /// Puts its prefixes into the order of these digests, in which they were used; others come last.
    pub fn arrange(&mut self, order: &[Digest]) {
        let place = |parts: &Vec<PartText>| {
            let digest = digest(parts);
            order.iter().position(|known| *known == digest).unwrap_or(usize::MAX)
        };
        self.0.sort_by_cached_key(place);
    }
}

/// What stands for a prefix: two with the same digest are the same one to a [`Family`], which looks at the beginnings
/// of the parts alone.
#[must_use]
pub fn digest(parts: &[PartText]) -> Digest {
    let mut hash = Hasher::new(b"nearhit prefix parts 1");
    for part in parts {
        hash.part(part.part.as_str().as_bytes());
        hash.part(looked_at(&part.text).as_bytes());
    }
    hash.finish()
}

/// As much of a part as a [`Family`] looks at.
#[must_use]
pub fn cut(part: &PartText) -> PartText {
    PartText { part: part.part, text: looked_at(&part.text).to_owned() }
}

fn looked_at(text: &str) -> &str {
    let end = (0..=MAX_BYTES.min(text.len())).rev().find(|end| text.is_char_boundary(*end)).unwrap_or(0);
    &text[..end]
}

fn text(parts: &[PartText], part: Part) -> &str {
    parts.iter().find(|known| known.part == part).map_or("", |known| known.text.as_str())
}

fn first_difference(old: &[PartText], new: &[PartText]) -> Option<Break> {
    Part::ALL.into_iter().find_map(|part| {
        let (old, new) = (text(old, part), text(new, part));
        (old != new).then(|| Break { part, offset: common(old.bytes(), new.bytes()) as u64 })
    })
}

/// The share of two prefixes that is the same: from the beginning, from the end, or line by line.
#[expect(clippy::cast_precision_loss, reason = "lengths are far below 2^52")]
fn likeness(old: &[PartText], new: &[PartText]) -> f64 {
    let (mut same, mut all) = (0, 0);
    for part in Part::ALL {
        let (old, new) = (text(old, part), text(new, part));
        let longest = old.len().max(new.len());
        let before = common(old.bytes(), new.bytes());
        let rest = |text: &str| text.len() - before;
        let after = common(old.bytes().rev(), new.bytes().rev()).min(rest(old)).min(rest(new));
        all += longest;
        same += (before + after).max(lines_in_common(old, new)).min(longest);
    }
    if all == 0 { 0.0 } else { same as f64 / all as f64 }
}

fn common(old: impl Iterator<Item = u8>, new: impl Iterator<Item = u8>) -> usize {
    old.zip(new).take_while(|(old, new)| old == new).count()
}

fn lines_in_common(old: &str, new: &str) -> usize {
    let known: std::collections::HashSet<&str> = old.lines().collect();
    new.lines().filter(|line| known.contains(line)).map(|line| line.len() + 1).sum()
}

/// What one kind of requests is: those of one caller, to one model of one upstream, under one name for the feature.
#[must_use]
pub fn family(namespace: &Digest, target: &str, model: &str, feature: &str) -> Digest {
    let mut hash = Hasher::new(b"nearhit prefix family 1");
    hash.part(&namespace.0);
    [target, model, feature].iter().for_each(|part| hash.part(part.as_bytes()));
    hash.finish()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn system(text: &str) -> Vec<PartText> {
        vec![PartText { part: Part::System, text: text.to_owned() }]
    }

    fn prompt(name: &str, time: &str) -> String {
        format!(
            "You help the customers of {name}.\nBe brief.\nNow it is {time}.\nNever invent prices.\nAnswer in English."
        )
    }

    #[test]
    fn a_timestamp_is_found_where_it_stands() {
        let mut family = Family::default();
        assert_eq!(family.note(&system(&prompt("Acme", "10:00:00"))), None);
        assert_eq!(family.note(&system(&prompt("Acme", "10:00:00"))), None);
        let found = family.note(&system(&prompt("Acme", "10:00:07"))).unwrap();
        let at = prompt("Acme", "10:00:0").find("10:00:0").unwrap() + "10:00:0".len();
        assert_eq!(found.header(), format!("system@{at}"));
        assert_eq!(family.0.len(), 1);
    }

    #[test]
    fn two_prompts_that_take_turns_break_nothing() {
        let mut family = Family::default();
        let (one, other) =
            (system(&prompt("Acme", "noon")), system("Translate what you are given into German, nothing else."));
        for _ in 0..3 {
            assert_eq!(family.note(&one), None);
            assert_eq!(family.note(&other), None);
        }
    }

    #[test]
    fn a_changed_tool_is_named_before_the_system_prompt() {
        let with = |tools: &str, text: &str| {
            let mut parts = vec![PartText { part: Part::Tools, text: tools.to_owned() }];
            parts.extend(system(text));
            parts
        };
        let mut family = Family::default();
        let text = prompt("Acme", "noon");
        assert_eq!(family.note(&with(r#"[{"name":"a"}]"#, &text)), None);
        assert_eq!(family.note(&with(r#"[{"name":"b"}]"#, &text)).unwrap().header(), "tools@10");
    }

    #[test]
    fn what_is_remembered_is_bounded() {
        let mut family = Family::default();
        for k in 0..50_u8 {
            let letters: String = (0..90_000_u32)
                .map(|i| char::from(b'a' + u8::try_from((i * u32::from(k + 1)) % 23).unwrap()))
                .collect();
            family.note(&system(&format!("é{letters}")));
        }
        assert!(family.0.len() <= MAX_MEMBERS);
        assert!(family.0.iter().all(|parts| parts.iter().all(|part| part.text.len() <= MAX_BYTES)));
    }
}
