//! What is written down of requests: every one ends in one record, whatever becomes of it.

#[expect(dead_code, reason = "each test file uses a part of the world")]
mod world;

use nearhit::gateway::Call;
use nearhit::ledger::record::{Kind, RequestRecord};
use nearhit::ports::{Enlisted, Ledgers};
use serde_json::{Value, json};
use world::{Gateway, Script, admin, chat, question, says};

/// Prices in dollars for a million tokens: a token costs as many picodollars as there are millions here.
fn variables() -> Value {
    json!({
        "NEARHIT_PRICES": {
            "openai/m": {"input": 1000, "output": 1000, "cached_read": 100},
            "openai/small": {"input": 10, "output": 10},
        },
        "NEARHIT_ROUTES": {"auto": {"cheap": "openai/small", "frontier": "openai/m"}},
    })
}

fn gateway() -> Gateway {
    Gateway::new(variables())
}

fn usage(gateway: &Gateway, query: &str) -> Value {
    let answer = admin(gateway, "GET", &format!("stats{query}"), &Value::Null);
    assert_eq!(answer.status, 200, "{:?}", String::from_utf8_lossy(&answer.body));
    answer.json()["usage"].clone()
}

fn admin_metrics(gateway: &Gateway) -> String {
    let headers = vec![("authorization".into(), "Bearer admin".into())];
    let call = Call { method: "GET".into(), path: "/metrics".into(), headers, body: Vec::new() };
    String::from_utf8_lossy(&gateway.call(call).body).into_owned()
}

fn records(gateway: &Gateway) -> Vec<RequestRecord> {
    gateway.world.books.published.take()
}

fn only(gateway: &Gateway) -> RequestRecord {
    let mut records = records(gateway);
    assert_eq!(records.len(), 1, "{records:?}");
    records.remove(0)
}

#[test]
fn a_miss_costs_what_its_tokens_do_and_a_hit_saves_it() {
    let gateway = gateway();
    let tags = [("x-nearhit-tags", "feature=search,team=growth")];
    gateway.script(says("A bright one."));
    let miss = gateway.ask_with("What is a good lamp?", &tags);
    // 3 tokens in, 4 out, a thousandth of a dollar each.
    assert_eq!(miss.header("x-nearhit-cost-usd"), "0.007000");
    let hit = gateway.ask_with("What is a good lamp?", &tags);
    assert_eq!((hit.header("x-nearhit-cost-usd"), hit.header("x-nearhit-saved-usd")), ("0", "0.007000"));
    let [first, second] = records(&gateway).try_into().unwrap();
    assert_eq!((first.kind, first.model.as_str(), first.estimated), (Kind::Miss, "openai/m", false));
    assert_eq!((second.kind, second.usage), (Kind::HitExact, None));
    let usage = usage(&gateway, "");
    assert_eq!(usage["totals"]["requests"], 2);
    assert_eq!(
        (&usage["totals"]["cost_usd"], &usage["totals"]["saved_usd"]["exact"]),
        (&json!("0.007000"), &json!("0.007000"))
    );
    assert_eq!(usage["totals"]["hit_ratio"], 0.5);
    assert_eq!(usage["by_tag"]["feature"][0]["value"], "search");
    assert_eq!(usage["by_tag"]["team"][0]["cost_usd"], "0.007000");
    assert_eq!(usage["by_model"][0]["model"], "openai/m");
    assert_eq!(usage["by_tenant"][0]["tenant"], "~own");
}

#[test]
fn every_request_ends_in_one_record_of_its_kind() {
    let refused = || Script::Answer(429, "application/json", vec![b"{}".to_vec()]);
    let broken = || {
        Script::Break("text/event-stream", vec![b"data: {\"choices\":[{\"delta\":{\"content\":\"Hi\"}}]}\n\n".to_vec()])
    };
    type Row<'a> = (&'a str, Script, Value, &'a [(&'a str, &'a str)], Kind, &'a str, u16);
    let table: [Row<'_>; 8] = [
        ("a miss", says("x"), json!({}), &[], Kind::Miss, "", 200),
        ("a fresh one", says("x"), json!({}), &[("cache-control", "no-cache")], Kind::Refresh, "", 200),
        ("past the cache", says("x"), json!({}), &[("cache-control", "no-store")], Kind::Bypass, "no-store", 200),
        ("several choices", says("x"), json!({"n": 2}), &[], Kind::Miss, "several-choices", 200),
        ("an upstream's error", refused(), json!({}), &[], Kind::Failed, "upstream-429", 429),
        ("nobody there", Script::Unreachable, json!({}), &[], Kind::Failed, "upstream_unreachable", 502),
        (
            "nothing stored",
            says("x"),
            json!({}),
            &[("cache-control", "only-if-cached")],
            Kind::Failed,
            "not_cached",
            504,
        ),
        ("a cut stream", broken(), json!({"stream": true}), &[], Kind::Miss, "", 200),
    ];
    for (name, script, more, headers, kind, reason, status) in table {
        let gateway = gateway();
        let mut body = question("What is a good lamp?");
        body.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
        gateway.script(script).call(chat(&body, headers));
        let record = only(&gateway);
        assert_eq!((record.kind, record.reason.as_str(), record.status), (kind, reason, status), "{name}");
        assert_eq!(usage(&gateway, "")["totals"]["requests"], 1, "{name}");
    }
}

