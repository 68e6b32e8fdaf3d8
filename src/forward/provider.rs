//! Which provider an upstream is: what its prefix cache understands, and whose key it takes.

/// A provider, or the engine of a self-hosted one.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Provider {
    /// `OpenAI`.
    OpenAi,
    /// `OpenAI`'s models at Azure.
    Azure,
    /// Anthropic.
    Anthropic,
    /// Google's endpoint that speaks `OpenAI`'s API.
    Gemini,
    /// `DeepSeek`.
    DeepSeek,
    /// xAI.
    XAi,
    /// Mistral.
    Mistral,
    /// Groq.
    Groq,
    /// Fireworks.
    Fireworks,
    /// `OpenRouter`.
    OpenRouter,
    /// Amazon Bedrock.
    Bedrock,
    /// Cloudflare Workers AI.
    WorkersAi,
    /// vLLM and its routers.
    Vllm,
    /// `SGLang`.
    Sglang,
    /// llama.cpp's server.
    LlamaCpp,
    /// NVIDIA Dynamo.
    Dynamo,
    /// Some other one, of which nothing is assumed.
    Other,
}

impl Provider {
    /// Every provider, as it is written.
    pub const NAMES: [(&'static str, Self); 17] = [
        ("openai", Self::OpenAi),
        ("azure", Self::Azure),
        ("anthropic", Self::Anthropic),
        ("gemini", Self::Gemini),
        ("deepseek", Self::DeepSeek),
        ("xai", Self::XAi),
        ("mistral", Self::Mistral),
        ("groq", Self::Groq),
        ("fireworks", Self::Fireworks),
        ("openrouter", Self::OpenRouter),
        ("bedrock", Self::Bedrock),
        ("workers-ai", Self::WorkersAi),
        ("vllm", Self::Vllm),
        ("sglang", Self::Sglang),
        ("llama-cpp", Self::LlamaCpp),
        ("dynamo", Self::Dynamo),
        ("other", Self::Other),
    ];

    /// The provider as it is written.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        Self::NAMES.iter().find(|(_, provider)| *provider == self).map_or("", |(name, _)| name)
    }

    /// The provider whose public address this is.
    #[must_use]
    pub fn by_host(base_url: &str) -> Option<Self> {
        let host = base_url.split_once("://")?.1.split(['/', ':']).next()?;
        HOSTS.iter().find(|(end, _)| host == *end || host.ends_with(&format!(".{end}"))).map(|(_, provider)| *provider)
    }

    /// What an upstream is taken for when its configuration does not say: by its address, or else by its name.
    #[must_use]
    pub fn guess(name: &str, base_url: &str) -> Self {
        let named = Self::NAMES.iter().find(|(known, _)| *known == name).map(|(_, provider)| *provider);
        Self::by_host(base_url).or(named).unwrap_or(Self::Other)
    }

    /// Whether it takes `stream_options.include_usage` in Chat Completions. Of one that is not known it is not assumed: an
    /// unknown field may be an error there.
    #[must_use]
    pub fn counts_streams(self) -> bool {
        !matches!(self, Self::Anthropic | Self::Mistral | Self::Bedrock | Self::WorkersAi | Self::Other)
    }

    /// Whether it sells cheaper, slower processing to those who ask for it (`service_tier: flex`).
    /// <https://platform.openai.com/docs/guides/flex-processing>
    #[must_use]
    pub fn has_flex(self) -> bool {
        self == Self::OpenAi
    }

    /// Whether it is an engine that somebody runs for himself, behind a router that may send a session's requests to
    /// one replica.
    #[must_use]
    pub fn is_self_hosted(self) -> bool {
        matches!(self, Self::Vllm | Self::Sglang | Self::LlamaCpp | Self::Dynamo)
    }
}

/// The ends of the providers' host names.
const HOSTS: [(&str, Provider); 14] = [
    ("api.openai.com", Provider::OpenAi),
    ("openai.azure.com", Provider::Azure),
    ("services.ai.azure.com", Provider::Azure),
    ("api.anthropic.com", Provider::Anthropic),
    ("generativelanguage.googleapis.com", Provider::Gemini),
    ("aiplatform.googleapis.com", Provider::Gemini),
    ("api.deepseek.com", Provider::DeepSeek),
    ("api.x.ai", Provider::XAi),
    ("api.mistral.ai", Provider::Mistral),
    ("api.groq.com", Provider::Groq),
    ("api.fireworks.ai", Provider::Fireworks),
    ("openrouter.ai", Provider::OpenRouter),
    ("amazonaws.com", Provider::Bedrock),
    ("api.cloudflare.com", Provider::WorkersAi),
];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_provider_is_known_by_its_address_and_else_by_its_name() {
        for (name, url, provider) in [
            ("openai", "http://127.0.0.1:1/v1", Provider::OpenAi),
            ("openai", "https://api.groq.com/openai/v1", Provider::Groq),
            ("eu", "https://x.openai.azure.com/openai/v1", Provider::Azure),
            ("vllm", "http://10.0.0.1:8000/v1", Provider::Vllm),
            ("mine", "http://10.0.0.1:8000/v1", Provider::Other),
            ("mine", "https://api.openai.com.evil.example/v1", Provider::Other),
            ("bedrock", "https://bedrock-runtime.eu-west-1.amazonaws.com", Provider::Bedrock),
        ] {
            assert_eq!(Provider::guess(name, url), provider, "{name} {url}");
        }
    }
}
