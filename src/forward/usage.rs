//! How many tokens an answer took, in one form for every provider: what was read from the provider's prefix cache, what
//! was written to it, and what was neither.
//!
//! Some providers count the cached tokens inside the input, some beside it, and no two spell it alike.

use serde_json::Value;

use crate::canonical::{Completion, Usage};

/// The header in which Fireworks says how many tokens of the prompt were cached.
/// <https://docs.fireworks.ai/guides/prompt-caching>
const FIREWORKS_CACHED: &str = "fireworks-cached-prompt-tokens";

/// In Chat Completions' details of the prompt: how many of the tokens that were written to the prefix cache stay there for
/// an hour. It is nearhit's own word, in answers of the Messages API that are put into this form.
pub const WRITTEN_1H: &str = "cache_write_1h_tokens";

/// The usage of an answer of one of the three APIs that generate; nothing when the provider did not count. Where it was
/// only estimated ([`Completion::usage_is_estimated`]), this is the estimate.
#[must_use]
pub fn of(completion: &Completion, headers: &[(String, String)]) -> Option<Usage> {
    match completion {
        Completion::Chat(chat) => {
            let timed = chat.extra.get("timings").and_then(llama_cpp);
            timed.or_else(|| read(chat.usage.as_ref()?, headers))
        }
        Completion::Response(body) | Completion::Message(body) => read(body.get("usage")?, headers),
        Completion::Embedding(_) => None,
    }
}

/// Reads a usage object of any provider, or a whole answer that holds one; nothing when it counts no tokens.
/// `headers`: those of the answer.
#[must_use]
pub fn read(usage: &Value, headers: &[(String, String)]) -> Option<Usage> {
    if let Some(timed) = usage.get("timings").and_then(llama_cpp) {
        return Some(timed);
    }
    if let Some(inner) = ["usage", "usageMetadata"].iter().find_map(|name| usage.get(name)).filter(|it| it.is_object())
    {
        return read(inner, headers);
    }
    let has = |name: &str| count(usage, name).is_some();
    if has("promptTokenCount") {
        Some(gemini(usage))
    } else if has("inputTokens") || has("outputTokens") {
        Some(bedrock(usage))
    } else if has("prompt_tokens") || has("prompt_cache_miss_tokens") || has("completion_tokens") {
        Some(chat(usage, headers))
    } else if has("input_tokens") || has("output_tokens") {
        Some(if is_messages(usage) { messages(usage) } else { responses(usage, headers) })
    } else {
        None
    }
}

/// Whether this is Anthropic's usage, which has the names of the Responses API and another meaning of them. Only it
/// names cache tokens beside the input, and only the other one has a total and details of the input.
fn is_messages(usage: &Value) -> bool {
    let has = |name: &&str| usage.get(*name).is_some();
    let (own, others) =
        (["cache_read_input_tokens", "cache_creation_input_tokens"], ["input_tokens_details", "total_tokens"]);
    own.iter().any(has) || !others.iter().any(has)
}

/// Anthropic: the input is counted without what was read or written.
/// <https://docs.anthropic.com/en/docs/build-with-claude/prompt-caching>
fn messages(usage: &Value) -> Usage {
    let split = |ttl: &str| inner(usage, "cache_creation", ttl).unwrap_or(0);
    let (five, hour) = (split("ephemeral_5m_input_tokens"), split("ephemeral_1h_input_tokens"));
    let written = count(usage, "cache_creation_input_tokens").unwrap_or(0);
    let thought = inner(usage, "output_tokens_details", "thinking_tokens").unwrap_or(0);
    Usage {
        uncached: count(usage, "input_tokens").unwrap_or(0),
        cached_read: count(usage, "cache_read_input_tokens").unwrap_or(0),
        // What the split leaves out, or all where there is none, has the ttl that a mark has when it names none.
        cached_write_5m: five.max(written.saturating_sub(hour)),
        cached_write_1h: hour,
        ..output(count(usage, "output_tokens"), Some(thought))
    }
}

/// Bedrock's Converse API: as Anthropic.
/// <https://docs.aws.amazon.com/bedrock/latest/APIReference/API_runtime_TokenUsage.html>
fn bedrock(usage: &Value) -> Usage {
    let details = usage.get("cacheDetails").and_then(Value::as_array);
    let is_hour = |detail: &&Value| detail.get("ttl").and_then(Value::as_str) == Some("1h");
    let hours = details.into_iter().flatten().filter(is_hour).filter_map(|detail| count(detail, "inputTokens"));
    let written = count(usage, "cacheWriteInputTokens").unwrap_or(0);
    let hour = hours.fold(0, u64::saturating_add).min(written);
    Usage {
        uncached: count(usage, "inputTokens").unwrap_or(0),
        cached_read: count(usage, "cacheReadInputTokens").unwrap_or(0),
        cached_write_5m: written - hour,
        cached_write_1h: hour,
        ..output(count(usage, "outputTokens"), None)
    }
}

