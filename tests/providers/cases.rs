//! Requests of known size for the tests.

use serde_json::{Value, json};

use super::{Billed, Kind, Provider, Refusal};

/// A model of each kind with the smallest minimum and the usual read price.
pub(super) fn model(kind: Kind) -> &'static str {
    match kind {
        Kind::Anthropic => "claude-opus-5",
        Kind::OpenAi56 => "gpt-5.6-sol",
        Kind::OpenAiBefore56 => "gpt-4o",
        Kind::DeepSeek => "deepseek-chat",
    }
}

/// An empty provider.
pub(super) fn provider(kind: Kind) -> Provider {
    Provider::new(kind, model(kind))
}

/// A text of so many tokens, without the one that its block begins with. Another label makes another text.
pub(super) fn text(label: &str, tokens: usize) -> String {
    format!("{label}, ").chars().cycle().take(4 * tokens).collect()
}

/// A text block of so many tokens in all.
pub(super) fn block(label: &str, tokens: usize) -> Value {
    json!({"type": "text", "text": text(label, tokens - 1)})
}

/// The same with a hint: Anthropic's mark, or `OpenAI`'s breakpoint.
pub(super) fn hinted(label: &str, tokens: usize, field: &str, hint: Value) -> Value {
    let mut block = block(label, tokens);
    block[field] = hint;
    block
}

/// A text block with Anthropic's mark.
pub(super) fn marked(label: &str, tokens: usize, ttl: &str) -> Value {
    hinted(label, tokens, "cache_control", json!({"type": "ephemeral", "ttl": ttl}))
}

/// A content part with `OpenAI`'s breakpoint.
pub(super) fn breakpoint(label: &str, tokens: usize) -> Value {
    hinted(label, tokens, "prompt_cache_breakpoint", json!({"mode": "explicit"}))
}

/// One user message of these blocks. It begins with one token of its own.
pub(super) fn blocks<const N: usize>(blocks: [Value; N]) -> Value {
    json!({"messages": [{"role": "user", "content": Value::from(blocks.to_vec())}]})
}

/// A message of so many tokens in all.
pub(super) fn message(role: &str, label: &str, tokens: usize) -> Value {
    json!({"role": role, "content": text(label, tokens - 2)})
}

/// A request of these messages.
pub(super) fn messages<const N: usize>(messages: [Value; N]) -> Value {
    json!({"messages": Value::from(messages.to_vec())})
}

/// Asks without headers.
pub(super) fn ask(provider: &mut Provider, request: &Value, now_ms: u64) -> Result<Billed, Refusal> {
    provider.answer(request, &[], now_ms)
}

/// What was read, and what was written for whatever time.
pub(super) fn read_written(provider: &mut Provider, request: &Value, now_ms: u64) -> (u64, u64) {
    let billed = ask(provider, request, now_ms).unwrap();
    (billed.cached_tokens, billed.written_tokens_5m + billed.written_tokens_1h)
}

/// What was read.
pub(super) fn read(provider: &mut Provider, request: &Value, now_ms: u64) -> u64 {
    read_written(provider, request, now_ms).0
}
