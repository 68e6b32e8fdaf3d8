//! What is never kept, by API, and the reason that `Cache-Status` gives.

#[expect(dead_code, reason = "each test file uses a part of the world")]
mod world;

use nearhit::gateway::Call;
use serde_json::{Value, json};
use world::{Gateway, Script, chat};

const JSON: &str = "application/json";
const SSE: &str = "text/event-stream";

/// An API: its path, a request, and a good answer, whole and as the events of a stream.
struct Api {
    path: &'static str,
    request: Value,
    body: Value,
    events: Vec<Value>,
    done: &'static str,
}

fn chat_completions() -> Api {
    let choice = |message: &str| json!({"index": 0, message: {"role": "assistant", "content": "It is."}, "finish_reason": "stop"});
    Api {
        path: "/v1/chat/completions",
        request: json!({"model": "m", "messages": [{"role": "user", "content": "Is it so?"}]}),
        body: json!({"id": "c", "model": "m", "choices": [choice("message")]}),
        events: vec![json!({"id": "c", "model": "m", "choices": [choice("delta")]})],
        done: "data: [DONE]\n\n",
    }
}

fn responses() -> Api {
    let response = json!({"id": "resp_1", "object": "response", "created_at": 1, "status": "completed", "model": "m",
        "error": null, "incomplete_details": null, "output": [{"type": "message", "id": "msg_1", "role": "assistant",
        "status": "completed", "content": [{"type": "output_text", "text": "It is.", "annotations": []}]}]});
    Api {
        path: "/v1/responses",
        request: json!({"model": "m", "input": "Is it so?"}),
        body: response.clone(),
        events: vec![
            json!({"type": "response.created", "response": {"id": "resp_1", "status": "in_progress", "output": []}}),
            json!({"type": "response.completed", "response": response}),
        ],
        done: "",
    }
}

fn messages() -> Api {
    let message = |content: Value, stop: Value| {
        json!({"id": "msg_1", "type": "message", "role": "assistant", "model": "m", "content": content, "stop_reason": stop,
            "stop_sequence": null, "usage": {"input_tokens": 1, "output_tokens": 1}})
    };
    Api {
        path: "/v1/messages",
        request: json!({"model": "m", "max_tokens": 9, "messages": [{"role": "user", "content": "Is it so?"}]}),
        body: message(json!([{"type": "text", "text": "It is."}]), json!("end_turn")),
        events: vec![
            json!({"type": "message_start", "message": message(json!([]), Value::Null)}),
            json!({"type": "content_block_start", "index": 0, "content_block": {"type": "text", "text": ""}}),
            json!({"type": "content_block_delta", "index": 0, "delta": {"type": "text_delta", "text": "It is."}}),
            json!({"type": "content_block_stop", "index": 0}),
            json!({"type": "message_delta", "delta": {"stop_reason": "end_turn", "stop_sequence": null}, "usage": {"output_tokens": 3}}),
            json!({"type": "message_stop"}),
        ],
        done: "",
    }
}

impl Api {
    fn ask(&self, gateway: &Gateway, script: Script, streamed: bool) -> String {
        let mut request = self.request.clone();
        request["stream"] = json!(streamed);
        gateway.world.scripts.borrow_mut().clear();
        gateway.script(script);
        let answer = gateway.call(Call { path: self.path.into(), ..chat(&request, &[]) });
        answer.cache_status().to_owned()
    }

    fn stream(&self, change: impl Fn(String) -> String) -> Script {
        let named = |event: &Value| {
            let name = event["type"].as_str().map(|name| format!("event: {name}\n")).unwrap_or_default();
            format!("{name}data: {event}\n\n")
        };
        let text: String = self.events.iter().map(named).chain([self.done.to_owned()]).collect();
        Script::Answer(200, SSE, vec![change(text).into_bytes()])
    }

    fn whole(&self, change: impl Fn(String) -> String) -> Script {
        Script::Answer(200, JSON, vec![change(self.body.to_string()).into_bytes()])
    }

    /// The answer with a text replaced leaves no entry, whole or streamed, and a whole one says why.
    fn loses(&self, from: &str, to: &str, reason: &str) {
        assert!(self.body.to_string().contains(from), "{from}");
        let change = |text: String| text.replace(from, to);
        let gateway = Gateway::new(json!({}));
        let status = self.ask(&gateway, self.whole(change), false);
        assert_eq!(status, format!("nearhit; fwd=uri-miss; detail={reason}"), "{} {to}", self.path);
        self.ask(&gateway, self.stream(change), true);
        assert_eq!(gateway.world.entries(), 0, "{} {to}", self.path);
    }
}

