//! Resources and prompts of a plugin that lies: what would harm others is refused when it is loaded, and what it answers is held
//! against its limits.

use end_to_end::{Client, guest};
use serde_json::{Value, json};

use super::loading::refusal;
use super::{READS, others_still_work, with_hostile};

fn saying(settings: Value) -> String {
    let settings = toml::to_string(&json!({ "settings": settings })).unwrap();
    format!("{READS}\n{settings}")
}

fn resource(uri: &str) -> Value {
    json!({"resource": {"uri": uri, "name": "r"}})
}

fn with(mut settings: Value, more: Value) -> Value {
    let of = settings
        .as_object_mut()
        .unwrap()
        .values_mut()
        .next()
        .unwrap();
    of.as_object_mut()
        .unwrap()
        .extend(more.as_object().unwrap().clone());
    settings
}

async fn refused(settings: Value) -> String {
    refusal("hostile", guest("guest-hostile"), &saying(settings)).await
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_uri_that_is_anothers_or_none_is_refused() {
    for uri in [
        "orderdesk://{store}/orders/{id}",
        "https://bank.example/login",
        "file:///etc/passwd",
        "hostile://a/../b",
        "hostile://{store}/{store}",
        "hostile://a\nb",
        "hostile",
        "",
    ] {
        let what = refused(resource(uri)).await;
        assert!(what.contains("its URI"), "{uri}: {what}");
    }
    for (settings, says) in [
        (
            with(
                resource("hostile://a"),
                json!({"mime": "text/plain\r\nx: y"}),
            ),
            "media type",
        ),
        (
            with(resource("hostile://a"), json!({"tool": "stores_list"})),
            "'stores_list'",
        ),
        (
            with(resource("hostile://a"), json!({"name": "A b"})),
            "its name",
        ),
        (
            with(resource("hostile://{id}"), json!({"twice": true})),
            "in common",
        ),
        (
            with(resource("hostile://a"), json!({"twice": true})),
            "in common",
        ),
        (
            json!({"prompt": {"name": "stores_prompt"}}),
            "prompts must start with",
        ),
        (
            json!({"prompt": {"name": "hostile prompt"}}),
            "a name starts with a letter",
        ),
        (
            json!({"prompt": {"name": "hostile_p", "tool": "orders_get"}}),
            "'orders_get'",
        ),
    ] {
        let what = refused(settings).await;
        assert!(what.contains(says), "{what}");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_uri_that_another_plugin_serves_is_refused_even_in_a_scheme_that_both_may_use() {
    for uri in [
        "orderdesk://{a}/{b}/{c}",
        "orderdesk://9021/orders/{id}",
        "orderdesk://9021/folders",
        "orderdesk://stores",
    ] {
        let lines = format!(
            "prefixes = [\"hostile_\"]\nschemes = [\"orderdesk\"]\n{}",
            saying(resource(uri))
        );
        let what = refusal("zealous", guest("guest-hostile"), &lines).await;
        assert!(
            what.contains("already served by the plugin"),
            "{uri}: {what}"
        );
    }
    let lines = format!("schemes = [\"https\"]\n{}", saying(resource("https://a")));
    let what = refusal("hostile", guest("guest-hostile"), &lines).await;
    assert!(what.contains("plugins.hostile.schemes"), "{what}");
}

async fn answer(method: &str, params: Value, settings: Value) -> Value {
    let lines = format!(
        "limits = {{ cpu = \"300ms\", output = \"1MiB\" }}\n{}",
        saying(settings)
    );
    let server = with_hostile(&lines).start().await;
    let client: Client = server.tenant("acme").await;
    let answer = client.request(method, params).await.json();
    others_still_work(&client).await;
    server.stop().await;
    answer
}

async fn read(of_answer: Value) -> Value {
    let settings = with(
        resource("hostile://a"),
        json!({"mime": "text/plain", "answer": of_answer}),
    );
    answer("resources/read", json!({"uri": "hostile://a"}), settings).await
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_is_read_stays_within_its_limits_and_its_own_uris() {
    let fine = read(json!({"bytes": 10, "pieces": 1})).await;
    assert_eq!(fine["result"]["contents"][0]["text"], "xxxxxxxxxx");
    for (of_answer, code) in [
        (json!({"bytes": 2 << 20, "pieces": 1}), "output-limit"),
        (json!({"bytes": 30_000, "pieces": 90}), "output-limit"),
        (
            json!({"bytes": 0, "pieces": 0}),
            "plugin-broke-its-contract",
        ),
        (
            json!({"bytes": 0, "pieces": 5_000}),
            "plugin-broke-its-contract",
        ),
        (
            json!({"bytes": 1, "pieces": 1, "mime": "text/plain\r\nx: y"}),
            "plugin-broke-its-contract",
        ),
        (
            json!({"bytes": 1, "pieces": 1, "uri": "orderdesk://stores"}),
            "plugin-broke-its-contract",
        ),
        (
            json!({"bytes": 1, "pieces": 1, "uri": "https://bank.example"}),
            "plugin-broke-its-contract",
        ),
        (json!({"fails": 100_000}), "output-limit"),
        (json!({"loops": true}), "cpu-limit"),
        (json!({"bytes": 100 << 20, "pieces": 1}), "memory-limit"),
    ] {
        let answer = read(of_answer.clone()).await;
        assert_eq!(answer["error"]["code"], -32603, "{of_answer}: {answer}");
        assert_eq!(
            answer["error"]["data"]["code"], code,
            "{of_answer}: {answer}"
        );
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn prompts_and_completion_stay_within_their_limits() {
    for (prompt, code) in [
        (json!({"messages": 0}), "plugin-broke-its-contract"),
        (json!({"messages": 1_000}), "plugin-broke-its-contract"),
        (json!({"messages": 1, "bytes": 2 << 20}), "output-limit"),
    ] {
        let settings = with(json!({"prompt": {"name": "hostile_p"}}), prompt);
        let answer = answer("prompts/get", json!({"name": "hostile_p"}), settings).await;
        assert_eq!(answer["error"]["data"]["code"], code, "{answer}");
    }
    let settings = with(
        resource("hostile://{id}"),
        json!({"answer": {"values": 5_000, "bytes": 100}}),
    );
    let typing = json!({
        "ref": {"type": "ref/resource", "uri": "hostile://{id}"},
        "argument": {"name": "id", "value": ""},
    });
    let answer = answer("completion/complete", typing, settings).await;
    let completion = &answer["result"]["completion"];
    assert_eq!(
        completion["values"].as_array().unwrap().len(),
        100,
        "{answer}"
    );
    assert_eq!(completion["hasMore"], true);
}
