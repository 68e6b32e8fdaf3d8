use std::collections::HashSet;

use proptest::prelude::*;
use serde_json::json;

use super::*;
use crate::protocol::openai_responses::samples::{events, fresh, message, outputs, record, stored, text};
use crate::protocol::openai_responses::{detached, stream};

/// The names that a replay makes anew, blanked.
fn nameless(mut response: Map<String, Value>) -> Map<String, Value> {
    for field in ["id", "created_at", "completed_at"] {
        response.insert(field.into(), Value::Null);
    }
    for item in response.get_mut("output").and_then(Value::as_array_mut).into_iter().flatten() {
        item["id"] = Value::Null;
        if item.get("call_id").is_some() {
            item["call_id"] = Value::Null;
        }
    }
    response
}

#[test]
fn a_replayed_stream_makes_the_answer_that_was_stored() {
    for output in outputs() {
        let known = stored(&output);
        assert_eq!(record(&stream(&known, &fresh(true))), Ok(known.clone()));
        let again = record(&stream(&known, &fresh(false))).unwrap();
        assert_ne!(again, known);
        assert_eq!(nameless(again), nameless(known));
    }
}

#[test]
fn a_body_and_a_stream_of_one_replay_are_one_answer() {
    for output in outputs() {
        let known = stored(&output);
        for same_ids in [true, false] {
            let body: Value = serde_json::from_slice(&body(&known, &fresh(same_ids))).unwrap();
            let (name, last) = events(&stream(&known, &fresh(same_ids))).pop().unwrap();
            assert_eq!((name.as_str(), &last["response"]), ("response.completed", &body));
        }
    }
}

/// Rebuilds the output from the events alone, as the SDKs do it.
fn accumulate(events: &[(String, Value)]) -> Vec<Value> {
    let mut output: Vec<Value> = Vec::new();
    let k = |data: &Value, name: &str| usize::try_from(data[name].as_u64().unwrap()).unwrap();
    for (name, data) in events {
        let name = name.strip_prefix("response.").unwrap();
        if data.get("output_index").is_none() {
            continue;
        }
        if name == "output_item.added" {
            assert_eq!(k(data, "output_index"), output.len());
            output.push(data["item"].clone());
            continue;
        }
        let item = &mut output[k(data, "output_index")];
        if name == "output_item.done" {
            // All but the status has been told by now.
            if item.get("status").is_some_and(Value::is_string) {
                item["status"] = data["item"]["status"].clone();
            }
            assert_eq!(item, &data["item"]);
            continue;
        }
        assert_eq!(data["item_id"], item["id"]);
        assert_eq!(data.get("summary_index").is_some(), name.contains("summary"), "{name}");
        let list = if name.contains("summary") { "summary" } else { "content" };
        let index = format!("{}_index", list);
        match name.split('.').collect::<Vec<_>>()[..] {
            ["content_part" | "reasoning_summary_part", "added"] => {
                let parts = item[list].as_array_mut().unwrap();
                assert_eq!(k(data, &index), parts.len());
                parts.push(data["part"].clone());
            }
            ["content_part" | "reasoning_summary_part", "done"] => {
                assert_eq!(item[list][k(data, &index)], data["part"])
            }
            ["output_text", "annotation", "added"] => {
                let annotations = item["content"][k(data, &index)]["annotations"].as_array_mut().unwrap();
                assert_eq!(k(data, "annotation_index"), annotations.len());
                annotations.push(data["annotation"].clone());
            }
            [kind, step] => {
                let (holder, field) = match kind {
                    "function_call_arguments" => (&mut *item, "arguments"),
                    "custom_tool_call_input" => (&mut *item, "input"),
                    "refusal" => (&mut item[list][k(data, &index)], "refusal"),
                    _ => (&mut item[list][k(data, &index)], "text"),
                };
                if step == "done" {
                    assert_eq!(data[field], holder[field]);
                    continue;
                }
                holder[field] = json!(holder[field].as_str().unwrap().to_owned() + data["delta"].as_str().unwrap());
                if kind == "output_text" && !data["logprobs"].as_array().unwrap().is_empty() {
                    holder["logprobs"] = data["logprobs"].clone();
                }
            }
            _ => unreachable!("{name}"),
        }
    }
    output
}

#[test]
fn the_deltas_alone_make_the_output_too() {
    for output in outputs() {
        for same_ids in [true, false] {
            let events = events(&stream(&stored(&output), &fresh(same_ids)));
            assert_eq!(json!(accumulate(&events)), events.last().unwrap().1["response"]["output"]);
        }
    }
}

#[test]
fn a_text_is_told_in_the_order_of_the_api() {
    let events = events(&stream(&stored(&outputs()[0]), &fresh(true)));
    let names: Vec<&str> = events.iter().map(|(name, _)| name.as_str()).collect();
    assert_eq!(
        names,
        [
            "response.created",
            "response.in_progress",
            "response.output_item.added",
            "response.content_part.added",
            "response.output_text.delta",
            "response.output_text.done",
            "response.content_part.done",
            "response.output_item.done",
            "response.completed",
        ]
    );
    for k in [0, 1] {
        let begun = &events[k].1["response"];
        assert_eq!((&begun["status"], &begun["output"]), (&json!("in_progress"), &json!([])));
        assert_eq!((&begun["usage"], &begun["completed_at"]), (&Value::Null, &Value::Null));
        assert_eq!(begun["id"], "resp_1");
    }
    assert_eq!(
        events[4].1,
        json!({"type": "response.output_text.delta", "sequence_number": 4, "item_id": "msg_1",
        "output_index": 0, "content_index": 0, "delta": "Hi.", "logprobs": []})
    );
    assert_eq!(
        events[5].1,
        json!({"type": "response.output_text.done", "sequence_number": 5, "item_id": "msg_1",
        "output_index": 0, "content_index": 0, "text": "Hi.", "logprobs": []})
    );
}

