//! What a path asks for, as far as it is known here.

use super::extent::Work;
use crate::protocol::Generation;

/// A path in the form in which all that are the same are equal: escapes of characters that need none are undone (RFC 3986
/// section 6.2.2.2). What follows a `?` stays.
pub(super) fn normal(path: &str) -> String {
    let (plain, query) = path.find('?').map_or((path, ""), |at| path.split_at(at));
    let (mut made, mut rest) = (String::with_capacity(path.len()), plain);
    while let Some(at) = rest.find('%') {
        let (before, escaped) = rest.split_at(at);
        made.push_str(before);
        let code = escaped.get(1..3).and_then(|digits| u8::from_str_radix(digits, 16).ok());
        let plain = code.filter(|code| code.is_ascii_alphanumeric() || b"-._~".contains(code)).map(char::from);
        match plain {
            Some(character) => made.push(character),
            None => made.push_str(escaped.get(..3).unwrap_or("%")),
        }
        let taken = if plain.is_some() || escaped.is_char_boundary(3) && escaped.len() >= 3 { 3 } else { 1 };
        rest = escaped.get(taken..).unwrap_or_default();
    }
    made.push_str(rest);
    made.push_str(query);
    made
}

/// The API that generates text under a path, which is what follows `/v1`.
pub(super) fn generation(path: &str) -> Option<Generation> {
    match path {
        "/chat/completions" => Some(Generation::Chat),
        "/responses" => Some(Generation::Responses),
        "/messages" => Some(Generation::Messages),
        _ => None,
    }
}

/// What kind of work is asked for by a method and a path. A path in another spelling than its API's counts as unknown, since
/// a provider may be more generous than this.
pub(super) fn work(method: &str, path: &str) -> Work {
    if matches!(method, "GET" | "HEAD" | "OPTIONS" | "DELETE") {
        return Work::Free;
    }
    if let Some(generation) = generation(path) {
        return Work::Generation(generation);
    }
    // Whatever is behind the upstream may undo these, and find another path.
    let lower = path.to_ascii_lowercase();
    if ["%2f", "%5c", "\\", ".."].iter().any(|odd| lower.contains(odd)) {
        return Work::Unmeasured;
    }
    let segments: Vec<&str> = path.split('/').skip(1).collect();
    match segments[..] {
        ["completions"] => Work::Completions,
        ["embeddings"] => Work::Vectors,
        ["messages", "count_tokens"] | ["responses", "input_tokens"] | ["moderations"] | ["tokenize"] => Work::Free,
        // What is stored is not billed by the token, and neither is what ends some work.
        ["files" | "uploads" | "conversations", ..] | ["chat", "completions", _] => Work::Free,
        [_, _, "cancel"] | [_, _, _, "cancel"] => Work::Free,
        _ => Work::Unmeasured,
    }
}

/// Whether the model that a body names is the one that is asked, on a path that cannot be measured otherwise.
pub(super) fn asks_named_model(path: &str) -> bool {
    matches!(path.split('/').nth(1), Some("audio" | "images" | "rerank")) || path == "/responses/compact"
}

/// Whether a path leads to something that caps on reasoning and output say nothing about.
pub(super) fn makes_no_text(path: &str) -> bool {
    matches!(path.split('/').nth(1), Some("audio" | "images" | "videos" | "rerank"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_path_that_is_escaped_without_need_is_the_plain_one() {
        for (path, made) in [
            ("/v1/chat/completions", "/v1/chat/completions"),
            ("/v1/%63hat/completion%73", "/v1/chat/completions"),
            ("/v1/%2E%2e/x", "/v1/../x"),
            ("/v1/a%2Fb%20c", "/v1/a%2Fb%20c"),
            ("/v1/x?q=%63", "/v1/x?q=%63"),
            ("/v1/%", "/v1/%"),
            ("/v1/%6", "/v1/%6"),
            ("/v1/%zz%61", "/v1/%zza"),
            ("/v1/%é%61", "/v1/%éa"),
        ] {
            assert_eq!(normal(path), made, "{path}");
        }
    }

    #[test]
    fn every_path_that_may_be_billed_is_measured_or_counts_as_unmeasured() {
        for (method, path, expected) in [
            ("POST", "/chat/completions", Work::Generation(Generation::Chat)),
            ("PUT", "/messages", Work::Generation(Generation::Messages)),
            ("POST", "/completions", Work::Completions),
            ("POST", "/embeddings", Work::Vectors),
            ("POST", "/Chat/Completions", Work::Unmeasured),
            ("POST", "//chat/completions", Work::Unmeasured),
            ("POST", "/batches", Work::Unmeasured),
            ("POST", "/messages/batches", Work::Unmeasured),
            ("POST", "/images/generations", Work::Unmeasured),
            ("POST", "/responses/compact", Work::Unmeasured),
            ("POST", "/models/gemini-3:generateContent", Work::Unmeasured),
            ("POST", "/files/..%2fchat/completions", Work::Unmeasured),
            ("POST", "/files/%5C..%5Cresponses", Work::Unmeasured),
            ("POST", "/messages/count_tokens", Work::Free),
            ("POST", "/responses/resp_1/cancel", Work::Free),
            ("POST", "/files", Work::Free),
            ("GET", "/responses/resp_1", Work::Free),
        ] {
            assert_eq!(work(method, path), expected, "{method} {path}");
        }
    }
}
