//! What an operator finds, reads and deletes of what is stored.
#![expect(clippy::unwrap_used, reason = "a test that cannot go on should stop")]

#[expect(dead_code, reason = "each test file uses a part of the world")]
mod world;

use futures_util::FutureExt;
use nearhit::gateway::Call;
use nearhit::ports::Shards;
use serde_json::{Value, json};
use world::{Answer, Gate, Gateway, Script, admin, chat, question, says};

const LAMP: &str = "What is a good lamp?";
const CHAIR: &str = "Where are chairs made?";

fn one_shard() -> Gateway {
    Gateway::new(json!({"NEARHIT_CACHE": {"shards": 1}}))
}

/// A tenant with a token, as a header.
fn tenant(gateway: &Gateway, name: &str) -> (&'static str, String) {
    gateway.world.secrets.borrow_mut().insert("KEY".into(), "sk-tenant".into());
    admin(gateway, "PUT", &format!("tenants/{name}"), &json!({"keys": {"openai": "KEY"}}));
    let made = admin(gateway, "POST", &format!("tenants/{name}/tokens"), &Value::Null).json();
    ("authorization", format!("Bearer {}", made["token"].as_str().unwrap()))
}

/// Stores an answer to a text; returns the entry's id.
fn store(gateway: &Gateway, text: &str, headers: &[(&str, &str)]) -> String {
    let answer = gateway.script(says(&format!("About: {text}"))).ask_with(text, headers);
    assert!(answer.cache_status().contains("; stored"), "{}", answer.cache_status());
    answer.header("x-nearhit-entry").to_owned()
}

fn list(gateway: &Gateway, query: &str) -> Value {
    let answer = admin(gateway, "GET", &format!("entries?{query}"), &Value::Null);
    assert_eq!(answer.status, 200, "{}", answer.json());
    answer.json()
}

fn texts(page: &Value) -> Vec<&str> {
    page["entries"].as_array().unwrap().iter().map(|entry| entry["text"].as_str().unwrap_or("-")).collect()
}

fn purge(gateway: &Gateway, filter: &Value) -> (u64, u64) {
    let done = admin(gateway, "POST", "purge", filter);
    assert_eq!(done.status, 200, "{}", done.json());
    let count = |name: &str| done.json()[name].as_u64().unwrap();
    (count("matched"), count("purged"))
}

fn param(answer: &Answer) -> (u16, Value) {
    (answer.status, answer.json()["error"]["param"].clone())
}

#[test]
fn an_entry_is_found_by_its_text_and_shown_with_its_answer_and_labels() {
    let gateway = one_shard();
    let id = store(&gateway, LAMP, &[("x-nearhit-tags", "feature=search, team=a=b")]);
    store(&gateway, CHAIR, &[]);
    assert!(gateway.ask(LAMP).cache_status().ends_with("detail=exact"));
    assert_eq!(texts(&list(&gateway, "")), [CHAIR, LAMP], "the newest first");
    let found = list(&gateway, "q=GOOD+lamp");
    let entry = &found["entries"][0];
    assert_eq!(texts(&found), [LAMP]);
    assert_eq!((&entry["id"], &entry["model"], &entry["hits"]), (&json!(id), &json!("m"), &json!(1)));
    assert_eq!(entry["tags"], json!({"feature": "search", "team": "a=b"}));
    assert_eq!((&entry["tokens"], &found["next"], &found["shards_silent"]), (&json!(7), &Value::Null, &json!(0)));
    let now_ms = gateway.world.now_ms.get();
    assert_eq!(entry["created_ms"], now_ms);
    assert!(entry["expires_ms"].as_u64().unwrap() > now_ms && entry["bytes"].as_u64().unwrap() > 0);
    let shown = admin(&gateway, "GET", &format!("entries/{id}"), &Value::Null).json();
    assert_eq!(
        (&shown["answer"], &shown["api"]),
        (&json!(format!("About: {LAMP}")), &json!("openai.chat.completions"))
    );
    assert_eq!((&shown["text"], &shown["scope"]), (&json!(LAMP), &entry["scope"]));
}

