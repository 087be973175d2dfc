//! The tools as agents see them.

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
