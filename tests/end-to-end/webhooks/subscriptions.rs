//! Clients that want to know what changed.

use end_to_end::Subscription;

use super::*;

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn clients_that_subscribed_hear_of_their_tenants_orders() {
    let server = Server::start().await;
    let client = server.tenant_with_store("acme").await;
    let other = server.tenant("other").await;
    let url = door(&server, &hook(&server, &client).await);
    let uri = "orderdesk://9021/orders/5512034";
    let wanted = json!({"resourceSubscriptions": [uri]});
    let mut hears = Subscription::to(&client, wanted.clone()).await;
    let mut deaf = Subscription::to(&other, wanted).await;
    assert_eq!(post(&url, ORDER, ORDER, KEY).await, 200);
    let told = hears.until("notifications/resources/updated").await;
    assert!(told.contains(uri), "{told}");
    let a_moment = Duration::from_millis(500);
    assert!(
        !deaf
            .hears("notifications/resources/updated", a_moment)
            .await
    );
    drop((hears, deaf));
    server.stop().await;
}
