//! A request as the provider's cache sees it: a sequence of tokens, with the client's hints apart.
//!
//! The rule, which is nobody's real tokeniser but is fixed and close to four characters a token:
//!
//! - Anthropic reads tools, system, messages; `OpenAI` and `DeepSeek` read tools, messages.
//! - A message begins with one token for its role (and the id of the tool call that it answers).
//! - Every block (a tool, a content part, a tool call) begins with one token for its kind. The bytes of a text follow,
//!   four to a token; of any other block the bytes of its JSON, in the order of its keys as they were sent.
//! - A string content is one text block of the same text. The APIs define the two as equal; that their caches do so as
//!   well is not documented.
//! - Hints (`cache_control`, `prompt_cache_breakpoint`) are no part of the tokens.
//! - The caller, the model and settings that change the prompt without being part of it count for the digest of all
//!   that follows them, and have no token.
//!
//! A prefix of n tokens is named by a digest of 64 bits, so equal digests stand for equal prefixes.

use serde_json::Value;

use super::{Kind, Refusal};

/// The fields that are hints.
const HINTS: [&str; 2] = ["cache_control", "prompt_cache_breakpoint"];

/// A request's tokens.
#[derive(Clone, Debug, Default)]
pub(super) struct Prompt<'a> {
    /// The digest of each prefix: of one token, of two, and so on.
    digests: Vec<u64>,
    /// The blocks in the provider's order.
    pub(super) blocks: Vec<Block<'a>>,
    /// The messages in their order.
    pub(super) messages: Vec<Message<'a>>,
}

/// What can be marked, or could be if its kind allowed it.
#[derive(Clone, Copy, Debug)]
pub(super) struct Block<'a> {
    /// How many tokens the prompt has up to its end.
    pub(super) end: usize,
    /// What it is.
    pub(super) kind: BlockKind,
    /// The hint on it.
    pub(super) hint: Option<&'a Value>,
}

/// What a block is, as far as the rules ask.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum BlockKind {
    /// The definition of a tool.
    Tool,
    /// A text, an image, a document.
    Content,
    /// A text without characters.
    EmptyText,
    /// The model's thinking.
    Thinking,
    /// The model calls a tool: a content block at Anthropic, a field of the message at `OpenAI`.
    ToolUse,
    /// What a tool gave, as a content block (Anthropic).
    ToolResult,
    /// Another field of a message.
    Field,
}

/// A message.
#[derive(Clone, Copy, Debug)]
pub(super) struct Message<'a> {
    /// Who says it.
    pub(super) role: &'a str,
    /// How many tokens the prompt has up to its end.
    pub(super) end: usize,
}

impl<'a> Prompt<'a> {
    /// Reads a request.
    ///
    /// # Errors
    /// The body has no messages.
    pub(super) fn read(kind: Kind, model: &str, caller: &str, request: &'a Value) -> Result<Self, Refusal> {
        let messages = request["messages"].as_array().ok_or(Refusal::NotARequest)?;
        let mut writer = Writer::default();
        writer.setting(caller);
        writer.setting(model);
        match kind {
            Kind::Anthropic => writer.messages_request(request, messages),
            Kind::OpenAi56 | Kind::OpenAiBefore56 | Kind::DeepSeek => writer.chat_request(request, messages),
        }
        Ok(writer.prompt)
    }

    /// How many tokens it has.
    pub(super) fn tokens(&self) -> usize {
        self.digests.len()
    }

    /// The digest of its first tokens; nothing for a prefix of none, or of more than there are.
    pub(super) fn digest(&self, tokens: usize) -> Option<u64> {
        self.digests.get(tokens.checked_sub(1)?).copied()
    }

    /// With how many tokens both begin.
    pub(super) fn shared(&self, other: &Self) -> usize {
        shared(&self.digests, &other.digests)
    }
}

/// At how many places two chains of digests are equal before they part; they never meet again.
pub(super) fn shared(one: &[u64], other: &[u64]) -> usize {
    let (mut low, mut high) = (0, one.len().min(other.len()));
    while low < high {
        let middle = low + (high - low).div_ceil(2);
        if one.get(middle - 1) == other.get(middle - 1) {
            low = middle;
        } else {
            high = middle - 1;
        }
    }
    low
}

/// One digest of several texts, each apart.
pub(super) fn digest_of(texts: &[&str]) -> u64 {
    texts.iter().fold(0, |state, text| {
        let state = mix(state, text.len() as u64);
        text.as_bytes().chunks(8).fold(state, |state, bytes| mix(state, number(bytes)))
    })
}

/// Mixes a value into a digest (the finish of `SplitMix64`): fast, and without two prefixes that meet by chance.
pub(super) fn mix(state: u64, value: u64) -> u64 {
    let mut mixed = (state.rotate_left(23) ^ value).wrapping_add(0x9e37_79b9_7f4a_7c15);
    mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    mixed ^ (mixed >> 31)
}

