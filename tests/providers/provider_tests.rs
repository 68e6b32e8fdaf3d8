use serde_json::{Value, json};

use super::cases::{ask, blocks, breakpoint, marked, message, messages, model, provider, read};
use super::{Billed, Kind, Price, Provider, Refusal};

fn shared_request(kind: Kind) -> Value {
    match kind {
        Kind::Anthropic => blocks([marked("shared", 2_000, "5m")]),
        Kind::OpenAi56 => blocks([breakpoint("shared", 2_000)]),
        Kind::OpenAiBefore56 | Kind::DeepSeek => messages([message("user", "shared", 2_001)]),
    }
}

#[test]
fn each_part_of_the_input_has_its_price_and_costs_nothing_else() {
    let price = Price { read_milli: 100, write_milli: 1_250, write_hour_milli: 2_000 };
    let billed = Billed::of(price, 1_000, 400, 600, 900);
    let parts = (billed.cached_tokens, billed.written_tokens_1h, billed.written_tokens_5m, billed.uncached_tokens);
    assert_eq!(parts, (400, 200, 300, 100));
    assert_eq!(billed.cost_milli, 400 * 100 + 200 * 2_000 + 300 * 1_250 + 100 * 1_000);
}

#[test]
fn prices_follow_the_model() {
    for (kind, model, read_milli, write_milli) in [
        (Kind::Anthropic, "claude-sonnet-5", 100, 1_250),
        (Kind::Anthropic, "claude-opus-5-5", 50, 1_250),
        (Kind::Anthropic, "anthropic/claude-fable-5-1", 25, 1_250),
        (Kind::Anthropic, "claude-fable-5", 100, 1_250),
        (Kind::OpenAi56, "gpt-5.6-sol", 100, 1_250),
        (Kind::OpenAi56, "gpt-6.1-sol", 50, 1_250),
        (Kind::OpenAiBefore56, "gpt-5.5", 100, 1_000),
        (Kind::OpenAiBefore56, "gpt-4.1-mini", 250, 1_000),
        (Kind::OpenAiBefore56, "gpt-4o", 500, 1_000),
        (Kind::DeepSeek, "deepseek-chat", 100, 1_000),
    ] {
        let price = kind.price(model);
        assert_eq!((price.read_milli, price.write_milli), (read_milli, write_milli), "{model}");
    }
    assert_eq!(Kind::Anthropic.price("claude-sonnet-5").write_hour_milli, 2_000);
}

#[test]
fn the_parts_add_up_at_every_provider() {
    for kind in Kind::ALL {
        let mut provider = provider(kind);
        for now_ms in [0, 60_000] {
            let billed = ask(&mut provider, &shared_request(kind), now_ms).unwrap();
            let Billed { input_tokens, cached_tokens, written_tokens_5m, written_tokens_1h, uncached_tokens, .. } =
                billed;
            assert_eq!(input_tokens, 2_001);
            assert_eq!(
                cached_tokens + written_tokens_5m + written_tokens_1h + uncached_tokens,
                input_tokens,
                "{kind:?}"
            );
        }
    }
}

#[test]
fn a_prefix_can_be_read_once_its_response_has_begun() {
    for kind in Kind::ALL {
        for (now_ms, is_read) in [(0, false), (499, false), (500, true)] {
            let mut provider = provider(kind);
            read(&mut provider, &shared_request(kind), 0);
            assert_eq!(read(&mut provider, &shared_request(kind), now_ms) > 0, is_read, "{kind:?} after {now_ms} ms");
        }
    }
}

#[test]
fn the_model_and_the_caller_keep_prefixes_apart() {
    let key = |name: &str, value: &str| vec![(name.to_owned(), value.to_owned())];
    for kind in Kind::ALL {
        let mut other_model = shared_request(kind);
        other_model["model"] = json!(format!("{}-1", model(kind)));
        for (headers, request, is_read) in [
            (key("Authorization", "Bearer a"), shared_request(kind), true),
            (key("authorization", "Bearer a"), other_model, false),
            (key("authorization", "Bearer b"), shared_request(kind), false),
            (key("x-api-key", "Bearer b"), shared_request(kind), false),
            ([key("x-trace", "1"), key("authorization", "Bearer a")].concat(), shared_request(kind), true),
        ] {
            let mut provider = provider(kind);
            provider.answer(&shared_request(kind), &key("authorization", "Bearer a"), 0).unwrap();
            let billed = provider.answer(&request, &headers, 1_000).unwrap();
            assert_eq!(billed.cached_tokens > 0, is_read, "{kind:?} {headers:?}");
        }
    }
}

#[test]
fn a_body_without_messages_is_refused_by_name() {
    for kind in Kind::ALL {
        for body in [json!({}), json!([]), json!({"messages": "Hello"})] {
            let refusal = Provider::new(kind, "any").answer(&body, &[], 0).unwrap_err();
            assert_eq!(refusal, Refusal::NotARequest);
            assert_eq!(refusal.to_string(), "not-a-request");
        }
    }
}