#[test]
fn entries_without_text_are_listed_when_no_text_is_asked_for() {
    let gateway = one_shard();
    let answer = r#"{"object": "list", "model": "e-1", "data": [{"index": 0, "embedding": [0.5]}], "usage": {"prompt_tokens": 3, "total_tokens": 3}}"#;
    gateway.script(Script::Answer(200, "application/json", vec![answer.into()]));
    let body = json!({"model": "e", "input": ["lamps"]});
    let stored =
        gateway.call(Call { path: "/v1/embeddings".into(), ..chat(&body, &[("x-nearhit-tags", "feature=index")]) });
    assert_eq!(stored.status, 200);
    let all = list(&gateway, "");
    assert_eq!(texts(&all), ["-"]);
    assert_eq!((&all["entries"][0]["model"], &all["entries"][0]["tags"]), (&json!("e"), &json!({"feature": "index"})));
    assert!(texts(&list(&gateway, "q=lamps")).is_empty());
    let id = all["entries"][0]["id"].as_str().unwrap();
    assert_eq!(admin(&gateway, "GET", &format!("entries/{id}"), &Value::Null).json()["api"], "openai.embeddings");
}

#[test]
fn what_is_searched_for_is_text_whatever_it_holds() {
    let gateway = one_shard();
    let odd = "It is 100% a_b \\ so ';";
    store(&gateway, odd, &[]);
    store(&gateway, LAMP, &[]);
    for (query, found) in [
        ("%25", vec![odd]),
        ("_", vec![odd]),
        ("%5C", vec![odd]),
        ("100%25+A_B", vec![odd]),
        ("%5C%25", vec![]),
        ("'%3B+DROP+TABLE+entries%3B+--", vec![]),
        ("'%3B", vec![odd]),
        ("%00", vec![]),
    ] {
        assert_eq!(texts(&list(&gateway, &format!("q={query}"))), found, "{query}");
    }
    assert_eq!(gateway.world.entries(), 2);
}

#[test]
fn pages_go_through_all_shards_and_name_every_entry_once() {
    let gateway = Gateway::new(json!({"NEARHIT_CACHE": {"shards": 3}}));
    for caller in 0..4 {
        for k in 0..3 {
            let key = format!("Bearer sk-{caller}");
            store(&gateway, &format!("What is lamp number {k}?"), &[("authorization", &key)]);
        }
    }
    let (mut seen, mut cursor, mut pages) = (Vec::new(), String::new(), 0);
    loop {
        let page = list(&gateway, &format!("q=LAMP&limit=5&cursor={cursor}"));
        let ids = page["entries"].as_array().unwrap().iter().map(|entry| entry["id"].to_string());
        seen.extend(ids);
        pages += 1;
        match page["next"].as_str() {
            Some(next) => cursor = next.to_owned(),
            None => break,
        }
    }
    assert_eq!((seen.len(), pages), (12, 3));
    seen.sort_unstable();
    seen.dedup();
    assert_eq!(seen.len(), 12);
}

#[test]
fn a_page_asks_no_more_than_forty_shards() {
    let gateway = one_shard();
    for caller in 0..50 {
        store(&gateway, LAMP, &[("authorization", &format!("Bearer sk-{caller}"))]);
    }
    let first = list(&gateway, "q=chair&limit=200");
    assert_eq!((texts(&first).len(), gateway.world.entries_asked.get()), (0, 40));
    let second = list(&gateway, &format!("q=chair&cursor={}", first["next"].as_str().unwrap()));
    assert_eq!((&second["next"], gateway.world.entries_asked.get()), (&Value::Null, 50));
    let order = json!({"model": "m"});
    let done = admin(&gateway, "POST", "purge", &order).json();
    assert_eq!((&done["purged"], gateway.world.entries()), (&json!(40), 10));
    let rest = json!({"model": "m", "cursor": done["next"]});
    let done = admin(&gateway, "POST", "purge", &rest).json();
    assert_eq!((&done["purged"], &done["next"], gateway.world.entries()), (&json!(10), &Value::Null, 0));
}

