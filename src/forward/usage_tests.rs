use proptest::prelude::*;
use serde_json::json;

use super::*;
use crate::canonical::{ChatCompletion, Embedding};

/// Uncached, read, written for five minutes, written for an hour, output, reasoning.
fn usage([uncached, cached_read, cached_write_5m, cached_write_1h, output, reasoning]: [u64; 6]) -> Usage {
    Usage { uncached, cached_read, cached_write_5m, cached_write_1h, output, reasoning }
}

/// What each provider writes, and what it means.
#[expect(clippy::too_many_lines, reason = "a row for each provider")]
fn providers() -> Vec<(&'static str, Value, [u64; 6])> {
    vec![
        (
            "Anthropic, with the split of its writes",
            json!({"input_tokens": 12, "cache_creation_input_tokens": 700, "cache_read_input_tokens": 3000,
                "cache_creation": {"ephemeral_5m_input_tokens": 200, "ephemeral_1h_input_tokens": 500},
                "output_tokens": 50, "output_tokens_details": {"thinking_tokens": 20}, "service_tier": "standard"}),
            [12, 3000, 200, 500, 50, 20],
        ),
        (
            "Anthropic, without the split",
            json!({"input_tokens": 12, "cache_creation_input_tokens": 700, "cache_read_input_tokens": null,
                "output_tokens": 5}),
            [12, 0, 700, 0, 5, 0],
        ),
        ("Anthropic, without a cache", json!({"input_tokens": 12, "output_tokens": 5}), [12, 0, 0, 0, 5, 0]),
        (
            "OpenAI, Chat Completions",
            json!({"prompt_tokens": 2006, "completion_tokens": 300, "total_tokens": 2306,
                "prompt_tokens_details": {"cached_tokens": 1920, "cache_write_tokens": 80, "audio_tokens": 0},
                "completion_tokens_details": {"reasoning_tokens": 256, "accepted_prediction_tokens": 0}}),
            [6, 1920, 80, 0, 300, 256],
        ),
        (
            "OpenAI, Responses",
            json!({"input_tokens": 2006, "input_tokens_details": {"cached_tokens": 1920, "cache_write_tokens": 80},
                "output_tokens": 300, "output_tokens_details": {"reasoning_tokens": 256}, "total_tokens": 2306}),
            [6, 1920, 80, 0, 300, 256],
        ),
        (
            "Responses of an engine that gives no details",
            json!({"input_tokens": 20, "output_tokens": 3, "total_tokens": 23}),
            [20, 0, 0, 0, 3, 0],
        ),
        (
            "DeepSeek",
            json!({"prompt_tokens": 1100, "completion_tokens": 40, "total_tokens": 1140,
                "prompt_cache_hit_tokens": 1024, "prompt_cache_miss_tokens": 76,
                "completion_tokens_details": {"reasoning_tokens": 30}}),
            [76, 1024, 0, 0, 40, 30],
        ),
        (
            "Gemini, its own API",
            json!({"promptTokenCount": 5000, "cachedContentTokenCount": 4096, "candidatesTokenCount": 20,
                "thoughtsTokenCount": 80, "totalTokenCount": 5100}),
            [904, 4096, 0, 0, 100, 80],
        ),
        (
            "Gemini, Chat Completions",
            json!({"prompt_tokens": 10, "completion_tokens": 5, "total_tokens": 95}),
            [10, 0, 0, 0, 85, 80],
        ),
        (
            "xAI, which counts what was thought beside the completion",
            json!({"prompt_tokens": 32, "completion_tokens": 9, "total_tokens": 135,
                "prompt_tokens_details": {"text_tokens": 32, "cached_tokens": 8},
                "completion_tokens_details": {"reasoning_tokens": 94}}),
            [24, 8, 0, 0, 103, 94],
        ),
        (
            "Bedrock",
            json!({"inputTokens": 10, "outputTokens": 7, "totalTokens": 3217, "cacheReadInputTokens": 3000,
                "cacheWriteInputTokens": 200, "cacheDetails": [{"ttl": "1h", "inputTokens": 150},
                    {"ttl": "5m", "inputTokens": 50}]}),
            [10, 3000, 50, 150, 7, 0],
        ),
        (
            "OpenRouter",
            json!({"prompt_tokens": 10339, "completion_tokens": 60, "total_tokens": 10399, "cost": 0.01,
                "prompt_tokens_details": {"cached_tokens": 10000, "cache_write_tokens": 318}}),
            [21, 10000, 318, 0, 60, 0],
        ),
        (
            "vLLM with caching off",
            json!({"prompt_tokens": 7, "completion_tokens": 2, "total_tokens": 9, "prompt_tokens_details": null}),
            [7, 0, 0, 0, 2, 0],
        ),
        (
            "llama.cpp, the whole answer",
            json!({"choices": [], "usage": {"prompt_tokens": 516, "completion_tokens": 9, "total_tokens": 525},
                "timings": {"cache_n": 500, "prompt_n": 16, "prompt_ms": 30.9, "predicted_n": 9}}),
            [16, 500, 0, 0, 9, 0],
        ),
        (
            "llama.cpp before it counted what was cached",
            json!({"usage": {"prompt_tokens": 516, "completion_tokens": 9}, "timings": {"prompt_n": 16}}),
            [516, 0, 0, 0, 9, 0],
        ),
    ]
}

#[test]
fn every_provider_is_read_in_its_own_words() {
    for (provider, body, wanted) in providers() {
        assert_eq!(read(&body, &[]), Some(usage(wanted)), "{provider}");
    }
}