#[test]
fn every_event_has_its_name_its_type_and_the_next_number() {
    for output in outputs() {
        for (k, (name, data)) in events(&stream(&stored(&output), &fresh(false))).into_iter().enumerate() {
            assert_eq!((&data["type"], &data["sequence_number"]), (&json!(name), &json!(k)));
        }
    }
}

#[test]
fn logprobs_go_with_the_last_delta() {
    let events = events(&stream(&stored(&outputs()[6]), &fresh(false)));
    let deltas: Vec<&Value> = events
        .iter()
        .filter(|(name, _)| name == "response.output_text.delta")
        .map(|(_, data)| &data["logprobs"])
        .collect();
    let (last, others) = deltas.split_last().unwrap();
    assert!(others.len() > 1 && others.iter().all(|logprobs| **logprobs == json!([])));
    assert_eq!(last[0]["token"], "A");
}

#[test]
fn what_names_one_exchange_is_made_anew_unless_the_provider_keeps_it() {
    let known = stored(&outputs()[10]);
    let new: Value = serde_json::from_slice(&body(&known, &fresh(false))).unwrap();
    assert_eq!(new["id"], "resp_0123456789abcdef0123456789abcdef");
    assert_eq!((&new["created_at"], &new["completed_at"]), (&json!(1_700_000_000), &json!(1_700_000_000)));
    let items = new["output"].as_array().unwrap();
    for (item, prefix) in items.iter().zip(["rs_", "msg_", "fc_", "fc_", "ctc_"]) {
        let id = item["id"].as_str().unwrap();
        assert!(id.starts_with(prefix) && id.len() <= 64, "{id}");
    }
    let ids: HashSet<&str> = items.iter().filter_map(|item| item["id"].as_str()).collect();
    let calls: HashSet<&str> = items.iter().filter_map(|item| item["call_id"].as_str()).collect();
    assert_eq!((ids.len(), calls.len()), (5, 3));
    assert!(calls.iter().all(|id| id.starts_with("call_0123456789abcdef") && id.len() <= 64));
    let same: Value = serde_json::from_slice(&body(&known, &fresh(true))).unwrap();
    assert_eq!(same, Value::Object(known.clone()));
    let mut no_end = known;
    no_end.insert("completed_at".into(), Value::Null);
    let new: Value = serde_json::from_slice(&body(&no_end, &fresh(false))).unwrap();
    assert_eq!(new["completed_at"], Value::Null);
}

#[test]
fn sealed_reasoning_keeps_its_name_and_an_item_without_one_gets_one() {
    let sealed = stored(&outputs()[11]);
    let new: Value = serde_json::from_slice(&body(&sealed, &fresh(false))).unwrap();
    assert_eq!(new["output"][0]["id"], "rs_2");
    assert_ne!(new["output"][1]["id"], "msg_1");
    let mut unnamed = outputs()[0].clone();
    unnamed[0]["id"] = Value::Null;
    let new: Value = serde_json::from_slice(&body(&stored(&unnamed), &fresh(true))).unwrap();
    assert!(new["output"][0]["id"].as_str().unwrap().starts_with("msg_"));
}

#[test]
fn what_belongs_to_the_first_client_does_not_replay() {
    let out: Value = serde_json::from_slice(&body(&stored(&outputs()[0]), &fresh(true))).unwrap();
    for field in
        ["service_tier", "user", "safety_identifier", "prompt_cache_key", "billing", "prompt_cache_diagnostics"]
    {
        assert_eq!(out.get(field), None, "{field}");
    }
    assert_eq!(out["metadata"], json!({}));
    assert_eq!((&out["instructions"], &out["usage"]["total_tokens"]), (&json!("Be brief."), &json!(3)));
}

#[test]
fn an_answer_is_freed_of_what_only_its_conversation_can_use() {
    let plain = stored(&outputs()[10]);
    assert_eq!(detached(&plain), Some(plain));
    let free = detached(&stored(&outputs()[11])).unwrap();
    assert_eq!(free["output"][0], json!({"id": "rs_2", "type": "reasoning", "summary": []}));
    assert_eq!(free["output"][1], outputs()[11][1]);
    let mut deep = outputs()[11].clone();
    deep[0] = json!({"id": "rs_2", "type": "reasoning", "summary": [], "encrypted_content": null,
        "content": [{"type": "reasoning_text", "text": "x", "signature": "s"}]});
    let free = detached(&stored(&deep)).unwrap();
    assert_eq!(free["output"][0]["content"], json!([{"type": "reasoning_text", "text": "x"}]));
    for call in [8, 9] {
        let mut bound = outputs()[11].clone();
        bound[1] = outputs()[call][0].clone();
        assert_eq!(detached(&stored(&bound)), None, "a call after sealed reasoning");
        bound[0]["encrypted_content"] = Value::Null;
        assert!(detached(&stored(&bound)).is_some(), "a call after open reasoning");
    }
}

proptest! {
    #[test]
    fn any_text_survives_being_cut_into_deltas(said in "(.|\n){1,400}") {
        let known = stored(&json!([message(&json!([text(&said)]))]));
        let stream = stream(&known, &fresh(true));
        let events = events(&stream);
        prop_assert_eq!(json!(accumulate(&events)), known["output"].clone());
        prop_assert_eq!(record(&stream), Ok(known));
    }
}
