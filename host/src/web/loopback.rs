//! Pages of a process that serves MCP over stdio: a listener on this machine, for the links that this process gave and as long
//! as one of them is good.

use std::collections::HashMap;
use std::net::{Ipv4Addr, SocketAddr};
use std::sync::{Arc, Mutex, PoisonError, Weak};

use async_trait::async_trait;
use axum::middleware;
use ipnet::IpNet;
use tokio::net::TcpListener;
use tokio::sync::Notify;

use super::client_address;
use super::page::{self, Audience, PATH};
use crate::clock::Timestamp;
use crate::plugins::{Pages, PluginHost};
use crate::tenancy::{Link, LinkHash};

/// The links that a process gave.
#[derive(Default)]
pub(crate) struct Given {
    state: Mutex<State>,
    changed: Notify,
}

#[derive(Default)]
struct State {
    /// Where the listener is, while there is one.
    address: Option<SocketAddr>,
    until: HashMap<LinkHash, Timestamp>,
}

impl Given {
    fn state(&self) -> std::sync::MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Whether this process gave the link.
    pub(crate) fn has(&self, link: &LinkHash) -> bool {
        self.state().until.contains_key(link)
    }

    /// Nobody comes by this link any more.
    pub(crate) fn over(&self, link: &LinkHash) {
        self.state().until.remove(link);
        self.changed.notify_one();
    }

    /// Adds a link, if there is a listener for it.
    fn add(&self, link: &Link) -> Option<SocketAddr> {
        let mut state = self.state();
        let address = state.address?;
        state.until.insert(link.hash.clone(), link.expires_at);
        Some(address)
    }

    /// Resolves when no link is good any more; no other is added after that.
    async fn all_over(&self, host: &PluginHost) {
        loop {
            let now = host.services().clock.now();
            let next = {
                let mut state = self.state();
                state.until.retain(|_, until| *until > now);
                match state.until.values().min() {
                    Some(next) => *next,
                    None => {
                        state.address = None;
                        return;
                    }
                }
            };
            tokio::select! {
                () = self.changed.notified() => {}
                () = tokio::time::sleep(next.saturating_duration_since(now)) => {}
            }
        }
    }
}

/// Pages on this machine.
pub(crate) struct LoopbackPages {
    host: Weak<PluginHost>,
    /// The person on whose machine this runs needs no key.
    local: bool,
    given: Arc<Given>,
    /// One listener at a time.
    starting: tokio::sync::Mutex<()>,
}

impl LoopbackPages {
    /// Pages for the links of this host. `local`: they are the local tenant's, of which nobody has a key.
    pub(crate) fn new(host: &Arc<PluginHost>, local: bool) -> Self {
        Self {
            host: Arc::downgrade(host),
            local,
            given: Arc::default(),
            starting: tokio::sync::Mutex::default(),
        }
    }

    async fn listen(&self, link: &Link) -> std::io::Result<SocketAddr> {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await?;
        let address = listener.local_addr()?;
        {
            let mut state = self.given.state();
            state.address = Some(address);
            state.until.insert(link.hash.clone(), link.expires_at);
        }
        let Some(host) = self.host.upgrade() else {
            return Err(std::io::Error::other("the process ends"));
        };
        let audience = Audience {
            hosts: vec!["127.0.0.1".to_owned(), "localhost".to_owned()],
            https: false,
            local: self.local,
            given: Some(self.given.clone()),
        };
        // Nobody stands between this listener and the browser.
        let proxies: Arc<[IpNet]> = Arc::default();
        let app = page::router(host.clone(), audience).layer(middleware::from_fn_with_state(
            proxies,
            client_address::note,
        ));
        let given = self.given.clone();
        tracing::info!(%address, "a page for a person is served");
        tokio::spawn(async move {
            let stopping = host.stopping();
            let over = async move {
                tokio::select! {
                    () = given.all_over(&host) => {}
                    () = stopping.cancelled() => {}
                }
            };
            let app = app.into_make_service_with_connect_info::<SocketAddr>();
            let served = axum::serve(listener, app)
                .with_graceful_shutdown(over)
                .await;
            match served {
                Ok(()) => tracing::info!(%address, "the page is closed"),
                Err(error) => tracing::warn!(%address, cause = %error, "the page failed"),
            }
        });
        Ok(address)
    }
}

#[async_trait]
impl Pages for LoopbackPages {
    async fn url(&self, link: &Link) -> Result<String, String> {
        let _starting = self.starting.lock().await;
        let address = match self.given.add(link) {
            Some(address) => address,
            None => self.listen(link).await.map_err(|error| {
                tracing::error!(cause = %error, "no page can be served");
                "this process could not open a port on this machine".to_owned()
            })?,
        };
        Ok(format!("http://{address}{PATH}{}", link.token))
    }

    fn beginning(&self) -> Option<String> {
        Some("http://127.0.0.1:".to_owned())
    }

    /// It serves links only; whoever sits here has the command line.
    fn consents(&self) -> Option<String> {
        None
    }
}
