//! `cache`: bytes in memory, bounded, within (tenant, plugin, subject); never on disk.
//!
//! A put needs the ticket of the miss before it, and an invalidation voids the tickets that were given out earlier, so
//! that a slow read which began before a write cannot bring the old state back.

use std::collections::HashMap;
use std::sync::Arc;
use std::sync::Mutex;
use std::sync::PoisonError;
use std::time::{Duration, Instant};

use moka::Expiry;
use moka::sync::Cache;

use super::context::{CallContext, CallState};
use super::contract::{
    Error, ErrorKind,
    cache::{Host, Lookup},
};

/// All entries of all tenants together.
const TOTAL_BYTES: u64 = 64 << 20;
/// One entry.
const ENTRY_BYTES: usize = 4 << 20;
const KEY_BYTES: usize = 4 << 10;
const TAGS: usize = 16;
const LONGEST: Duration = Duration::from_secs(3600);
/// A ticket is of no use later than any call can last, and so is the memory of an invalidation.
const TICKET_LIFE: Duration = Duration::from_secs(600);

/// Whose entry it is. Entries of different scopes can never meet.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
struct Scope {
    tenant: String,
    plugin: String,
    subject: Option<String>,
}

#[derive(Debug, Clone, PartialEq, Eq, Hash)]
struct Key {
    scope: Scope,
    key: String,
}

struct Entry {
    value: Vec<u8>,
    tags: Vec<String>,
    life: Duration,
    stored: u64,
}

struct Life;

impl Expiry<Key, Arc<Entry>> for Life {
    fn expire_after_create(&self, _: &Key, entry: &Arc<Entry>, _: Instant) -> Option<Duration> {
        Some(entry.life)
    }

    fn expire_after_update(
        &self,
        _: &Key,
        entry: &Arc<Entry>,
        _: Instant,
        _: Option<Duration>,
    ) -> Option<Duration> {
        Some(entry.life)
    }
}

/// The host's cache.
pub struct ResponseCache {
    entries: Cache<Key, Arc<Entry>>,
    tickets: Cache<String, Arc<(Key, u64)>>,
    invalidations: Mutex<Invalidations>,
}

/// A count of events, and for each tag when it was last invalidated.
#[derive(Default)]
struct Invalidations {
    now: u64,
    tags: HashMap<(Scope, String), (u64, Instant)>,
}

impl Invalidations {
    fn voided(&self, scope: &Scope, tags: &[String], since: u64) -> bool {
        tags.iter().any(|tag| {
            self.tags
                .get(&(scope.clone(), tag.clone()))
                .is_some_and(|(at, _)| *at > since)
        })
    }
}

impl Default for ResponseCache {
    fn default() -> Self {
        Self {
            entries: Cache::builder()
                .max_capacity(TOTAL_BYTES)
                .weigher(|key: &Key, entry: &Arc<Entry>| {
                    u32::try_from(key.key.len() + entry.value.len() + 256).unwrap_or(u32::MAX)
                })
                .expire_after(Life)
                .build(),
            tickets: Cache::builder()
                .max_capacity(100_000)
                .time_to_live(TICKET_LIFE)
                .build(),
            invalidations: Mutex::default(),
        }
    }
}

impl ResponseCache {
    fn get(&self, key: Key) -> Lookup {
        let state = self
            .invalidations
            .lock()
            .unwrap_or_else(PoisonError::into_inner);
        if let Some(entry) = self.entries.get(&key)
            && !state.voided(&key.scope, &entry.tags, entry.stored)
        {
            return Lookup::Hit(entry.value.clone());
        }
        let ticket = format!("{:032x}", rand::random::<u128>());
        self.tickets
            .insert(ticket.clone(), Arc::new((key, state.now)));
        Lookup::Miss(ticket)
    }

    fn put(&self, scope: &Scope, ticket: &str, value: Vec<u8>, life: Duration, tags: Vec<String>) {
        let Some(issued) = self.tickets.remove(ticket) else {
            return;
        };
        let (key, at) = &*issued;
        let state = self
            .invalidations
            .lock()
            .unwrap_or_else(PoisonError::into_inner);
        if &key.scope == scope && !state.voided(scope, &tags, *at) {
            let entry = Entry {
                value,
                tags,
                life,
                stored: *at,
            };
            self.entries.insert(key.clone(), Arc::new(entry));
        }
    }

    /// Drops what a plugin keeps of one subject under these tags, for something that happened outside of any call.
    pub fn drop_tags(&self, tenant: &str, plugin: &str, subject: &str, tags: Vec<String>) {
        let scope = Scope {
            tenant: tenant.to_owned(),
            plugin: plugin.to_owned(),
            subject: Some(subject.to_owned()),
        };
        self.invalidate(&scope, tags);
    }

    fn invalidate(&self, scope: &Scope, tags: Vec<String>) {
        let mut state = self
            .invalidations
            .lock()
            .unwrap_or_else(PoisonError::into_inner);
        state.now += 1;
        let (now, at) = (state.now, Instant::now());
        // An entry lives at most LONGEST, a ticket TICKET_LIFE: what is older than both voids nothing any more.
        let horizon = LONGEST + TICKET_LIFE;
        state
            .tags
            .retain(|_, (_, since)| at.duration_since(*since) < horizon);
        for tag in tags {
            state.tags.insert((scope.clone(), tag), (now, at));
        }
    }
}