#[test]
fn a_deleted_entry_is_gone_at_once_and_for_its_neighbours_too() {
    let gateway = one_shard();
    let id = store(&gateway, "How do I reset my password?", &[]);
    store(&gateway, LAMP, &[]);
    assert!(gateway.ask("How can I reset my password?").cache_status().contains("semantic;score="));
    let gone = admin(&gateway, "DELETE", &format!("entries/{id}"), &Value::Null);
    assert_eq!((gone.status, gone.body.len()), (204, 0));
    assert_eq!(texts(&list(&gateway, "")), [LAMP]);
    for (method, path) in [("DELETE", id.as_str()), ("GET", &id), ("GET", "x"), ("DELETE", &"0".repeat(64))] {
        let answer = admin(&gateway, method, &format!("entries/{path}"), &Value::Null);
        assert_eq!((answer.status, &answer.json()["error"]["code"]), (404, &json!("not_found")), "{method} {path}");
    }
    gateway.world.pass_ms(5_000);
    let miss = gateway.script(says("Another.")).ask("How can I reset my password?");
    assert_eq!((miss.content().as_str(), miss.cache_status()), ("Another.", "nearhit; fwd=uri-miss; stored"));
}

#[test]
fn a_purge_takes_what_matches_all_its_filters_and_nothing_else() {
    let gateway = one_shard();
    let (name, token) = tenant(&gateway, "acme");
    let of_acme = (name, token.as_str());
    let search = ("x-nearhit-tags", "feature=search,team=growth");
    let lamp = store(&gateway, LAMP, &[search]);
    store(&gateway, CHAIR, &[("x-nearhit-tags", "feature=searching")]);
    store(&gateway, LAMP, &[of_acme, search]);
    store(&gateway, CHAIR, &[of_acme]);
    let mut other = question("Which beds are soft?");
    other["model"] = json!("m-2");
    gateway.script(says("Few.")).call(chat(&other, &[]));
    let all = list(&gateway, "limit=10");
    let scope = |text: &str| {
        let entries = all["entries"].as_array().unwrap();
        entries.iter().find(|entry| entry["text"] == text).unwrap()["scope"].clone()
    };
    for (filter, count) in [
        (json!({"tag": "feature=search"}), 2),
        (json!({"tag": "team=growth", "tenant": "acme"}), 1),
        (json!({"tag": "feature=search", "model": "m-2"}), 0),
        (json!({"tag": "search=1"}), 0),
        (json!({"tag": "feature=sear%"}), 0),
        (json!({"model": "m-2"}), 1),
        (json!({"model": "'; DROP TABLE entries; --"}), 0),
        (json!({"entry": lamp}), 1),
        (json!({"entry": lamp, "tenant": "acme"}), 0),
        (json!({"scope": scope("Which beds are soft?")}), 1),
        (json!({"tenant": "acme"}), 2),
        (json!({"tenant": "~own"}), 3),
        (json!({"tenant": "nobody"}), 0),
    ] {
        let mut dry = filter.clone();
        dry["dry_run"] = json!(true);
        assert_eq!(purge(&gateway, &dry), (count, 0), "{filter}");
    }
    assert_eq!(gateway.world.entries(), 5, "a dry run takes nothing");
    assert_eq!(purge(&gateway, &json!({"tag": "feature=search", "tenant": "~own"})), (1, 1));
    assert_eq!(purge(&gateway, &json!({"tenant": "acme"})), (2, 2));
    assert_eq!(purge(&gateway, &json!({"scope": scope("Which beds are soft?")})), (1, 1));
    assert_eq!(texts(&list(&gateway, "")), [CHAIR]);
    assert!(gateway.ask(CHAIR).cache_status().contains("; hit; "), "what did not match still serves");
}

