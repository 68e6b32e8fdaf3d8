use super::tests::{CLAUDE, GEMINI, OPENAI, OTHER, RESPONSES, ROUTER, capped, check, check_untouched, effort};
use super::*;

#[test]
fn an_effort_above_the_cap_is_lowered_in_each_api() {
    check(&[
        (
            OPENAI,
            "gpt-6",
            effort(Effort::Low),
            r#"{"reasoning_effort": "high" }"#,
            r#"{"reasoning_effort": "low" }"#,
            "effort=high>low",
        ),
        (
            RESPONSES,
            "gpt-6",
            effort(Effort::None),
            r#"{"reasoning":{"effort":"max"}}"#,
            r#"{"reasoning":{"effort":"none"}}"#,
            "effort=max>none",
        ),
        (
            CLAUDE,
            "claude-opus-5",
            effort(Effort::Medium),
            r#"{"output_config":{"effort":"xhigh","format":1}}"#,
            r#"{"output_config":{"effort":"medium","format":1}}"#,
            "effort=xhigh>medium",
        ),
        (
            ROUTER,
            "x/y",
            effort(Effort::Low),
            r#"{"reasoning":{"effort":"high"},"reasoning_effort":"high"}"#,
            r#"{"reasoning":{"effort":"low"},"reasoning_effort":"low"}"#,
            "effort=high>low",
        ),
        // Of a name that stands twice the last one counts.
        (
            OTHER,
            "m",
            effort(Effort::Low),
            r#"{"reasoning_effort":"low","reasoning_effort":"high"}"#,
            r#"{"reasoning_effort":"low","reasoning_effort":"low"}"#,
            "effort=high>low",
        ),
    ]);
}

