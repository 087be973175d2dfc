//! Order Desk's "Post Order JSON": an order, posted whenever a rule of the store says so.
//!
//! By default it comes as a form with one field `order`, the order as a JSON string. A mode with JSON as the body seems to
//! exist, but no source shows it, so each shape that receivers in the field take is taken: `{"order": "<JSON>"}`,
//! `{"order": {…}}` and the bare order.
//!
//! `X-ORDER-DESK-HASH` is the hexadecimal HMAC-SHA256 of the order's text under the store's API key. Order Desk's own client
//! hashes the text after one more `rawurldecode`, its own sample does not; they differ where the text contains `%XX`. Both are
//! accepted. Nothing in a request is unique to it, so what makes two the same is the order's text: the decoded one, since
//! whoever repeats a request could write that in many ways.

use orderdesk_client::normalise;
use orderdesk_plugin::serde_json::value::RawValue;
use orderdesk_plugin::serde_json::{self, Map, Value, json};
use orderdesk_plugin::webhooks::{Happening, Reason, Rejection, Request, Verdict};
use orderdesk_plugin::{Context, Sealed, ToolError};
use serde::Deserialize;

use crate::{TAG_LISTS, tag_of};

const KIND: &str = "order-changed";
const HASH: &str = "x-order-desk-hash";
const STORE_ID: &str = "x-order-desk-store-id";
const FIELD: &str = "order";
/// Bytes of HMAC-SHA256.
const SIGNATURE: usize = 32;
/// Digits of an order's id; Order Desk's have seven to nine.
const ID_LENGTH: usize = 20;

pub(crate) fn judge(request: &Request, context: &Context) -> Result<Verdict, ToolError> {
    let key = request.key.as_ref().ok_or_else(|| {
        ToolError::unavailable(
            "hook-without-key",
            "The hook has no key to check signatures with: its store was removed, or has a new key since. Renew it: \
             orderdesk-mcp webhooks renew",
        )
    })?;
    Ok(match read(request, key, context)? {
        Ok(happening) => happening.into(),
        Err(rejection) => rejection.into(),
    })
}

fn read(
    request: &Request,
    key: &Sealed,
    context: &Context,
) -> Result<Result<Happening, Rejection>, ToolError> {
    let store_id = request.subject.strip_prefix("store:").unwrap_or_default();
    if let Some(other) = request.header(STORE_ID)
        && other.trim() != store_id
    {
        return Ok(refuse(Reason::NotOurs, "it is for another store"));
    }
    let texts = match texts(&request.body) {
        Ok(texts) => texts,
        Err(what) => return Ok(refuse(Reason::Malformed, what)),
    };
    let Some(signature) = request.header(HASH).and_then(signature) else {
        return Ok(refuse(
            Reason::BadSignature,
            "it has no hash of 64 hexadecimal digits",
        ));
    };
    let Some(signed) = signed(&texts, &signature, key, context)? else {
        return Ok(refuse(
            Reason::BadSignature,
            "its hash is not that of the order under the store's API key",
        ));
    };
    // What was signed counts. Only where decoding has spoiled the JSON (a `%22` in a text), the text as it came.
    let order = order(&signed)
        .or_else(|| texts.iter().find_map(|text| order(text)))
        .and_then(|order| Some((id_of(&order)?, order)));
    let Some((id, order)) = order else {
        return Ok(refuse(Reason::Malformed, "it is not an order with an id"));
    };
    let identity = context.crypto().sha256(&raw_url_decode(&signed));
    let payload = json!({"store_id": store_id, "order_id": id, "order": order});
    Ok(Ok(Happening::new(KIND, identity, payload)
        .stale(tag_of(&id))
        .stale(TAG_LISTS)
        .changed(format!("orderdesk://{store_id}/orders/{id}"))))
}

fn refuse<T>(reason: Reason, detail: &str) -> Result<T, Rejection> {
    Err(Rejection::new(reason, detail))
}