#[test]
fn a_stream_that_breaks_off_has_cost_what_had_come() {
    let gateway = gateway();
    let piece = "data: {\"choices\":[{\"index\":0,\"delta\":{\"content\":\"Hello there \"}}]}\n\n".repeat(10);
    gateway.script(Script::Break("text/event-stream", vec![piece.into_bytes()]));
    let mut body = question("What is a good lamp?");
    body["stream"] = json!(true);
    assert!(gateway.call(chat(&body, &[])).broken);
    let record = only(&gateway);
    let used = record.usage.unwrap();
    assert!(record.estimated && used.output >= 10 && used.uncached > 0, "{used:?}");
    assert!(record.cost.unwrap().as_microdollars() > 0);
}

#[test]
fn an_unknown_model_is_unpriced_and_never_free() {
    let gateway = gateway();
    let mut body = question("What is a good lamp?");
    body["model"] = json!("gpt-of-nobody-knows");
    let answer = gateway.script(says("x")).call(chat(&body, &[]));
    assert_eq!(answer.header("x-nearhit-cost-usd"), "unpriced");
    let totals = usage(&gateway, "")["totals"].clone();
    assert_eq!((&totals["unpriced"], &totals["cost_usd"]), (&json!(1), &json!("0.000000")));
}

#[test]
fn what_the_providers_prefix_cache_and_the_route_saved_is_told_apart() {
    let gateway = gateway();
    let body = json!({"id": "c", "object": "chat.completion", "created": 1, "model": "m",
        "choices": [{"index": 0, "message": {"role": "assistant", "content": "x"}, "finish_reason": "stop"}],
        "usage": {"prompt_tokens": 100, "completion_tokens": 10, "total_tokens": 110, "prompt_tokens_details": {"cached_tokens": 80}}});
    let script = || Script::Answer(200, "application/json", vec![body.to_string().into_bytes()]);
    let first = gateway.script(script()).ask("What is a good lamp?");
    // 20 at 1000, 80 at 100, 10 at 1000: 38,000 instead of 110,000.
    assert_eq!(first.header("x-nearhit-cost-usd"), "0.038000");
    assert_eq!(first.header("x-nearhit-saved-usd"), "0.072000");
    assert_eq!(only(&gateway).saved.prefix.to_string(), "0.072000");
    let mut easy = question("What is 2 + 2?");
    easy["model"] = json!("auto");
    gateway.script(script()).call(chat(&easy, &[("x-nearhit-route", "cheap")]));
    let record = only(&gateway);
    assert_eq!((record.model.as_str(), record.route.as_deref()), ("openai/small", Some("auto")));
    assert_eq!(record.cost.unwrap().to_string(), "0.001100");
    assert_eq!(record.saved.routing.to_string(), "0.036900", "the frontier model would have read its cache as well");
}

#[test]
fn an_answer_is_not_held_up_by_a_ledger_that_is_away_and_what_is_lost_is_counted() {
    let gateway = gateway();
    gateway.script(says("x")).world.books.fail.set(true);
    let answer = pollster::block_on(gateway.begin(chat(&question("What is a good lamp?"), &[])));
    assert_eq!(answer.status, 200);
    for work in gateway.world.background.take() {
        let mut work = work;
        let mut polled = std::task::Context::from_waker(std::task::Waker::noop());
        while work.as_mut().poll(&mut polled).is_pending() {
            gateway.world.pass_ms(1_500);
        }
    }
    gateway.world.books.fail.set(false);
    gateway.ask("What is a good lamp?");
    let usage = usage(&gateway, "");
    assert_eq!((&usage["totals"]["requests"], &usage["unrecorded"]), (&json!(1), &json!(1)));
}