#[test]
fn an_effort_is_spelled_in_words_that_the_model_knows() {
    for (at, model, asked, most, wanted) in [
        (OPENAI, "gpt-5-mini-2025-08-07", "high", Effort::None, "minimal"),
        (OPENAI, "gpt-5.1", "high", Effort::Minimal, "none"),
        (OPENAI, "o3", "high", Effort::None, "low"),
        (OPENAI, "gpt-5-pro", "high", Effort::Low, "high"),
        (OPENAI, "gpt-5.2-pro", "xhigh", Effort::Low, "medium"),
        (OPENAI, "gpt-5.1", "max", Effort::Xhigh, "high"),
        (OPENAI, "gpt-5.1", "max", Effort::Max, "max"),
        (ROUTER, "openai/gpt-5", "high", Effort::None, "minimal"),
        (ROUTER, "deepseek/r2", "high", Effort::None, "none"),
        (OTHER, "gpt-oss-120b", "high", Effort::None, "low"),
        (OTHER, "mine", "high", Effort::Minimal, "minimal"),
        (GEMINI, "gemini-2.5-flash", "high", Effort::None, "none"),
        (GEMINI, "gemini-3-pro-preview", "high", Effort::None, "minimal"),
        ((Api::ChatCompletions, Provider::XAi), "grok-3-mini", "high", Effort::Medium, "low"),
        ((Api::ChatCompletions, Provider::Anthropic), "claude-opus-5", "max", Effort::None, "low"),
        ((Api::ChatCompletions, Provider::Anthropic), "claude-opus-5", "minimal", Effort::None, "minimal"),
        ((Api::ChatCompletions, Provider::Anthropic), "claude-opus-4-6", "max", Effort::Xhigh, "high"),
        ((Api::ChatCompletions, Provider::Anthropic), "claude-opus-4-7", "max", Effort::Xhigh, "xhigh"),
    ] {
        let body = format!(r#"{{"reasoning_effort":"{asked}"}}"#);
        let (made, _) = capped(at, model, effort(most), &body);
        assert_eq!(made, format!(r#"{{"reasoning_effort":"{wanted}"}}"#), "{model} {asked} {most:?}");
    }
}

#[test]
fn an_effort_left_out_is_set_only_where_the_model_reasons_harder_by_itself() {
    let chat = |at, models: &[&str], wanted: &str| {
        for model in models {
            assert_eq!(capped(at, model, effort(Effort::Low), r#"{"a":1}"#).0, wanted, "{model}");
        }
    };
    let set = r#"{"a":1,"reasoning_effort":"low"}"#;
    let left = r#"{"a":1}"#;
    chat(OPENAI, &["o1", "o1-2024-12-17", "o3-mini", "o4-mini", "gpt-5", "gpt-5-nano-2025-08-07"], set);
    chat(
        OPENAI,
        &["o1-mini", "o1-preview", "o3-deep-research", "gpt-5-chat-latest", "gpt-5.1", "gpt-5-pro", "gpt-4o", "omni"],
        left,
    );
    chat(ROUTER, &["openai/gpt-5"], set);
    chat(ROUTER, &["gpt-5", "anthropic/claude-opus-4.5"], left);
    chat(OTHER, &["gpt-5"], left);
    let claude = r#"{"a":1,"output_config":{"effort":"low"}}"#;
    chat(
        CLAUDE,
        &[
            "claude-opus-4-5-20251101",
            "claude-opus-4-8",
            "claude-sonnet-4-6",
            "claude-opus-5-5",
            "claude-sonnet-5",
            "claude-fable-5",
        ],
        claude,
    );
    chat(
        CLAUDE,
        &[
            "claude-opus-4-20250514",
            "claude-opus-4-1",
            "claude-sonnet-4-5",
            "claude-haiku-4-5",
            "claude-3-opus-20240229",
            "mine",
        ],
        left,
    );
}

#[test]
fn an_effort_left_out_is_set_where_the_api_has_it() {
    check(&[
        (RESPONSES, "gpt-5", effort(Effort::Low), "{}", r#"{"reasoning":{"effort":"low"}}"#, "effort=unset>low"),
        (
            RESPONSES,
            "gpt-5",
            effort(Effort::Low),
            r#"{"reasoning":{"summary":"auto"}}"#,
            r#"{"reasoning":{"summary":"auto","effort":"low"}}"#,
            "effort=unset>low",
        ),
        (
            RESPONSES,
            "gpt-5",
            effort(Effort::Low),
            r#"{"reasoning":null}"#,
            r#"{"reasoning":{"effort":"low"}}"#,
            "effort=unset>low",
        ),
        (
            OPENAI,
            "gpt-5",
            effort(Effort::None),
            r#"{"reasoning_effort":null}"#,
            r#"{"reasoning_effort":"minimal"}"#,
            "effort=unset>minimal",
        ),
        (
            CLAUDE,
            "claude-opus-5",
            effort(Effort::Low),
            r#"{"output_config":{"effort":null}}"#,
            r#"{"output_config":{"effort":"low"}}"#,
            "effort=unset>low",
        ),
        (
            ROUTER,
            "x/y",
            effort(Effort::Low),
            r#"{"reasoning":{"enabled":true}}"#,
            r#"{"reasoning":{"enabled":true,"effort":"low"}}"#,
            "effort=unset>low",
        ),
    ]);
    check_untouched(&[
        (OPENAI, "gpt-5", effort(Effort::Medium), "{}"),
        (CLAUDE, "claude-opus-5", effort(Effort::High), "{}"),
        (ROUTER, "openai/gpt-5", effort(Effort::Low), r#"{"reasoning":{"enabled":false}}"#),
        (ROUTER, "openai/gpt-5", effort(Effort::Low), r#"{"reasoning":{"max_tokens":5}}"#),
    ]);
}

#[test]
fn efforts_are_ordered_and_written_by_their_names() {
    assert!(Effort::NAMES.is_sorted_by(|(_, one), (_, next)| one < next));
    for (name, effort) in Effort::NAMES {
        assert_eq!((effort.as_str(), Effort::read(name)), (name, Some(effort)));
        assert_eq!(serde_json::to_string(&effort).unwrap(), format!("\"{name}\""));
    }
}
