//! Consent is to the lines that were shown, given with a key without limits, and gone when it is withdrawn.

use std::sync::Arc;

use super::{House, Process};
use crate::tenancy::{ConsentError, ConsentStanding, Consents, Scopes, Terms};

fn consents(house: &House, process: &Process) -> Consents {
    Consents::new(
        process.database.clone(),
        Arc::new(house.clock.clone()),
        process.tenancy.audit().clone(),
    )
}

fn terms(grants: &[&str]) -> Terms {
    let grants = grants.iter().map(|line| (*line).to_owned()).collect();
    Terms::new("report", "acme RW1".into(), grants)
}

#[tokio::test]
async fn a_wider_grant_or_another_publisher_suspends_and_a_narrower_one_does_not() {
    let house = House::new();
    let process = house.start().await;
    let principal = process.tenant("acme").await.1;
    let consents = consents(&house, &process);
    let wide = terms(&["tools: b", "tools: a"]);
    let standing = async |terms: &Terms| consents.standing(&principal, terms).await.unwrap();
    assert_eq!(standing(&wide).await, ConsentStanding::Missing);

    consents.agree(&principal, &wide, None).await.unwrap();
    assert_eq!(standing(&wide).await, ConsentStanding::Given(None));
    assert_eq!(
        standing(&terms(&["tools: a"])).await,
        ConsentStanding::Given(None)
    );
    assert_eq!(
        standing(&terms(&["tools: a", "tools: b", "tools: c"])).await,
        ConsentStanding::Suspended(vec!["tools: c".into()])
    );
    let other = Terms {
        publisher: "acme RW2".into(),
        ..wide.clone()
    };
    assert!(matches!(
        standing(&other).await,
        ConsentStanding::Suspended(_)
    ));
    assert_ne!(other.digest(), wide.digest());

    let subjects = Some(vec!["store:1".to_owned()]);
    consents
        .agree(&principal, &wide, subjects.clone())
        .await
        .unwrap();
    assert_eq!(standing(&wide).await, ConsentStanding::Given(subjects));
    assert!(consents.withdraw(&principal, "report").await.unwrap());
    assert!(!consents.withdraw(&principal, "report").await.unwrap());
    assert_eq!(standing(&wide).await, ConsentStanding::Missing);
}

#[tokio::test]
async fn a_key_with_limits_agrees_to_nothing_and_another_tenants_yes_counts_for_nobody_else() {
    let house = House::new();
    let process = house.start().await;
    let mut principal = process.tenant("acme").await.1;
    let other = process.tenant("rival").await.1;
    let consents = consents(&house, &process);
    let terms = terms(&["tools: a"]);
    consents.agree(&principal, &terms, None).await.unwrap();
    assert_eq!(
        consents.standing(&other, &terms).await.unwrap(),
        ConsentStanding::Missing
    );
    principal.scopes = Scopes {
        read_only: true,
        ..Scopes::default()
    };
    for refused in [
        consents.agree(&principal, &terms, None).await.err(),
        consents.withdraw(&principal, "report").await.err(),
    ] {
        assert!(matches!(refused, Some(ConsentError::LimitedKey)));
    }
}

#[tokio::test]
async fn what_a_principal_reaches_is_cut_to_the_subjects_agreed_to() {
    let house = House::new();
    let process = house.start().await;
    let principal = process.tenant("acme").await.1;
    let within = principal.within(Some(&["store:1".into(), "store:2".into()]));
    assert!(within.scopes.covers_subject("store:1"));
    assert!(!within.scopes.covers_subject("store:3"));
    let further = within.within(Some(&["store:2".into(), "store:3".into()]));
    assert_eq!(further.scopes.subjects, Some(vec!["store:2".to_owned()]));
    assert_eq!(further.within(None).scopes, further.scopes);
}
