//! What of resources and prompts a caller can reach: not more than with the tools that tell the same.

use super::*;

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn another_tenants_uris_answer_like_those_of_nobody() {
    let server = Server::start().await;
    let acme = server.tenant_with_store("acme").await;
    let other = server.tenant("other").await;
    let (id, key, own) = server.simulator.stores().into_iter().nth(1).unwrap();
    let register = json!({ "store_id": id.to_string(), "api_key": key });
    other.call("stores_register", register).await.ok();
    let listed = acme.call("orders_list", json!({ "limit": 1 })).await.ok();
    let order = listed["orders"][0]["id"].as_str().unwrap();
    let store = listed["store"]["store_id"].as_str().unwrap();
    let name = listed["store"]["store_name"].as_str().unwrap();
    document(&acme, &format!("orderdesk://{store}/orders/{order}")).await;
    // As like to the other's own store, which messages may suggest.
    let nobody = "9023".to_owned();
    assert_eq!((store, id), ("9021", 9022));
    for rest in [
        format!("orders/{order}"),
        "folders".into(),
        "products/ORG-WAL".into(),
    ] {
        let mut answers = Vec::new();
        for store in [store, &nobody] {
            let answer = read(&other, &format!("orderdesk://{store}/{rest}")).await;
            assert!(!answer.to_string().contains(name), "{answer}");
            let mut error = answer["error"].clone();
            error["data"]["correlation_id"] = Value::Null;
            answers.push(
                error
                    .to_string()
                    .replace(&format!("//{store}/"), "//STORE/")
                    .replace(&format!("\\\"{store}\\\""), "STORE"),
            );
        }
        assert_eq!(answers[0], answers[1]);
    }
    for (template, variable) in [
        ("orderdesk://{store}/orders/{id}", "store"),
        ("orderdesk://{store}/orders/{id}", "id"),
        ("orderdesk://{store}/folders", "store"),
        ("orderdesk://{store}/products/{code}", "code"),
    ] {
        let given = json!({ "store": store });
        let offered = complete(&other, of_template(template), variable, "", given.clone()).await;
        // Its own store, and nothing of what lies within another.
        let own: &[&str] = if variable == "store" { &[&own] } else { &[] };
        assert_eq!(values(&offered), own, "{template}");
        let offered = complete(&acme, of_template(template), variable, "", given).await;
        assert!(!values(&offered).is_empty(), "{template}");
    }
    server.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_key_for_some_stores_reads_and_is_offered_only_those() {
    let server = Server::start().await;
    let client = server.tenant("acme").await;
    let mut names = Vec::new();
    for (id, key, name) in server.simulator.stores() {
        client
            .call(
                "stores_register",
                json!({ "store_id": id.to_string(), "api_key": key }),
            )
            .await
            .ok();
        names.push((id.to_string(), name));
    }
    let scopes = Scopes {
        subjects: Some(vec![format!("store:{}", names[0].0)]),
        ..Scopes::default()
    };
    let limited = server.limited(&client, scopes).await;
    let folders = |store: &str| format!("orderdesk://{store}/folders");
    document(&limited, &folders(&names[0].0)).await;
    document(&client, &folders(&names[1].0)).await;
    for store in [&names[1].0, &names[1].1.replace(' ', "%20"), "9999"] {
        let answer = read(&limited, &folders(store)).await;
        assert_eq!(error(&answer).0, -32602);
        assert_eq!(
            answer["error"]["data"]["code"], "store-not-found",
            "{answer}"
        );
    }
    let template = of_template("orderdesk://{store}/folders");
    let offered = complete(&limited, template, "store", "", json!({})).await;
    assert_eq!(values(&offered), [names[0].1.as_str()]);
    server.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_key_for_some_tools_reaches_what_goes_with_those() {
    let server = shelf().start().await;
    let client = server.tenant_with_store("acme").await;
    let template = "shelf://books/{book}/{number}";
    let sees = async |tools: &[&str]| {
        let scopes = Scopes {
            tools: Some(tools.iter().map(|&tool| tool.to_owned()).collect()),
            ..Scopes::default()
        };
        let limited = server.limited(&client, scopes).await;
        let mut seen = Vec::new();
        for (method, key) in LISTS {
            let answer = ask(&limited, method, json!({})).await;
            for item in result(&answer)[key].as_array().unwrap() {
                seen.push(item["name"].as_str().unwrap().to_owned());
            }
        }
        // What is not listed is not there.
        for (name, answer) in [
            ("about", read(&limited, "shelf://about").await),
            ("cover", read(&limited, "shelf://cover").await),
            ("page", read(&limited, "shelf://books/Emma/1").await),
            (
                "page",
                complete(&limited, of_template(template), "book", "", json!({})).await,
            ),
            (
                "shelf_recommend",
                prompt(&limited, "shelf_recommend", json!({ "topic": "x" })).await,
            ),
            ("order", read(&limited, "orderdesk://9021/orders/1").await),
        ] {
            let listed = seen.iter().any(|it| it == name);
            let unknown = answer["error"]["message"]
                .as_str()
                .is_some_and(|it| it.starts_with("there is no "));
            assert_eq!(listed, !unknown, "{tools:?} {name}: {answer}");
        }
        seen
    };
    assert_eq!(
        sees(&["shelf_count"]).await,
        ["about", "cover", "both", "written"]
    );
    assert_eq!(
        sees(&["shelf_find"]).await,
        ["about", "both", "written", "page", "shelf_recommend"]
    );
    assert_eq!(
        sees(&["orders_list"]).await.len(),
        3,
        "the prompts that begin with it"
    );
    assert!(sees(&["orders_get"]).await.contains(&"order".to_owned()));
    assert!(sees(&[]).await.is_empty());
    server.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn sets_and_read_only_modes_leave_resources_and_prompts_alone() {
    let server = shelf().start().await;
    let client = server.tenant("acme").await;
    for page in ["/readonly", "?toolsets=stores"] {
        let client = client.at(page);
        let answer = read(&client, "shelf://about").await;
        assert_eq!(result(&answer)["contents"][0]["text"], "Three books.");
        let answer = ask(&client, "prompts/list", json!({})).await;
        assert_eq!(result(&answer)["prompts"].as_array().unwrap().len(), 5);
    }
    server.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_tool_that_the_operator_took_away_tells_nothing_by_another_way() {
    let lines = "tools.exclude = [\"shelf_find\"]";
    let server = Server::builder()
        .plugin("shelf", &guest("guest-shelf"), lines)
        .start()
        .await;
    let client = server.tenant("acme").await;
    assert_eq!(
        error(&read(&client, "shelf://books/Emma/1").await).0,
        -32602
    );
    assert_eq!(
        error(&prompt(&client, "shelf_recommend", json!({ "topic": "x" })).await).0,
        -32602
    );
    result(&read(&client, "shelf://cover").await);
    server.stop().await;
}
