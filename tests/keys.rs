//! Tenants, their tokens, and the provider keys behind them.
#![expect(clippy::unwrap_used, reason = "a test that cannot go on should stop")]

#[expect(dead_code, reason = "each test file uses a part of the world")]
mod world;

use nearhit::gateway::Call;
use nearhit::ports::Headers;
use serde_json::{Value, json};
use world::{Answer, Gateway, Script, admin, chat, question, says};

const ASKED: &str = "What is a good lamp?";

/// A gateway with the tenant `acme`, and a token of it.
fn managed(variables: Value) -> (Gateway, String) {
    let gateway = Gateway::new(variables);
    for (name, value) in [("ACME_OPENAI", "sk-acme"), ("ACME_ANTHROPIC", "sk-ant-acme")] {
        gateway.world.secrets.borrow_mut().insert(name.into(), value.into());
    }
    let keys = json!({"keys": {"openai": "ACME_OPENAI", "anthropic": "ACME_ANTHROPIC"}});
    assert_eq!(admin(&gateway, "PUT", "tenants/acme", &keys).status, 200);
    let token = token(&gateway, "acme");
    (gateway, token)
}

fn token(gateway: &Gateway, tenant: &str) -> String {
    let made = admin(gateway, "POST", &format!("tenants/{tenant}/tokens"), &Value::Null);
    assert_eq!(made.status, 201);
    made.json()["token"].as_str().unwrap().to_owned()
}

fn ask(gateway: &Gateway, token: &str) -> Answer {
    gateway.call(chat(&question(ASKED), &[("authorization", &format!("Bearer {token}"))]))
}

fn sent(gateway: &Gateway) -> Headers {
    gateway.world.asked.borrow().last().unwrap().headers.clone()
}

#[test]
fn a_token_is_answered_and_the_providers_key_goes_upstream_in_its_place() {
    let (gateway, token) = managed(json!({}));
    assert_eq!(ask(gateway.script(says("A bright one.")), &token).content(), "A bright one.");
    let headers = sent(&gateway);
    assert!(headers.contains(&("authorization".into(), "Bearer sk-acme".into())));
    assert!(!format!("{headers:?}").contains("nh_"), "the token is nobody else's to see");
    assert!(ask(&gateway, &token).cache_status().ends_with("detail=exact"));

    let body = json!({"model": "c", "max_tokens": 5, "messages": [{"role": "user", "content": ASKED}]});
    let call = Call { path: "/v1/messages".into(), ..chat(&body, &[("authorization", ""), ("x-api-key", &token)]) };
    gateway.script(Script::Answer(200, "application/json", vec![b"{}".to_vec()])).call(call);
    assert!(sent(&gateway).contains(&("x-api-key".into(), "sk-ant-acme".into())));
    assert!(!sent(&gateway).iter().any(|(name, _)| name == "authorization"));
}

#[test]
fn the_tokens_of_a_tenant_share_its_answers_and_another_tenants_do_not() {
    let (gateway, one) = managed(json!({}));
    let two = token(&gateway, "acme");
    admin(&gateway, "PUT", "tenants/other", &json!({"keys": {"openai": "ACME_OPENAI"}}));
    let other = token(&gateway, "other");
    ask(gateway.script(says("A bright one.")), &one);
    assert!(ask(&gateway, &two).cache_status().ends_with("detail=exact"));
    assert_eq!(ask(gateway.script(says("Another.")), &other).content(), "Another.");
    let byok = gateway.script(says("Own.")).call(chat(&question(ASKED), &[("authorization", "Bearer sk-acme")]));
    assert_eq!(byok.content(), "Own.", "the tenant's own provider key is another caller");
}

#[test]
fn a_revoked_token_is_refused_at_once_hits_included() {
    let (gateway, token) = managed(json!({}));
    ask(gateway.script(says("A bright one.")), &token);
    let tenant = admin(&gateway, "GET", "tenants/acme", &Value::Null).json();
    let id = tenant["tokens"][0]["id"].as_str().unwrap().to_owned();
    assert_eq!(admin(&gateway, "DELETE", &format!("tenants/acme/tokens/{id}"), &Value::Null).status, 204);
    let refused = ask(&gateway, &token);
    assert_eq!((refused.status, refused.json()["error"]["code"].as_str()), (401, Some("invalid_api_key")));
    assert_eq!(admin(&gateway, "DELETE", &format!("tenants/acme/tokens/{id}"), &Value::Null).status, 404);
}

