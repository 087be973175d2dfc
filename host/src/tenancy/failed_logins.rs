//! Who is told of keys that did not open: what slows guessing down.

use std::net::IpAddr;
use std::sync::{Arc, PoisonError, RwLock};

use super::audit::Source;
use super::service::Tenancy;

/// Is told of each key that somebody presented and that opened nothing, wherever that was: at the door, as an argument of
/// `tenant_use_master_key`, or on a page.
pub trait FailedLogins: Send + Sync {
    /// `source`: the address that it came from; none where the caller sits at this machine.
    fn failed(&self, source: Option<IpAddr>);

    /// Whether an unknown key from this address may make a tenant now, where `[security] auto_provision` allows that.
    fn may_provision(&self, source: Option<IpAddr>) -> bool;
}

/// Those that are told.
#[derive(Default)]
pub(super) struct Watch(RwLock<Vec<Arc<dyn FailedLogins>>>);

impl Watch {
    fn watchers(&self) -> Vec<Arc<dyn FailedLogins>> {
        let watchers = self.0.read().unwrap_or_else(PoisonError::into_inner);
        watchers.clone()
    }
}

impl Tenancy {
    /// Tells this one, too, of failures from now on.
    pub fn watch_logins(&self, watcher: Arc<dyn FailedLogins>) {
        let mut watchers = self.watch.0.write().unwrap_or_else(PoisonError::into_inner);
        watchers.push(watcher);
    }

    /// Notes that a key was presented and opened nothing.
    pub fn note_failed_login(&self, source: Option<IpAddr>) {
        tracing::info!(source = ?source, "a key was refused");
        let way = match source {
            Some(_) => Source::Http(source),
            None => Source::Host,
        };
        self.audit.failed_login(&way);
        for watcher in self.watch.watchers() {
            watcher.failed(source);
        }
    }

    /// Whether an unknown key from this address may make a tenant now.
    pub(super) fn may_provision(&self, source: Option<IpAddr>) -> bool {
        let watchers = self.watch.watchers();
        watchers.iter().all(|watcher| watcher.may_provision(source))
    }
}
