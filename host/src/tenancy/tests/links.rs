use std::collections::HashSet;

use secrecy::ExposeSecret;
use serde_json::{Map, Value, json};

use super::*;
use crate::store::Purged;
use crate::tenancy::{
    ATTEMPTS, FormSecret, Found, Link, LinkFor, LinkPurpose, Links, OpenLink, Place, Refusal,
    Standing, VISIT,
};

const TEN_MINUTES: Duration = Duration::from_secs(600);

fn links(house: &House, process: &Process) -> Links {
    let clock: Arc<dyn Clock> = Arc::new(house.clock.clone());
    Links::new(process.database.clone(), clock, &process.tenancy)
}

fn arguments(value: &Value) -> Map<String, Value> {
    value.as_object().unwrap().clone()
}

fn wanted(arguments: &Map<String, Value>) -> LinkFor<'_> {
    LinkFor {
        purpose: LinkPurpose::Secret,
        plugin: "shop",
        tool: "shop_open",
        arguments,
    }
}

async fn issue(links: &Links, principal: &Principal) -> Link {
    let of = arguments(&json!({"shop": 7}));
    links
        .issue(principal, &wanted(&of), b"what waits")
        .await
        .unwrap()
}

async fn standing(links: &Links, principal: &Principal, of: Value) -> Standing {
    let of = arguments(&of);
    links.standing(principal, &wanted(&of)).await.unwrap()
}

