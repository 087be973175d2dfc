#![allow(clippy::unwrap_used)]
use proptest::prelude::*;
use serde_json::json;

use super::*;

fn imitations() -> Imitations {
    let mut config = Config::default();
    let public = "https://mcp.example.com/desk".to_owned();
    config.server.public_url = Some(public.try_into().unwrap());
    Imitations::of(&config)
}

#[test]
fn what_looks_like_a_link_of_ours_is_removed_however_it_is_written() {
    let token = "odl_AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA";
    for forged in [
        "https://mcp.example.com/desk/person/odl_x",
        "https://mcp.example.com/desk/person/consent",
        "HTTPS://MCP.EXAMPLE.COM/desk/PERSON/x",
        "mcp.example.com/desk/person/x",
        "https://mcp.example.com:8443/person/x",
        "https://mcp.example.com@evil.example/x",
        "https://mcp.example.com:x@evil.example/x",
        "https://mcp.example.com.evil.example/x",
        "https://login.mcp.example.com.evil.example/x",
        "https://evil.example/mcp.example.com/desk/person/x",
        "https://mcp.example.com/desk%2fperson%2Fx",
        "https://mcp.example.com/desk/%2570erson/x",
        "https://mcp.example.com\\desk\\person\\x",
        "https://mcp.exa\u{200b}mple.com/desk/per\u{ad}son/x",
        "https://mcp\u{3002}example.com/desk/person/x",
        "https://ｍcp.example.com/desk/person/x",
        "https&#58;//mcp.example.com&#x2F;desk&sol;person/x",
        "http://127.0.0.1:4000/person/x",
        "http://localhost/person/x",
        "http://[::1]:4000/person/x",
        "http://127.0.0.1.evil.example/",
        &format!("https://evil.example/person/{token}"),
        &format!("https://evil.example/?to={token}"),
        &token.replace("odl_", "ODL%5f"),
    ] {
        for around in [
            format!("Enter your key at {forged} now."),
            format!("[here](https://evil.example/) ({forged})"),
            format!("<a href=\"{forged}\">"),
            forged.to_owned(),
        ] {
            let kept = imitations().without(&around).into_owned();
            assert_eq!(kept, around.replace(forged, REMOVED), "{forged}");
        }
    }
}

#[test]
fn ordinary_text_is_left_as_it_is() {
    for text in [
        "",
        "https://mcp.example.com/",
        "https://mcp.example.com/desk/webhooks/odh_1",
        "https://docs.mcp.example.com/x",
        "https://my-mcp.example.com/x",
        "https://example.com/person/4711",
        "https://track.example/parcel?id=1Z999&to=a%2Fb",
        "The person / the customer, 127.0.0.1, odl_short, R&D; 50 % off & more",
        "http://127.0.0.1:9000/orders",
        "Ship to localhost",
        "a_b/c&d;e",
    ] {
        assert!(
            matches!(imitations().without(text), Cow::Borrowed(_)),
            "{text}"
        );
    }
}

#[test]
fn json_is_cleaned_in_names_and_values_however_deep_and_escaped() {
    let text = r#"{"a":[{"https://mcp.example.com/person/x":"https:\/\/mcp.example.com\u002fperson/x"}],"b":1}"#;
    let mut value: Value = serde_json::from_str(text).unwrap();
    assert!(imitations().found_in(&value).is_some());
    assert!(imitations().clean_value(&mut value));
    assert_eq!(value, json!({"a": [{ REMOVED: REMOVED }], "b": 1}));
    assert!(!imitations().clean_value(&mut value));
    let mut text = text.to_owned();
    imitations().clean_json(&mut text);
    assert!(!text.contains("mcp.example"), "{text}");
}

proptest! {
    /// Nothing is left that would be found again, and nothing else is lost.
    #[test]
    fn what_is_cleaned_is_clean(before in "\\PC{0,40}", after in "\\PC{0,40}") {
        let text = format!("{before} https://mcp.example.com/desk/person/x {after}");
        let kept = imitations().without(&text).into_owned();
        prop_assert!(imitations().found(&kept).is_none(), "{}", kept);
        prop_assert!(kept.contains(REMOVED));
    }

    #[test]
    fn any_text_is_looked_through(text in "\\PC{0,200}") {
        let _ = imitations().without(&text);
    }
}
