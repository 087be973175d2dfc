//! The seam between tools and whatever runs them: the real host in a component, fakes in a unit test.

use crate::cache::CacheHost;
use crate::clock::ClockHost;
use crate::crypto::CryptoHost;
use crate::http::HttpHost;
use crate::locks::LocksHost;
use crate::log::LogHost;
use crate::peers::PeersHost;
use crate::session::SessionHost;
use crate::storage::StorageHost;

/// Everything that a host lends to a plugin: one trait per interface of the contract, and the clock. Plugins never name it:
/// they get what stands behind it from [`crate::Context`], in a component from the host, in a test from
/// [`crate::testing::FakeHost`].
///
/// ```
/// use orderdesk_plugin::Host;
/// use orderdesk_plugin::log::Level;
///
/// /// What all of the traits together allow.
/// fn stamp(host: &impl Host) {
///     let time = host.now_ms().to_string();
///     host.emit(Level::Info, "stamped", &[("at_ms", &time)]);
/// }
/// ```
pub trait Host:
    HttpHost
    + StorageHost
    + CacheHost
    + CryptoHost
    + LocksHost
    + SessionHost
    + PeersHost
    + LogHost
    + ClockHost
{
}

impl<T> Host for T where
    T: HttpHost
        + StorageHost
        + CacheHost
        + CryptoHost
        + LocksHost
        + SessionHost
        + PeersHost
        + LogHost
        + ClockHost
{
}

/// What runs this call. In a component there is one host, known when it is built, so that only what a plugin uses is left
/// in its imports: an operator can read from those what it could do at most.
#[cfg(target_arch = "wasm32")]
pub(crate) type Current = crate::wasm::ComponentHost;
/// What runs this call: in a unit test, whatever the test made.
#[cfg(not(target_arch = "wasm32"))]
pub(crate) type Current = std::rc::Rc<dyn Host>;