#[test]
fn a_reservation_that_nobody_settles_ends_by_its_deadline() {
    let gateway = gateway();
    let budget = json!({"name": "money", "unit": "usd", "limit": 1, "period": "total"});
    assert_eq!(admin(&gateway, "POST", "budgets", &budget).status, 201);
    let gate = world::Gate::default();
    gateway.script(Script::Held("application/json", gate));
    let body =
        json!({"model": "m", "max_tokens": 100, "messages": [{"role": "user", "content": "What is a good lamp?"}]});
    let mut asked = Box::pin(gateway.begin(chat(&body, &[])));
    let mut polled = std::task::Context::from_waker(std::task::Waker::noop());
    assert!(asked.as_mut().poll(&mut polled).is_pending());
    // The isolate dies: nothing that it would have done is done any more.
    std::mem::forget(asked);
    gateway.world.books.crash();
    let standing = || admin(&gateway, "GET", "budgets/money", &Value::Null).json();
    let reserved: f64 = standing()["reserved"].as_str().unwrap().parse().unwrap();
    assert!(reserved > 0.1, "{}", standing());
    gateway.world.pass_ms(2 * 3_600_000);
    let after = standing();
    assert_eq!((&after["reserved"], &after["spent"]), (&json!("0.000000"), &json!("0.000000")));
    assert_eq!(after["lapsed"], 1);
}

#[test]
fn a_tenants_stream_is_counted_though_its_client_does_not_see_it() {
    let gateway = gateway();
    gateway.world.secrets.borrow_mut().insert("ACME".into(), "sk-acme".into());
    admin(&gateway, "PUT", "tenants/acme", &json!({"keys": {"openai": "ACME"}}));
    let token =
        admin(&gateway, "POST", "tenants/acme/tokens", &Value::Null).json()["token"].as_str().unwrap().to_owned();
    let chunk = |choices: Value, usage: Value| {
        format!("data: {}\n\n", json!({"id": "c", "model": "m", "choices": choices, "usage": usage}))
    };
    let said = chunk(
        json!([{"index": 0, "delta": {"role": "assistant", "content": "Hi"}, "finish_reason": null}]),
        Value::Null,
    ) + &chunk(json!([{"index": 0, "delta": {}, "finish_reason": "stop"}]), Value::Null);
    let counted = chunk(json!([]), json!({"prompt_tokens": 30, "completion_tokens": 40, "total_tokens": 70}));
    let stream = format!("{said}{counted}data: [DONE]\n\n");
    gateway.script(Script::Answer(200, "text/event-stream", vec![stream.into_bytes()]));
    let mut body = question("What is a good lamp?");
    body["stream"] = json!(true);
    let answer = gateway.call(chat(&body, &[("authorization", &format!("Bearer {token}"))]));
    assert_eq!(String::from_utf8(answer.body).unwrap(), format!("{said}data: [DONE]\n\n"));
    let asked: Value = serde_json::from_slice(&gateway.world.asked.borrow()[0].body).unwrap();
    assert_eq!(asked["stream_options"]["include_usage"], true);
    let record = only(&gateway);
    assert_eq!((record.estimated, record.cost.unwrap().to_string()), (false, "0.070000".to_owned()));
    assert_eq!(usage(&gateway, "?tenant=acme")["totals"]["cost_usd"], "0.070000");
}

#[test]
fn hostile_labels_are_data_and_more_of_them_than_a_page_holds_go_to_other() {
    let gateway = gateway();
    let hostile = "feature=<script>alert(1)</script>\"}', team='; DROP TABLE sheets; --";
    gateway.script(says("x"));
    gateway.ask_with("What is a good lamp?", &[("x-nearhit-tags", hostile)]);
    assert_eq!(usage(&gateway, "")["by_tag"]["feature"][0]["value"], "<script>alert(1)</script>\"}'");
    for k in 0..80 {
        gateway.ask_with("What is a good lamp?", &[("x-nearhit-tags", &format!("feature=f{k}"))]);
    }
    let usage = usage(&gateway, "");
    let other =
        usage["by_tag"]["feature"].as_array().unwrap().iter().find(|row| row["value"] == "other").unwrap().clone();
    assert_eq!(other["requests"], usage["overflowed"]);
    assert!(usage["overflowed"].as_u64().unwrap() > 0);
}

