//! Marks for Bedrock's Converse API: `cachePoint` items after the tools, the system prompt and the earlier messages.
//! <https://docs.aws.amazon.com/bedrock/latest/userguide/prompt-caching.html>

use super::anthropic::listed_minimum;
use super::tokens::at_least;
use crate::forward::body::{Edits, Json};

const POINT: &str = r#"{"cachePoint":{"type":"default"}}"#;

/// The body with its points, or as it was when the client has set one itself or the model is none that is known to take
/// them: Bedrock refuses the whole request for one that does not.
#[must_use]
pub(super) fn mark(body: &[u8], model: &str) -> Vec<u8> {
    let Some(json) = Json::read(body) else { return body.to_vec() };
    if json.raw().contains("\"cachePoint\"") {
        return body.to_vec();
    }
    let Some(minimum) = listed_minimum(model) else { return body.to_vec() };
    let mut edits = Edits::default();
    let mut tokens = 0;
    let mut end = |list: Option<Json<'_>>, tokens: &mut usize| {
        let Some(list) = list.filter(|list| list.items().is_some_and(|items| !items.is_empty())) else { return };
        *tokens += at_least(list.raw());
        if *tokens >= minimum {
            edits.add_last(list, POINT);
        }
    };
    end(json.get("toolConfig").and_then(|config| config.get("tools")), &mut tokens);
    end(json.get("system"), &mut tokens);
    let messages = json.get("messages").and_then(Json::items).unwrap_or_default();
    if let [earlier @ .., last, _] = messages.as_slice() {
        tokens += earlier.iter().map(|message| at_least(message.raw())).sum::<usize>();
        end(last.get("content"), &mut tokens);
    }
    if edits.is_empty() { body.to_vec() } else { edits.apply(body) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn points_stand_after_system_and_earlier_messages_and_never_beside_the_clients_own() {
        let long = "word ".repeat(4_500);
        let body = format!(
            r#"{{"system":[{{"text":"{long}"}}],"messages":[{{"role":"user","content":[{{"text":"a"}}]}},{{"role":"assistant","content":[{{"text":"b"}}]}},{{"role":"user","content":[{{"text":"c"}}]}}]}}"#
        );
        let made = String::from_utf8(mark(body.as_bytes(), "anthropic.claude-haiku-4-5-20251001-v1:0")).unwrap();
        assert_eq!(made.matches(POINT).count(), 2);
        assert_eq!(made.replace(&format!(",{POINT}"), ""), body);
        let own = body.replace(r#"{"text":"b"}"#, r#"{"text":"b"},{"cachePoint":{"type":"default"}}"#);
        assert_eq!(mark(own.as_bytes(), "anthropic.claude-haiku-4-5-20251001-v1:0"), own.as_bytes());
        assert_eq!(mark(body.as_bytes(), "meta.llama3-3-70b-instruct-v1:0"), body.as_bytes());
        assert_eq!(mark(b"no json", "x"), b"no json");
        assert_eq!(mark(br#"{"system":[{"text":"short"}]}"#, "x"), br#"{"system":[{"text":"short"}]}"#);
    }
}
