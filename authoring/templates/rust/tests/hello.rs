use orderdesk_plugin::testing::{self, FakeHost};
use serde_json::json;
use {{word}}::plugin;

#[test]
fn somebody_is_greeted() {
    let host = FakeHost::new();
    let answer = testing::call(plugin(), &host, "{{word}}_hello", json!({ "person": "Ada" }));
    assert_eq!(answer.unwrap(), json!({ "greeting": "Hello, Ada!" }));
}

#[test]
fn nobody_is_an_error_that_says_what_to_do() {
    let host = FakeHost::new();
    let answer = testing::call(plugin(), &host, "{{word}}_hello", json!({ "person": " " }));
    assert!(answer.unwrap_err().has_code("nobody"));
}
