//! A cache with tickets and tags, within (plugin, subject).

use std::collections::BTreeMap;

use super::{CallHost, FakeHost};
use crate::cache::{CacheHost, Lookup, Ticket};
use crate::error::ToolError;

/// Plugin and subject: what keeps entries apart.
type Partition = (String, Option<String>);

#[derive(Default)]
pub(super) struct Entries {
    by_key: BTreeMap<(Partition, String), Entry>,
    tickets: BTreeMap<String, Issued>,
    /// When each tag was invalidated last, counted in events.
    invalidated: BTreeMap<(Partition, String), u64>,
    events: u64,
}

struct Entry {
    value: Vec<u8>,
    tags: Vec<String>,
    ends_at: u64,
}

struct Issued {
    partition: Partition,
    key: String,
    event: u64,
}

impl FakeHost {
    /// Forgets everything cached, as a restart would.
    ///
    /// ```
    /// use std::time::Duration;
    /// use orderdesk_plugin::cache::Lookup;
    /// use orderdesk_plugin::testing::{FakeHost, with_context};
    /// use orderdesk_plugin::{Context, ToolError};
    ///
    /// fn remember(context: &Context) -> Result<(), ToolError> {
    ///     let Lookup::Miss(ticket) = context.cache().get("rate")? else { return Ok(()) };
    ///     context.cache().put(ticket, b"1.08".to_vec(), Duration::from_secs(60), ["rates"])
    /// }
    ///
    /// let host = FakeHost::new();
    /// with_context(&host, remember).unwrap();
    /// host.empty_cache();
    /// with_context(&host, |context| assert!(matches!(context.cache().get("rate"), Ok(Lookup::Miss(_)))));
    /// ```
    pub fn empty_cache(&self) {
        self.world.cache.borrow_mut().by_key.clear();
    }
}

impl CallHost {
    fn partition(&self) -> Partition {
        (self.plugin.clone(), self.subject())
    }
}

impl CacheHost for CallHost {
    fn get(&self, key: &str) -> Result<Lookup, ToolError> {
        let now = self.host.now();
        let place = (self.partition(), key.to_owned());
        let entries = &mut *self.host.world.cache.borrow_mut();
        if let Some(entry) = entries.by_key.get(&place)
            && now < entry.ends_at
        {
            return Ok(Lookup::Hit(entry.value.clone()));
        }
        let ticket = self.host.next_id("ticket");
        entries.events += 1;
        let (partition, key) = place;
        let issued = Issued {
            partition,
            key,
            event: entries.events,
        };
        entries.tickets.insert(ticket.clone(), issued);
        Ok(Lookup::Miss(Ticket::new(ticket)))
    }

    fn put(
        &self,
        ticket: Ticket,
        value: Vec<u8>,
        ttl_ms: u32,
        tags: Vec<String>,
    ) -> Result<(), ToolError> {
        let now = self.host.now();
        let entries = &mut *self.host.world.cache.borrow_mut();
        let Some(issued) = entries.tickets.remove(ticket.as_str()) else {
            return Ok(());
        };
        let void = tags.iter().any(|tag| {
            let place = (issued.partition.clone(), tag.clone());
            entries
                .invalidated
                .get(&place)
                .is_some_and(|event| *event > issued.event)
        });
        if !void && issued.partition == self.partition() {
            let entry = Entry {
                value,
                tags,
                ends_at: now + u64::from(ttl_ms),
            };
            entries.by_key.insert((issued.partition, issued.key), entry);
        }
        Ok(())
    }

    fn invalidate(&self, tags: Vec<String>) -> Result<(), ToolError> {
        let partition = self.partition();
        let entries = &mut *self.host.world.cache.borrow_mut();
        entries.events += 1;
        entries.by_key.retain(|(owner, _), entry| {
            *owner != partition || !entry.tags.iter().any(|tag| tags.contains(tag))
        });
        for tag in tags {
            entries
                .invalidated
                .insert((partition.clone(), tag), entries.events);
        }
        Ok(())
    }
}
