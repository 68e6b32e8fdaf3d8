//! The base form of a word: without inflection, in American spelling. It need not be a word, only the same for all forms.

use super::lexicon::Lexicon;

/// The base form of a lower-case word.
pub(super) fn base(word: &str, lexicon: &Lexicon) -> String {
    if let Some(base) = lexicon.irregular.get(word) {
        return (*base).to_owned();
    }
    if !word.is_ascii() || word.len() < 3 || !word.bytes().all(|b| b.is_ascii_lowercase()) {
        return word.to_owned();
    }
    let word = american(word, lexicon);
    let base = inflected(&word, lexicon);
    lexicon.irregular.get(base.as_str()).map_or_else(|| american(&base, lexicon), |base| (*base).to_owned())
}

/// The American spelling, by the list and by the rules for -ise, -isation and a doubled l.
fn american(word: &str, lexicon: &Lexicon) -> String {
    if let Some(american) = lexicon.spelling.get(word) {
        return (*american).to_owned();
    }
    for (british, american) in [("isation", "ization"), ("ising", "izing"), ("ised", "ized"), ("ise", "ize")] {
        if let Some(stem) = word.strip_suffix(british) {
            let spelled = format!("{stem}{american}");
            // "promise" and "exercise" have no other spelling: only what is a word with a z is one.
            let verb = format!("{stem}ize");
            if stem.len() >= 3 && (lexicon.known(&spelled) || lexicon.known(&verb) || !lexicon.known(word)) {
                return spelled;
            }
        }
    }
    word.to_owned()
}

/// Takes -s, -ed and -ing off.
fn inflected(word: &str, lexicon: &Lexicon) -> String {
    if let Some(stem) = word.strip_suffix("ing").filter(|stem| stem.len() >= 2 && has_vowel(stem)) {
        return verb(stem, lexicon);
    }
    if let Some(stem) = word.strip_suffix("ied").filter(|stem| stem.len() >= 2) {
        return format!("{stem}y");
    }
    if let Some(stem) = word.strip_suffix("ed").filter(|s| s.len() >= 2 && has_vowel(s) && !s.ends_with('e')) {
        return verb(stem, lexicon);
    }
    if word.ends_with("ss") || word.ends_with("us") || word.ends_with("is") {
        return word.to_owned();
    }
    let Some(stem) = word.strip_suffix('s').filter(|stem| stem.len() >= 3) else { return word.to_owned() };
    if lexicon.known(stem) && !stem.ends_with("ie") || stem.ends_with("ie") && lexicon.known(stem) && stem.len() > 4 {
        return stem.to_owned();
    }
    if let Some(stem) = stem.strip_suffix("ie") {
        return format!("{stem}y");
    }
    let sibilant = ["ch", "sh", "x", "ss", "z", "o"];
    match stem.strip_suffix('e') {
        Some(short) if sibilant.iter().any(|end| short.ends_with(end)) => short.to_owned(),
        _ => stem.to_owned(),
    }
}

/// The base of a verb from what is left in front of -ed or -ing: `plann` is plan, `delet` is delete, `visit` is visit.
fn verb(stem: &str, lexicon: &Lexicon) -> String {
    let bytes = stem.as_bytes();
    let n = bytes.len();
    if n >= 3 && bytes[n - 1] == bytes[n - 2] && !is_vowel(bytes[n - 1]) {
        let doubled = matches!(bytes[n - 1], b'l' | b's' | b'f' | b'z') && (lexicon.known(stem) || n <= 4);
        return if doubled || lexicon.known(stem) { stem.to_owned() } else { stem[..n - 1].to_owned() };
    }
    let with_e = format!("{stem}e");
    let vowels = bytes.iter().filter(|b| is_vowel(**b)).count();
    let short = vowels == 1 && n >= 2 && is_vowel(bytes[n - 2]) && !matches!(bytes[n - 1], b'w' | b'x' | b'y');
    match (lexicon.known(stem), lexicon.known(&with_e)) {
        (true, true) if short => with_e,
        (true, _) => stem.to_owned(),
        (false, true) => with_e,
        // Neither is known: `encod` stands for encode too, see `loose`.
        (false, false) => stem.to_owned(),
    }
}

/// A form in which a word and what is derived from it agree: calculate and calculation, safe and safely.
pub(super) fn root(base: &str) -> &str {
    let stem = base.strip_suffix('e').unwrap_or(base);
    for suffix in [
        "ization", "ation", "ition", "tion", "ion", "ment", "ness", "ally", "ly", "al", "ance", "ize", "iz", "ity",
        "at", "it",
    ] {
        if let Some(root) = stem.strip_suffix(suffix).filter(|root| root.len() >= 4) {
            return root.strip_suffix('e').unwrap_or(root);
        }
    }
    stem
}

fn has_vowel(stem: &str) -> bool {
    stem.bytes().any(|b| is_vowel(b) || b == b'y')
}

fn is_vowel(b: u8) -> bool {
    matches!(b, b'a' | b'e' | b'i' | b'o' | b'u')
}

/// Whether two words differ by one letter more, less, other, or two neighbours swapped (Damerau distance 1).
pub(super) fn one_edit(a: &str, b: &str) -> bool {
    if a.len().abs_diff(b.len()) > 4 {
        return false;
    }
    let (a, b): (Vec<char>, Vec<char>) = (a.chars().collect(), b.chars().collect());
    let (a, b) = if a.len() <= b.len() { (a, b) } else { (b, a) };
    if b.len() - a.len() > 1 || a == b {
        return false;
    }
    let k = a.iter().zip(&b).take_while(|(x, y)| x == y).count();
    if b.len() > a.len() {
        return a[k..] == b[k + 1..];
    }
    a[k + 1..] == b[k + 1..] || k + 1 < a.len() && a[k] == b[k + 1] && a[k + 1] == b[k] && a[k + 2..] == b[k + 2..]
}