/// Chat Completions, and all who speak it: what was read and written is part of the prompt.
/// <https://platform.openai.com/docs/guides/prompt-caching>, <https://api-docs.deepseek.com/guides/kv_cache>
fn chat(usage: &Value, headers: &[(String, String)]) -> Usage {
    let hit = count(usage, "prompt_cache_hit_tokens");
    let miss = count(usage, "prompt_cache_miss_tokens").unwrap_or(0);
    let prompt = count(usage, "prompt_tokens").unwrap_or_else(|| hit.unwrap_or(0).saturating_add(miss));
    let said = inner(usage, "prompt_tokens_details", "cached_tokens").or(hit);
    let written = inner(usage, "prompt_tokens_details", "cache_write_tokens");
    let hour = inner(usage, "prompt_tokens_details", WRITTEN_1H).unwrap_or(0);
    let completion = count(usage, "completion_tokens").unwrap_or(0);
    // xAI, and Gemini where it speaks this API, count what was thought in the total, but not in the completion.
    let total = count(usage, "total_tokens").unwrap_or(0);
    let apart = total.saturating_sub(prompt).saturating_sub(completion);
    let thought = inner(usage, "completion_tokens_details", "reasoning_tokens").unwrap_or(0).max(apart);
    let output = output(Some(completion.saturating_add(apart)), Some(thought));
    let usage = inside(prompt, said.or_else(|| fireworks(headers)), written, output);
    let cached_write_1h = hour.min(usage.cached_write_5m);
    Usage { cached_write_5m: usage.cached_write_5m - cached_write_1h, cached_write_1h, ..usage }
}

/// The Responses API: as Chat Completions, with other names.
fn responses(usage: &Value, headers: &[(String, String)]) -> Usage {
    let cached = inner(usage, "input_tokens_details", "cached_tokens").or_else(|| fireworks(headers));
    let written = inner(usage, "input_tokens_details", "cache_write_tokens");
    let thought = inner(usage, "output_tokens_details", "reasoning_tokens");
    let output = output(count(usage, "output_tokens"), thought);
    inside(count(usage, "input_tokens").unwrap_or(0), cached, written, output)
}

/// Gemini's own API: what was cached is part of the prompt, what was thought is no part of the candidates.
/// <https://ai.google.dev/api/generate-content#UsageMetadata>
fn gemini(usage: &Value) -> Usage {
    let get = |name: &str| count(usage, name).unwrap_or(0);
    let thought = get("thoughtsTokenCount");
    let prompt = get("promptTokenCount").saturating_add(get("toolUsePromptTokenCount"));
    let output = output(Some(get("candidatesTokenCount").saturating_add(thought)), Some(thought));
    inside(prompt, Some(get("cachedContentTokenCount")), None, output)
}

/// llama.cpp's `timings`: `prompt_n` is what was left to read after `cache_n`. Nothing where a server is too old to
/// tell. <https://github.com/ggml-org/llama.cpp/blob/master/tools/server/README.md>
fn llama_cpp(timings: &Value) -> Option<Usage> {
    let (cached_read, uncached) = (count(timings, "cache_n")?, count(timings, "prompt_n")?);
    Some(Usage { uncached, cached_read, ..output(count(timings, "predicted_n"), None) })
}

/// An input of so many tokens, of which some were read and some written. A provider that says it read more than there
/// was is taken to have read all.
fn inside(total: u64, read: Option<u64>, written: Option<u64>, output: Usage) -> Usage {
    let cached_read = read.unwrap_or(0).min(total);
    let cached_write_5m = written.unwrap_or(0).min(total - cached_read);
    Usage { uncached: total - cached_read - cached_write_5m, cached_read, cached_write_5m, ..output }
}

fn output(output: Option<u64>, reasoning: Option<u64>) -> Usage {
    let output = output.unwrap_or(0);
    Usage { output, reasoning: reasoning.unwrap_or(0).min(output), ..Usage::default() }
}

fn fireworks(headers: &[(String, String)]) -> Option<u64> {
    let found = headers.iter().find(|(name, _)| name.eq_ignore_ascii_case(FIREWORKS_CACHED));
    found.and_then(|(_, value)| value.trim().parse().ok())
}

fn inner(usage: &Value, object: &str, name: &str) -> Option<u64> {
    count(usage.get(object)?, name)
}

/// A number of tokens. Some engines write it as `12.0`; what is negative or beyond all reason counts for nothing said.
fn count(object: &Value, name: &str) -> Option<u64> {
    const MOST: u64 = 1_000_000_000_000;
    let number = object.get(name)?;
    #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "the range was just checked")]
    let rounded = |value: f64| (0.0..1e12).contains(&value).then_some(value as u64);
    number.as_u64().or_else(|| number.as_f64().and_then(rounded)).filter(|tokens| *tokens <= MOST)
}

#[cfg(test)]
#[path = "usage_tests.rs"]
mod tests;
