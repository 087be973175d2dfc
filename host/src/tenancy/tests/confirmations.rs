//! Tokens that are good once, for one call.

use std::time::Duration;

use proptest::prelude::*;
use serde_json::{Map, Value, json};

use super::{House, NOW};
use crate::store::{ConfirmationPurpose, Purged};
use crate::tenancy::{ConfirmationError, ConfirmationRefused, Confirmations, Principal};

use ConfirmationPurpose::{Preview, Question};

const FIVE_MINUTES: Duration = Duration::from_secs(300);

fn arguments(value: Value) -> Map<String, Value> {
    value.as_object().unwrap().clone()
}

async fn issue(to: &Confirmations, who: &Principal) -> String {
    let thing = arguments(json!({"thing_id": 7}));
    to.issue(who, Preview, "things_erase", &thing, b"basis")
        .await
        .unwrap()
        .token
}

async fn redeem(
    from: &Confirmations,
    who: &Principal,
    purpose: ConfirmationPurpose,
    tool: &str,
    thing: Value,
    token: &str,
) -> Result<Vec<u8>, ConfirmationRefused> {
    match from
        .redeem(who, purpose, tool, &arguments(thing), token)
        .await
    {
        Ok(content) => Ok(content.to_vec()),
        Err(ConfirmationError::Refused(refused)) => Err(refused),
        Err(error) => panic!("{error}"),
    }
}

#[tokio::test]
async fn a_token_brings_back_what_it_stands_for_once() {
    let house = House::new();
    let process = house.start().await;
    let (_, acme) = process.tenant("acme").await;
    let tokens = &process.confirmations;
    let token = issue(tokens, &acme).await;
    assert!(
        token.starts_with("odc_") && token.len() == 4 + 43,
        "{token}"
    );
    let thing = json!({"thing_id": 7});
    let first = redeem(
        tokens,
        &acme,
        Preview,
        "things_erase",
        thing.clone(),
        &token,
    )
    .await;
    assert_eq!(first.unwrap(), b"basis");
    let second = redeem(tokens, &acme, Preview, "things_erase", thing, &token).await;
    assert_eq!(second, Err(ConfirmationRefused::Unknown));
}

#[tokio::test]
async fn for_any_other_call_it_is_refused_and_stays_good_for_its_own() {
    let house = House::new();
    let process = house.start().await;
    let (_, acme) = process.tenant("acme").await;
    let (_, rival) = process.tenant("rival").await;
    let colleague = process.limited_to(&acme, "store:1").await;
    let tokens = &process.confirmations;
    let token = issue(tokens, &acme).await;
    let thing = || json!({"thing_id": 7});

    for (who, purpose, tool, arguments, presented, wanted) in [
        (
            &colleague,
            Preview,
            "things_erase",
            thing(),
            token.as_str(),
            ConfirmationRefused::OtherKey,
        ),
        (
            &acme,
            Preview,
            "things_change",
            thing(),
            &token,
            ConfirmationRefused::OtherTool,
        ),
        (
            &acme,
            Preview,
            "things_erase",
            json!({"thing_id": 8}),
            &token,
            ConfirmationRefused::OtherArguments,
        ),
        (
            &acme,
            Preview,
            "things_erase",
            json!({"thing_id": 7, "force": true}),
            &token,
            ConfirmationRefused::OtherArguments,
        ),
        (
            &acme,
            Question,
            "things_erase",
            thing(),
            &token,
            ConfirmationRefused::Unknown,
        ),
        // Another tenant learns no more than of a token that never was.
        (
            &rival,
            Preview,
            "things_erase",
            thing(),
            &token,
            ConfirmationRefused::Unknown,
        ),
        (
            &acme,
            Preview,
            "things_erase",
            thing(),
            "odc_",
            ConfirmationRefused::Unknown,
        ),
        (
            &acme,
            Preview,
            "things_erase",
            thing(),
            "",
            ConfirmationRefused::Unknown,
        ),
    ] {
        let refused = redeem(tokens, who, purpose, tool, arguments, presented).await;
        assert_eq!(refused, Err(wanted));
    }
    assert!(
        redeem(tokens, &acme, Preview, "things_erase", thing(), &token)
            .await
            .is_ok()
    );
}

