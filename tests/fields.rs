//! What is in the key: the tables in `tests/fields/` name every field of every API and say what a change of it alone
//! does to a request whose answer is there. They run through the whole gateway.
#![expect(clippy::unwrap_used, reason = "a test that cannot go on should stop")]

#[expect(dead_code, reason = "each test file uses a part of the world")]
mod world;

use nearhit::gateway::Call;
use serde_json::{Value, json};
use world::{Answer, Gateway, Script, chat, says};

/// One row: a field, its value, and what then comes of the request.
///
/// - `hit`: the field does not change the answer;
/// - `miss`: neither equal bytes nor equal meaning can answer;
/// - `exact`: the same, and from then on only equal bytes can, for the reason given;
/// - `bypass`: past the cache, for the reason given.
struct Row {
    field: String,
    value: Value,
    then: String,
    reason: String,
}

struct Table {
    path: &'static str,
    base: Value,
    rows: Vec<Row>,
    answer: fn() -> Script,
}

fn table(path: &'static str, text: &str, answer: fn() -> Script) -> Table {
    let table: Value = serde_json::from_str(text).unwrap();
    assert_eq!(table["path"], path);
    let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
    let rows = table["rows"].as_array().unwrap().iter().map(|row| Row {
        field: text(&row["field"]),
        value: row["value"].clone(),
        then: text(&row["then"]),
        reason: text(&row["reason"]),
    });
    Table { path, base: table["base"].clone(), rows: rows.collect(), answer }
}

fn whole(body: &Value) -> Script {
    Script::Answer(200, "application/json", vec![body.to_string().into_bytes()])
}

fn tables() -> Vec<Table> {
    vec![
        table("/v1/chat/completions", include_str!("fields/chat_completions.json"), || says("A monoid.")),
        table("/v1/responses", include_str!("fields/responses.json"), || {
            whole(
                &json!({"id": "resp_1", "object": "response", "created_at": 1, "status": "completed", "model": "m", "error": null,
                "output": [{"type": "message", "id": "msg_1", "role": "assistant", "status": "completed",
                    "content": [{"type": "output_text", "text": "A monoid.", "annotations": []}]}],
                "usage": {"input_tokens": 1, "output_tokens": 2, "total_tokens": 3}}),
            )
        }),
        table("/v1/messages", include_str!("fields/messages.json"), || {
            whole(
                &json!({"id": "msg_1", "type": "message", "role": "assistant", "model": "m", "stop_reason": "end_turn",
                "stop_sequence": null, "content": [{"type": "text", "text": "A monoid."}],
                "usage": {"input_tokens": 1, "output_tokens": 2}}),
            )
        }),
        table("/v1/embeddings", include_str!("fields/embeddings.json"), || {
            whole(&json!({"object": "list", "model": "m", "usage": {"prompt_tokens": 1, "total_tokens": 1},
                "data": [{"object": "embedding", "index": 0, "embedding": [0.5]}]}))
        }),
    ]
}

impl Table {
    fn ask(&self, gateway: &Gateway, body: &Value) -> (Answer, bool) {
        let before = gateway.world.asked.borrow().len();
        gateway.world.scripts.borrow_mut().clear();
        gateway.script((self.answer)());
        let answer = gateway.call(Call { path: self.path.into(), ..chat(body, &[]) });
        (answer, gateway.world.asked.borrow().len() > before)
    }

    fn check(&self, gateway: &Gateway, row: &Row) {
        let mut body = self.base.clone();
        body[&row.field] = row.value.clone();
        let (answer, asked) = self.ask(gateway, &body);
        let status = answer.cache_status();
        let name = format!("{} {} = {}: {status}", self.path, row.field, row.value);
        assert_eq!(answer.status, 200, "{name}");
        match row.then.as_str() {
            "hit" => assert!(!asked && status.ends_with("detail=exact"), "{name}"),
            "miss" => assert!(asked && status.starts_with("nearhit; fwd=uri-miss; stored"), "{name}"),
            "exact" => {
                assert_eq!(status, format!("nearhit; fwd=uri-miss; stored; detail={}", row.reason), "{name}");
                let (again, asked) = self.ask(gateway, &body);
                assert!(!asked && again.cache_status().ends_with("detail=exact"), "{name}");
            }
            "bypass" => {
                assert_eq!(status, format!("nearhit; fwd=bypass; detail={}", row.reason), "{name}");
                assert!(self.ask(gateway, &body).1, "{name}: nothing was kept either");
            }
            other => unreachable!("{name} should be {other}"),
        }
    }
}

#[test]
fn each_field_of_each_api_alone_does_what_the_table_says() {
    for table in tables() {
        let gateway = Gateway::new(json!({}));
        assert!(table.ask(&gateway, &table.base).1);
        assert!(!table.ask(&gateway, &table.base).1, "{}: the base is there", table.path);
        assert!(table.rows.len() > 10);
        for row in &table.rows {
            table.check(&gateway, row);
        }
    }
}

#[test]
fn the_same_bytes_are_not_the_same_request_to_another_api_path_query_or_upstream() {
    for table in tables() {
        let gateway = Gateway::new(json!({}));
        table.ask(&gateway, &table.base);
        for path in [
            format!("{}?api-version=2", table.path),
            format!("/anthropic{}", table.path),
            format!("/openai{}?beta=true", table.path),
        ] {
            gateway.world.scripts.borrow_mut().clear();
            gateway.script((table.answer)());
            let before = gateway.world.asked.borrow().len();
            gateway.call(Call { path: path.clone(), ..chat(&table.base, &[]) });
            let own = path == format!("/anthropic{}", table.path) && table.path == "/v1/messages";
            assert_eq!(gateway.world.asked.borrow().len() > before, !own, "{path}");
        }
    }
}