#[test]
fn what_is_wrong_with_a_purge_is_named_and_nothing_is_purged() {
    let gateway = one_shard();
    store(&gateway, LAMP, &[]);
    for (body, field) in [
        (json!({}), json!("filter")),
        (json!({"dry_run": false}), json!("filter")),
        (json!({"tags": "a=b"}), json!("tags")),
        (json!({"tag": null, "tenant": "acme"}), json!("tag")),
        (json!({"tag": "a"}), json!("tag")),
        (json!({"tag": "a=b\nc=d"}), json!("tag")),
        (json!({"entry": "x"}), json!("entry")),
        (json!({"scope": "AB"}), json!("scope")),
        (json!({"model": ""}), json!("model")),
        (json!({"model": 3}), json!("model")),
        (json!({"tenant": "*"}), json!("tenant")),
        (json!({"model": "m", "dry_run": "yes"}), json!("dry_run")),
        (json!({"model": "m", "cursor": "x"}), json!("cursor")),
        (json!([]), Value::Null),
    ] {
        assert_eq!(param(&admin(&gateway, "POST", "purge", &body)), (400, field), "{body}");
    }
    for (query, field) in [
        ("limit=0", "limit"),
        ("limit=201", "limit"),
        ("cursor=x", "cursor"),
        ("page=2", "page"),
        ("tenant=%2A", "tenant"),
    ] {
        let answer = admin(&gateway, "GET", &format!("entries?{query}"), &Value::Null);
        assert_eq!(param(&answer), (400, json!(field)), "{query}");
    }
    assert_eq!(gateway.world.entries(), 1);
    gateway.world.lookups_fail.set(true);
    assert_eq!(list(&gateway, "")["shards_silent"], 1);
    assert_eq!(admin(&gateway, "POST", "purge", &json!({"model": "m"})).json()["shards_silent"], 1);
    assert_eq!(admin(&gateway, "GET", &format!("entries/{}", "0".repeat(64)), &Value::Null).status, 503);
}

#[test]
fn a_purge_holds_against_an_answer_that_is_on_its_way() {
    for (filter, held) in
        [(json!({"tag": "feature=search"}), true), (json!({"tenant": "~own"}), true), (json!({"model": "m-2"}), false)]
    {
        let gateway = one_shard();
        store(&gateway, CHAIR, &[]);
        let gate = Gate::default();
        gateway.script(Script::Held("application/json", gate.clone()));
        let call = chat(&question(LAMP), &[("x-nearhit-tags", "feature=search")]);
        let mut answer = Box::pin(gateway.begin(call));
        assert!((&mut answer).now_or_never().is_none());
        gateway.world.pass_ms(60_000);
        purge(&gateway, &filter);
        gateway.world.pass_ms(60_000);
        let Script::Answer(_, _, body) = says("Late.") else { unreachable!() };
        gate.send(&body.concat());
        gate.end();
        let answer = pollster::block_on(answer);
        assert_eq!(answer.content(), "Late.", "the client gets it all the same");
        let expected = if held { "nearhit; fwd=uri-miss; detail=purged" } else { "nearhit; fwd=uri-miss; stored" };
        assert_eq!(answer.cache_status(), expected, "{filter}");
        assert_eq!(texts(&list(&gateway, "q=lamp")).len(), usize::from(!held));
        if held {
            // What is asked for after the purge is kept.
            store(&gateway, LAMP, &[("x-nearhit-tags", "feature=search")]);
        }
    }
}

#[test]
fn a_dry_run_is_not_remembered_and_clocks_may_differ_by_two_seconds() {
    let gateway = one_shard();
    store(&gateway, CHAIR, &[]);
    purge(&gateway, &json!({"model": "m", "dry_run": true}));
    store(&gateway, LAMP, &[]);
    purge(&gateway, &json!({"model": "m"}));
    gateway.world.pass_ms(1_999);
    let answer = gateway.script(says("Bright.")).ask(LAMP);
    assert_eq!(answer.cache_status(), "nearhit; fwd=uri-miss; detail=purged");
    gateway.world.pass_ms(1);
    store(&gateway, LAMP, &[]);
}

#[test]
fn more_purges_than_are_remembered_keep_rather_too_little() {
    let gateway = one_shard();
    store(&gateway, CHAIR, &[]);
    let gate = Gate::default();
    gateway.script(Script::Held("application/json", gate.clone()));
    let call = chat(&question(LAMP), &[("x-nearhit-tags", "feature=search")]);
    let mut answer = Box::pin(gateway.begin(call));
    assert!((&mut answer).now_or_never().is_none());
    gateway.world.pass_ms(5_000);
    purge(&gateway, &json!({"tag": "feature=search"}));
    for k in 0..70 {
        purge(&gateway, &json!({"model": format!("other-{k}")}));
    }
    let Script::Answer(_, _, body) = says("Late.") else { unreachable!() };
    gate.send(&body.concat());
    gate.end();
    assert_eq!(pollster::block_on(answer).cache_status(), "nearhit; fwd=uri-miss; detail=purged");
}

