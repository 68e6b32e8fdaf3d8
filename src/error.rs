//! Why a client gets no answer from nearhit itself: who is to blame, the status, and whether trying again may help.
//! An upstream's own error is not one of these: it goes to the client as it came.

use crate::forward::translate::refusal::CannotCarry;
use crate::ledger::budget::Refusal;

/// Who has to act before the request can succeed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Blame {
    /// The request is wrong.
    Client,
    /// The operator's configuration is wrong.
    Operator,
    /// The upstream did not answer.
    Upstream,
}

/// One failed request.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Failure {
    /// Who has to act.
    pub blame: Blame,
    /// HTTP status.
    pub status: u16,
    /// A stable machine-readable name, `error.code` on the wire.
    pub code: &'static str,
    /// What was wrong, where, and what to do.
    pub message: String,
    /// The field that is wrong, as a path (`messages[2].content`).
    pub param: Option<String>,
    /// Whether the same request may succeed later.
    pub retryable: bool,
    /// Headers that say more.
    pub headers: Vec<(&'static str, String)>,
}

impl Failure {
    /// One that no field of the request is to blame for, and that trying again does not mend.
    fn new(blame: Blame, status: u16, code: &'static str, message: impl Into<String>) -> Self {
        Self { blame, status, code, message: message.into(), param: None, retryable: false, headers: Vec::new() }
    }

    /// A request with a wrong field: 400.
    #[must_use]
    pub fn bad_field(param: impl Into<String>, message: impl Into<String>) -> Self {
        Self { param: Some(param.into()), ..Self::new(Blame::Client, 400, "invalid_value", message) }
    }

    /// A tenant under caps asks for text by a path on which they cannot be set: 400.
    #[must_use]
    pub fn cannot_cap(path: &str) -> Self {
        let what = "cannot be held to the caps that its caller is under. Use /v1/chat/completions, /v1/responses or \
                    /v1/messages.";
        Self::new(Blame::Client, 400, "cannot_cap", format!("A request to /v1{path} {what}"))
    }

    /// A body that is not JSON at all: 400.
    #[must_use]
    pub fn bad_json(why: &str) -> Self {
        Self::new(
            Blame::Client,
            400,
            "invalid_json",
            format!("The request body is not valid JSON: {why}. Send one JSON object."),
        )
    }

    /// A body over the configured limit: 413.
    #[must_use]
    pub fn too_large(limit_bytes: usize) -> Self {
        Self::new(
            Blame::Client,
            413,
            "request_too_large",
            format!(
                "The request body is larger than {limit_bytes} bytes, the limit set by NEARHIT_LIMITS.max_body_bytes."
            ),
        )
    }

    /// A method that is none of HTTP's common ones: 405.
    #[must_use]
    pub fn unknown_method(method: &str) -> Self {
        Self::new(
            Blame::Client,
            405,
            "method_not_allowed",
            format!("The method '{method}' is not forwarded. Use GET, HEAD, POST, PUT, PATCH, DELETE or OPTIONS."),
        )
    }

    /// A path of the admin API by another method: 405, with those that there are (RFC 9110 section 15.5.6).
    #[must_use]
    pub fn not_allowed(message: String, allowed: &[&str]) -> Self {
        Self {
            headers: vec![("allow", allowed.join(", "))],
            ..Self::new(Blame::Client, 405, "method_not_allowed", message)
        }
    }

    /// There is one of that name already: 409.
    #[must_use]
    pub fn already_exists(param: &str, message: String) -> Self {
        Self { param: Some(param.to_owned()), ..Self::new(Blame::Client, 409, "already_exists", message) }
    }

    /// A credential that is not accepted: 401. It says nothing about why.
    #[must_use]
    pub fn unauthorized() -> Self {
        Self::new(
            Blame::Client,
            401,
            "invalid_api_key",
            "The API key is missing, unknown or revoked. Send a token (nh_...) that the operator of this \
                      proxy gave you, as the SDK's API key.",
        )
    }

    /// An admin token that is not accepted: 401. It says nothing about why.
    #[must_use]
    pub fn unauthorized_admin() -> Self {
        Self {
            message:
                "The admin token is missing or wrong. Send the value of the Worker's NEARHIT_ADMIN_TOKEN as a bearer \
                      token."
                    .into(),
            ..Self::unauthorized()
        }
    }

    /// What a tenant needs is not there: 500, for the operator.
    #[must_use]
    pub fn no_provider_key(message: String) -> Self {
        Self::new(Blame::Operator, 500, "no_provider_key", message)
    }

    /// The tenants cannot be asked, so nobody can be let in: 503.
    #[must_use]
    pub fn tenants_unavailable() -> Self {
        Self {
            retryable: true,
            ..Self::new(
                Blame::Operator,
                503,
                "tenants_unavailable",
                "The token could not be checked at the moment. Try again.",
            )
        }
    }

    /// The shards could not be asked: 503.
    #[must_use]
    pub fn shards_unavailable() -> Self {
        Self {
            retryable: true,
            ..Self::new(
                Blame::Operator,
                503,
                "shards_unavailable",
                "The cache could not be asked at the moment. Try again.",
            )
        }
    }

    /// There is no such thing: 404.
    #[must_use]
    pub fn not_found(message: String) -> Self {
        Self::new(Blame::Client, 404, "not_found", message)
    }

    /// A tenant whose exchanges may not be exported: 403.
    #[must_use]
    pub fn export_off(tenant: &str) -> Self {
        Self {
            param: Some("tenant".into()),
            ..Self::new(
                Blame::Client,
                403,
                "export_off",
                format!(
                    "The tenant '{tenant}' has not opted in to export. PUT {{\"export\": true}} to /admin/v1/tenants/{tenant}; \
                 what is stored from then on can be exported."
                ),
            )
        }
    }

