//! The outbound order post, "Post Order JSON" (order-desk-api.md §6.1): a signed form with one field.

use std::sync::Arc;
use std::time::Duration;

use axum::http::header::CONTENT_TYPE;
use hmac::{Hmac, KeyInit, Mac};
use percent_encoding::percent_decode_str;
use reqwest::Client;
use reqwest::redirect::Policy;
use sha2::Sha256;
use url::form_urlencoded;

use crate::locking::lock;
use crate::php_json;
use crate::toggles::HashStyle;
use crate::world::World;

/// Order Desk gives the receiver this long.
const TIMEOUT: Duration = Duration::from_secs(30);
/// Waits before the five retries, two hours in all. Count and total are documented, the steps are not.
const RETRY_WAITS: [u64; 5] = [10, 290, 900, 2_400, 3_600];
/// Anything above counts as failed, 202 and 204 too.
const LAST_GOOD_STATUS: u16 = 201;

/// How the delivery of a webhook went.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Delivery {
    /// The HTTP status of each attempt, `None` where no reply came.
    pub attempts: Vec<Option<u16>>,
    /// Whether the last attempt succeeded.
    pub delivered: bool,
}

/// A webhook could not even be attempted.
#[derive(Debug, thiserror::Error)]
pub enum WebhookError {
    /// No store has that order.
    #[error("no store has order {0}")]
    UnknownOrder(u64),
    /// The HTTP client could not be set up.
    #[error("cannot set up an HTTP client: {0}")]
    Client(#[from] reqwest::Error),
}

/// The signature of a webhook: lower-case hex HMAC-SHA256 of the form's `order` field under the store's API key.
pub fn sign(order_field: &str, api_key: &str, style: HashStyle) -> String {
    let text: Vec<u8> = match style {
        HashStyle::Raw => order_field.as_bytes().to_vec(),
        HashStyle::RawUrlDecoded => percent_decode_str(order_field).collect(),
    };
    // HMAC takes keys of any length, so there is no error to report.
    let Ok(mut mac) = Hmac::<Sha256>::new_from_slice(api_key.as_bytes()) else {
        return String::new();
    };
    mac.update(&text);
    mac.finalize()
        .into_bytes()
        .iter()
        .map(|byte| format!("{byte:02x}"))
        .collect()
}

/// Posts an order as it is now, and again on the simulator's clock until the receiver answers 200 or 201 or the
/// retries are used up.
pub(crate) async fn deliver(
    world: Arc<World>,
    order_id: u64,
    url: String,
) -> Result<Delivery, WebhookError> {
    let (store_id, api_key, order) = lock(&world.stores)
        .values()
        .find_map(|store| {
            Some((
                store.id(),
                store.api_key().to_owned(),
                store.order_json(order_id)?,
            ))
        })
        .ok_or(WebhookError::UnknownOrder(order_id))?;
    let field = php_json::to_string(&order);
    let hash = (!api_key.is_empty()).then(|| sign(&field, &api_key, world.toggles().hash_style));
    let form = form_urlencoded::Serializer::new(String::new())
        .append_pair("order", &field)
        .finish();

    // reqwest is built without a TLS provider of its own. Another one may be installed already: as good.
    let _ = rustls::crypto::ring::default_provider().install_default();
    let client = Client::builder()
        .timeout(TIMEOUT)
        // A redirect is a status above 201, hence a failure.
        .redirect(Policy::none())
        .no_proxy()
        .build()?;
    let mut attempts = Vec::new();
    let waits = std::iter::once(0).chain(RETRY_WAITS);
    for wait in waits {
        if wait > 0 {
            world.clock.sleep(Duration::from_secs(wait)).await;
        }
        let mut request = client
            .post(&url)
            .header(CONTENT_TYPE, "application/x-www-form-urlencoded")
            .header("x-order-desk-store-id", store_id)
            .body(form.clone());
        if let Some(hash) = &hash {
            request = request.header("x-order-desk-hash", hash);
        }
        let status = request
            .send()
            .await
            .ok()
            .map(|response| response.status().as_u16());
        attempts.push(status);
        if status.is_some_and(|status| status <= LAST_GOOD_STATUS) {
            return Ok(Delivery {
                attempts,
                delivered: true,
            });
        }
    }
    Ok(Delivery {
        attempts,
        delivered: false,
    })
}
