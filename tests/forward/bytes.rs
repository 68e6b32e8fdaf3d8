//! Hints stand beside what the client sent, and change none of it.

use nearhit::forward::body::Json;
use serde_json::Value;

use super::providers::Kind;
use super::replay::{TRACES, call, gateway, through, trace};

/// Requests of each trace that are compared.
const REQUESTS: usize = 12;

/// Fields at the top level that hints add.
const ADDED: [&str; 2] = ["prompt_cache_key", "prompt_cache_options"];

/// Each mark as it stands in a body, with the comma before it. A quotation mark within a text is written with a
/// backslash before it, so none of these can be a part of one.
const MARKS: [&str; 2] =
    [r#","cache_control":{"type":"ephemeral"}"#, r#","prompt_cache_breakpoint":{"mode":"explicit"}"#];

fn stripped(raw: &str) -> String {
    MARKS.iter().fold(raw.to_owned(), |raw, mark| raw.replace(mark, ""))
}

fn get<'a>(fields: &[(String, Json<'a>)], name: &str) -> Option<Json<'a>> {
    fields.iter().find(|(known, _)| known == name).map(|(_, value)| *value)
}

/// A content without the list that was put around a text to carry a mark.
fn content(sent: Json<'_>, client: Json<'_>) -> String {
    match (client.is_text(), sent.items().as_deref()) {
        (true, Some([part])) => {
            let text = part.get("text").unwrap().raw();
            assert_eq!(stripped(part.raw()), format!(r#"{{"type":"text","text":{text}}}"#));
            text.to_owned()
        }
        _ => stripped(sent.raw()),
    }
}

fn assert_same_message(sent: Json<'_>, client: Json<'_>) {
    let (sent, client) = (sent.fields().unwrap(), client.fields().unwrap());
    let names = |fields: &[(String, Json<'_>)]| fields.iter().map(|(name, _)| name.clone()).collect::<Vec<_>>();
    assert_eq!(names(&sent), names(&client));
    for ((name, sent), (_, client)) in sent.into_iter().zip(client) {
        let sent = if name == "content" { content(sent, client) } else { sent.raw().to_owned() };
        assert_eq!(sent, client.raw());
    }
}

/// Compares what the upstream got with what the client sent, part by part; gives the number of hints.
fn assert_same(sent: &[u8], client: &[u8]) -> usize {
    let raw = std::str::from_utf8(sent).unwrap();
    let (sent, client) = (Json::read(sent).unwrap().fields().unwrap(), Json::read(client).unwrap().fields().unwrap());
    for (name, client) in &client {
        let sent = get(&sent, name).unwrap();
        match (name.as_str(), sent.items(), client.items()) {
            ("messages", Some(sent), Some(client)) => {
                assert_eq!(sent.len(), client.len());
                sent.into_iter().zip(client).for_each(|(sent, client)| assert_same_message(sent, client));
            }
            ("system", ..) => assert_eq!(content(sent, *client), client.raw()),
            _ => assert_eq!(stripped(sent.raw()), client.raw(), "{name}"),
        }
    }
    let added: Vec<&str> =
        sent.iter().map(|(name, _)| name.as_str()).filter(|name| get(&client, name).is_none()).collect();
    assert!(added.iter().all(|name| ADDED.contains(name)), "{added:?}");
    added.len() + MARKS.iter().map(|mark| raw.matches(mark).count()).sum::<usize>()
}

/// A request in the ways that clients write JSON.
fn spellings(request: &Value) -> [Vec<u8>; 3] {
    let plain = request.to_string();
    // No name in a request has a space in it, so it is texts that are written in another way.
    let escaped = plain.replace("the ", "th\\u0065 ");
    assert_ne!(escaped, plain);
    [plain.into_bytes(), serde_json::to_vec_pretty(request).unwrap(), escaped.into_bytes()]
}

#[test]
fn hints_change_not_a_byte_of_tools_system_prompt_or_turns() {
    for kind in Kind::ALL {
        for name in TRACES {
            let steps: Vec<_> = trace(name, kind, 1).into_iter().take(REQUESTS).collect();
            let gateway = gateway(&serde_json::json!({}));
            // Sets the simulator up as the upstream.
            through(&gateway, kind, &steps);
            let mut hints = 0;
            for step in &steps {
                for body in spellings(&step.request) {
                    gateway.call(call(kind, body.clone(), &[("cache-control", "no-store")]));
                    hints += assert_same(&gateway.world.asked.borrow().last().unwrap().body, &body);
                }
            }
            assert_eq!(hints > 0, kind != Kind::DeepSeek, "{kind:?}, {name}: {hints}");
        }
    }
}

#[test]
fn hints_are_the_same_whatever_the_gateways_own_cache_does() {
    for kind in Kind::ALL {
        let step = trace("agent", kind, 1).swap_remove(3);
        let bodies =
            [("x-nearhit-mode", "exact"), ("x-nearhit-mode", "off"), ("cache-control", "no-store")].map(|header| {
                let gateway = gateway(&serde_json::json!({}));
                through(&gateway, kind, &[]);
                gateway.call(call(kind, step.request.to_string().into_bytes(), &[header]));
                gateway.world.asked.take().pop().unwrap().body
            });
        assert!(bodies.iter().all(|body| *body == bodies[0]), "{kind:?}");
    }
}