    /// A path that names an upstream that is not configured: 400.
    #[must_use]
    pub fn unknown_upstream(name: &str, known: &[&str]) -> Self {
        Self {
            param: Some("upstream".into()),
            ..Self::new(
                Blame::Client,
                400,
                "unknown_upstream",
                format!("No upstream is named '{name}'. Configured upstreams: {}.", known.join(", ")),
            )
        }
    }

    /// A path that leads nowhere: 404.
    #[must_use]
    pub fn unknown_path(path: &str, known: &[&str]) -> Self {
        let upstreams = known.join(", ");
        Self::not_found(format!(
            "Nothing is at '{path}'. Paths start with /v1/ or /<upstream>/v1/; configured upstreams: {upstreams}."
        ))
    }

    /// `only-if-cached` and nothing cached: 504, not to be retried (RFC 9111 section 5.2.1.7).
    #[must_use]
    pub fn not_cached() -> Self {
        Self::new(
            Blame::Client,
            504,
            "not_cached",
            "The request says `Cache-Control: only-if-cached` and no stored answer matches it.",
        )
    }

    /// The model in the isolate was asked and cannot answer: 503.
    #[must_use]
    pub fn model_unavailable(why: &str) -> Self {
        Self::new(
            Blame::Operator,
            503,
            "model_unavailable",
            format!("The embedding model of this Worker cannot answer: {why}"),
        )
    }

    /// The upstream could not be reached: 502.
    #[must_use]
    pub fn unreachable(upstream: &str, why: &str) -> Self {
        Self {
            retryable: true,
            ..Self::new(
                Blame::Upstream,
                502,
                "upstream_unreachable",
                format!("The upstream '{upstream}' could not be reached: {why}"),
            )
        }
    }

    /// The upstream's answer did not begin in time: 504.
    #[must_use]
    pub fn timed_out(upstream: &str, secs: u64) -> Self {
        Self {
            retryable: true,
            ..Self::new(
                Blame::Upstream,
                504,
                "upstream_timeout",
                format!(
                    "The upstream '{upstream}' did not begin to answer within {secs} seconds, the limit set by \
                 NEARHIT_LIMITS.first_byte_secs."
                ),
            )
        }
    }

    /// No upstream of the route can do what the request asks for: 400, with what each of them cannot.
    #[must_use]
    pub fn cannot_carry(refusals: &[(String, CannotCarry)]) -> Self {
        let lines: Vec<String> = refusals.iter().map(|(leg, refusal)| format!("{leg}: {refusal}")).collect();
        let message = format!("No model of this route can do what the request asks for. {}", lines.join(" "));
        Self {
            param: refusals.first().map(|(_, refusal)| refusal.field.clone()),
            ..Self::new(Blame::Client, 400, "cannot_carry", message)
        }
    }

    /// A hard limit is reached: 429 (RFC 6585 section 4), with the limit's name.
    #[must_use]
    pub fn over_budget(refusal: &Refusal) -> Self {
        let mut headers = vec![("x-nearhit-budget", format!("{};state={}", refusal.budget, refusal.state()))];
        headers.extend(refusal.retry_after_secs.map(|secs| ("retry-after", secs.to_string())));
        let code = if refusal.is_rate() { "rate_limited" } else { "budget_exceeded" };
        Self {
            // What is spent stays spent: the SDKs' retries would only cost time.
            retryable: refusal.may_pass(),
            headers,
            ..Self::new(Blame::Client, 429, code, refusal.to_string())
        }
    }

    /// The ledger with the budgets cannot be asked, and a limit that nobody checks would not hold: 503.
    #[must_use]
    pub fn budgets_unavailable() -> Self {
        Self {
            retryable: true,
            ..Self::new(
                Blame::Operator,
                503,
                "budgets_unavailable",
                "The budgets could not be asked at the moment. Try again.",
            )
        }
    }

    /// Too many wrong admin tokens from one address: 429.
    #[must_use]
    pub fn too_many_attempts(wait_secs: u64) -> Self {
        Self {
            headers: vec![("retry-after", wait_secs.to_string())],
            ..Self::new(
                Blame::Client,
                429,
                "too_many_attempts",
                "Too many wrong tokens from this address. Wait as long as retry-after says.",
            )
        }
    }

    /// The status of a request whose client went away, as nginx calls it.
    pub const CLIENT_GONE: u16 = 499;

    /// The client went away before it had an answer: 499, as nginx calls it. Nobody reads it.
    #[must_use]
    pub fn client_gone() -> Self {
        Self::new(
            Blame::Client,
            Self::CLIENT_GONE,
            "client_gone",
            "The client closed the connection before it had an answer.",
        )
    }

    /// The configuration has mistakes: 500, with every one of them.
    #[must_use]
    pub fn misconfigured(mistakes: &[crate::config::Mistake]) -> Self {
        let lines: Vec<String> = mistakes.iter().map(ToString::to_string).collect();
        Self {
            param: mistakes.first().map(|mistake| mistake.path.clone()),
            ..Self::new(
                Blame::Operator,
                500,
                "misconfigured",
                format!("nearhit's configuration has {} mistake(s): {}", lines.len(), lines.join("; ")),
            )
        }
    }

    /// OpenAI's `error.type` for this failure.
    #[must_use]
    pub fn openai_type(&self) -> &'static str {
        match self.blame {
            Blame::Client if self.code == "budget_exceeded" => "insufficient_quota",
            Blame::Client if self.status == 429 => "rate_limit_error",
            Blame::Client => "invalid_request_error",
            Blame::Operator => "server_error",
            Blame::Upstream => "upstream_error",
        }
    }
}
