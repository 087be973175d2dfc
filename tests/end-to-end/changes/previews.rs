//! A dry run answers the difference that the write then makes. Generated over all tools that write.

use serde_json::json;

use crate::shops::Shops;

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_dry_run_answers_the_difference_of_the_write_for_every_tool() {
    let shops = Shops::open(100).await;
    let tools = shops.tools();
    assert!(tools.len() >= 11, "{tools:?}");
    for tool in &tools {
        let shop = shops.next().await;
        let arguments = shop.arguments(tool).await;
        let before = (shop.state(), shop.requests().len());
        let preview = shop.previews(tool, &arguments).await.ok();
        assert_eq!(preview["dry_run"], true, "{tool}");
        let difference = preview["diff"].as_array().expect(tool);
        assert!(!difference.is_empty(), "{tool}");
        assert_eq!(shop.state(), before.0, "{tool}");
        let requests = shop.requests().split_off(before.1);
        assert!(
            requests.iter().all(|request| request.method == "GET"),
            "{tool}: {requests:?}"
        );

        let confirmed = crate::shops::with(
            &arguments,
            "confirm_token",
            preview["confirm_token"].clone(),
        );
        let written = shop.calls(tool, &confirmed).await.ok();
        assert_eq!(written["diff"], json!(difference), "{tool}");
        assert_ne!(shop.state(), before.0, "{tool}");
    }
}
