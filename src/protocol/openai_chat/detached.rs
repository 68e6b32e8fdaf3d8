//! The stored form without what binds it to its conversation.

use crate::canonical::ChatCompletion;
use crate::protocol::bound::release;

/// See [`crate::protocol::detached`].
pub fn detached(completion: &ChatCompletion) -> Option<ChatCompletion> {
    let mut free = completion.clone();
    let mut was_bound = release(&mut free.extra);
    let mut calls = false;
    for choice in &mut free.choices {
        calls |= ["tool_calls", "function_call"]
            .iter()
            .any(|name| choice.message.get(*name).is_some_and(|calls| !calls.is_null()));
        was_bound |= release(&mut choice.message) | release(&mut choice.extra);
    }
    // A provider that signs its reasoning wants it back with the results of the tools.
    if was_bound && calls { None } else { Some(free) }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::{Value, json};

    fn freed(message: Value) -> Option<Value> {
        let body = json!({"model": "m", "choices": [{"index": 0, "message": message, "finish_reason": "stop"}]});
        let stored = crate::protocol::openai_chat::read_body(body.to_string().as_bytes()).unwrap();
        detached(&stored).map(|free| Value::Object(free.choices[0].message.clone()))
    }

    #[test]
    fn what_is_signed_is_left_out_wherever_a_gateway_puts_it() {
        let plain = json!({"role": "assistant", "content": "Hi."});
        assert_eq!(freed(plain.clone()), Some(plain.clone()));
        for (field, value) in [
            ("reasoning_details", json!([{"type": "reasoning.encrypted", "data": "x"}])),
            ("thinking_blocks", json!([{"signature": "s"}])),
            ("provider_specific_fields", json!({"thinking_blocks": [{"signature": "s"}]})),
            ("extra_content", json!({"google": {"thought_signature": "s"}})),
        ] {
            let mut message = plain.clone();
            message[field] = value;
            assert_eq!(freed(message.clone()), Some(plain.clone()), "{field}");
            message["tool_calls"] = json!([{"id": "c", "function": {"name": "f", "arguments": "{}"}}]);
            assert_eq!(freed(message), None, "{field}");
        }
        let signed = json!([{"type": "reasoning", "summary": [{"text": "hm", "signature": "s"}]}]);
        assert_eq!(freed(json!({"content": signed})).unwrap()["content"][0]["summary"], json!([{"text": "hm"}]));
        let call = json!([{"id": "c", "function": {"name": "f", "arguments": "{}"}, "extra_content": {"google": 1}}]);
        assert_eq!(freed(json!({"tool_calls": call})), None);
    }
}
