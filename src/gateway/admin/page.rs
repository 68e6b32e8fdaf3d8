//! `GET /dashboard`: the page, its scripts and its style. None of it holds data: it asks the admin API, with the token that
//! is typed into it.

use super::super::{Reply, ReplyBody};
use crate::error::Failure;
use crate::ports::World;

macro_rules! file {
    ($name:literal, $kind:literal) => {
        ($name, concat!($kind, "; charset=utf-8"), include_str!(concat!("../../dashboard/", $name)))
    };
}

/// The files: name, type and content.
const FILES: [(&str, &str, &str); 13] = [
    file!("index.html", "text/html"),
    file!("style.css", "text/css"),
    file!("app.js", "text/javascript"),
    file!("api.js", "text/javascript"),
    file!("budgets.js", "text/javascript"),
    file!("chart.js", "text/javascript"),
    file!("dialog.js", "text/javascript"),
    file!("dom.js", "text/javascript"),
    file!("entries.js", "text/javascript"),
    file!("format.js", "text/javascript"),
    file!("meaning.js", "text/javascript"),
    file!("panel.js", "text/javascript"),
    file!("usage.js", "text/javascript"),
];

/// What the page may do: run its own scripts and ask its own Worker, nothing else (CSP level 3).
const POLICY: &str = "default-src 'none'; script-src 'self'; style-src 'self'; connect-src 'self'; img-src 'self' data:; \
                      base-uri 'none'; form-action 'none'; frame-ancestors 'none'";

/// Answers `/dashboard` and `/dashboard/{file}`.
pub(super) fn answer<W: World>(path: &str) -> Result<Reply<W>, Failure> {
    let name = path.trim_start_matches("/dashboard").trim_start_matches('/');
    let name = if name.is_empty() { "index.html" } else { name };
    let found = FILES.iter().find(|(known, _, _)| *known == name);
    let (_, kind, content) = found.ok_or_else(|| Failure::not_found(format!("The dashboard has no '{name}'.")))?;
    let headers = [
        ("content-type", *kind),
        ("content-security-policy", POLICY),
        ("x-content-type-options", "nosniff"),
        ("referrer-policy", "no-referrer"),
        ("x-frame-options", "DENY"),
        ("cross-origin-opener-policy", "same-origin"),
        // A new version is there with the next deploy.
        ("cache-control", "no-cache"),
    ];
    let headers = headers.into_iter().map(|(name, value)| (name.to_owned(), value.to_owned())).collect();
    Ok(Reply { status: 200, headers, body: ReplyBody::Whole(content.as_bytes().to_vec()) })
}
