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
    /// A request with a wrong field: 400.
    #[must_use]
    pub fn bad_field(param: impl Into<String>, message: impl Into<String>) -> Self {
        Self {
            blame: Blame::Client,
            status: 400,
            code: "invalid_value",
            message: message.into(),
            param: Some(param.into()),
            retryable: false,
            headers: Vec::new(),
        }
    }

    /// A body that is not JSON at all: 400.
    #[must_use]
    pub fn bad_json(why: &str) -> Self {
        Self {
            blame: Blame::Client,
            status: 400,
            code: "invalid_json",
            message: format!("The request body is not valid JSON: {why}. Send one JSON object."),
            param: None,
            retryable: false,
            headers: Vec::new(),
        }
    }

    /// A body over the configured limit: 413.
    #[must_use]
    pub fn too_large(limit_bytes: usize) -> Self {
        Self {
            blame: Blame::Client,
            status: 413,
            code: "request_too_large",
            message: format!(
                "The request body is larger than {limit_bytes} bytes, the limit set by NEARHIT_LIMITS.max_body_bytes."
            ),
            param: None,
            retryable: false,
            headers: Vec::new(),
        }
    }

    /// A method that is none of HTTP's common ones: 405.
    #[must_use]
    pub fn unknown_method(method: &str) -> Self {
        Self {
            blame: Blame::Client,
            status: 405,
            code: "method_not_allowed",
            message: format!(
                "The method '{method}' is not forwarded. Use GET, HEAD, POST, PUT, PATCH, DELETE or OPTIONS."
            ),
            param: None,
            retryable: false,
            headers: Vec::new(),
        }
    }

    /// A path of the admin API by another method: 405, with those that there are (RFC 9110 section 15.5.6).
    #[must_use]
    pub fn not_allowed(message: String, allowed: &[&str]) -> Self {
        Self {
            blame: Blame::Client,
            status: 405,
            code: "method_not_allowed",
            message,
            param: None,
            retryable: false,
            headers: vec![("allow", allowed.join(", "))],
        }
    }

    /// There is one of that name already: 409.
    #[must_use]
    pub fn already_exists(param: &str, message: String) -> Self {
        Self {
            blame: Blame::Client,
            status: 409,
            code: "already_exists",
            message,
            param: Some(param.to_owned()),
            retryable: false,
            headers: Vec::new(),
        }
    }

    /// A credential that is not accepted: 401. It says nothing about why.
    #[must_use]
    pub fn unauthorized() -> Self {
        Self {
            blame: Blame::Client,
            status: 401,
            code: "invalid_api_key",
            message: "The API key is missing, unknown or revoked. Send a token (nh_...) that the operator of this \
                      proxy gave you, as the SDK's API key."
                .into(),
            param: None,
            retryable: false,
            headers: Vec::new(),
        }
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
        Self {
            blame: Blame::Operator,
            status: 500,
            code: "no_provider_key",
            message,
            param: None,
            retryable: false,
            headers: Vec::new(),
        }
    }

    /// The tenants cannot be asked, so nobody can be let in: 503.
    #[must_use]
    pub fn tenants_unavailable() -> Self {
        Self {
            blame: Blame::Operator,
            status: 503,
            code: "tenants_unavailable",
            message: "The token could not be checked at the moment. Try again.".into(),
            param: None,
            retryable: true,
            headers: Vec::new(),
        }
    }

    /// The shards could not be asked: 503.
    #[must_use]
    pub fn shards_unavailable() -> Self {
        Self {
            blame: Blame::Operator,
            status: 503,
            code: "shards_unavailable",
            message: "The cache could not be asked at the moment. Try again.".into(),
            param: None,
            retryable: true,
            headers: Vec::new(),
        }
    }

    /// There is no such thing: 404.
    #[must_use]
    pub fn not_found(message: String) -> Self {
        Self {
            blame: Blame::Client,
            status: 404,
            code: "not_found",
            message,
            param: None,
            retryable: false,
            headers: Vec::new(),
        }
    }

    /// A tenant whose exchanges may not be exported: 403.
    #[must_use]
    pub fn export_off(tenant: &str) -> Self {
        Self {
            blame: Blame::Client,
            status: 403,
            code: "export_off",
            message: format!(
                "The tenant '{tenant}' has not opted in to export. PUT {{\"export\": true}} to /admin/v1/tenants/{tenant}; \
                 what is stored from then on can be exported."
            ),
            param: Some("tenant".into()),
            retryable: false,
            headers: Vec::new(),
        }
    }

    /// A path that names an upstream that is not configured: 400.
    #[must_use]
    pub fn unknown_upstream(name: &str, known: &[&str]) -> Self {
        Self {
            blame: Blame::Client,
            status: 400,
            code: "unknown_upstream",
            message: format!("No upstream is named '{name}'. Configured upstreams: {}.", known.join(", ")),
            param: Some("upstream".into()),
            retryable: false,
            headers: Vec::new(),
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
        Self {
            blame: Blame::Client,
            status: 504,
            code: "not_cached",
            message: "The request says `Cache-Control: only-if-cached` and no stored answer matches it.".into(),
            param: None,
            retryable: false,
            headers: Vec::new(),
        }
    }

    /// The model in the isolate was asked and cannot answer: 503.
    #[must_use]
    pub fn model_unavailable(why: &str) -> Self {
        Self {
            blame: Blame::Operator,
            status: 503,
            code: "model_unavailable",
            message: format!("The embedding model of this Worker cannot answer: {why}"),
            param: None,
            retryable: false,
            headers: Vec::new(),
        }
    }

    /// The upstream could not be reached: 502.
    #[must_use]
    pub fn unreachable(upstream: &str, why: &str) -> Self {
        Self {
            blame: Blame::Upstream,
            status: 502,
            code: "upstream_unreachable",
            message: format!("The upstream '{upstream}' could not be reached: {why}"),
            param: None,
            retryable: true,
            headers: Vec::new(),
        }
    }

    /// The upstream's answer did not begin in time: 504.
    #[must_use]
    pub fn timed_out(upstream: &str, secs: u64) -> Self {
        Self {
            blame: Blame::Upstream,
            status: 504,
            code: "upstream_timeout",
            message: format!(
                "The upstream '{upstream}' did not begin to answer within {secs} seconds, the limit set by \
                 NEARHIT_LIMITS.first_byte_secs."
            ),
            param: None,
            retryable: true,
            headers: Vec::new(),
        }
    }

    /// No upstream of the route can do what the request asks for: 400, with what each of them cannot.
    #[must_use]
    pub fn cannot_carry(refusals: &[(String, CannotCarry)]) -> Self {
        let lines: Vec<String> = refusals.iter().map(|(leg, refusal)| format!("{leg}: {refusal}")).collect();
        let message = format!("No model of this route can do what the request asks for. {}", lines.join(" "));
        Self {
            blame: Blame::Client,
            status: 400,
            code: "cannot_carry",
            message,
            param: refusals.first().map(|(_, refusal)| refusal.field.clone()),
            retryable: false,
            headers: Vec::new(),
        }
    }

    /// A hard limit is reached: 429 (RFC 6585 section 4), with the limit's name.
    #[must_use]
    pub fn over_budget(refusal: &Refusal) -> Self {
        let mut headers = vec![("x-nearhit-budget", format!("{};state={}", refusal.budget, refusal.state()))];
        headers.extend(refusal.retry_after_secs.map(|secs| ("retry-after", secs.to_string())));
        let code = if refusal.is_rate() { "rate_limited" } else { "budget_exceeded" };
        Self {
            blame: Blame::Client,
            status: 429,
            code,
            message: refusal.to_string(),
            param: None,
            // What is spent stays spent: the SDKs' retries would only cost time.
            retryable: refusal.may_pass(),
            headers,
        }
    }

    /// The ledger with the budgets cannot be asked, and a limit that nobody checks would not hold: 503.
    #[must_use]
    pub fn budgets_unavailable() -> Self {
        Self {
            blame: Blame::Operator,
            status: 503,
            code: "budgets_unavailable",
            message: "The budgets could not be asked at the moment. Try again.".into(),
            param: None,
            retryable: true,
            headers: Vec::new(),
        }
    }

    /// Too many wrong admin tokens from one address: 429.
    #[must_use]
    pub fn too_many_attempts(wait_secs: u64) -> Self {
        Self {
            blame: Blame::Client,
            status: 429,
            code: "too_many_attempts",
            message: "Too many wrong tokens from this address. Wait as long as retry-after says.".into(),
            param: None,
            retryable: false,
            headers: vec![("retry-after", wait_secs.to_string())],
        }
    }

    /// The client went away before it had an answer: 499, as nginx calls it. Nobody reads it.
    #[must_use]
    pub fn client_gone() -> Self {
        Self {
            blame: Blame::Client,
            status: 499,
            code: "client_gone",
            message: "The client closed the connection before it had an answer.".into(),
            param: None,
            retryable: false,
            headers: Vec::new(),
        }
    }

    /// The configuration has mistakes: 500, with every one of them.
    #[must_use]
    pub fn misconfigured(mistakes: &[crate::config::Mistake]) -> Self {
        let lines: Vec<String> = mistakes.iter().map(ToString::to_string).collect();
        Self {
            blame: Blame::Operator,
            status: 500,
            code: "misconfigured",
            message: format!("nearhit's configuration has {} mistake(s): {}", lines.len(), lines.join("; ")),
            param: mistakes.first().map(|mistake| mistake.path.clone()),
            retryable: false,
            headers: Vec::new(),
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