#[test]
fn a_wrong_query_names_its_parameter() {
    let gateway = gateway();
    let table = [
        ("stats?grain=year", "grain"),
        ("stats?from=soon", "from"),
        ("stats?from=5&to=5", "from"),
        ("stats?from=0&grain=minute", "grain"),
        ("stats?tag=feature", "tag"),
        ("stats?tag=a%3Db&model=x", "tag"),
        ("stats?tenant=No%20Good", "tenant"),
        ("stats?colour=red", "colour"),
        ("events?kind=miss", "kind"),
        ("events?limit=0", "limit"),
        ("tenants?limit=5000", "limit"),
        ("tenants?cursor=%2F", "cursor"),
    ];
    for (path, param) in table {
        let answer = admin(&gateway, "GET", path, &Value::Null);
        assert_eq!((answer.status, answer.json()["error"]["param"].as_str()), (400, Some(param)), "{path}");
    }
    assert_eq!(admin(&gateway, "PATCH", "stats", &Value::Null).header("allow"), "GET");
}

#[test]
fn every_route_is_in_the_openapi_document_and_nothing_else_is() {
    let document: Value = serde_json::from_str(nearhit::gateway::admin::OPENAPI).unwrap();
    let mut described = Vec::new();
    for (path, methods) in document["paths"].as_object().unwrap() {
        let Some(path) = path.strip_prefix("/admin/v1/") else { continue };
        let template: Vec<&str> = path.split('/').map(|part| if part.starts_with('{') { "{}" } else { part }).collect();
        for method in methods.as_object().unwrap().keys().filter(|key| *key != "parameters") {
            described.push((method.to_uppercase(), template.join("/")));
        }
    }
    let mut routes: Vec<(String, String)> =
        nearhit::gateway::admin::ROUTES.iter().map(|(method, path)| ((*method).into(), (*path).into())).collect();
    described.sort();
    routes.sort();
    assert_eq!(described, routes);
}

#[test]
fn twenty_wrong_tokens_from_one_address_are_enough_for_a_minute() {
    let gateway = gateway();
    let ask = |token: &str, address: &str| {
        gateway.call(Call {
            method: "GET".into(),
            path: "/admin/v1/budgets".into(),
            headers: vec![
                ("authorization".into(), format!("Bearer {token}")),
                ("cf-connecting-ip".into(), address.into()),
            ],
            body: Vec::new(),
        })
    };
    for _ in 0..20 {
        let refused = ask("wrong", "192.0.2.1");
        assert_eq!((refused.status, refused.json()["error"]["code"].as_str()), (401, Some("invalid_api_key")));
    }
    let waits = ask("admin", "192.0.2.1");
    assert_eq!((waits.status, waits.header("retry-after")), (429, "60"), "not even with the right one");
    assert_eq!(ask("admin", "192.0.2.2").status, 200);
    gateway.world.pass_ms(60_000);
    assert_eq!(ask("admin", "192.0.2.1").status, 200);
}

#[test]
fn a_hit_by_meaning_is_one_record_and_an_audit_of_it_another() {
    for (audit_share, kinds) in
        [(0, vec![Kind::Miss, Kind::HitSemantic]), (1, vec![Kind::Miss, Kind::HitSemantic, Kind::Refresh])]
    {
        let mut variables = variables();
        variables["NEARHIT_SEMANTIC"] = json!({"audit_share": audit_share});
        let gateway = Gateway::new(variables);
        gateway.script(says("Use the form.")).script(says("Use the form."));
        gateway.ask("How do I reset my password?");
        let hit = gateway.ask("How can I reset my password?");
        assert!(hit.cache_status().contains("semantic"), "{}", hit.cache_status());
        let records = records(&gateway);
        assert_eq!(records.iter().map(|record| record.kind).collect::<Vec<_>>(), kinds);
        assert_eq!(records[1].saved.semantic.to_string(), "0.007000");
        let events = admin(&gateway, "GET", "events", &Value::Null).json();
        assert_eq!(events["events"][0]["asked"], "How can I reset my password?");
        assert_eq!(events["events"][0]["entry"], hit.header("x-nearhit-entry"));
    }
}

#[test]
fn what_cannot_be_billed_is_not_unpriced_and_what_may_be_is() {
    let gateway = gateway();
    let list = || Script::Answer(200, "application/json", vec![b"{\"object\":\"list\",\"data\":[]}".to_vec()]);
    let call = |method: &str, path: &str| Call { method: method.into(), path: path.into(), ..chat(&json!({}), &[]) };
    gateway.script(list()).call(call("GET", "/v1/models"));
    assert_eq!(usage(&gateway, "")["totals"]["unpriced"], 0);
    gateway.script(list()).call(call("POST", "/v1/images/generations"));
    let totals = usage(&gateway, "")["totals"].clone();
    assert_eq!((&totals["bypasses"], &totals["unpriced"]), (&json!(2), &json!(1)));
}