fn number(bytes: &[u8]) -> u64 {
    // The length keeps a short piece apart from one that ends with zero bytes.
    bytes.iter().fold(bytes.len() as u64, |number, byte| (number << 8) | u64::from(*byte))
}

#[derive(Default)]
struct Writer<'a> {
    state: u64,
    prompt: Prompt<'a>,
}

impl<'a> Writer<'a> {
    fn messages_request(&mut self, request: &'a Value, messages: &'a [Value]) {
        self.tools(request);
        self.settings(request, &["speed"]);
        if !request["system"].is_null() {
            self.token(digest_of(&["system"]));
            self.content(&request["system"]);
        }
        // They change how the messages are rendered; tools and system prompt stay what they are.
        self.settings(request, &["tool_choice", "thinking", "output_config", "output_format"]);
        for message in messages {
            let role = message["role"].as_str().unwrap_or_default();
            self.token(digest_of(&["message", role]));
            self.content(&message["content"]);
            self.end_message(role);
        }
    }

    fn chat_request(&mut self, request: &'a Value, messages: &'a [Value]) {
        self.settings(request, &["parallel_tool_calls", "response_format", "reasoning_effort", "verbosity"]);
        self.settings(request, &["service_tier"]);
        self.tools(request);
        for message in messages {
            let text = |name: &str| message[name].as_str().unwrap_or_default();
            let role = text("role");
            self.token(digest_of(&["message", role, text("tool_call_id"), text("name")]));
            self.content(&message["content"]);
            for call in message["tool_calls"].as_array().into_iter().flatten() {
                self.block(BlockKind::ToolUse, "tool_call", &bare(call), None);
            }
            for (name, value) in message.as_object().into_iter().flatten() {
                let known = ["role", "content", "tool_calls", "tool_call_id", "name"];
                if !value.is_null() && !known.contains(&name.as_str()) && !HINTS.contains(&name.as_str()) {
                    self.block(BlockKind::Field, name, &value.to_string(), None);
                }
            }
            self.end_message(role);
        }
    }

    fn tools(&mut self, request: &'a Value) {
        for tool in request["tools"].as_array().into_iter().flatten() {
            self.block(BlockKind::Tool, "tool", &bare(tool), hint(tool));
        }
    }

    fn content(&mut self, content: &'a Value) {
        if let Some(text) = content.as_str() {
            self.block(text_kind(text), "text", text, None);
        }
        for block in content.as_array().into_iter().flatten() {
            let hint = hint(block).or_else(|| block["content"].as_array().into_iter().flatten().find_map(hint));
            let kind = block["type"].as_str().unwrap_or_default();
            match (kind, block["text"].as_str()) {
                ("text", Some(text)) => self.block(text_kind(text), "text", text, hint),
                ("thinking" | "redacted_thinking", _) => self.block(BlockKind::Thinking, kind, &bare(block), hint),
                ("tool_use", _) => self.block(BlockKind::ToolUse, kind, &bare(block), hint),
                ("tool_result", _) => self.block(BlockKind::ToolResult, kind, &bare(block), hint),
                _ => self.block(BlockKind::Content, kind, &bare(block), hint),
            }
        }
    }

    fn block(&mut self, kind: BlockKind, name: &str, text: &str, hint: Option<&'a Value>) {
        self.token(digest_of(&["block", name]));
        for bytes in text.as_bytes().chunks(4) {
            self.token(number(bytes));
        }
        self.prompt.blocks.push(Block { end: self.prompt.tokens(), kind, hint });
    }

    fn end_message(&mut self, role: &'a str) {
        self.prompt.messages.push(Message { role, end: self.prompt.tokens() });
    }

    fn token(&mut self, token: u64) {
        self.state = mix(self.state, token);
        self.prompt.digests.push(self.state);
    }

    fn settings(&mut self, request: &Value, names: &[&str]) {
        for name in names.iter().filter(|name| !request[**name].is_null()) {
            self.setting(&format!("{name}={}", request[*name]));
        }
    }

    fn setting(&mut self, text: &str) {
        self.state = mix(self.state, digest_of(&["setting", text]));
    }
}

fn text_kind(text: &str) -> BlockKind {
    if text.is_empty() { BlockKind::EmptyText } else { BlockKind::Content }
}

fn hint(block: &Value) -> Option<&Value> {
    HINTS.iter().find_map(|name| block.get(name)).filter(|hint| !hint.is_null())
}

/// A block's JSON without the hints on it and on the blocks in its content.
fn bare(block: &Value) -> String {
    let mut block = block.clone();
    strip(&mut block);
    block.get_mut("content").and_then(Value::as_array_mut).into_iter().flatten().for_each(strip);
    block.to_string()
}

fn strip(block: &mut Value) {
    if let Some(fields) = block.as_object_mut() {
        HINTS.iter().for_each(|name| drop(fields.shift_remove(*name)));
    }
}

#[cfg(test)]
#[path = "prompt_tests.rs"]
mod tests;
