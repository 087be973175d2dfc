//! The keys with which an issuer signs its tokens: found by its metadata, fetched, kept for a while.
//!
//! One value, replaced as a whole, so there is no cache around it. Fresh keys are used; older ones are used while new ones are
//! fetched, and for a day if that fails. A key that is not among them is looked for once more, at most every 30 seconds:
//! whoever invents key ids costs the issuer nothing.

use std::sync::Arc;
use std::time::Duration;

use arc_swap::ArcSwapOption;
use jsonwebtoken::jwk::{AlgorithmParameters, EllipticCurve, Jwk, KeyOperations, PublicKeyUse};
use jsonwebtoken::{Algorithm, DecodingKey};
use serde::Deserialize;
use serde_json::Value;
use tokio::sync::Mutex;
use url::Url;

use crate::capabilities::Services;
use crate::clock::{Clock, Timestamp};
use crate::config::{IssuerUrl, Oauth};

/// For so long nobody asks whether they changed.
const FRESH: Duration = Duration::from_secs(600);
/// For so long they count although the issuer does not answer.
const GOOD: Duration = Duration::from_secs(24 * 3600);
/// Between two fetches while there are keys.
const PAUSE: Duration = Duration::from_secs(30);
/// Between two fetches while there are none.
const PAUSE_WITHOUT: Duration = Duration::from_secs(3);
/// Metadata and key sets have a few kilobytes.
const MOST: usize = 512 << 10;

/// One key, and what may be signed with it.
struct PublishedKey {
    id: Option<String>,
    algorithms: Vec<Algorithm>,
    key: DecodingKey,
}

/// What the issuer published at one moment.
struct KeySet {
    keys: Vec<PublishedKey>,
    fetched_at: Timestamp,
}

/// How the last fetch went.
struct Tried {
    at: Timestamp,
    failed: bool,
}

/// Why there is no key for a token.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum NoKey {
    /// The issuer has none like it.
    Unknown,
    /// Nobody can say: the issuer does not answer.
    Unavailable,
}

/// An issuer's keys.
pub(super) struct IssuerKeys {
    issuer: IssuerUrl,
    jwks_url: Option<IssuerUrl>,
    published: Arc<dyn Publications>,
    clock: Arc<dyn Clock>,
    standing: ArcSwapOption<KeySet>,
    tried: Mutex<Option<Tried>>,
}

/// Where an issuer publishes: the network, or a test's table.
#[async_trait::async_trait]
pub(super) trait Publications: Send + Sync {
    /// What stands at this URL. `named`: the operator named its origin.
    async fn fetch(&self, url: &Url, named: bool) -> Result<Vec<u8>, String>;
}

#[async_trait::async_trait]
impl Publications for Services {
    async fn fetch(&self, url: &Url, named: bool) -> Result<Vec<u8>, String> {
        let fetched = self.http.published(url, named, MOST).await;
        fetched.map_err(|error| error.to_string())
    }
}

impl IssuerKeys {
    pub(super) fn new(
        oauth: &Oauth,
        published: Arc<dyn Publications>,
        clock: Arc<dyn Clock>,
    ) -> Self {
        Self {
            issuer: oauth.issuer.clone(),
            jwks_url: oauth.jwks_url.clone(),
            published,
            clock,
            standing: ArcSwapOption::empty(),
            tried: Mutex::new(None),
        }
    }

    /// The key for a token with this header.
    pub(super) async fn find(
        self: &Arc<Self>,
        id: Option<&str>,
        algorithm: Algorithm,
    ) -> Result<DecodingKey, NoKey> {
        if let Some(set) = self.good()
            && let Some(key) = set.find(id, algorithm)
        {
            if self.age(&set) >= FRESH {
                let this = self.clone();
                tokio::spawn(async move { this.refresh().await });
            }
            return Ok(key.clone());
        }
        // In a task of its own: whoever goes away meanwhile must not make the next one fetch again.
        let this = self.clone();
        let refreshed = tokio::spawn(async move { this.refresh().await });
        let failed = refreshed.await.unwrap_or(true);
        let set = self.good().ok_or(NoKey::Unavailable)?;
        match set.find(id, algorithm) {
            Some(key) => Ok(key.clone()),
            None if failed => Err(NoKey::Unavailable),
            None => Err(NoKey::Unknown),
        }
    }

    /// Fetches the keys anew, unless that was tried a moment ago. Answers whether the last attempt failed.
    pub(super) async fn refresh(&self) -> bool {
        let mut tried = self.tried.lock().await;
        let pause = match self.good() {
            Some(_) => PAUSE,
            None => PAUSE_WITHOUT,
        };
        let now = self.clock.now();
        if let Some(last) = &*tried
            && now.saturating_duration_since(last.at) < pause
        {
            return last.failed;
        }
        let fetched = self.fetch().await;
        let failed = fetched.is_err();
        let issuer = self.issuer.as_str();
        match fetched {
            Ok(keys) => {
                tracing::debug!(issuer, keys = keys.len(), "the issuer's keys were fetched");
                self.standing.store(Some(Arc::new(KeySet {
                    keys,
                    fetched_at: self.clock.now(),
                })));
            }
            Err(cause) => {
                tracing::warn!(issuer, cause, "the issuer's keys cannot be fetched");
            }
        }
        let at = self.clock.now();
        *tried = Some(Tried { at, failed });
        failed
    }