async fn open(links: &Links, link: &Link) -> OpenLink {
    match links.find(&link.token).await.unwrap() {
        Found::Open(open) => open,
        _ => panic!("the link is not open"),
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn looking_changes_nothing_and_of_many_in_two_processes_one_takes_it() {
    let house = House::new();
    let (here, there) = (house.start().await, house.start().await);
    let (_, acme) = here.tenant("acme").await;
    let (here, there) = (links(&house, &here), links(&house, &there));
    let link = issue(&here, &acme).await;
    let (seen, seen_there) = (open(&here, &link).await, open(&there, &link).await);
    assert_eq!(
        there.content(&acme, &seen_there).unwrap().as_slice(),
        b"what waits"
    );
    let tries = (0..8).map(|at| {
        let (links, seen) = if at % 2 == 0 {
            (&here, &seen)
        } else {
            (&there, &seen_there)
        };
        async move { links.take(seen).await.unwrap() }
    });
    let taken = futures::future::join_all(tries).await;
    assert_eq!(taken.iter().filter(|taken| **taken).count(), 1);
    assert!(matches!(
        there.find(&link.token).await.unwrap(),
        Found::Used
    ));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_link_ends_after_ten_minutes_and_is_purged_an_hour_later() {
    let house = House::new();
    let process = house.start().await;
    let (_, acme) = process.tenant("acme").await;
    let links = links(&house, &process);
    let link = issue(&links, &acme).await;
    house.clock.advance(TEN_MINUTES - Duration::from_millis(1));
    let seen = open(&links, &link).await;
    house.clock.advance(Duration::from_millis(1));
    assert!(matches!(
        links.find(&link.token).await.unwrap(),
        Found::Expired
    ));
    assert!(!links.take(&seen).await.unwrap());
    let of = json!({"shop": 7});
    assert!(matches!(
        standing(&links, &acme, of).await,
        Standing::Absent
    ));
    let hour = Duration::from_secs(3600);
    let late = |more: Duration| process.database.purge(NOW + TEN_MINUTES + more);
    let kept = late(hour - Duration::from_millis(1)).await.unwrap();
    assert_eq!(kept, Purged::default());
    let purged = late(hour).await.unwrap();
    assert_eq!(
        purged,
        Purged {
            links: 1,
            ..Purged::default()
        }
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn wrong_keys_and_those_of_others_are_refused_alike_and_five_close_the_link() {
    let house = House::new();
    let process = house.start().await;
    let (own, acme) = process.tenant("acme").await;
    let (other, _) = process.tenant("rival").await;
    let links = links(&house, &process);
    let link = issue(&links, &acme).await;
    let unknown = AccessKey::generate().unwrap();
    let wrong = [
        presented(&other.master_key),
        presented(&unknown),
        SecretString::from("not a key at all"),
        SecretString::from(""),
        presented(&other.master_key),
    ];
    for (at, wrong) in wrong.iter().enumerate() {
        let seen = open(&links, &link).await;
        let refused = links
            .enter(&process.tenancy, &seen, wrong, None)
            .await
            .unwrap();
        let left = ATTEMPTS - 1 - u32::try_from(at).unwrap();
        let expected = if left == 0 {
            Refusal::Blocked
        } else {
            Refusal::Wrong { left }
        };
        assert_eq!(refused.unwrap_err(), expected);
    }
    assert!(matches!(
        links.find(&link.token).await.unwrap(),
        Found::Blocked
    ));
    // A new one is as good as the first was.
    let link = issue(&links, &acme).await;
    let seen = open(&links, &link).await;
    let key = presented(&own.master_key);
    let entered = links
        .enter(&process.tenancy, &seen, &key, None)
        .await
        .unwrap();
    assert_eq!(entered.unwrap().tenant, acme.tenant);
}

#[tokio::test(flavor = "multi_thread")]
async fn the_same_call_of_the_same_key_finds_its_link_and_hears_its_end_once() {
    let house = House::new();
    let process = house.start().await;
    let (_, acme) = process.tenant("acme").await;
    let other_key = process.limited_to(&acme, "shop:7").await;
    let links = links(&house, &process);
    let link = issue(&links, &acme).await;
    let of = json!({"shop": 7});
    match standing(&links, &acme, of.clone()).await {
        Standing::Open(same) => assert_eq!(same.token, link.token),
        _ => panic!("it is not open"),
    }
    for (principal, of) in [(&acme, json!({"shop": 8})), (&other_key, of.clone())] {
        let standing = standing(&links, principal, of).await;
        assert!(matches!(standing, Standing::Absent));
    }
    let seen = open(&links, &link).await;
    assert!(links.take(&seen).await.unwrap());
    assert!(matches!(
        standing(&links, &acme, of.clone()).await,
        Standing::UnderWay
    ));
    links.settle(&other_key, &seen, b"well").await.unwrap();
    match standing(&links, &acme, of.clone()).await {
        Standing::Ended(outcome) => assert_eq!(outcome.as_slice(), b"well"),
        _ => panic!("it has not ended"),
    }
    assert!(matches!(
        standing(&links, &acme, of).await,
        Standing::Absent
    ));
}

#[tokio::test(flavor = "multi_thread")]
async fn whoever_vanished_with_a_link_leaves_an_outcome_that_nobody_knows() {
    let house = House::new();
    let process = house.start().await;
    let (_, acme) = process.tenant("acme").await;
    let links = links(&house, &process);
    let seen = open(&links, &issue(&links, &acme).await).await;
    assert!(links.take(&seen).await.unwrap());
    house.clock.advance(TEN_MINUTES);
    let of = json!({"shop": 7});
    assert!(matches!(
        standing(&links, &acme, of.clone()).await,
        Standing::Lost
    ));
    assert!(matches!(
        standing(&links, &acme, of).await,
        Standing::Absent
    ));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_run_that_failed_gives_the_link_back_until_that_was_too_often() {
    let house = House::new();
    let process = house.start().await;
    let (_, acme) = process.tenant("acme").await;
    let links = links(&house, &process);
    let link = issue(&links, &acme).await;
    for left in (0..ATTEMPTS).rev() {
        let seen = open(&links, &link).await;
        assert!(links.take(&seen).await.unwrap());
        assert_eq!(links.give_back(&seen).await.unwrap(), left > 0);
    }
    assert!(matches!(
        links.find(&link.token).await.unwrap(),
        Found::Blocked
    ));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_link_at_which_there_is_more_to_decide_is_put_back_unharmed() {
    let house = House::new();
    let process = house.start().await;
    let (_, acme) = process.tenant("acme").await;
    let links = links(&house, &process);
    let link = issue(&links, &acme).await;
    for _ in 0..ATTEMPTS * 2 {
        let seen = open(&links, &link).await;
        assert!(links.take(&seen).await.unwrap());
        assert!(!links.take(&seen).await.unwrap());
        links.put_back(&seen).await.unwrap();
    }
    let seen = open(&links, &link).await;
    assert!(links.take(&seen).await.unwrap());
    links.settle(&acme, &seen, b"done").await.unwrap();
    links.put_back(&seen).await.unwrap();
    assert!(matches!(
        links.find(&link.token).await.unwrap(),
        Found::Used
    ));
}

#[tokio::test(flavor = "multi_thread")]
async fn what_a_browser_brings_along_is_good_at_one_link_in_one_browser() {
    let house = House::new();
    let process = house.start().await;
    let (created, acme) = process.tenant("acme").await;
    let links = links(&house, &process);
    let here = open(&links, &issue(&links, &acme).await).await;
    let elsewhere = open(&links, &issue(&links, &acme).await).await;
    let (own, foreign) = (FormSecret::new().unwrap(), FormSecret::new().unwrap());
    let key = presented(&created.master_key);
    let visit = links.visit(&here.place(), &own, &key).unwrap();
    assert!(!visit.contains(key.expose_secret()));
    let returned = links.visitor(&here.place(), &own, &visit).unwrap();
    assert_eq!(returned.expose_secret(), key.expose_secret());
    assert!(links.visitor(&elsewhere.place(), &own, &visit).is_none());
    assert!(links.visitor(&here.place(), &foreign, &visit).is_none());
    assert!(links.visitor(&here.place(), &own, "bm90aGluZw").is_none());

    let kept = links.keep(&here.place(), &own, b"entered").unwrap();
    let back = links.kept(&here.place(), &own, &kept).unwrap();
    assert_eq!(back.as_slice(), b"entered");
    assert!(links.kept(&elsewhere.place(), &own, &kept).is_none());
    assert!(links.kept(&here.place(), &foreign, &kept).is_none());
    // The one does not pass for the other, and neither is good for ever.
    assert!(links.visitor(&here.place(), &own, &kept).is_none());
    assert!(links.kept(&here.place(), &own, &visit).is_none());
    let standing = links.visit(&Place::consents(), &own, &key).unwrap();
    assert!(links.visitor(&here.place(), &own, &standing).is_none());
    house.clock.advance(VISIT);
    assert!(links.visitor(&here.place(), &own, &visit).is_none());
    assert!(links.kept(&here.place(), &own, &kept).is_none());
    assert!(links.visitor(&Place::consents(), &own, &standing).is_none());

    let token = links.form_token(&here.place(), &own);
    assert!(links.is_form_token(&here.place(), &own, &token));
    assert!(!links.is_form_token(&elsewhere.place(), &own, &token));
    assert!(!links.is_form_token(&here.place(), &foreign, &token));
    assert!(!links.is_form_token(&here.place(), &own, ""));
}

#[tokio::test(flavor = "multi_thread")]
async fn tokens_are_never_the_same_and_what_waits_is_in_no_byte_of_the_file() {
    let house = House::new();
    let process = house.start().await;
    let (_, acme) = process.tenant("acme").await;
    let links = links(&house, &process);
    let mut tokens = HashSet::new();
    for _ in 0..20 {
        tokens.insert(issue(&links, &acme).await.token);
    }
    assert_eq!(tokens.len(), 20);
    assert!(matches!(
        links.find("odl_short").await.unwrap(),
        Found::Unknown
    ));
    drop((links, process));
    let file = std::fs::read(house.file()).unwrap();
    let absent = |text: &str| {
        let text = text.as_bytes();
        !file.windows(text.len()).any(|window| window == text)
    };
    assert!(absent("what waits"));
    assert!(tokens.iter().all(|token| absent(token)));
}
