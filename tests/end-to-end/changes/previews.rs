//! A dry run answers the difference that the write then makes. Generated over all tools that write.

use orderdesk_simulator::Toggles;
use serde_json::{Value, json};

use crate::shops::{Shops, with};
use crate::staff;

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_dry_run_answers_the_difference_of_the_write_for_every_tool() {
    let defaults = Toggles::default();
    // Each toggle has been on both settings then.
    for toggles in [defaults.clone(), defaults.reversed()] {
        every_tool(toggles).await;
    }
}

async fn every_tool(toggles: Toggles) {
    let shops = Shops::open(100, toggles).await;
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

        let confirmed = with(
            &arguments,
            "confirm_token",
            preview["confirm_token"].clone(),
        );
        let written = shop.calls(tool, &confirmed).await.ok();
        assert_eq!(written["diff"], json!(difference), "{tool}");
        assert_ne!(shop.state(), before.0, "{tool}");
    }
}

/// What staff change between a preview and the write that carries its token: at what it touches, that is a conflict which
/// shows both; elsewhere it is none, and stays.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_staff_do_after_the_preview_is_a_conflict_where_it_touches_the_change_and_only_there()
{
    let shops = Shops::open(100, Toggles::default()).await;
    let mut wrong = Vec::new();
    for tool in &shops.tools() {
        if let Some(touches) = staff::touches(tool) {
            let shop = shops.next().await;
            let arguments = shop.arguments(tool).await;
            let confirmed = shop.confirmed(tool, &arguments).await;
            shop.staff(touches);
            let before = (shop.state(), shop.requests().len());
            let answer = shop.calls(tool, &confirmed).await;
            let error = &answer.structured["error"];
            let conflict = error["kind"] == "conflict" && error["outcome_unknown"] == false;
            let both = ["theirs", "ours"].iter().all(|side| {
                shown(&answer.structured, side) && answer.text.contains(&format!("\"{side}\":"))
            });
            let requests = shop.requests().split_off(before.1);
            let sent = requests.iter().any(|request| request.method != "GET");
            if !conflict || !both || sent || shop.state() != before.0 {
                wrong.push(format!(
                    "{tool}: conflict {conflict}, both {both}, sent {sent}: {}",
                    answer.raw
                ));
            }
        }
        let shop = shops.next().await;
        let arguments = shop.arguments(tool).await;
        let confirmed = shop.confirmed(tool, &arguments).await;
        shop.staff(staff::elsewhere(tool));
        let before = shop.state();
        let answer = shop.calls(tool, &confirmed).await;
        let now = shop.state();
        let theirs = ["203.0.113.9", "Aisle 9"];
        let stays = theirs.iter().any(|theirs| now.to_string().contains(theirs));
        if answer.is_error || now == before || !stays {
            wrong.push(format!(
                "{tool}, edited elsewhere: stays {stays}: {}",
                answer.raw
            ));
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

/// Whether an error shows one of the two sides.
fn shown(structured: &Value, side: &str) -> bool {
    let details = structured["error"]["details"].as_object();
    details.is_some_and(|details| details.contains_key(side))
}