    /// Fetches the keys now. Answers how many can be used.
    ///
    /// # Errors
    /// There are none, in words.
    pub(super) async fn look(&self) -> Result<usize, String> {
        Ok(self.fetch().await?.len())
    }

    async fn fetch(&self) -> Result<Vec<PublishedKey>, String> {
        let (url, named) = match &self.jwks_url {
            Some(url) => (url.url().clone(), true),
            None => {
                let url = self.discover().await?;
                let named = url.origin() == self.issuer.url().origin();
                (url, named)
            }
        };
        let what = self.published.fetch(&url, named).await;
        let bytes = what.map_err(|cause| format!("the keys at {url}: {cause}"))?;
        let keys = parse(&bytes).map_err(|cause| format!("the keys at {url}: {cause}"))?;
        if keys.is_empty() {
            return Err(format!(
                "the keys at {url}: none is for RS256, PS256, ES256 or EdDSA"
            ));
        }
        Ok(keys)
    }

    /// Where the issuer's metadata says that its keys are.
    async fn discover(&self) -> Result<Url, String> {
        let mut causes = Vec::new();
        for url in metadata_urls(self.issuer.url()) {
            match self.published.fetch(&url, true).await {
                Ok(bytes) => {
                    let metadata: Metadata = serde_json::from_slice(&bytes)
                        .map_err(|error| format!("the metadata at {url}: {error}"))?;
                    if metadata.issuer != self.issuer.as_str() {
                        return Err(format!(
                            "the metadata at {url} is of '{}', and [oauth] issuer is '{}': each character counts",
                            metadata.issuer,
                            self.issuer.as_str()
                        ));
                    }
                    return Ok(metadata.jwks_uri);
                }
                Err(cause) => causes.push(format!("{url}: {cause}")),
            }
        }
        Err(format!("it has no metadata: {}", causes.join("; ")))
    }

    fn good(&self) -> Option<Arc<KeySet>> {
        self.standing.load_full().filter(|set| self.age(set) < GOOD)
    }

    fn age(&self, set: &KeySet) -> Duration {
        self.clock.now().saturating_duration_since(set.fetched_at)
    }
}

/// What is needed of an authorization server's metadata (RFC 8414, section 2).
#[derive(Deserialize)]
struct Metadata {
    issuer: String,
    jwks_uri: Url,
}

/// Where an issuer's metadata may be, in the order of MCP's authorization chapter: RFC 8414, then OpenID Connect Discovery with
/// the path after and before.
fn metadata_urls(issuer: &Url) -> Vec<Url> {
    let path = issuer.path().trim_end_matches('/');
    let mut paths = vec![
        format!("/.well-known/oauth-authorization-server{path}"),
        format!("/.well-known/openid-configuration{path}"),
    ];
    if !path.is_empty() {
        paths.push(format!("{path}/.well-known/openid-configuration"));
    }
    let at = |path: String| {
        let mut url = issuer.clone();
        url.set_path(&path);
        url
    };
    paths.into_iter().map(at).collect()
}

impl KeySet {
    /// By its id; without one, the only key for the algorithm.
    fn find(&self, id: Option<&str>, algorithm: Algorithm) -> Option<&DecodingKey> {
        let mut fitting = self
            .keys
            .iter()
            .filter(|key| key.algorithms.contains(&algorithm));
        match id {
            Some(id) => fitting.find(|key| key.id.as_deref() == Some(id)),
            None => {
                let only = fitting.next()?;
                fitting.next().is_none().then_some(only)
            }
        }
        .map(|key| &key.key)
    }
}

/// The keys of a set (RFC 7517, section 5) that can be used here; others are none of our business.
fn parse(bytes: &[u8]) -> Result<Vec<PublishedKey>, serde_json::Error> {
    #[derive(Deserialize)]
    struct Set {
        keys: Vec<Value>,
    }
    let set: Set = serde_json::from_slice(bytes)?;
    Ok(set.keys.into_iter().filter_map(usable).collect())
}

fn usable(key: Value) -> Option<PublishedKey> {
    let jwk: Jwk = serde_json::from_value(key).ok()?;
    let signs = match &jwk.common.public_key_use {
        None => true,
        Some(purpose) => *purpose == PublicKeyUse::Signature,
    };
    let verifies = match &jwk.common.key_operations {
        None => true,
        Some(operations) => operations.contains(&KeyOperations::Verify),
    };
    if !(signs && verifies) {
        return None;
    }
    let of_kind: &[Algorithm] = match &jwk.algorithm {
        AlgorithmParameters::RSA(_) => &[Algorithm::RS256, Algorithm::PS256],
        AlgorithmParameters::EllipticCurve(it) if it.curve == EllipticCurve::P256 => {
            &[Algorithm::ES256]
        }
        AlgorithmParameters::OctetKeyPair(it) if it.curve == EllipticCurve::Ed25519 => {
            &[Algorithm::EdDSA]
        }
        _ => return None,
    };
    let algorithms: Vec<Algorithm> = match jwk.common.key_algorithm {
        None => of_kind.to_vec(),
        Some(named) => {
            let named = Algorithm::try_from(named).ok()?;
            of_kind.iter().copied().filter(|it| *it == named).collect()
        }
    };
    if algorithms.is_empty() {
        return None;
    }
    Some(PublishedKey {
        key: DecodingKey::from_jwk(&jwk).ok()?,
        id: jwk.common.key_id,
        algorithms,
    })
}
