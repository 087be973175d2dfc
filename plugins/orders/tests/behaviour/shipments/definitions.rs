//! The tools as agents see them.

#[test]
fn hints_sets_and_the_default_list_are_as_intended() {
    let tools = orders::plugin().tools();
    let described: Vec<_> = tools
        .iter()
        .filter(|tool| tool.name.starts_with("shipments_"))
        .map(|tool| {
            assert_eq!(tool.toolset.as_deref(), Some("shipments"));
            for part in ["Use it", "Do not use it", "Example: {"] {
                assert!(tool.description.contains(part), "{}: {part}", tool.name);
            }
            let hints = tool.hints;
            assert!(hints.idempotent && !hints.open_world, "{}", tool.name);
            (
                tool.name.as_str(),
                hints.read_only,
                hints.destructive,
                tool.by_default,
            )
        })
        .collect();
    assert_eq!(
        described,
        [
            ("shipments_list", true, false, true),
            ("shipments_add", false, false, true),
            ("shipments_update", false, true, false),
            ("shipments_delete", false, true, false),
            ("shipments_add_batch", false, false, false),
        ]
    );
}

#[test]
fn rows_and_changes_take_documented_fields_only() {
    for tool in orders::plugin().tools() {
        let properties = &tool.input_schema["properties"];
        let inner = match tool.name.as_str() {
            "shipments_update" => &properties["changes"],
            "shipments_add_batch" => &properties["shipments"]["items"],
            "shipments_add" => &tool.input_schema,
            _ => continue,
        };
        assert_eq!(inner["additionalProperties"], false, "{}", tool.name);
        for field in [
            "tracking_number",
            "carrier_code",
            "shipment_method",
            "weight",
            "cost",
            "status",
            "tracking_url",
        ] {
            let argument = &inner["properties"][field];
            assert!(
                argument["description"].is_string(),
                "{}: {field}",
                tool.name
            );
        }
    }
}