#[test]
fn what_counts_no_tokens_is_no_usage() {
    for body in [json!(null), json!({}), json!([1]), json!("12"), json!({"prompt_tokens": -1}), json!({"usage": null})]
    {
        assert_eq!(read(&body, &[]), None, "{body}");
    }
}

#[test]
fn the_header_of_fireworks_counts_when_the_body_does_not_say() {
    let headers = [("Fireworks-Cached-Prompt-Tokens".to_owned(), " 96 ".to_owned())];
    let silent = json!({"prompt_tokens": 100, "completion_tokens": 1, "total_tokens": 101});
    let spoken = json!({"prompt_tokens": 100, "completion_tokens": 1, "prompt_tokens_details": {"cached_tokens": 64}});
    let response = json!({"input_tokens": 100, "output_tokens": 1, "total_tokens": 101});
    assert_eq!(read(&silent, &headers), Some(usage([4, 96, 0, 0, 1, 0])));
    assert_eq!(read(&spoken, &headers), Some(usage([36, 64, 0, 0, 1, 0])));
    assert_eq!(read(&response, &headers), Some(usage([4, 96, 0, 0, 1, 0])));
    let unreadable = [("fireworks-cached-prompt-tokens".to_owned(), "many".to_owned())];
    assert_eq!(read(&silent, &unreadable), Some(usage([100, 0, 0, 0, 1, 0])));
}

#[test]
fn more_read_than_there_was_is_all_of_it() {
    for (body, wanted) in [
        (
            json!({"prompt_tokens": 10, "completion_tokens": 5,
                "prompt_tokens_details": {"cached_tokens": 64, "cache_write_tokens": 3},
                "completion_tokens_details": {"reasoning_tokens": 9}}),
            [0, 10, 0, 0, 5, 5],
        ),
        (json!({"promptTokenCount": 3, "cachedContentTokenCount": 4}), [0, 3, 0, 0, 0, 0]),
        (
            json!({"inputTokens": 1, "cacheWriteInputTokens": 5, "cacheDetails": [{"ttl": "1h", "inputTokens": 9}]}),
            [1, 0, 0, 5, 0, 0],
        ),
        (json!({"prompt_tokens": 12.0, "completion_tokens": 1e3}), [12, 0, 0, 0, 1000, 0]),
        (json!({"prompt_tokens": u64::MAX, "completion_tokens": 1, "total_tokens": u64::MAX}), [0, 0, 0, 0, 1, 0]),
    ] {
        assert_eq!(read(&body, &[]), Some(usage(wanted)), "{body}");
    }
}

#[test]
fn an_answer_of_each_api_gives_its_usage() {
    let map = |body: Value| body.as_object().cloned().unwrap();
    let counted = json!({"prompt_tokens": 516, "completion_tokens": 9});
    let chat = |usage: Option<Value>, extra: Value| {
        Completion::Chat(ChatCompletion { usage, extra: map(extra), ..ChatCompletion::default() })
    };
    for (completion, wanted) in [
        (chat(Some(counted.clone()), json!({})), Some([516, 0, 0, 0, 9, 0])),
        (
            chat(Some(counted), json!({"timings": {"cache_n": 500, "prompt_n": 16, "predicted_n": 9}})),
            Some([16, 500, 0, 0, 9, 0]),
        ),
        (chat(None, json!({})), None),
        (
            Completion::Response(map(json!({"usage": {"input_tokens": 9, "output_tokens": 1, "total_tokens": 10,
                "input_tokens_details": {"cached_tokens": 4}}}))),
            Some([5, 4, 0, 0, 1, 0]),
        ),
        (
            Completion::Message(map(
                json!({"usage": {"input_tokens": 9, "cache_read_input_tokens": 4, "output_tokens": 1}}),
            )),
            Some([9, 4, 0, 0, 1, 0]),
        ),
        (Completion::Message(map(json!({}))), None),
        (Completion::Embedding(Embedding { tokens: 3, ..Embedding::default() }), None),
    ] {
        assert_eq!(of(&completion, &[]), wanted.map(usage), "{completion:?}");
    }
}

#[test]
fn the_header_joins_both_kinds_of_writes() {
    let shown = usage([12, 3000, 40, 2, 5, 2]);
    assert_eq!(shown.header(), "uncached=12, cached=3000, written=42, output=5, reasoning=2");
    assert_eq!(shown.input(), 3054);
}

proptest! {
    #[test]
    fn no_numbers_make_it_fail_and_a_prompt_keeps_its_length(
        prompt in 0..2_000_u64, read_tokens in any::<u64>(), written in any::<u64>(), thought in any::<u64>(),
        total in any::<u64>(),
    ) {
        let chat = json!({"prompt_tokens": prompt, "completion_tokens": 7, "total_tokens": total,
            "prompt_tokens_details": {"cached_tokens": read_tokens, "cache_write_tokens": written},
            "completion_tokens_details": {"reasoning_tokens": thought}});
        let found = read(&chat, &[]).unwrap();
        prop_assert_eq!(found.input(), prompt);
        prop_assert!(found.reasoning <= found.output);
        let message = json!({"input_tokens": prompt, "cache_read_input_tokens": read_tokens, "output_tokens": 7,
            "cache_creation_input_tokens": written, "cache_creation": {"ephemeral_1h_input_tokens": thought}});
        let found = read(&message, &[]).unwrap();
        prop_assert!(found.cached_write_1h + found.cached_write_5m >= found.cached_write_1h);
    }
}
