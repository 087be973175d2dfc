//! `stores_settings`: the simulator hands out its API key and mail password as Order Desk does, and here no host conceals
//! them.

use super::*;

#[test]
fn no_secret_is_among_the_settings() {
    let stage = Stage::with(Toggles::default());
    let (_, key, _) = stage.desk().stores().swap_remove(0);
    // Its own documents: the plugin's namespace is the one that the stage registers the store in.
    let answer = call(stores::plugin, &stage, "stores_settings", json!({})).unwrap();
    assert!(answer["settings"]["timezone"].is_string(), "{answer}");
    let left_out = answer["left_out"].as_array().unwrap();
    for name in ["api_key", "smtp_password", "smtp_username"] {
        assert!(left_out.contains(&json!(name)), "{name}");
    }
    assert!(!answer.to_string().contains(&key));
}
