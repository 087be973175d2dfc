//! A secret that a person enters is in no answer, log line or byte of the data directory.

use end_to_end::{Agent, Browser, Installation};
use orderdesk_simulator::{Clock, Simulator, SimulatorConfig, sample};

use super::{enter, link, register, stores};
use crate::leaks::{assert_absent, every_file};

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn no_byte_of_what_is_entered_stays_anywhere() {
    let simulator = Simulator::start(SimulatorConfig::sample(7, Clock::System))
        .await
        .unwrap();
    let installation = Installation::new(&simulator, |_| {});
    let key = installation.tenant("acme").await;
    let (process, agent) = installation.serve(&key).await;
    let Agent::Http(client) = agent else {
        panic!("it serves HTTP");
    };
    let url = link(&client).await;
    let (_, token) = url.rsplit_once('/').unwrap();
    let mut browser = Browser::default();
    let page = enter(&mut browser, &url, &key).await;
    let mut seen = vec![page.html.clone()];
    let refused = register(&mut browser, &page, "canary-of-a-wrong-key").await;
    seen.push(refused.html.clone());
    seen.extend(browser.cookies.values().cloned());
    let done = register(&mut browser, &refused, sample::HARBOR_AND_OAK_KEY).await;
    seen.push(done.html);
    let told = client.call("stores_register", super::store()).await;
    seen.push(told.raw);
    assert_eq!(stores(&client).await, 1);
    process.signal(end_to_end::Signal::TERM);
    let log = process.log_at_its_end().await;
    assert!(log.contains("a person decided at a page"), "{log}");

    let secrets = [
        sample::HARBOR_AND_OAK_KEY.to_owned(),
        "canary-of-a-wrong-key".to_owned(),
        key.clone(),
    ];
    assert_absent("an answer", seen.join("\n").as_bytes(), &secrets);
    assert_absent("the log", log.as_bytes(), &secrets);
    assert_absent("the log", log.as_bytes(), &[token.to_owned()]);
    let mut files = 0;
    // Compiled components are those of all tests, and `leaks.rs` looks into them.
    std::fs::remove_file(installation.data().join("compiled")).unwrap();
    every_file(&installation.data(), &mut |path| {
        files += 1;
        let bytes = std::fs::read(path).unwrap();
        assert_absent(&path.display().to_string(), &bytes, &secrets);
        assert_absent(&path.display().to_string(), &bytes, &[token.to_owned()]);
    });
    assert!(files >= 2, "{files} files");
}