#[test]
fn a_whole_tenants_purge_leaves_no_text_behind() {
    let gateway = Gateway::new(json!({"NEARHIT_CACHE": {"shards": 1}, "NEARHIT_SEMANTIC": {"audit_share": 0}}));
    let (name, token) = tenant(&gateway, "acme");
    let shadow = [(name, token.as_str()), ("x-nearhit-mode", "shadow")];
    store(&gateway, "How do I reset my password?", &shadow);
    store(&gateway, "How do I reset my 2 passwords?", &shadow);
    let sightings = |gateway: &Gateway| {
        let report = admin(gateway, "GET", "shadow", &Value::Null).json();
        report["sightings"].as_array().unwrap().len()
    };
    assert_eq!(sightings(&gateway), 1);
    assert_eq!(purge(&gateway, &json!({"tenant": "acme"})), (2, 2));
    assert_eq!((sightings(&gateway), gateway.world.entries()), (0, 0));
}

#[test]
fn a_request_is_kept_beside_its_answer_for_those_alone_who_opted_in() {
    let gateway = one_shard();
    let (name, token) = tenant(&gateway, "acme");
    let prompts = || gateway.world.rows().iter().map(world::MemoryRows::prompts).sum::<usize>();
    store(&gateway, LAMP, &[(name, &token)]);
    store(&gateway, LAMP, &[]);
    assert_eq!(prompts(), 0);
    let shown = admin(&gateway, "PUT", "tenants/acme", &json!({"export": true})).json();
    assert_eq!((&shown["export"], &shown["keys"]), (&json!(true), &json!({"openai": "KEY"})));
    store(&gateway, CHAIR, &[(name, &token)]);
    assert_eq!(prompts(), 1);
    assert_eq!(param(&admin(&gateway, "PUT", "tenants/acme", &json!({"export": "yes"}))), (400, json!("export")));
    assert_eq!(admin(&gateway, "GET", "tenants/acme", &Value::Null).json()["export"], true);
}

#[test]
fn a_tenant_that_opted_in_is_exported_page_by_page() {
    let gateway = one_shard();
    let (name, token) = tenant(&gateway, "acme");
    let headers = [(name, token.as_str())];
    store(&gateway, "Was this before the opt-in?", &headers);
    let export = |query: &str| admin(&gateway, "GET", &format!("export?{query}"), &Value::Null);
    let off = export("tenant=acme");
    assert_eq!((off.status, &off.json()["error"]["code"]), (403, &json!("export_off")));
    admin(&gateway, "PUT", "tenants/acme", &json!({"export": true}));
    let asked = [LAMP, CHAIR, "Which beds are soft?"];
    asked.iter().for_each(|text| drop(store(&gateway, text, &headers)));
    let mut tools = question("Look it up.");
    tools["tools"] = json!([{"type": "function", "function": {"name": "look", "parameters": {"type": "object"}}}]);
    gateway.script(says("Done.")).call(chat(&tools, &headers));
    store(&gateway, LAMP, &[]);
    let (mut lines, mut skipped, mut cursor) = (Vec::new(), 0, String::new());
    for page in 0..3 {
        let answer = export(&format!("tenant=acme&limit=1&cursor={cursor}"));
        assert_eq!((answer.status, answer.header("content-type")), (200, "application/x-ndjson"));
        let text = String::from_utf8(answer.body.clone()).unwrap();
        lines.extend(text.lines().map(|line| serde_json::from_str::<Value>(line).unwrap()));
        skipped += answer.header("x-nearhit-skipped").parse::<u32>().unwrap();
        cursor = answer.header("x-nearhit-next").to_owned();
        assert_eq!(cursor.is_empty(), page == 2, "page {page}");
    }
    let expected = asked.iter().rev().map(|text| {
        json!({"messages": [{"role": "user", "content": text}, {"role": "assistant", "content": format!("About: {text}")}]})
    });
    assert_eq!((lines, skipped), (expected.collect(), 1));
    for (query, field) in [
        ("", "tenant"),
        ("tenant=~own", "tenant"),
        ("tenant=acme&format=csv", "format"),
        ("tenant=acme&limit=501", "limit"),
    ] {
        assert_eq!(param(&export(query)), (400, json!(field)), "{query}");
    }
    assert_eq!(export("tenant=nobody").status, 404);
}

