//! Where in a request body the parts of its prefix lie, in the order in which providers read them: tools, system
//! prompt, turns.

use crate::canonical::Api;
use crate::forward::body::{Json, find};

/// The parts of a request that a prefix cache can hold.
#[derive(Clone, Debug, Default)]
pub struct Layout<'a> {
    /// The tools.
    pub tools: Option<Json<'a>>,
    /// What the operator says, before the first turn.
    pub system: Vec<Spot<'a>>,
    /// The turns, the last one included.
    pub turns: Vec<Spot<'a>>,
    /// Fields that providers put before the turns, or that change how these are read.
    pub settings: Vec<Json<'a>>,
}

/// One piece of the conversation.
#[derive(Clone, Copy, Debug)]
pub struct Spot<'a> {
    /// All of it.
    pub whole: Json<'a>,
    /// Its content, a string or an array of parts, when it has one.
    pub content: Option<Json<'a>>,
    /// Who says it.
    pub role: Role,
}

/// Who says something.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Role {
    /// The operator: `system`, `developer`, `instructions`.
    System,
    /// The user.
    User,
    /// The model.
    Assistant,
    /// A tool, which the client ran.
    Tool,
}

impl<'a> Layout<'a> {
    /// Finds the parts of a request of this API.
    #[must_use]
    pub fn of(api: Api, body: Json<'a>) -> Self {
        let Some(fields) = body.fields() else { return Self::default() };
        let get = |name: &str| find(&fields, name);
        let all = |names: &[&str]| names.iter().filter_map(|name| get(name)).collect();
        match api {
            Api::ChatCompletions | Api::Embeddings => {
                let (system, turns) = chat_turns(get("messages"));
                let settings = all(&["functions", "response_format"]);
                Self { tools: get("tools"), system, turns, settings }
            }
            Api::Responses => {
                let (mut system, turns) = match get("input") {
                    Some(text) if text.is_text() => {
                        (Vec::new(), vec![Spot { whole: text, content: None, role: Role::User }])
                    }
                    input => chat_turns(input),
                };
                if let Some(whole) = get("instructions") {
                    system.insert(0, Spot { whole, content: None, role: Role::System });
                }
                Self { tools: get("tools"), system, turns, settings: all(&["text"]) }
            }
            Api::Messages => {
                let system = get("system").map(|whole| Spot { whole, content: Some(whole), role: Role::System });
                let turns = get("messages").and_then(Json::items).unwrap_or_default();
                let turns = turns.into_iter().map(message).collect();
                let settings = all(&["tool_choice", "thinking", "output_config", "output_format"]);
                Self { tools: get("tools"), system: system.into_iter().collect(), turns, settings }
            }
        }
    }

    /// How many of the turns the next request will begin with as well: those before the last.
    #[must_use]
    pub fn earlier(&self) -> usize {
        self.turns.len().saturating_sub(1)
    }

    /// Whether the last turn hands over what a tool gave: the loop that it belongs to goes on.
    #[must_use]
    pub fn goes_on(&self) -> bool {
        self.turns.last().is_some_and(|turn| turn.role == Role::Tool)
    }
}

/// The turns of an `OpenAI` API; what the operator says before the first of them is apart.
fn chat_turns(messages: Option<Json<'_>>) -> (Vec<Spot<'_>>, Vec<Spot<'_>>) {
    let messages = messages.and_then(Json::items).unwrap_or_default();
    let mut turns: Vec<Spot<'_>> = messages.into_iter().map(message).collect();
    let leading = turns.iter().take_while(|turn| turn.role == Role::System).count();
    let rest = turns.split_off(leading);
    (turns, rest)
}

fn message(whole: Json<'_>) -> Spot<'_> {
    let fields = whole.fields().unwrap_or_default();
    let content = find(&fields, "content");
    let said_by = find(&fields, "role").and_then(Json::text);
    let role = match said_by.as_deref() {
        Some("system" | "developer") => Role::System,
        Some("assistant") => Role::Assistant,
        Some("tool" | "function") => Role::Tool,
        Some(_) if content.is_some_and(gives_tool_results) => Role::Tool,
        Some(_) => Role::User,
        // An item of the Responses API that is no message.
        None if find(&fields, "output").is_some() => Role::Tool,
        None => Role::Assistant,
    };
    // What a function gave, in the form that came before tools, is a string and nothing else.
    let content = if said_by.as_deref() == Some("function") { None } else { content };
    Spot { whole, content, role }
}

/// Whether a user's turn of the Messages API hands over a tool's result.
fn gives_tool_results(content: Json<'_>) -> bool {
    // A cheap look first, for most turns have none.
    content.raw().contains("tool_result")
        && content
            .items()
            .unwrap_or_default()
            .iter()
            .any(|block| block.get("type").is_some_and(|kind| kind.is("tool_result")))
}