#[tokio::test]
async fn after_five_minutes_it_is_refused_and_its_row_goes() {
    let house = House::new();
    let process = house.start().await;
    let (_, acme) = process.tenant("acme").await;
    let tokens = &process.confirmations;
    let thing = || json!({"thing_id": 7});
    let (in_time, late) = (issue(tokens, &acme).await, issue(tokens, &acme).await);

    house.clock.advance(FIVE_MINUTES - Duration::from_millis(1));
    assert!(
        redeem(tokens, &acme, Preview, "things_erase", thing(), &in_time)
            .await
            .is_ok()
    );
    house.clock.advance(Duration::from_millis(1));
    let refused = redeem(tokens, &acme, Preview, "things_erase", thing(), &late).await;
    assert_eq!(refused, Err(ConfirmationRefused::Expired));
    let purged = process.database.purge(NOW + FIVE_MINUTES).await.unwrap();
    assert_eq!(
        purged,
        Purged {
            confirmations: 1,
            ..Purged::default()
        }
    );
    let refused = redeem(tokens, &acme, Preview, "things_erase", thing(), &late).await;
    assert_eq!(refused, Err(ConfirmationRefused::Unknown));
}

#[tokio::test(flavor = "multi_thread")]
async fn of_many_in_two_processes_exactly_one_gets_it() {
    let house = House::new();
    let (here, there) = (house.start().await, house.start().await);
    let (_, acme) = here.tenant("acme").await;
    for _ in 0..10 {
        let token = issue(&here.confirmations, &acme).await;
        let thing = arguments(json!({"thing_id": 7}));
        let tries = (0..8).map(|at| {
            let from = if at % 2 == 0 { &here } else { &there };
            from.confirmations
                .redeem(&acme, Preview, "things_erase", &thing, &token)
        });
        let won = futures::future::join_all(tries).await;
        assert_eq!(won.iter().filter(|it| it.is_ok()).count(), 1);
    }
}

#[tokio::test]
async fn nothing_of_arguments_or_tokens_can_be_read_in_the_file() {
    let house = House::new();
    let process = house.start().await;
    let (_, acme) = process.tenant("acme").await;
    let thing = arguments(json!({"thing_id": "THING-4711"}));
    let token = process
        .confirmations
        .issue(
            &acme,
            Question,
            "things_erase",
            &thing,
            b"STATE-OF-THE-CALL",
        )
        .await
        .unwrap()
        .token;
    drop(process);
    let mut bytes = std::fs::read(house.file()).unwrap();
    bytes.extend(std::fs::read(house.file().with_extension("db-wal")).unwrap_or_default());
    for needle in ["THING-4711", "STATE-OF-THE-CALL", &token[4..]] {
        let found = memchr::memmem::find(&bytes, needle.as_bytes());
        assert!(found.is_none(), "{needle}");
    }
}

fn any_json() -> impl Strategy<Value = Value> {
    let leaf = prop_oneof![
        Just(Value::Null),
        any::<bool>().prop_map(Value::from),
        any::<i64>().prop_map(Value::from),
        "[a-c\",:{}]{0,4}".prop_map(Value::from),
    ];
    leaf.prop_recursive(3, 12, 3, |inner| {
        prop_oneof![
            prop::collection::vec(inner.clone(), 0..3).prop_map(Value::from),
            members(inner).prop_map(Value::Object),
        ]
    })
}

fn members(value: impl Strategy<Value = Value>) -> impl Strategy<Value = Map<String, Value>> {
    prop::collection::vec(("[a-c\",:]{0,3}", value), 0..4)
        .prop_map(|members| members.into_iter().collect())
}

/// The same value with every object's keys the other way round.
fn reversed(value: &Value) -> Value {
    match value {
        Value::Object(object) => object
            .iter()
            .rev()
            .map(|(name, value)| (name.clone(), reversed(value)))
            .collect::<Map<_, _>>()
            .into(),
        Value::Array(items) => items.iter().map(reversed).collect::<Vec<_>>().into(),
        plain => plain.clone(),
    }
}

#[test]
fn arguments_are_the_same_whatever_the_order_of_their_keys_and_only_then() {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .unwrap();
    let house = House::new();
    let (process, acme) = runtime.block_on(async {
        let process = house.start().await;
        let (_, acme) = process.tenant("acme").await;
        (process, acme)
    });
    let tokens = &process.confirmations;
    proptest!(ProptestConfig::with_cases(64), |(ours in members(any_json()), theirs in members(any_json()))| {
        runtime.block_on(async {
            let issued = tokens.issue(&acme, Preview, "t", &ours, b"").await.unwrap();
            let other = tokens.redeem(&acme, Preview, "t", &theirs, &issued.token).await;
            prop_assert_eq!(other.is_ok(), ours == theirs);
            if ours != theirs {
                let turned = reversed(&Value::Object(ours)).as_object().unwrap().clone();
                prop_assert!(tokens.redeem(&acme, Preview, "t", &turned, &issued.token).await.is_ok());
            }
            Ok(())
        })?;
    });
}
