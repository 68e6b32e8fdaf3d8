//! Texts for the traces: sentences from templates, each with words of its own, drawn from a seeded generator.

use std::collections::HashSet;

/// A seeded generator (`SplitMix64`).
#[derive(Clone, Debug)]
pub(super) struct Rng(pub(super) u64);

impl Rng {
    fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut mixed = self.0;
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        mixed ^ (mixed >> 31)
    }

    /// A number between two, both included.
    pub(super) fn between(&mut self, low: u64, high: u64) -> u64 {
        low + self.next() % (high - low + 1)
    }

    /// One of several texts.
    pub(super) fn pick<'a>(&mut self, texts: &[&'a str]) -> &'a str {
        let index = self.between(0, texts.len().saturating_sub(1) as u64);
        texts.get(usize::try_from(index).unwrap_or_default()).copied().unwrap_or_default()
    }
}

/// Templates with `{slots}`, and the words for each slot. `{n}` is a number.
#[derive(Clone, Copy, Debug)]
pub(super) struct Vocabulary {
    pub(super) headings: &'static [&'static str],
    pub(super) templates: &'static [&'static str],
    pub(super) words: &'static [(&'static str, &'static [&'static str])],
}

impl Vocabulary {
    /// A template with its slots filled.
    pub(super) fn fill(&self, rng: &mut Rng, template: &str) -> String {
        let mut text = String::new();
        let mut rest = template;
        while let Some((before, (slot, after))) =
            rest.split_once('{').and_then(|(before, after)| Some((before, after.split_once('}')?)))
        {
            text.push_str(before);
            match self.words.iter().find(|(name, _)| *name == slot) {
                Some((_, words)) => text.push_str(rng.pick(words)),
                None => text.push_str(&rng.between(2, 900).to_string()),
            }
            rest = after;
        }
        text.push_str(rest);
        text
    }

    /// A sentence that is not yet in `used`. After many vain tries it is one that is.
    pub(super) fn sentence(&self, rng: &mut Rng, used: &mut HashSet<String>) -> String {
        let mut sentence = String::new();
        for _ in 0..64 {
            let template = rng.pick(self.templates);
            sentence = self.fill(rng, template);
            if used.insert(sentence.clone()) {
                break;
            }
        }
        sentence
    }

    /// A text of at least so many bytes, in sections with headings, paragraphs and lists.
    pub(super) fn document(&self, rng: &mut Rng, bytes: usize) -> String {
        let mut text = String::new();
        let mut used = HashSet::new();
        let mut section = 0;
        while text.len() < bytes {
            if section % 4 == 0 {
                let heading = self.headings.get(section / 4 % self.headings.len().max(1)).copied().unwrap_or_default();
                text.push_str(&format!("\n# {heading}\n\n"));
            }
            let as_list = section % 4 == 2;
            for _ in 0..rng.between(3, 6) {
                let sentence = self.sentence(rng, &mut used);
                text.push_str(&if as_list { format!("- {sentence}\n") } else { format!("{sentence} ") });
            }
            text.push('\n');
            section += 1;
        }
        text.trim().to_owned()
    }
}