#[test]
fn a_good_answer_is_kept_whole_and_streamed() {
    for api in [chat_completions(), responses(), messages()] {
        for script in [api.whole(|text| text), api.stream(|text| text)] {
            let gateway = Gateway::new(json!({}));
            let streamed = matches!(&script, Script::Answer(_, SSE, _));
            assert_eq!(api.ask(&gateway, script, streamed), "nearhit; fwd=uri-miss; stored", "{}", api.path);
            assert_eq!(gateway.world.entries(), 1, "{}", api.path);
        }
    }
}

#[test]
fn what_did_not_end_as_it_should_is_not_kept() {
    let stop = "\"finish_reason\":\"stop\"";
    for (reason, named) in
        [("length", "truncated"), ("content_filter", "content-filter"), ("tomorrow", "unreadable-answer")]
    {
        chat_completions().loses(stop, &format!("\"finish_reason\":\"{reason}\""), named);
    }
    let complete = "\"status\":\"completed\",\"model\":\"m\",\"error\":null,\"incomplete_details\":null";
    for (reason, named) in
        [("max_output_tokens", "truncated"), ("content_filter", "content-filter"), ("tomorrow", "unreadable-answer")]
    {
        let incomplete = complete
            .replace("completed", "incomplete")
            .replace("details\":null", &format!("details\":{{\"reason\":\"{reason}\"}}"));
        responses().loses(complete, &incomplete, named);
    }
    responses().loses(
        complete,
        &complete.replace("completed", "failed").replace("error\":null", "error\":{\"code\":\"x\"}"),
        "upstream-error",
    );
    responses().loses(complete, &complete.replace("completed", "in_progress"), "unreadable-answer");
    for (reason, named) in [
        ("max_tokens", "truncated"),
        ("model_context_window_exceeded", "truncated"),
        ("refusal", "refusal"),
        ("pause_turn", "pause-turn"),
        ("tomorrow", "unreadable-answer"),
    ] {
        messages().loses("\"end_turn\"", &format!("\"{reason}\""), named);
    }
}

#[test]
fn what_says_nothing_is_not_kept() {
    for api in [chat_completions(), responses(), messages()] {
        api.loses("\"It is.\"", "\"\"", "unreadable-answer");
    }
}

#[test]
fn an_error_is_not_kept_whatever_its_status() {
    for api in [chat_completions(), responses(), messages()] {
        let gateway = Gateway::new(json!({}));
        let error = json!({"type": "error", "error": {"type": "overloaded_error", "message": "x"}}).to_string();
        for status in [400, 401, 403, 404, 408, 409, 429, 500, 503, 529] {
            let script = Script::Answer(status, JSON, vec![error.clone().into_bytes()]);
            assert_eq!(api.ask(&gateway, script, false), format!("nearhit; fwd=uri-miss; fwd-status={status}"));
        }
        let script = Script::Answer(200, JSON, vec![error.clone().into_bytes()]);
        assert_eq!(api.ask(&gateway, script, false), "nearhit; fwd=uri-miss; detail=upstream-error");
        api.ask(&gateway, api.stream(|text| format!("event: error\ndata: {error}\n\n{text}")), true);
        api.ask(&gateway, Script::Answer(200, JSON, vec![b"<html>".to_vec()]), false);
        assert_eq!(gateway.world.entries(), 0, "{}", api.path);
    }
}

#[test]
fn a_stream_that_lacks_its_last_event_is_not_kept_wherever_it_ends() {
    for api in [chat_completions(), responses(), messages()] {
        let gateway = Gateway::new(json!({}));
        let Script::Answer(_, _, pieces) = api.stream(|text| text) else { unreachable!() };
        let text = pieces.concat();
        let before_its_end = text.len() - 2;
        for cut in (0..before_its_end).step_by(7).chain([before_its_end]) {
            api.ask(&gateway, Script::Answer(200, SSE, vec![text[..cut].to_vec()]), true);
            assert_eq!(gateway.world.entries(), 0, "{} ended at byte {cut}", api.path);
        }
    }
}
