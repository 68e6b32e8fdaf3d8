use super::*;

pub(super) const OPENAI: (Api, Provider) = (Api::ChatCompletions, Provider::OpenAi);
pub(super) const OTHER: (Api, Provider) = (Api::ChatCompletions, Provider::Other);
pub(super) const ROUTER: (Api, Provider) = (Api::ChatCompletions, Provider::OpenRouter);
pub(super) const GEMINI: (Api, Provider) = (Api::ChatCompletions, Provider::Gemini);
pub(super) const RESPONSES: (Api, Provider) = (Api::Responses, Provider::OpenAi);
pub(super) const CLAUDE: (Api, Provider) = (Api::Messages, Provider::Anthropic);

pub(super) fn effort(effort: Effort) -> Caps {
    Caps { effort: Some(effort), ..Caps::default() }
}

fn thinking(tokens: u64) -> Caps {
    Caps { thinking_tokens: Some(tokens), ..Caps::default() }
}

fn output(tokens: u64) -> Caps {
    Caps { output_tokens: Some(tokens), ..Caps::default() }
}

/// The body and the header that leave.
pub(super) fn capped((api, provider): (Api, Provider), model: &str, caps: Caps, body: &str) -> (String, String) {
    let mut edits = Edits::default();
    let changes = cap(Json::read(body.as_bytes()).unwrap(), api, provider, model, &caps, &mut edits);
    let made = String::from_utf8(edits.apply(body.as_bytes())).unwrap();
    assert!(serde_json::from_str::<serde_json::Value>(&made).is_ok(), "{made}");
    (made, header(&changes).unwrap_or_default())
}

pub(super) type Row<'a> = ((Api, Provider), &'a str, Caps, &'a str, &'a str, &'a str);