#[test]
fn what_is_no_good_token_is_a_401_in_the_apis_own_shape_and_asks_nobody() {
    let (gateway, token) = managed(json!({}));
    let other = token.replace("acme", "nobody");
    let flipped = format!("{}{}", &token[..token.len() - 1], if token.ends_with('0') { '1' } else { '0' });
    for wrong in ["nh_", "nh_acme", &other, &flipped, &token[..token.len() - 1]] {
        let answer = ask(&gateway, wrong);
        assert_eq!((answer.status, answer.json()["error"]["code"].as_str()), (401, Some("invalid_api_key")), "{wrong}");
        assert!(!String::from_utf8_lossy(&answer.body).contains(wrong.get(8..40).unwrap_or("none")));
        assert!(answer.header("x-request-id").starts_with("req_"));
    }
    for path in ["/v1/messages", "/v1/messages/count_tokens", "/anthropic/v1/models", "/v1/models"] {
        let body = json!({"model": "c", "max_tokens": 5, "input": "x", "messages": [{"role": "user", "content": "x"}]});
        let call =
            Call { path: path.into(), ..chat(&body, &[("x-api-key", &flipped), ("anthropic-version", "2023-06-01")]) };
        let answer = gateway.call(call);
        assert_eq!(
            (answer.status, answer.json()["error"]["type"].as_str()),
            (401, Some("authentication_error")),
            "{path}"
        );
        assert_eq!(answer.json()["request_id"], answer.header("request-id"));
    }
    assert!(gateway.world.asked.borrow().is_empty());
}

#[test]
fn a_token_where_it_would_go_to_the_provider_is_refused() {
    let (gateway, token) = managed(json!({}));
    let body = question(ASKED);
    for (path, name) in [
        ("/v1/chat/completions".to_owned(), "ocp-apim-subscription-key"),
        (format!("/v1/models?key={token}"), "accept"),
    ] {
        let bearer = format!("Bearer {token}");
        for auth in ["Bearer sk-1", &bearer] {
            let value = if name == "accept" { "*/*" } else { &token };
            let call = Call { path: path.clone(), ..chat(&body, &[("authorization", auth), (name, value)]) };
            assert_eq!(gateway.call(call).status, 401, "{name}");
        }
    }
    assert!(gateway.world.asked.borrow().is_empty());
}

#[test]
fn where_only_tokens_are_let_in_a_providers_key_is_not() {
    let (gateway, token) = managed(json!({"NEARHIT_LIMITS": {"keys": "managed"}}));
    assert_eq!(gateway.ask(ASKED).status, 401);
    assert_eq!(ask(gateway.script(says("A bright one.")), &token).status, 200);
}

#[test]
fn a_missing_secret_is_the_operators_fault_and_names_the_secret_alone() {
    let (gateway, token) = managed(json!({}));
    gateway.world.secrets.borrow_mut().clear();
    let answer = ask(&gateway, &token);
    let message = answer.json()["error"]["message"].as_str().unwrap().to_owned();
    assert_eq!(answer.status, 500);
    assert!(message.contains("ACME_OPENAI") && !message.contains("sk-acme"), "{message}");
}

#[test]
fn the_admin_api_takes_its_own_token_and_says_what_is_wrong() {
    let (gateway, token) = managed(json!({}));
    for wrong in ["Bearer wrong", "Bearer ", "admin", "", &format!("Bearer {token}")] {
        let call = Call {
            method: "GET".into(),
            path: "/admin/v1/tenants/acme".into(),
            headers: vec![("authorization".into(), wrong.into())],
            body: Vec::new(),
        };
        assert_eq!(gateway.call(call).status, 401, "{wrong}");
    }
    for (method, path, body, status, param) in [
        ("PUT", "tenants/Acme", json!({"keys": {}}), 400, "tenant"),
        ("PUT", "tenants/acme", json!({}), 400, "keys"),
        ("PUT", "tenants/acme", json!({"keys": {"nobody": "A"}}), 400, "keys.nobody"),
        ("PUT", "tenants/acme", json!({"keys": {"openai": "a b"}}), 400, "keys.openai"),
        ("PUT", "tenants/acme", json!({"keys": {"openai": "NEARHIT_HMAC_KEY"}}), 400, "keys.openai"),
        ("GET", "tenants/nobody", Value::Null, 404, ""),
        ("POST", "tenants/nobody/tokens", Value::Null, 404, ""),
        ("GET", "nothing", Value::Null, 404, ""),
    ] {
        let answer = admin(&gateway, method, path, &body);
        let found = answer.json()["error"]["param"].as_str().unwrap_or_default().to_owned();
        assert_eq!((answer.status, found.as_str()), (status, param), "{method} {path}");
    }
}

#[test]
fn a_token_is_shown_once_and_stored_as_a_hash() {
    let (gateway, token) = managed(json!({}));
    let shown = String::from_utf8(admin(&gateway, "GET", "tenants/acme", &Value::Null).body).unwrap();
    assert!(!shown.contains(&token) && !shown.contains("sk-acme"));
    assert!(!format!("{:?}", gateway.world.tenants.borrow()).contains(&token[8..]));
}

#[test]
fn a_compressed_body_does_not_get_around_a_tenants_caps() {
    let (gateway, token) = managed(json!({}));
    let auth = format!("Bearer {token}");
    let zipped = || chat(&question("x y"), &[("content-encoding", "gzip"), ("authorization", &auth)]);
    assert_eq!(gateway.script(says("Unzipped.")).call(zipped()).status, 200);
    let tenant = token.split('_').nth(1).unwrap();
    let answer = admin(&gateway, "PUT", &format!("tenants/{tenant}"), &json!({"caps": {"max_output_tokens": 10}}));
    assert_eq!(answer.status, 200);
    let answer = gateway.call(zipped());
    assert_eq!((answer.status, &answer.json()["error"]["param"]), (400, &json!("content-encoding")));
}
