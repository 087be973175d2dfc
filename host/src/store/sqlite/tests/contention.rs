//! Several processes that change the same row.

use std::num::NonZeroU32;
use std::sync::Arc;

use super::documents::{commit, put};
use super::{NOW, Place, tenant};
use crate::store::{BucketQuota, CommitError, Condition, Database, Taken};

#[tokio::test(flavor = "multi_thread")]
async fn of_two_processes_that_change_one_document_none_loses_a_change() {
    let place = Place::new();
    let databases = [Arc::new(place.open().await), Arc::new(place.open().await)];
    let tenant = tenant(&databases[0], "a").await;
    commit(
        &databases[0],
        &tenant,
        vec![put("count", "0", Condition::Absent)],
    )
    .await
    .unwrap();

    let adding: Vec<_> = (0..8)
        .map(|number| {
            let (database, tenant) = (Arc::clone(&databases[number % 2]), tenant.clone());
            tokio::spawn(async move {
                let mut added = 0;
                while added < 10 {
                    let document = database
                        .document(&tenant, "orders", "count", NOW)
                        .await
                        .unwrap()
                        .unwrap();
                    let count: u32 = String::from_utf8(document.value).unwrap().parse().unwrap();
                    let next = put(
                        "count",
                        &(count + 1).to_string(),
                        Condition::Version(document.version),
                    );
                    match commit(&database, &tenant, vec![next]).await {
                        Ok(_) => added += 1,
                        Err(CommitError::Conflict { .. }) => {}
                        Err(error) => panic!("{error}"),
                    }
                }
            })
        })
        .collect();
    for one in adding {
        one.await.unwrap();
    }
    let count = databases[1]
        .document(&tenant, "orders", "count", NOW)
        .await
        .unwrap()
        .unwrap();
    assert_eq!(count.value, b"80");
}

#[tokio::test(flavor = "multi_thread")]
async fn two_processes_never_take_the_same_token_and_neither_is_turned_away() {
    let place = Place::new();
    let databases = [Arc::new(place.open().await), Arc::new(place.open().await)];
    let quota = BucketQuota {
        burst: NonZeroU32::new(300).unwrap(),
        per_second: NonZeroU32::MIN,
    };
    let taking: Vec<_> = (0..4)
        .map(|number| {
            let database = Arc::clone(&databases[number % 2]);
            tokio::spawn(async move {
                let mut taken = 0;
                for _ in 0..100 {
                    let answer = database.take_tokens("b", quota, 1, NOW).await.unwrap();
                    taken += usize::from(answer == Taken::Taken);
                }
                taken
            })
        })
        .collect();
    let mut taken = 0;
    for one in taking {
        taken += one.await.unwrap();
    }
    assert_eq!(taken, 300);
}