pub(super) fn check(rows: &[Row<'_>]) {
    for (at, model, caps, body, wanted, header) in rows {
        let context = format!("{at:?} {model} {caps:?} {body}");
        assert_eq!(capped(*at, model, *caps, body), ((*wanted).to_owned(), (*header).to_owned()), "{context}");
    }
}

/// Rows whose body stays as it is.
pub(super) fn check_untouched(rows: &[((Api, Provider), &str, Caps, &str)]) {
    for (at, model, caps, body) in rows {
        check(&[(*at, model, *caps, body, body, "")]);
    }
}

#[test]
fn what_is_within_the_caps_or_not_to_be_read_stays() {
    check_untouched(&[
        (OPENAI, "gpt-5", effort(Effort::High), r#"{"reasoning_effort":"low"}"#),
        (OPENAI, "gpt-5", effort(Effort::Low), r#"{"reasoning_effort":"minimal"}"#),
        (OPENAI, "gpt-5", effort(Effort::Low), r#"{"reasoning_effort":"huge"}"#),
        (OPENAI, "gpt-5", effort(Effort::Low), r#"{"reasoning_effort":7}"#),
        (RESPONSES, "gpt-5", effort(Effort::Low), r#"{"reasoning":"high"}"#),
        (CLAUDE, "claude-opus-5", effort(Effort::Low), r#"{"output_config":[1]}"#),
        (CLAUDE, "claude-opus-5", effort(Effort::None), r#"{"output_config":{"effort":"low"}}"#),
        (OPENAI, "gpt-5", output(100), r#"{"max_tokens":"900"}"#),
        (OPENAI, "gpt-5", output(100), r#"{"max_completion_tokens":-1}"#),
        (OPENAI, "gpt-5", output(100), r#"{"max_completion_tokens":100}"#),
        (CLAUDE, "claude-x", thinking(2000), r#"{"thinking":{"type":"enabled","budget_tokens":"9000"}}"#),
        (CLAUDE, "claude-x", thinking(2000), r#"{"thinking":{"type":"enabled","budget_tokens":2000}}"#),
        (CLAUDE, "claude-x", thinking(2000), r#"{"thinking":{"type":"adaptive"}}"#),
        (CLAUDE, "claude-x", thinking(0), r#"{"thinking":{"type":"disabled"}}"#),
        (CLAUDE, "claude-x", thinking(0), r#"{"thinking":true}"#),
        (CLAUDE, "claude-x", Caps::default(), r#"{"thinking":{"type":"enabled","budget_tokens":9000},"max_tokens":3}"#),
        ((Api::Embeddings, Provider::OpenAi), "e", output(5), r#"{"input":"x"}"#),
        (OPENAI, "gpt-5", output(5), "[1]"),
    ]);
}

#[test]
fn an_output_limit_is_lowered_or_set_under_the_name_that_the_provider_knows() {
    check(&[
        (OPENAI, "m", output(2000), "{}", r#"{"max_completion_tokens":2000}"#, "output=unset>2000"),
        (
            (Api::ChatCompletions, Provider::Azure),
            "m",
            output(9),
            "{}",
            r#"{"max_completion_tokens":9}"#,
            "output=unset>9",
        ),
        (OTHER, "m", output(9), r#"{"a":1}"#, r#"{"a":1,"max_tokens":9}"#, "output=unset>9"),
        (RESPONSES, "m", output(9), r#"{"max_output_tokens":null}"#, r#"{"max_output_tokens":9}"#, "output=unset>9"),
        (RESPONSES, "m", output(9), r#"{"max_output_tokens":10}"#, r#"{"max_output_tokens":9}"#, "output=10>9"),
        (CLAUDE, "m", output(9), r#"{"max_tokens":1e3}"#, r#"{"max_tokens":9}"#, "output=1000>9"),
        (
            OPENAI,
            "m",
            output(9),
            r#"{"max_tokens":20,"max_completion_tokens":8}"#,
            r#"{"max_tokens":9,"max_completion_tokens":8}"#,
            "output=20>9",
        ),
        (
            OPENAI,
            "m",
            output(9),
            r#"{"max_tokens":99999999999999999999999}"#,
            r#"{"max_tokens":9}"#,
            "output=18446744073709551615>9",
        ),
        (
            (Api::ChatCompletions, Provider::LlamaCpp),
            "m",
            output(9),
            r#"{"max_tokens":-1}"#,
            r#"{"max_tokens":9}"#,
            "output=-1>9",
        ),
    ]);
}

#[test]
fn a_budget_of_thinking_is_lowered_or_thinking_is_switched_off() {
    let off = r#"{"thinking":{"type":"disabled"}}"#;
    let enabled = r#"{"thinking":{"type":"enabled","budget_tokens":16000}}"#;
    let adaptive = r#"{"thinking":{"type":"adaptive"}}"#;
    check(&[
        (
            CLAUDE,
            "m",
            thinking(4000),
            enabled,
            r#"{"thinking":{"type":"enabled","budget_tokens":4000}}"#,
            "thinking=16000>4000",
        ),
        (
            OTHER,
            "m",
            thinking(4000),
            enabled,
            r#"{"thinking":{"type":"enabled","budget_tokens":4000}}"#,
            "thinking=16000>4000",
        ),
        (
            CLAUDE,
            "m",
            thinking(1024),
            enabled,
            r#"{"thinking":{"type":"enabled","budget_tokens":1024}}"#,
            "thinking=16000>1024",
        ),
        (CLAUDE, "m", thinking(1023), enabled, off, "thinking=16000>disabled"),
        (CLAUDE, "m", thinking(0), adaptive, off, "thinking=adaptive>disabled"),
        (CLAUDE, "m", effort(Effort::None), adaptive, off, "thinking=adaptive>disabled"),
        (OTHER, "m", thinking(0), r#"{"thinking":{"type":"enabled"}}"#, off, "thinking=enabled>disabled"),
        (OTHER, "qwen3", thinking(50), r#"{"thinking_budget":81}"#, r#"{"thinking_budget":50}"#, "thinking=81>50"),
        (
            ROUTER,
            "x/y",
            thinking(50),
            r#"{"reasoning":{"max_tokens":81}}"#,
            r#"{"reasoning":{"max_tokens":50}}"#,
            "thinking=81>50",
        ),
        (
            ROUTER,
            "anthropic/c",
            thinking(50),
            r#"{"reasoning":{"max_tokens":8100}}"#,
            r#"{"reasoning":{"enabled":false}}"#,
            "thinking=8100>disabled",
        ),
        (
            ROUTER,
            "x/y",
            effort(Effort::None),
            r#"{"reasoning":{"max_tokens":81,"effort":"high"}}"#,
            r#"{"reasoning":{"enabled":false}}"#,
            "thinking=81>disabled",
        ),
    ]);
}

#[test]
fn a_budget_stays_below_an_output_limit_that_is_lowered() {
    let asked = r#"{"max_tokens":9000,"thinking":{"type":"enabled","budget_tokens":4000}}"#;
    let with = |limit: u64, thinking: &str| format!(r#"{{"max_tokens":{limit},"thinking":{thinking}}}"#);
    for (limit, wanted, header) in [
        (4001, r#"{"type":"enabled","budget_tokens":4000}"#, "output=9000>4001"),
        (4000, r#"{"type":"enabled","budget_tokens":3999}"#, "thinking=4000>3999, output=9000>4000"),
        (1025, r#"{"type":"enabled","budget_tokens":1024}"#, "thinking=4000>1024, output=9000>1025"),
        (1024, r#"{"type":"disabled"}"#, "thinking=4000>disabled, output=9000>1024"),
    ] {
        check(&[(CLAUDE, "m", output(limit), asked, &with(limit, wanted), header)]);
    }
    // One that the client itself set too high is for the upstream to refuse.
    check_untouched(&[(
        CLAUDE,
        "m",
        output(4000),
        r#"{"max_tokens":2000,"thinking":{"type":"enabled","budget_tokens":4000}}"#,
    )]);
    // Thinking without a number needs no room.
    let adaptive = r#"{"max_tokens":9000,"thinking":{"type":"adaptive"}}"#;
    check(&[(
        CLAUDE,
        "m",
        output(500),
        adaptive,
        r#"{"max_tokens":500,"thinking":{"type":"adaptive"}}"#,
        "output=9000>500",
    )]);
}

#[test]
fn geminis_own_words_are_lowered_in_either_spelling() {
    for (model, caps, asked, wanted) in [
        (
            "gemini-2.5-flash",
            thinking(100),
            r#""thinking_config":{"thinking_budget":-1}"#,
            r#""thinking_config":{"thinking_budget":100}"#,
        ),
        (
            "gemini-2.5-flash",
            thinking(100),
            r#""thinkingConfig":{"thinkingBudget":99}"#,
            r#""thinkingConfig":{"thinkingBudget":99}"#,
        ),
        (
            "gemini-2.5-pro",
            thinking(100),
            r#""thinkingConfig":{"thinkingBudget":800}"#,
            r#""thinkingConfig":{"thinkingBudget":128}"#,
        ),
        (
            "gemini-2.5-pro",
            thinking(100),
            r#""thinkingConfig":{"thinkingBudget":120}"#,
            r#""thinkingConfig":{"thinkingBudget":120}"#,
        ),
        (
            "gemini-2.5-flash-lite",
            thinking(100),
            r#""thinkingConfig":{"thinkingBudget":800}"#,
            r#""thinkingConfig":{"thinkingBudget":0}"#,
        ),
        (
            "gemini-2.5-flash",
            effort(Effort::None),
            r#""thinkingConfig":{"thinkingBudget":800}"#,
            r#""thinkingConfig":{"thinkingBudget":0}"#,
        ),
        (
            "gemini-3-flash",
            effort(Effort::None),
            r#""thinking_config":{"thinking_level":"HIGH"}"#,
            r#""thinking_config":{"thinking_level":"MINIMAL"}"#,
        ),
        (
            "gemini-3-pro-preview",
            effort(Effort::Medium),
            r#""thinking_config":{"thinkingLevel":"high"}"#,
            r#""thinking_config":{"thinkingLevel":"low"}"#,
        ),
    ] {
        let body = |config: &str| format!(r#"{{"extra_body":{{"google":{{{config}}}}}}}"#);
        assert_eq!(capped(GEMINI, model, caps, &body(asked)).0, body(wanted), "{model} {caps:?}");
    }
}

#[test]
fn the_tightest_caps_are_the_lower_of_each() {
    let one = Caps { effort: Some(Effort::High), thinking_tokens: None, output_tokens: Some(5) };
    let other = Caps { effort: Some(Effort::Low), thinking_tokens: Some(7), output_tokens: Some(9) };
    let wanted = Caps { effort: Some(Effort::Low), thinking_tokens: Some(7), output_tokens: Some(5) };
    assert_eq!(one.tightest(other), wanted);
    assert_eq!(other.tightest(one), wanted);
    assert_eq!(Caps::default().tightest(one), one);
}

#[test]
fn the_header_names_effort_thinking_and_output_in_this_order() {
    let caps = Caps { effort: Some(Effort::Low), thinking_tokens: Some(4000), output_tokens: Some(8000) };
    let body = r#"{"thinking":{"type":"enabled","budget_tokens":16000},"output_config":{"effort":"high"}}"#;
    let (_, header) = capped(CLAUDE, "claude-opus-4-5", caps, body);
    assert_eq!(header, "effort=high>low, thinking=16000>4000, output=unset>8000");
}

#[test]
fn what_is_thought_unseen_is_told_by_the_request_and_by_the_model() {
    for (body, asked) in [
        (r#"{"thinking":{"type":"enabled","budget_tokens":1024}}"#, true),
        (r#"{"thinking":{"type":"adaptive"}}"#, true),
        (r#"{"thinking":{"type":"disabled"}}"#, false),
        (r#"{"reasoning_effort":"low"}"#, true),
        (r#"{"reasoning_effort":"none"}"#, false),
        (r#"{"reasoning":{"effort":"high"}}"#, true),
        (r#"{"reasoning":{"max_tokens":8000,"exclude":true}}"#, true),
        (r#"{"reasoning":{"enabled":false}}"#, false),
        (r#"{"reasoning":{}}"#, false),
        (r#"{"model":"m"}"#, false),
        ("no JSON", false),
    ] {
        assert_eq!(is_asked_for(body.as_bytes()), asked, "{body}");
    }
    for (model, hidden) in [
        ("gpt-5", true),
        ("openai/gpt-5-mini-2025-08-07", true),
        ("o3", true),
        ("gpt-4.1", false),
        ("gemini-2.5-flash", true),
        ("gemini-2.0-flash", false),
        ("grok-4-fast", true),
        ("grok-3", false),
        ("claude-fable-5", true),
        ("claude-haiku-4-5", false),
        ("deepseek-reasoner", false),
        ("m", false),
    ] {
        assert_eq!(is_hidden(model), hidden, "{model}");
    }
}