#[test]
fn a_soft_limit_on_output_is_what_the_next_request_reserves() {
    let gateway = gateway();
    let budget = json!({"name": "soft", "unit": "tokens", "limit": 10_000, "period": "day", "soft_share": 0.001,
        "at_soft": {"max_output_tokens": 20}});
    assert_eq!(admin(&gateway, "POST", "budgets", &budget).status, 201);
    let limited =
        json!({"model": "m", "max_tokens": 90, "messages": [{"role": "user", "content": "What is a good lamp?"}]});
    assert_eq!(gateway.script(says("x")).call(chat(&limited, &[])).status, 200);
    for text in ["What is a good chair?", "What is a good table?", "What is a good shelf?"] {
        let answer = gateway.script(says("x")).ask(text);
        if answer.header("x-nearhit-budget").contains("state=soft") {
            assert_eq!(answer.status, 200, "{:?}", String::from_utf8_lossy(&answer.body));
            assert_eq!(answer.header("x-nearhit-caps"), "output=unset>20");
            return;
        }
        println!("{} {} {:?}", answer.status, answer.header("x-nearhit-budget"), String::from_utf8_lossy(&answer.body));
    }
    panic!("it never became soft");
}

#[test]
fn a_body_gets_no_comments_though_its_client_asks_for_them_at_a_streams_end() {
    for control in ["no-store", "no-cache"] {
        let gateway = gateway();
        let headers = [("cache-control", control), ("x-nearhit-usage", "stream")];
        let answer = gateway.script(says("x")).ask_with("What is a good lamp?", &headers);
        assert_eq!(answer.content(), "x", "it is JSON to its last byte");
    }
}

#[test]
fn more_ledgers_than_can_be_asked_are_counted_and_callers_with_keys_of_their_own_are_never_left_out() {
    let gateway = gateway();
    gateway.script(says("x")).ask("What is a good lamp?");
    let list = |name: &str| pollster::block_on(gateway.world.list_ledger(name, Enlisted::Tenant)).unwrap();
    (0..1_200).for_each(|k| list(&format!("tenant-{k:04}")));
    let usage = usage(&gateway, "");
    let reach = ["ledgers_known", "ledgers_asked", "ledgers_silent"].map(|field| usage[field].as_u64().unwrap());
    assert_eq!((reach, &usage["by_tenant"][0]["tenant"]), ([1_201, 800, 0], &json!("~own")));
    let metrics = admin_metrics(&gateway);
    assert!(metrics.contains("nearhit_ledgers_known 1201\n"), "{metrics}");
    assert!(metrics.contains("nearhit_ledgers_asked 400\n"), "{metrics}");
}

#[test]
fn budgets_of_many_tenants_come_page_by_page() {
    let gateway = gateway();
    let budget = |tenant: Option<&str>| {
        let name = tenant.unwrap_or("everybody");
        let body = json!({"name": name, "tenant": tenant, "unit": "usd", "limit": 1, "period": "day"});
        assert_eq!(admin(&gateway, "POST", "budgets", &body).status, 201);
    };
    budget(None);
    for k in 0..250 {
        let id = format!("tenant-{k:03}");
        admin(&gateway, "PUT", &format!("tenants/{id}"), &json!({"keys": {"openai": "KEY"}}));
        budget(Some(&id));
    }
    let (mut names, mut cursor) = (Vec::new(), String::new());
    loop {
        let page = admin(&gateway, "GET", &format!("budgets{cursor}"), &Value::Null).json();
        names.extend(page["budgets"].as_array().unwrap().iter().map(|one| one["name"].as_str().unwrap().to_owned()));
        let Some(next) = page["next"].as_str() else { break };
        cursor = format!("?cursor={next}");
    }
    assert_eq!((names.len(), names[0].as_str(), names[250].as_str()), (251, "everybody", "tenant-249"));
    let wrong = admin(&gateway, "GET", "budgets?cursor=%2F", &Value::Null);
    assert_eq!((wrong.status, wrong.json()["error"]["param"].as_str()), (400, Some("cursor")));
}

#[test]
fn a_ledger_that_does_not_answer_is_not_one_without_budgets() {
    let gateway = gateway();
    let budget = json!({"name": "money", "unit": "usd", "limit": 1, "period": "total"});
    assert_eq!(admin(&gateway, "POST", "budgets", &budget).status, 201);
    gateway.world.books.fail.set(true);
    assert_eq!(admin(&gateway, "GET", "budgets/money", &Value::Null).status, 503);
    let list = admin(&gateway, "GET", "budgets", &Value::Null).json();
    assert_eq!((&list["budgets"], &list["ledgers_silent"]), (&json!([]), &json!(1)));
    gateway.world.books.fail.set(false);
    assert_eq!(admin(&gateway, "GET", "budgets/missing", &Value::Null).status, 404);
}