#[test]
fn a_report_counts_the_leaders_at_work_and_those_who_wait_for_them() {
    let gateway = one_shard();
    store(&gateway, CHAIR, &[]);
    let places = pollster::block_on(gateway.world.places(None)).unwrap().places;
    let counts = || {
        let report = pollster::block_on(gateway.world.report(&places[0].0)).unwrap();
        (report.leases, report.followers)
    };
    assert_eq!(counts(), (0, 0));
    let gate = Gate::default();
    gateway.script(Script::Held("application/json", gate.clone()));
    let mut clients = Vec::new();
    for _ in 0..3 {
        let mut client = Box::pin(gateway.begin(chat(&question(LAMP), &[])));
        assert!((&mut client).now_or_never().is_none());
        clients.push(client);
    }
    assert_eq!(counts(), (1, 2));
    let Script::Answer(_, _, body) = says("Bright.") else { unreachable!() };
    gate.send(&body.concat());
    gate.end();
    clients.into_iter().for_each(|client| assert_eq!(pollster::block_on(client).content(), "Bright."));
    assert_eq!(counts(), (0, 0));
}

#[test]
fn what_was_asked_about_an_entry_goes_with_it() {
    let near = |gateway: &Gateway| {
        gateway.script(says("Use the form.")).ask("How do I reset my password?");
        let hit = gateway.ask("How can I reset my password?");
        assert!(hit.cache_status().contains("semantic"), "{}", hit.cache_status());
        hit.header("x-nearhit-entry").to_owned()
    };
    let events = |gateway: &Gateway| admin(gateway, "GET", "events", &Value::Null).json()["events"].clone();
    let deleted = |gateway: &Gateway, id: &str| {
        assert_eq!(admin(gateway, "DELETE", &format!("entries/{id}"), &Value::Null).status, 204);
    };
    let purged = |gateway: &Gateway, _: &str| {
        let done = admin(gateway, "POST", "purge", &json!({"model": "m"})).json();
        assert_eq!((&done["purged"], &done["ledgers_silent"]), (&json!(1), &json!(0)), "{done}");
    };
    type Remove<'a> = &'a dyn Fn(&Gateway, &str);
    for (name, remove) in [("deleted", &deleted as Remove<'_>), ("purged", &purged)] {
        let gateway = one_shard();
        let id = near(&gateway);
        assert_eq!(events(&gateway)[0]["asked"], "How can I reset my password?");
        remove(&gateway, &id);
        let after = events(&gateway);
        assert_eq!((&after[0]["asked"], &after[0]["entry"]), (&json!(""), &Value::Null), "{name}: {after}");
        assert!(after[0]["score"].as_f64().unwrap() > 0.9, "that there was a hit is still known");
    }
    let gateway = one_shard();
    let id = near(&gateway);
    gateway.world.books.fail.set(true);
    assert_eq!(admin(&gateway, "DELETE", &format!("entries/{id}"), &Value::Null).status, 503);
    gateway.world.books.fail.set(false);
    assert_eq!(admin(&gateway, "GET", &format!("entries/{id}"), &Value::Null).status, 200, "it is not half done");
}

#[test]
fn a_purge_says_that_shards_have_left_the_list() {
    let gateway = one_shard();
    store(&gateway, CHAIR, &[]);
    gateway.world.places_dropped.set(3);
    let done = admin(&gateway, "POST", "purge", &json!({"model": "m", "dry_run": true})).json();
    assert_eq!((&done["matched"], &done["shards_dropped"]), (&json!(1), &json!(3)));
}