/// The texts that may have been signed, likeliest first.
fn texts(body: &[u8]) -> Result<Vec<Vec<u8>>, &'static str> {
    /// The order as JSON, or as JSON within a string.
    #[derive(Deserialize)]
    struct Frame<'a> {
        #[serde(borrow)]
        order: Option<&'a RawValue>,
    }

    let trimmed = body.trim_ascii();
    if !trimmed.starts_with(b"{") {
        return match form_field(trimmed, FIELD) {
            Some(text) => Ok(vec![text]),
            None => Err("it is neither JSON nor a form with one field 'order'"),
        };
    }
    let frame: Frame<'_> =
        serde_json::from_slice(trimmed).map_err(|_| "its body begins like JSON and is none")?;
    let mut texts = Vec::new();
    if let Some(order) = frame.order {
        texts.push(match serde_json::from_str::<String>(order.get()) {
            Ok(text) => text.into_bytes(),
            Err(_) => order.get().as_bytes().to_vec(),
        });
    }
    texts.push(body.to_vec());
    Ok(texts)
}

/// The text whose hash this is. All are tried, also where an earlier one fits: the time that it takes says nothing of which it was.
fn signed(
    texts: &[Vec<u8>],
    signature: &[u8],
    key: &Sealed,
    context: &Context,
) -> Result<Option<Vec<u8>>, ToolError> {
    let mut found = None;
    for text in texts {
        let decoded = raw_url_decode(text);
        let other = (decoded != *text).then_some(decoded);
        for candidate in [Some(text.clone()), other].into_iter().flatten() {
            if context.crypto().verify_hmac(key, &candidate, signature)? {
                found.get_or_insert(candidate);
            }
        }
    }
    Ok(found)
}

/// The order that a text is, or holds.
fn order(text: &[u8]) -> Option<Map<String, Value>> {
    let mut value: Value = serde_json::from_slice(text).ok()?;
    if let Some(inner) = value.get_mut(FIELD) {
        value = match inner.take() {
            Value::String(text) => serde_json::from_str(&text).ok()?,
            inner => inner,
        };
    }
    normalise::order(&mut value);
    match value {
        Value::Object(order) => Some(order),
        _ => None,
    }
}

fn id_of(order: &Map<String, Value>) -> Option<String> {
    let id = match order.get("id")? {
        Value::String(id) => id.clone(),
        Value::Number(id) => id.to_string(),
        _ => return None,
    };
    let plain = (1..=ID_LENGTH).contains(&id.len()) && id.bytes().all(|it| it.is_ascii_digit());
    plain.then_some(id)
}

fn signature(hash: &str) -> Option<Vec<u8>> {
    let digits = hash.trim().as_bytes();
    let bytes: Vec<u8> = digits
        .chunks(2)
        .map(|pair| Some(hex(*pair.first()?)? << 4 | hex(*pair.get(1)?)?))
        .collect::<Option<_>>()?;
    (bytes.len() == SIGNATURE).then_some(bytes)
}

fn hex(digit: u8) -> Option<u8> {
    // A hexadecimal digit's value fits a byte.
    char::from(digit).to_digit(16).map(|value| value as u8)
}

/// The only field of this name in a form; none if there are several, since it would not be clear which was signed.
fn form_field(form: &[u8], name: &str) -> Option<Vec<u8>> {
    let spaces = |text: &[u8]| -> Vec<u8> {
        let text: Vec<u8> = text
            .iter()
            .map(|&byte| if byte == b'+' { b' ' } else { byte })
            .collect();
        raw_url_decode(&text)
    };
    let mut found = form
        .split(|&byte| byte == b'&')
        .filter_map(|pair| {
            let equals = pair.iter().position(|&byte| byte == b'=')?;
            Some((&pair[..equals], &pair[equals + 1..]))
        })
        .filter(|(field, _)| spaces(field) == name.as_bytes())
        .map(|(_, value)| spaces(value));
    match (found.next(), found.next()) {
        (Some(value), None) => Some(value),
        _ => None,
    }
}

/// As PHP's `rawurldecode`: `%XX` becomes a byte, everything else stays.
fn raw_url_decode(text: &[u8]) -> Vec<u8> {
    let mut decoded = Vec::with_capacity(text.len());
    let mut rest = text;
    while let Some((&first, after)) = rest.split_first() {
        let escaped = match after {
            [high, low, ..] if first == b'%' => hex(*high).zip(hex(*low)),
            _ => None,
        };
        match escaped {
            Some((high, low)) => {
                decoded.push(high << 4 | low);
                rest = &after[2..];
            }
            None => {
                decoded.push(first);
                rest = after;
            }
        }
    }
    decoded
}
