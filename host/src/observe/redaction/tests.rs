//! Both ways: what must not be seen is not, and what is ordinary stays.

#![allow(clippy::unwrap_used)]

use proptest::prelude::*;
use serde_json::json;

use super::*;

/// The places in which a text can stand in a log line or an error.
fn surroundings(canary: &str) -> Vec<String> {
    let percent: String = canary
        .chars()
        .map(|character| match character {
            '_' => "%5F".to_owned(),
            '@' => "%40".to_owned(),
            ' ' => "%20".to_owned(),
            other => other.to_string(),
        })
        .collect();
    vec![
        canary.to_owned(),
        format!("the service said: {canary}."),
        format!("key={canary} status=200"),
        format!("{:?}", Some(vec![canary])),
        format!("{:?}", format!("nested {:?}", canary)),
        json!({"message": canary}).to_string(),
        json!({"fields": {"message": json!({"inner": canary}).to_string()}}).to_string(),
        json!(["a\n".to_owned() + canary]).to_string(),
        format!("https://shop.example/?q={canary}&x=1"),
        format!("https://shop.example/?q={percent}&x=1"),
        format!("<{canary}>"),
        format!("({canary}),"),
        format!("\u{1b}[3mcause\u{1b}[0m\u{1b}[2m=\u{1b}[0m{canary}\u{1b}[0m"),
    ]
}

fn assert_gone(canary: &str, telling: &str) {
    for text in surroundings(canary) {
        let redacted = redact(&text);
        assert!(!redacted.contains(telling), "{text}\nstayed as\n{redacted}");
    }
}

/// A number of this length that begins like this and passes Luhn's check.
fn card(issuer: &str, rest: &[u32], length: usize) -> String {
    let mut digits: Vec<u32> = issuer.chars().filter_map(|it| it.to_digit(10)).collect();
    digits.extend(rest.iter().take(length - digits.len() - 1));
    let check = (0..10).find(|check| {
        let mut whole = digits.clone();
        whole.push(*check);
        luhn(&whole)
    });
    digits.push(check.unwrap());
    digits.iter().map(ToString::to_string).collect()
}

