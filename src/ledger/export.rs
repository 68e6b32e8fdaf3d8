//! Distilling: one exchange as a line of training data, in the format that a provider fine-tunes its models with.
//!
//! The parts of one message, and messages of one speaker in a row, become one text with a blank line between them. What
//! the model thought is left out. An exchange that is more than text, or whose turns a format cannot hold, is skipped
//! for a reason with a name.

use serde_json::{Value, json};

use crate::canonical::Api;

/// Whose fine-tuning format a line is written in.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Format {
    /// OpenAI's chat format, which Mistral, Together and Fireworks read as well.
    /// <https://developers.openai.com/docs/guides/distillation>,
    /// <https://docs.fireworks.ai/fine-tuning/fine-tuning-models.md>
    OpenAi,
    /// Anthropic's models on Bedrock. <https://platform.claude.com/cookbook/finetuning-finetuning-on-bedrock>
    Bedrock,
    /// Gemini on Vertex AI.
    /// <https://cloud.google.com/vertex-ai/generative-ai/docs/models/gemini-supervised-tuning-prepare>
    Gemini,
}

impl Format {
    /// All of them.
    pub const ALL: [Self; 3] = [Self::OpenAi, Self::Bedrock, Self::Gemini];

    /// The name by which it is asked for.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::OpenAi => "openai",
            Self::Bedrock => "bedrock",
            Self::Gemini => "gemini",
        }
    }

    /// The format of that name.
    #[must_use]
    pub fn named(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|format| format.as_str() == name)
    }
}

/// Why an exchange is not exported.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Skipped {
    /// The body is no request of an API that generates text.
    Unreadable,
    /// Tools were offered, called or answered, or the provider was to search.
    Tools,
    /// It holds images, audio, files or something else that is not text.
    Media,
    /// Part of what the model read is kept by the provider and is not in the body.
    ServerState,
    /// More than one choice was asked for.
    SeveralChoices,
    /// The turns do not go from the user to the assistant and back and end with the user, one of them is empty, or the
    /// system speaks in between.
    Turns,
    /// The answer holds no text.
    NoAnswer,
}

impl Skipped {
    /// The reason as it is shown.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Unreadable => "unreadable",
            Self::Tools => "tools",
            Self::Media => "media",
            Self::ServerState => "server-state",
            Self::SeveralChoices => "several-choices",
            Self::Turns => "turns",
            Self::NoAnswer => "no-answer",
        }
    }
}

