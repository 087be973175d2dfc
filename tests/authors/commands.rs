//! `plugins new`, `build`, `inspect`, `check` and `call`, one after the other, as the interface promises them.

use crate::workshop::{Workshop, said};

/// JavaScript is built in a second; what differs between languages is tried by following the document.
fn javascript() -> Workshop {
    let workshop = Workshop::new();
    workshop.run(&["plugins", "new", "late-orders", "--lang", "js"]);
    workshop
}

#[test]
fn from_nothing_to_a_called_tool() {
    let workshop = javascript();
    assert!(workshop.path("late-orders/README.md").is_file());
    workshop.write("orderdesk.toml", "");
    workshop.run(&["plugins", "test", "late-orders"]);

    let (built, _) = workshop.json(&["plugins", "build", "late-orders"]);
    let wasm = built["wasm"].as_str().unwrap();
    assert_eq!(wasm, "late-orders/dist/late-orders.wasm");
    let bytes = std::fs::read(workshop.path(wasm)).unwrap();
    assert_eq!(built["bytes"], bytes.len());
    assert!(bytes.len() < 1_500_000, "QuickJS is small: {}", bytes.len());

    let (told, _) = workshop.json(&["plugins", "inspect", wasm]);
    assert_eq!(told["name"], "late-orders");
    assert_eq!(told["contract"], "0.1.0");
    assert_eq!(told["tools"][0]["name"], "late_orders_hello");
    assert_eq!(told["sha256"], built["sha256"]);
    assert_eq!(told["bytes"], built["bytes"]);
    assert!(told["wishes"].as_array().unwrap().is_empty());
    let imports = told["imports"].as_array().unwrap();
    assert!(
        imports
            .iter()
            .any(|it| it == "orderdesk:plugin/peers@0.1.0")
    );

    let (verdict, ok) = workshop.json(&["plugins", "check", wasm]);
    assert!(
        !ok && verdict["ok"] == false && verdict["loads"] == true,
        "{verdict}"
    );
    let lines = verdict["missing"][0]["add"].as_str().unwrap();
    workshop.write("orderdesk.toml", lines);
    let (verdict, ok) = workshop.json(&["plugins", "check", wasm]);
    assert!(ok && verdict["ok"] == true, "{verdict}");

    let (answer, ok) = workshop.json(&["call", "late_orders_hello", r#"{"person": "Zoë"}"#]);
    assert!(ok);
    assert_eq!(answer["structured"]["greeting"], "Hello, Zoë!");
    let (answer, ok) = workshop.json(&["call", "late_orders_hello", r#"{"person": " "}"#]);
    assert!(!ok);
    assert_eq!(answer["structured"]["error"]["code"], "nobody");
}

#[test]
fn a_wish_is_told_with_its_reason_and_the_line_that_grants_it() {
    let workshop = javascript();
    let source = workshop.path("late-orders/plugin.js");
    let text = std::fs::read_to_string(&source).unwrap();
    let wish = r#"wishes: [{ grant: 'tools = ["orders_list"]', reason: "to find them" }, { grant: "locks = true", reason: "one at a time" }],
  tools: {"#;
    std::fs::write(&source, text.replacen("tools: {", wish, 1)).unwrap();
    let (built, _) = workshop.json(&["plugins", "build", "late-orders"]);
    let wasm = built["wasm"].as_str().unwrap();
    let table = format!("[plugins.late-orders]\nsource = {wasm:?}\n");
    workshop.write("orderdesk.toml", &table);

    let (verdict, ok) = workshop.json(&["plugins", "check", wasm]);
    assert!(!ok && verdict["loads"] == true, "{verdict}");
    assert_eq!(verdict["missing"][0]["why"], "to find them");
    let lines: Vec<&str> = verdict["missing"]
        .as_array()
        .unwrap()
        .iter()
        .map(|missing| missing["add"].as_str().unwrap())
        .collect();
    assert_eq!(lines[0], r#"grants.tools = ["orders_list"]"#);
    workshop.write("orderdesk.toml", &(table + &lines.join("\n")));
    let (verdict, ok) = workshop.json(&["plugins", "check", wasm]);
    assert!(ok, "{verdict}");
}

#[test]
fn what_is_there_is_never_overwritten_and_a_bad_name_makes_nothing() {
    let workshop = javascript();
    workshop.write("late-orders/plugin.js", "mine");
    for (name, what) in [
        ("late-orders", "there already"),
        ("Late", "is no name"),
        ("../up", "is no name"),
    ] {
        let output = workshop
            .command(&["plugins", "new", name, "--lang", "python"])
            .output()
            .unwrap();
        assert!(!output.status.success());
        assert!(said(&output).contains(what), "{}", said(&output));
    }
    let kept = std::fs::read_to_string(workshop.path("late-orders/plugin.js")).unwrap();
    assert_eq!(kept, "mine");
}

#[test]
fn what_does_not_build_is_told_with_the_tools_own_words() {
    let workshop = javascript();
    workshop.write("late-orders/plugin.js", "export default plugin({");
    let output = workshop
        .command(&["plugins", "build", "late-orders"])
        .output()
        .unwrap();
    assert!(!output.status.success());
    assert!(said(&output).contains("plugin.js"), "{}", said(&output));
    let output = workshop
        .command(&["plugins", "build", "data"])
        .output()
        .unwrap();
    assert!(
        said(&output).contains("holds no plugin"),
        "{}",
        said(&output)
    );
}

#[test]
fn what_is_no_plugin_is_told_so() {
    let workshop = Workshop::new();
    workshop.write("orderdesk.toml", "");
    workshop.write("stray.wasm", "\0asm");
    let (verdict, ok) = workshop.json(&["plugins", "check", "stray.wasm"]);
    assert!(!ok && verdict["loads"] == false);
    let what = verdict["missing"][0]["what"].as_str().unwrap();
    assert!(what.contains("not a WebAssembly component"), "{what}");
    let output = workshop
        .command(&["plugins", "inspect", "stray.wasm"])
        .output()
        .unwrap();
    assert!(!output.status.success());
}
