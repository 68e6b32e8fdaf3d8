//! The provider's own prefix cache: what of a request stays the same from one to the next, and how each provider is
//! told so. Nothing of the client's tools, system prompt or turns is changed; marks stand beside them.

pub mod anthropic;
mod bedrock;
pub mod chain;
pub mod changes;
pub mod layout;
mod marks;
pub mod openai;
pub mod spread;
pub mod tokens;

pub use chain::Chain;

use crate::cache::key::Digest;
use crate::canonical::Api;
use crate::forward::body::{Edits, Json, quoted};
use crate::forward::provider::Provider;
use crate::ports::Headers;
use anthropic::Ttl;
use changes::{Part, PartText};
use layout::Layout;
use marks::Lengths;

/// What is known about a request beside its body.
#[derive(Clone, Copy, Debug)]
pub struct Sent<'a> {
    /// Whose it is.
    pub namespace: &'a Digest,
    /// In which API it is sent.
    pub api: Api,
    /// Whom it is sent to.
    pub provider: Provider,
    /// The model that is asked for.
    pub model: &'a str,
    /// How long Anthropic's marks hold.
    pub ttl: Ttl,
    /// Whether engines that are told of tenants keep their prefixes apart.
    pub salted: bool,
    /// What the client calls the conversation.
    pub session: Option<&'a str>,
    /// Which of the keys it goes under that the requests with one prefix are spread over; see [`spread`].
    pub key: u32,
}

/// The prefix of one request.
#[derive(Clone, Debug)]
pub struct Prefix {
    /// Its digests.
    pub chain: Chain,
    /// The parts that one application's requests share, to find out what changed in them.
    pub parts: Vec<PartText>,
    /// Tokens of the whole prompt, at least.
    pub tokens: usize,
    /// Whether there are turns before the last.
    pub continues: bool,
}

impl Prefix {
    /// The prefix of a body; nothing when it is no JSON object.
    #[must_use]
    pub fn of(api: Api, model: &str, session: Option<&str>, body: &[u8]) -> Option<Self> {
        let body = Json::read(body).filter(|body| body.fields().is_some())?;
        let layout = Layout::of(api, body);
        let chain = Chain::of(api, model, &layout, session);
        let mut parts = Vec::new();
        if let Some(tools) = layout.tools {
            parts.push(PartText { part: Part::Tools, text: tools.raw().to_owned() });
        }
        let system: Vec<String> =
            layout.system.iter().map(|spot| changes::said(spot.content.unwrap_or(spot.whole))).collect();
        if !system.is_empty() {
            parts.push(PartText { part: Part::System, text: system.join("\n") });
        }
        Some(Self { chain, parts, tokens: Lengths::of(&layout).all, continues: layout.earlier() > 0 })
    }

    /// The value of `x-nearhit-prefix`: what is stable of this request, in 32 hexadecimal digits.
    #[must_use]
    pub fn header(&self) -> String {
        self.chain.stable.to_string()[..32].to_owned()
    }
}

/// What tells the provider: the body with marks in it, and further headers.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Hinted {
    /// The body.
    pub body: Vec<u8>,
    /// The headers to add, where the client has not set them.
    pub headers: Headers,
}

/// Tells the provider what its prefix cache can hold, in the provider's own words.
#[must_use]
pub fn hint(body: &[u8], prefix: &Prefix, sent: &Sent<'_>) -> Hinted {
    let Some(json) = Json::read(body).filter(|body| body.fields().is_some()) else {
        return Hinted { body: body.to_vec(), headers: Vec::new() };
    };
    // Reading it takes a while with a long conversation, and many providers need none of it.
    let layout = || Layout::of(sent.api, json);
    let (mut edits, mut headers) = (Edits::default(), vec![("x-nearhit-prefix".to_owned(), prefix.header())]);
    let mut header = |name: &str, value: String| headers.push((name.to_owned(), value));
    let named = |purpose: &str, digest: &Digest| chain::name_for(sent.namespace, purpose, digest);
    let session = named("session", &prefix.chain.session);
    let long = prefix.tokens >= openai::MINIMUM_TOKENS;
    match sent.provider {
        Provider::OpenAi | Provider::Azure if long && sent.api != Api::Messages => {
            // Azure documents the key alone.
            if sent.provider == Provider::OpenAi && openai::wants_breakpoints(sent.model) {
                openai::set_breakpoints(&mut edits, json, sent.api, &layout());
            }
            add(&mut edits, json, "prompt_cache_key", &key(prefix, sent));
        }
        Provider::Anthropic if sent.api == Api::Messages => {
            anthropic::mark(&mut edits, json, &layout(), sent.model, sent.ttl);
        }
        Provider::Mistral if long => add(&mut edits, json, "prompt_cache_key", &named("key", &prefix.chain.shared())),
        Provider::XAi if sent.api == Api::Responses => add(&mut edits, json, "prompt_cache_key", &session),
        Provider::XAi => header("x-grok-conv-id", session),
        Provider::Fireworks => {
            if long {
                add(&mut edits, json, "prompt_cache_key", &named("key", &prefix.chain.shared()));
            }
            if sent.salted {
                add(&mut edits, json, "prompt_cache_isolation_key", &named("salt", sent.namespace));
            }
            header("x-session-affinity", session);
        }
        Provider::OpenRouter => {
            if sent.api == Api::Messages {
                anthropic::mark(&mut edits, json, &layout(), sent.model, sent.ttl);
            } else if long && openai::wants_breakpoints(sent.model) {
                openai::set_breakpoints(&mut edits, json, sent.api, &layout());
            } else if sent.model.contains("claude-") && sent.api == Api::ChatCompletions {
                anthropic::mark_chat(&mut edits, json, &layout(), sent.model, sent.ttl);
            }
            add(&mut edits, json, "session_id", &session);
        }
        Provider::WorkersAi => header("x-session-affinity", session),
        Provider::Dynamo => header("x-dynamo-session-id", session),
        Provider::Vllm | Provider::Sglang | Provider::LlamaCpp => {
            if sent.provider == Provider::Vllm && sent.salted {
                add(&mut edits, json, "cache_salt", &named("salt", sent.namespace));
            }
            header("x-session-id", session);
        }
        // Automatic, or too short to be worth a word.
        _ => {}
    }
    Hinted { body: if edits.is_empty() { body.to_vec() } else { edits.apply(body) }, headers }
}

/// Marks a body of Bedrock's Converse API, which is not one of those that are read otherwise.
#[must_use]
pub fn hint_converse(body: &[u8], model: &str) -> Vec<u8> {
    bedrock::mark(body, model)
}

/// `prompt_cache_key`: one for a shared prefix, and several where that many requests a minute would overflow one. The
/// requests of one conversation keep to one of them.
fn key(prefix: &Prefix, sent: &Sent<'_>) -> String {
    let shared = chain::name_for(sent.namespace, "key", &prefix.chain.shared());
    if sent.key > 0 { format!("{shared}-{}", sent.key) } else { shared }
}

/// Adds a field, unless the client has set it.
fn add(edits: &mut Edits, body: Json<'_>, name: &str, value: &str) {
    if body.get(name).is_none() {
        edits.set_field(body, name, &quoted(value));
    }
}

#[cfg(test)]
#[path = "tests.rs"]
mod tests;