/// One line of training data, its newline included: what a request of an API asked, and the text that was answered. An
/// answer that calls tools is not to be given here.
///
/// # Errors
/// [`Skipped`], when the exchange does not fit the format.
pub fn line(format: Format, api: Api, body: &[u8], answer: &str) -> Result<String, Skipped> {
    let request: Value = serde_json::from_slice(body).map_err(|_| Skipped::Unreadable)?;
    let mut exchange = Exchange::default();
    match api {
        Api::ChatCompletions => exchange.read_chat(&request)?,
        Api::Responses => exchange.read_responses(&request)?,
        Api::Messages => exchange.read_messages(&request)?,
        Api::Embeddings => return Err(Skipped::Unreadable),
    }
    exchange.end(answer)?;
    let mut line = exchange.write(format).to_string();
    // Many readers of lines, Python's `splitlines` among them, end a line at these too. JSON leaves them as they are.
    for (ending, escape) in [('\u{85}', "\\u0085"), ('\u{2028}', "\\u2028"), ('\u{2029}', "\\u2029")] {
        if line.contains(ending) {
            line = line.replace(ending, escape);
        }
    }
    line.push('\n');
    Ok(line)
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Speaker {
    System,
    User,
    Assistant,
}

impl Speaker {
    /// Who speaks in a message; nobody whom these formats know, when a tool does.
    fn of(message: &Value) -> Result<Self, Skipped> {
        match message["role"].as_str() {
            Some("system" | "developer") => Ok(Self::System),
            Some("user") => Ok(Self::User),
            Some("assistant") => Ok(Self::Assistant),
            Some("tool" | "function") => Err(Skipped::Tools),
            Some(_) => Err(Skipped::Turns),
            None => Err(Skipped::Unreadable),
        }
    }
}

/// An exchange, free of its API.
#[derive(Debug, Default)]
struct Exchange {
    system: String,
    turns: Vec<(Speaker, String)>,
}

impl Exchange {
    /// <https://platform.openai.com/docs/api-reference/chat/create>
    fn read_chat(&mut self, request: &Value) -> Result<(), Skipped> {
        refuse(request, &["tools", "functions", "web_search_options", "plugins"], Skipped::Tools)?;
        refuse(request, &["audio"], Skipped::Media)?;
        if !matches!(request["n"].as_u64(), None | Some(1)) {
            return Err(Skipped::SeveralChoices);
        }
        for message in list(&request["messages"])? {
            refuse(message, &["tool_calls", "function_call"], Skipped::Tools)?;
            refuse(message, &["audio"], Skipped::Media)?;
            let refusal = message["refusal"].as_str().unwrap_or_default();
            let said = text(&message["content"])?;
            self.say(Speaker::of(message)?, joined(&said, refusal))?;
        }
        Ok(())
    }

    /// <https://platform.openai.com/docs/api-reference/responses/create>
    fn read_responses(&mut self, request: &Value) -> Result<(), Skipped> {
        refuse(request, &["previous_response_id", "conversation", "prompt"], Skipped::ServerState)?;
        refuse(request, &["tools"], Skipped::Tools)?;
        match &request["instructions"] {
            Value::Null => {}
            Value::String(instructions) => self.say(Speaker::System, instructions.clone())?,
            items => self.read_items(items)?,
        }
        match &request["input"] {
            Value::String(input) => self.say(Speaker::User, input.clone()),
            items => self.read_items(items),
        }
    }

    fn read_items(&mut self, items: &Value) -> Result<(), Skipped> {
        for item in list(items)? {
            match item["type"].as_str() {
                None if item["role"].is_string() => self.say(Speaker::of(item)?, text(&item["content"])?)?,
                Some("message") => self.say(Speaker::of(item)?, text(&item["content"])?)?,
                Some("reasoning") => {}
                None | Some("item_reference" | "compaction") => return Err(Skipped::ServerState),
                Some(_) => return Err(Skipped::Tools),
            }
        }
        Ok(())
    }

    /// <https://docs.anthropic.com/en/api/messages>
    fn read_messages(&mut self, request: &Value) -> Result<(), Skipped> {
        refuse(request, &["container", "thread"], Skipped::ServerState)?;
        refuse(request, &["tools", "mcp_servers"], Skipped::Tools)?;
        self.say(Speaker::System, text(&request["system"])?)?;
        for message in list(&request["messages"])? {
            self.say(Speaker::of(message)?, text(&message["content"])?)?;
        }
        Ok(())
    }

    fn say(&mut self, speaker: Speaker, text: String) -> Result<(), Skipped> {
        let is_empty = text.trim().is_empty();
        match self.turns.last_mut() {
            None if speaker == Speaker::System && is_empty => {}
            None if speaker == Speaker::System => self.system = joined(&self.system, &text),
            // The formats have room for the system at the beginning alone.
            _ if speaker == Speaker::System || is_empty => return Err(Skipped::Turns),
            Some((last, said)) if *last == speaker => *said = joined(said, &text),
            _ => self.turns.push((speaker, text)),
        }
        Ok(())
    }

    /// Ends the exchange with the answer.
    fn end(&mut self, answer: &str) -> Result<(), Skipped> {
        let speaker_of = |turn: Option<&(Speaker, String)>| turn.map(|(speaker, _)| *speaker);
        let ends = [speaker_of(self.turns.first()), speaker_of(self.turns.last())];
        if ends != [Some(Speaker::User); 2] {
            return Err(Skipped::Turns);
        }
        if answer.trim().is_empty() {
            return Err(Skipped::NoAnswer);
        }
        self.say(Speaker::Assistant, answer.to_owned())
    }

    fn write(&self, format: Format) -> Value {
        let turn = |(speaker, text): &(Speaker, String)| {
            let is_user = *speaker == Speaker::User;
            match format {
                Format::Gemini => json!({"role": if is_user { "user" } else { "model" }, "parts": [{"text": text}]}),
                _ => json!({"role": if is_user { "user" } else { "assistant" }, "content": text}),
            }
        };
        let turns: Vec<Value> = self.turns.iter().map(turn).collect();
        let system = Some(&self.system).filter(|system| !system.is_empty());
        match (format, system) {
            (Format::OpenAi, system) => {
                let system = system.map(|system| json!({"role": "system", "content": system}));
                json!({"messages": system.into_iter().chain(turns).collect::<Vec<_>>()})
            }
            (Format::Bedrock, None) => json!({"messages": turns}),
            (Format::Bedrock, Some(system)) => json!({"system": system, "messages": turns}),
            (Format::Gemini, None) => json!({"contents": turns}),
            (Format::Gemini, Some(system)) => {
                json!({"systemInstruction": {"role": "system", "parts": [{"text": system}]}, "contents": turns})
            }
        }
    }
}

/// Two texts as one.
fn joined(first: &str, second: &str) -> String {
    let between = if first.is_empty() || second.is_empty() { "" } else { "\n\n" };
    format!("{first}{between}{second}")
}

/// Refuses an object in which one of these fields holds something.
fn refuse(object: &Value, fields: &[&str], reason: Skipped) -> Result<(), Skipped> {
    let is_held = |name: &&str| match &object[*name] {
        Value::Null => false,
        Value::Array(items) => !items.is_empty(),
        _ => true,
    };
    if fields.iter().any(is_held) { Err(reason) } else { Ok(()) }
}

fn list(value: &Value) -> Result<&[Value], Skipped> {
    value.as_array().map(Vec::as_slice).ok_or(Skipped::Unreadable)
}

/// The text of some content, in whatever API; what the model thought is passed over.
fn text(content: &Value) -> Result<String, Skipped> {
    let parts = match content {
        Value::Null => return Ok(String::new()),
        Value::String(text) => return Ok(text.clone()),
        parts => list(parts)?,
    };
    let mut whole = String::new();
    for part in parts {
        let text = match part["type"].as_str().ok_or(Skipped::Unreadable)? {
            "text" | "input_text" | "output_text" => &part["text"],
            "refusal" => &part["refusal"],
            "thinking" | "redacted_thinking" => continue,
            kind if kind.contains("tool") => return Err(Skipped::Tools),
            _ => return Err(Skipped::Media),
        };
        whole = joined(&whole, text.as_str().ok_or(Skipped::Unreadable)?);
    }
    Ok(whole)
}

#[cfg(test)]
#[path = "export_tests.rs"]
mod tests;
