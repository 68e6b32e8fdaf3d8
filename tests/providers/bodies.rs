//! The body of an answer, with the usage as the provider spells it.

use serde_json::{Value, json};

use super::prompt::digest_of;
use super::{Billed, Kind};

/// The API's own body for an answer that is one text. Its id is made of the time and the text.
pub(super) fn completion(kind: Kind, model: &str, billed: Billed, text: &str, now_ms: u64) -> Value {
    let id = format!("{:016x}", digest_of(&[&now_ms.to_string(), text]));
    // Four bytes to a token and one for the end, as in the input.
    let output = text.len().div_ceil(4) as u64 + 1;
    match kind {
        Kind::Anthropic => json!({
            "id": format!("msg_{id}"), "type": "message", "role": "assistant", "model": model,
            "content": [{"type": "text", "text": text}],
            "stop_reason": "end_turn", "stop_sequence": null, "usage": messages_usage(billed, output),
        }),
        Kind::OpenAi56 | Kind::OpenAiBefore56 | Kind::DeepSeek => json!({
            "id": format!("chatcmpl-{id}"), "object": "chat.completion", "created": now_ms / 1_000, "model": model,
            "choices": [{
                "index": 0, "message": {"role": "assistant", "content": text},
                "logprobs": null, "finish_reason": "stop",
            }],
            "usage": chat_usage(kind, billed, output),
        }),
    }
}

fn messages_usage(billed: Billed, output: u64) -> Value {
    json!({
        // What was neither read nor written, unlike in the other APIs.
        "input_tokens": billed.uncached_tokens,
        "cache_creation_input_tokens": billed.written_tokens_5m + billed.written_tokens_1h,
        "cache_read_input_tokens": billed.cached_tokens,
        "cache_creation": {
            "ephemeral_5m_input_tokens": billed.written_tokens_5m,
            "ephemeral_1h_input_tokens": billed.written_tokens_1h,
        },
        "output_tokens": output,
    })
}

fn chat_usage(kind: Kind, billed: Billed, output: u64) -> Value {
    let mut usage = json!({
        "prompt_tokens": billed.input_tokens, "completion_tokens": output,
        "total_tokens": billed.input_tokens + output, "prompt_tokens_details": {"cached_tokens": billed.cached_tokens},
    });
    match kind {
        Kind::OpenAi56 => usage["prompt_tokens_details"]["cache_write_tokens"] = json!(billed.written_tokens_5m),
        Kind::DeepSeek => {
            usage["prompt_cache_hit_tokens"] = json!(billed.cached_tokens);
            usage["prompt_cache_miss_tokens"] = json!(billed.input_tokens - billed.cached_tokens);
        }
        Kind::Anthropic | Kind::OpenAiBefore56 => {}
    }
    usage
}

#[cfg(test)]
#[path = "bodies_tests.rs"]
mod tests;
