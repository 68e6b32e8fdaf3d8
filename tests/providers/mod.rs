//! Providers' prompt (prefix) caches, simulated after their published rules: what a proxy's cache hints are worth can
//! then be measured without a provider.
//!
//! ```text
//! request ──▶ prompt      a request as tokens, in the provider's order, with the hints apart
//!               │
//!             anthropic   openai   openai_earlier   deepseek     what is read, what is written, what is refused
//!               │
//!             held        which prefixes are held, from when until when
//!               │
//!             Billed ──▶ bodies    the API's own answer, usage in its own spelling
//!
//! traces ──▶ ideal        what the rules allow at best for a sequence of requests
//! ```
//!
//! Rules and prices are those of November 2026:
//! <https://platform.claude.com/docs/en/build-with-claude/prompt-caching>,
//! <https://developers.openai.com/api/docs/guides/prompt-caching>, <https://api-docs.deepseek.com/guides/kv_cache>.
//! Where a vendor leaves something open, the code says so and takes the reading that gives hints less credit.

pub(crate) mod ideal;
pub(crate) mod traces;

mod anthropic;
mod bodies;
mod deepseek;
mod held;
mod openai;
mod openai_earlier;
mod prompt;
mod prose;
mod prose_support;
mod tools;

use std::fmt;

use serde_json::Value;

use prompt::Prompt;

/// Milliseconds from a request's start until its response begins. What it wrote can be read by others from then on.
/// Anthropic documents that rule; for the others it is assumed, for nobody can read what has not been computed yet.
pub(crate) const BEGINS_MS: u64 = 500;

/// Whose rules apply.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Kind {
    /// Anthropic's Messages API: `cache_control` marks.
    Anthropic,
    /// OpenAI's Chat Completions API with GPT-5.6 or a later model: breakpoints.
    OpenAi56,
    /// OpenAI's Chat Completions API with an earlier model: automatic, per machine.
    OpenAiBefore56,
    /// DeepSeek's Chat Completions API: automatic, in prefix units.
    DeepSeek,
}

impl Kind {
    /// All of them.
    pub(crate) const ALL: [Self; 4] = [Self::Anthropic, Self::OpenAi56, Self::OpenAiBefore56, Self::DeepSeek];

    /// What input tokens of a model cost.
    pub(crate) fn price(self, model: &str) -> Price {
        let flat = |read_milli| Price { read_milli, write_milli: 1_000, write_hour_milli: 1_000 };
        match self {
            Self::Anthropic => {
                Price { read_milli: anthropic::read_milli(model), write_milli: 1_250, write_hour_milli: 2_000 }
            }
            Self::OpenAi56 => {
                Price { read_milli: openai::read_milli(model), write_milli: 1_250, write_hour_milli: 1_250 }
            }
            Self::OpenAiBefore56 => flat(openai_earlier::read_milli(model)),
            Self::DeepSeek => flat(100),
        }
    }
}

/// What a token costs, in thousandths of the model's price of an input token.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Price {
    /// A token that was read from the cache.
    pub(crate) read_milli: u64,
    /// A token that was written for the shortest time there is. A write replaces the plain price, it is not
    /// added to it.
    pub(crate) write_milli: u64,
    /// A token that was written for an hour.
    pub(crate) write_hour_milli: u64,
}

/// Input tokens of one request, and what they cost. The four parts add up to `input_tokens`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Billed {
    /// All of them.
    pub(crate) input_tokens: u64,
    /// Read from the cache.
    pub(crate) cached_tokens: u64,
    /// Written at 1.25 times the price: Anthropic's five minutes, `OpenAI`'s thirty.
    pub(crate) written_tokens_5m: u64,
    /// Written for an hour at twice the price, Anthropic's alone.
    pub(crate) written_tokens_1h: u64,
    /// Neither read nor written at a price of its own.
    pub(crate) uncached_tokens: u64,
    /// The whole input's cost, in thousandths of the price of one input token.
    pub(crate) cost_milli: u64,
}

impl Billed {
    /// Puts a price on prefix lengths: the first `read` tokens were read, those up to `hour` written for an hour, those
    /// up to `written` for a shorter time.
    fn of(price: Price, input: usize, read: usize, hour: usize, written: usize) -> Self {
        let tokens = |to: usize, from: usize| to.saturating_sub(from) as u64;
        let (cached, written_1h) = (tokens(read, 0), tokens(hour, read));
        let (written_5m, uncached) = (tokens(written, hour.max(read)), tokens(input, written.max(hour).max(read)));
        Self {
            input_tokens: input as u64,
            cached_tokens: cached,
            written_tokens_5m: written_5m,
            written_tokens_1h: written_1h,
            uncached_tokens: uncached,
            cost_milli: cached * price.read_milli
                + written_5m * price.write_milli
                + written_1h * price.write_hour_milli
                + uncached * 1_000,
        }
    }
}