/// What is told to an agent that writes software, and what its tools give.
pub(super) const ENGINEERING: Vocabulary = Vocabulary {
    headings: &[
        "Role",
        "How to work",
        "Reading code",
        "Changing code",
        "Tests",
        "Reviews",
        "Version control",
        "Deployments",
        "Databases",
        "Secrets",
        "Incidents",
        "Performance",
        "Talking to people",
        "Reports",
        "When to stop",
    ],
    templates: &[
        "When {event}, {verb} the {thing} before you touch the {other}.",
        "Never {verb} a {thing} in {place} unless {person} has agreed in writing.",
        "If the {thing} and the {other} disagree, trust the {thing} and say so in {report}.",
        "Prefer {practice} to {practice2}: {reason}.",
        "{person} owns the {thing}; ask there before you {verb} it.",
        "Keep each {thing} below {n} lines, because {reason}.",
        "Run {command} after every change to the {thing}, and read its whole output.",
        "A {thing} without {quality} counts as unfinished, even if {event}.",
        "Write in {report} which {thing} you have changed, which {other} depends on it, and what you left alone.",
        "In {place} the {thing} is rebuilt every {n} minutes, so an old {other} may still be served.",
        "Use {command} to find every caller of a {thing}; a search by name misses those behind the {other}.",
        "Should {command} fail {n} times in a row, stop, keep the logs and tell {person}.",
        "The {other} is generated from the {thing}: edit the source, then {verb} both together.",
        "Do not guess {quality}; measure it with {command} and quote the number.",
        "Leave the {thing} as you found it when {event}, and note the {other} for later.",
        "{practice} matters most in {place}, where {reason}.",
        "An error from the {thing} must name the {other}, what was tried, and how to go on.",
        "Ask {person} for {quality} rather than assume it, above all when {event}.",
        "Before a release, {verb} the {thing}, compare it with the one in {place}, and attach both to {report}.",
        "Where two ways are equal, take the one with fewer {other}s, since {reason}.",
    ],
    words: &[
        (
            "event",
            &[
                "a build breaks",
                "two branches touch the same file",
                "the queue grows",
                "a customer reports data loss",
                "a migration is under way",
                "the certificate is about to expire",
                "a test passes only at times",
                "the schema has changed",
                "a dependency is withdrawn",
                "the latency doubles",
                "an alert fires at night",
            ],
        ),
        (
            "verb",
            &[
                "rename",
                "split",
                "review",
                "roll back",
                "rewrite",
                "benchmark",
                "document",
                "move",
                "freeze",
                "inspect",
                "regenerate",
                "deprecate",
                "archive",
                "duplicate",
                "mock",
            ],
        ),
        (
            "thing",
            &[
                "order service",
                "retry policy",
                "session table",
                "billing job",
                "feature flag",
                "search index",
                "cache key",
                "public interface",
                "load balancer",
                "request parser",
                "access rule",
                "nightly export",
                "webhook handler",
                "price calculator",
                "message schema",
                "login form",
                "rate limiter",
                "audit log",
            ],
        ),
        (
            "other",
            &[
                "changelog",
                "lock file",
                "dashboard",
                "test fixture",
                "client library",
                "runbook",
                "configuration entry",
                "consumer",
                "replica",
                "adapter",
                "snapshot",
                "container image",
                "cron entry",
                "error code",
            ],
        ),
        (
            "place",
            &[
                "production",
                "the staging cluster",
                "the payments repository",
                "the mobile client",
                "the data warehouse",
                "the European region",
                "a long-lived branch",
                "the shared library",
                "the continuous integration system",
            ],
        ),
        (
            "person",
            &[
                "the release manager",
                "the platform team",
                "the author of the change",
                "whoever is on call",
                "the database group",
                "the security officer",
                "the product owner",
                "the team that wrote it",
            ],
        ),
        (
            "report",
            &["the final message", "the pull request", "the incident log", "the commit text", "the hand-over note"],
        ),
        (
            "practice",
            &[
                "Small commits",
                "Explicit types",
                "Early returns",
                "Pure functions",
                "Plain names",
                "Table-driven tests",
                "Reversible migrations",
                "Structured logs",
                "Bounded queues",
            ],
        ),
        (
            "practice2",
            &[
                "clever macros",
                "shared state",
                "long parameter lists",
                "silent fallbacks",
                "copied code",
                "global flags",
                "deep inheritance",
                "sleeping in tests",
                "hand-written parsers",
            ],
        ),
        (
            "reason",
            &[
                "they can be undone one at a time",
                "readers look for the rule before the exception",
                "the next person has less context than you",
                "a fault shows up where it was made",
                "half of all outages begin there",
                "the compiler checks what reviewers forget",
                "nobody remembers why it was done",
                "memory is shared with other tenants",
            ],
        ),
        (
            "command",
            &[
                "the type checker",
                "the test suite",
                "the linter",
                "the profiler",
                "a dry run",
                "the schema diff",
                "the dependency audit",
                "the load test",
                "the smoke tests",
            ],
        ),
        (
            "quality",
            &[
                "a test",
                "an owner",
                "a time limit",
                "the expected load",
                "the error rate",
                "a rollback plan",
                "a docstring",
                "the size of the table",
                "the memory use",
            ],
        ),
    ],
};
