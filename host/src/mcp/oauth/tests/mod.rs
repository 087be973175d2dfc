//! Tokens and keys, against an issuer that is a table.

#![allow(clippy::unwrap_used, clippy::expect_used)]

mod keys;
mod tokens;

use std::collections::HashMap;
use std::sync::{Arc, Mutex};

use async_trait::async_trait;
use serde_json::{Value, json};
use url::Url;

use super::keys::{IssuerKeys, Publications};
use crate::clock::{ManualClock, Timestamp};
use crate::config::Oauth;

pub(super) const ISSUER: &str = "https://login.example";
pub(super) const METADATA: &str = "https://login.example/.well-known/oauth-authorization-server";
pub(super) const JWKS: &str = "https://login.example/keys";
const NOW: Timestamp = Timestamp(1_800_000_000_000);

/// What an issuer published, and what was asked for.
#[derive(Default)]
pub(super) struct Table {
    pages: Mutex<HashMap<String, Value>>,
    asked: Mutex<Vec<(String, bool)>>,
}

impl Table {
    /// With metadata and these keys.
    pub(super) fn with(keys: Vec<Value>) -> Arc<Self> {
        let table = Self::default();
        table.put(METADATA, json!({"issuer": ISSUER, "jwks_uri": JWKS}));
        table.put(JWKS, json!({"keys": keys}));
        Arc::new(table)
    }

    pub(super) fn put(&self, url: &str, page: Value) {
        self.pages.lock().unwrap().insert(url.to_owned(), page);
    }

    pub(super) fn take_down(&self) {
        self.pages.lock().unwrap().clear();
    }

    /// What was asked for since this was asked, and whether the operator named it.
    pub(super) fn asked(&self) -> Vec<(String, bool)> {
        std::mem::take(&mut self.asked.lock().unwrap())
    }
}

#[async_trait]
impl Publications for Table {
    async fn fetch(&self, url: &Url, named: bool) -> Result<Vec<u8>, String> {
        self.asked.lock().unwrap().push((url.to_string(), named));
        let pages = self.pages.lock().unwrap();
        let page = pages.get(url.as_str()).ok_or("it answers 404 Not Found")?;
        Ok(page.to_string().into_bytes())
    }
}

pub(super) fn oauth(lines: &str) -> Oauth {
    let issuer = if lines.contains("issuer = ") {
        String::new()
    } else {
        format!("issuer = \"{ISSUER}\"\n")
    };
    toml::from_str(&format!("{issuer}{lines}")).unwrap()
}

/// The keys of this issuer, and the clock by which they age.
pub(super) fn issuer_keys(oauth: &Oauth, table: &Arc<Table>) -> (Arc<IssuerKeys>, ManualClock) {
    let clock = ManualClock::at(NOW);
    let keys = IssuerKeys::new(oauth, table.clone(), Arc::new(clock.clone()));
    (Arc::new(keys), clock)
}