/// Why a request is answered with status 400.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Refusal {
    /// The body has no messages.
    NotARequest,
    /// More than four blocks are marked.
    TooManyMarks,
    /// Four blocks are marked and the top level asks for an automatic mark.
    NoSlotForAutomatic,
    /// The top level asks for another ttl than the mark of the last block.
    AutomaticTtlDiffers,
    /// A mark of an hour stands after one of five minutes.
    HourAfterFiveMinutes,
    /// A mark is not `{"type":"ephemeral"}` with a ttl of `5m` or `1h`.
    UnknownMark,
    /// A text without characters is marked.
    MarkOnEmptyText,
    /// A thinking block is marked.
    MarkOnThinking,
    /// A breakpoint stands on a tool, a message or the request, not on a content part.
    BreakpointOutsideContent,
    /// A breakpoint is not `{"mode":"explicit"}`.
    UnknownBreakpoint,
    /// `prompt_cache_options` has a mode or a ttl that does not exist.
    UnknownCacheOption,
    /// `prompt_cache_retention` and `prompt_cache_options.ttl` came together.
    RetentionWithTtl,
    /// Breakpoints or `prompt_cache_options` for a model before GPT-5.6.
    BreakpointsUnsupported,
}

impl Refusal {
    /// The refusal's name.
    pub(crate) fn as_str(self) -> &'static str {
        match self {
            Self::NotARequest => "not-a-request",
            Self::TooManyMarks => "too-many-marks",
            Self::NoSlotForAutomatic => "no-slot-for-automatic",
            Self::AutomaticTtlDiffers => "automatic-ttl-differs",
            Self::HourAfterFiveMinutes => "hour-after-five-minutes",
            Self::UnknownMark => "unknown-mark",
            Self::MarkOnEmptyText => "mark-on-empty-text",
            Self::MarkOnThinking => "mark-on-thinking",
            Self::BreakpointOutsideContent => "breakpoint-outside-content",
            Self::UnknownBreakpoint => "unknown-breakpoint",
            Self::UnknownCacheOption => "unknown-cache-option",
            Self::RetentionWithTtl => "retention-with-ttl",
            Self::BreakpointsUnsupported => "breakpoints-unsupported",
        }
    }
}

impl fmt::Display for Refusal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// One provider with its prefix cache, empty at first.
#[derive(Clone, Debug)]
pub(crate) struct Provider {
    kind: Kind,
    model: String,
    cache: Cache,
    now_ms: u64,
}

#[derive(Clone, Debug)]
enum Cache {
    Anthropic(anthropic::Cache),
    OpenAi56(openai::Cache),
    OpenAiBefore56(openai_earlier::Cache),
    DeepSeek(deepseek::Cache),
}

impl Provider {
    /// A provider that has seen nothing yet. `model` is the one of requests that name none.
    pub(crate) fn new(kind: Kind, model: &str) -> Self {
        let cache = match kind {
            Kind::Anthropic => Cache::Anthropic(anthropic::Cache::default()),
            Kind::OpenAi56 => Cache::OpenAi56(openai::Cache::default()),
            Kind::OpenAiBefore56 => Cache::OpenAiBefore56(openai_earlier::Cache::default()),
            Kind::DeepSeek => Cache::DeepSeek(deepseek::Cache::default()),
        };
        Self { kind, model: model.to_owned(), cache, now_ms: 0 }
    }

    /// Takes a request that starts at `now_ms`, and says what its input costs. Requests must come in the order of their
    /// starts. Of the headers, only those that name the caller count: nobody reads what another wrote.
    ///
    /// # Errors
    /// What the API answers with status 400. A refused request leaves no trace in the cache.
    pub(crate) fn answer(
        &mut self,
        request: &Value,
        headers: &[(String, String)],
        now_ms: u64,
    ) -> Result<Billed, Refusal> {
        let model = request["model"].as_str().unwrap_or(&self.model).to_owned();
        let prompt = Prompt::read(self.kind, &model, &caller(headers), request)?;
        let price = self.kind.price(&model);
        self.now_ms = now_ms;
        match &mut self.cache {
            Cache::Anthropic(cache) => cache.answer(&prompt, request, &model, price, now_ms),
            Cache::OpenAi56(cache) => cache.answer(&prompt, request, price, now_ms),
            Cache::OpenAiBefore56(cache) => cache.answer(&prompt, request, price, now_ms),
            Cache::DeepSeek(cache) => Ok(cache.answer(&prompt, price, now_ms)),
        }
    }

    /// The API's body for an answer that says `text`, with the usage in the provider's own spelling.
    pub(crate) fn completion(&self, request: &Value, billed: Billed, text: &str) -> Value {
        let model = request["model"].as_str().unwrap_or(&self.model);
        bodies::completion(self.kind, model, billed, text, self.now_ms)
    }
}

/// Who calls, from the headers.
fn caller(headers: &[(String, String)]) -> String {
    let names = ["authorization", "x-api-key"];
    let values = headers.iter().filter(|(name, _)| names.iter().any(|known| name.eq_ignore_ascii_case(known)));
    values.map(|(_, value)| value.as_str()).collect::<Vec<_>>().join("\n")
}

#[cfg(test)]
mod cases;

#[cfg(test)]
#[path = "provider_tests.rs"]
mod tests;