impl CallContext {
    fn cache_scope(&self) -> Scope {
        Scope {
            tenant: self.tenant().to_owned(),
            plugin: self.grantee.name.clone(),
            subject: self.subject(),
        }
    }
}

fn too_large(what: &str, limit: usize) -> Error {
    Error::new(
        ErrorKind::TooLarge,
        "cache-limit",
        format!("{what} is limited to {limit} in the cache."),
    )
}

impl Host for CallState {
    #[tracing::instrument(level = "debug", name = "cache.get", skip_all)]
    async fn get(&mut self, key: String) -> Result<Lookup, Error> {
        let call = self.call()?;
        if key.len() > KEY_BYTES {
            return Err(too_large("A key's length", KEY_BYTES));
        }
        let found = self.services.cache.get(Key {
            scope: call.cache_scope(),
            key,
        });
        let hit = matches!(found, Lookup::Hit(_));
        self.services.metrics.looked_up(&call.grantee.name, hit);
        Ok(found)
    }

    #[tracing::instrument(level = "debug", name = "cache.put", skip_all)]
    async fn put(
        &mut self,
        ticket: String,
        value: Vec<u8>,
        ttl_ms: u32,
        tags: Vec<String>,
    ) -> Result<(), Error> {
        let call = self.call()?;
        if tags.len() > TAGS {
            return Err(too_large("The number of tags", TAGS));
        }
        // A large value is simply not kept: the cache may forget anything at any time.
        if value.len() <= ENTRY_BYTES && ttl_ms > 0 {
            let life = Duration::from_millis(ttl_ms.into()).min(LONGEST);
            self.services
                .cache
                .put(&call.cache_scope(), &ticket, value, life, tags);
        }
        Ok(())
    }

    #[tracing::instrument(level = "debug", name = "cache.invalidate", skip_all)]
    async fn invalidate(&mut self, tags: Vec<String>) -> Result<(), Error> {
        let call = self.call()?;
        if tags.len() > TAGS {
            return Err(too_large("The number of tags", TAGS));
        }
        self.services.cache.invalidate(&call.cache_scope(), tags);
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn scope(tenant: &str, subject: Option<&str>) -> Scope {
        Scope {
            tenant: tenant.to_owned(),
            plugin: "orders".to_owned(),
            subject: subject.map(str::to_owned),
        }
    }

    fn key(scope: &Scope) -> Key {
        Key {
            scope: scope.clone(),
            key: "orders?email=a".to_owned(),
        }
    }

    fn miss(cache: &ResponseCache, scope: &Scope) -> String {
        match cache.get(key(scope)) {
            Lookup::Miss(ticket) => ticket,
            Lookup::Hit(_) => panic!("expected a miss"),
        }
    }

    fn is_hit(cache: &ResponseCache, scope: &Scope) -> bool {
        matches!(cache.get(key(scope)), Lookup::Hit(_))
    }

    const MINUTE: Duration = Duration::from_secs(60);

    #[test]
    fn what_was_put_is_found_in_its_own_scope_only() {
        let cache = ResponseCache::default();
        let here = scope("t1", Some("store:1"));
        let ticket = miss(&cache, &here);
        cache.put(&here, &ticket, b"x".to_vec(), MINUTE, vec![]);
        assert!(is_hit(&cache, &here));
        for elsewhere in [
            scope("t2", Some("store:1")),
            scope("t1", Some("store:2")),
            scope("t1", None),
        ] {
            assert!(!is_hit(&cache, &elsewhere));
        }
    }

    #[test]
    fn a_ticket_from_before_an_invalidation_stores_nothing() {
        let cache = ResponseCache::default();
        let here = scope("t1", None);
        let ticket = miss(&cache, &here);
        cache.invalidate(&here, vec!["order:5".into()]);
        cache.put(
            &here,
            &ticket,
            b"stale".to_vec(),
            MINUTE,
            vec!["order:5".into()],
        );
        assert!(!is_hit(&cache, &here));
    }

    #[test]
    fn an_invalidation_removes_entries_with_its_tag_and_no_others() {
        let cache = ResponseCache::default();
        let here = scope("t1", None);
        let ticket = miss(&cache, &here);
        cache.put(
            &here,
            &ticket,
            b"x".to_vec(),
            MINUTE,
            vec!["order:5".into()],
        );
        cache.invalidate(&here, vec!["order:6".into()]);
        assert!(is_hit(&cache, &here));
        cache.invalidate(&here, vec!["order:5".into()]);
        assert!(!is_hit(&cache, &here));
    }

    #[test]
    fn a_ticket_works_once_and_only_in_its_scope() {
        let cache = ResponseCache::default();
        let (here, there) = (scope("t1", None), scope("t2", None));
        let ticket = miss(&cache, &here);
        cache.put(&there, &ticket, b"x".to_vec(), MINUTE, vec![]);
        cache.put(&here, &ticket, b"x".to_vec(), MINUTE, vec![]);
        assert!(!is_hit(&cache, &here) && !is_hit(&cache, &there));
    }
}