proptest! {
    #[test]
    fn keys_and_tokens_of_this_server_do_not_pass(
        prefix in "od[mcl]_",
        id in "[a-z0-9]{12}",
        secret in "[0-9A-Za-z]{43,49}",
    ) {
        assert_gone(&format!("{prefix}{id}_{secret}"), &secret);
        assert_gone(&format!("{prefix}{secret}"), &secret);
    }

    #[test]
    fn bearer_tokens_do_not_pass(
        scheme in "Bearer|bearer|BEARER|Basic",
        token in "[0-9A-Za-z._~+/-]{31}[0-9a-zA-Z]{9}",
    ) {
        assert_gone(&format!("{scheme} {token}"), &token);
    }

    #[test]
    fn cards_do_not_pass(
        (issuer, length) in prop_oneof![
            Just(("4", 16)), Just(("4", 13)), Just(("51", 16)), Just(("2221", 16)), Just(("34", 15)),
            Just(("37", 15)), Just(("36", 14)), Just(("6011", 16)), Just(("3530", 16)), Just(("62", 19)),
        ],
        rest in prop::collection::vec(0_u32..10, 19),
    ) {
        let number = card(issuer, &rest, length);
        assert_gone(&number, &number);
        if length == 16 {
            for gap in [" ", "-"] {
                let groups: Vec<&str> = (0..4).map(|at| &number[at * 4..at * 4 + 4]).collect();
                assert_gone(&groups.join(gap), groups[3]);
            }
        }
        if length == 15 {
            let groups = format!("{} {} {}", &number[..4], &number[4..10], &number[10..]);
            assert_gone(&groups, &number[10..]);
        }
    }

    #[test]
    fn addresses_do_not_pass(
        name in "[a-z][a-z0-9._+-]{0,20}[a-z0-9]",
        domain in "[a-z0-9]{1,12}(\\.[a-z]{2,8}){1,2}",
    ) {
        assert_gone(&format!("{name}@{domain}"), &format!("@{domain}"));
    }

    #[test]
    fn ids_digests_and_times_stay(
        order in 1_u64..10_000_000_000,
        uuid in "[0-9a-f]{8}-[0-9a-f]{4}-4[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}",
        numeric_uuid in "[0-9]{8}-[0-9]{4}-4[0-9]{3}-8[0-9]{3}-[0-9]{12}",
        digest in "[0-9a-f]{64}",
        correlation in "[0-9a-f]{16}",
        millis in 1_500_000_000_000_u64..2_000_000_000_000,
        nanos in 1_500_000_000_000_000_000_u64..2_000_000_000_000_000_000,
        amount in "[0-9]{1,6}\\.[0-9]{2}",
        tracking in "1Z[0-9A-Z]{16}",
        version in "[0-9]{1,2}\\.[0-9]{1,3}\\.[0-9]{1,3}",
    ) {
        for text in [
            format!("order {order} moved"),
            format!("{{\"order_id\":\"{order}\",\"total\":{amount}}}"),
            format!("id={uuid}"),
            format!("id={numeric_uuid}"),
            format!("sha256:{digest}"),
            format!("correlation_id=\"{correlation}\""),
            format!("at {millis} ms"),
            format!("{{\"time\":{nanos}}}"),
            format!("2026-11-25T19:02:03.{:06}Z took {amount} s", order % 1_000_000),
            format!("parcel {tracking}"),
            format!("orderdesk:plugin/http@{version}"),
            format!("wasmtime@{version} 127.0.0.1:{}", order % 65_536),
        ] {
            prop_assert_eq!(redact(&text), text.as_str());
        }
    }

    #[test]
    fn long_numbers_that_are_no_cards_stay(digits in "[0-9]{13,19}") {
        let number: Vec<u32> = digits.chars().filter_map(|it| it.to_digit(10)).collect();
        prop_assume!(!luhn(&number));
        let text = format!("barcode {digits} scanned");
        prop_assert_eq!(redact(&text), text.as_str());
    }

    #[test]
    fn a_line_stays_what_it_is_around_what_is_taken_out(
        before in "[a-z ]{0,40}",
        after in "[a-z ]{0,40}",
    ) {
        let text = format!("{before} r.okafor@example.com {after}");
        prop_assert_eq!(redact(&text), format!("{before} [email] {after}"));
    }

    #[test]
    fn nothing_is_left_for_a_second_time(text in ".{0,200}") {
        let once = redact(&text).into_owned();
        prop_assert_eq!(redact(&once), once.as_str());
    }
}

#[test]
fn prose_stays() {
    for text in [
        "Send your access key in the header 'Authorization: Bearer odm_…'.",
        "the bearer of this message is welcome",
        "basic understanding of internationalization",
        "a method_name_of_sixteen_letters and odd_numbers_are_fine",
        "There is no 'store:9021' within reach of this key.",
        "price @ 3.50 each, 12@hand",
        "limits.key.per_minute = 120",
        "this is not an access key: one looks like odm_<id>_<secret>",
        "0000000000000000",
        "1234567890123456",
    ] {
        assert_eq!(redact(text), text);
    }
}

#[test]
fn json_stays_json() {
    let line = json!({
        "message": "refused odm_abcdefghijkl_0123456789012345678901234567890123456789012345678",
        "to": "r.okafor@example.com",
        "card": "4111 1111 1111 1111",
        "header": "Bearer 0123456789abcdef0123",
    })
    .to_string();
    let redacted: serde_json::Value = serde_json::from_str(&redact(&line)).unwrap();
    assert_eq!(
        redacted,
        json!({"message": "refused [key]", "to": "[email]", "card": "[card]", "header": "Bearer [token]"})
    );
}
