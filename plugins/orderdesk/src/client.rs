//! Order Desk's API, on behalf of one store.

use std::time::Duration;

use orderdesk_plugin::cache::{Lookup, Ticket};
use orderdesk_plugin::{Context, ToolError, serde_json};
use serde::Serialize;
use serde::de::DeserializeOwned;
use serde_json::Value;

use crate::answer;
use crate::normalise;
use crate::request::ApiRequest;
use crate::store::Store;
use crate::writing::in_turn;

/// Order Desk's API, on behalf of the store that the call acts on.
pub struct Client<'a> {
    context: &'a Context,
    store: &'a Store,
}

/// How long an answer is kept, and what makes it stale.
///
/// ```
/// use orderdesk_client::Caching;
/// use std::time::Duration;
///
/// let caching = Caching::new(Duration::from_secs(15)).tag("orders");
/// # let _ = caching;
/// ```
#[derive(Clone, Debug)]
pub struct Caching {
    time_to_live: Duration,
    tags: Vec<String>,
}

impl Caching {
    /// Keeps an answer for this long.
    #[must_use]
    pub fn new(time_to_live: Duration) -> Self {
        Self {
            time_to_live,
            tags: Vec::new(),
        }
    }

    /// Lets an invalidation of this tag make the answer stale.
    #[must_use]
    pub fn tag(mut self, tag: impl Into<String>) -> Self {
        self.tags.push(tag.into());
        self
    }
}

impl<'a> Client<'a> {
    pub(crate) fn new(context: &'a Context, store: &'a Store) -> Self {
        Self { context, store }
    }

    /// Sends a request and answers Order Desk's envelope, normalised (see [`normalise`]).
    ///
    /// # Errors
    /// What the host refuses, and every answer that is not a success: see the crate's documentation.
    pub fn send(&self, request: ApiRequest) -> Result<Value, ToolError> {
        // The host itself waits and repeats what only reads. A POST rests on nothing that the wait would make out of date;
        // a PUT or DELETE does, so their callers have to read again ([`in_turn`]).
        match request.is_post() {
            true => in_turn(self.context, || self.send_once(request.clone())),
            false => self.send_once(request),
        }
    }

    fn send_once(&self, request: ApiRequest) -> Result<Value, ToolError> {
        let about = answer::About {
            request: request.describe(),
            write: request.is_write(),
            store: self.store,
        };
        let request = request
            .into_http()?
            .header("ORDERDESK-STORE-ID", self.store.id())
            .sealed_header("ORDERDESK-API-KEY", "", self.store.api_key());
        let response = self.context.http().send(request)?;
        let mut envelope = answer::check(&response, &about)?;
        normalise::envelope(&mut envelope);
        Ok(envelope)
    }

    /// The answer to a reading request, from the cache where it is fresh enough; and whether it was.
    ///
    /// # Errors
    /// As [`Client::send`]. A cache that does not work is no error: then the answer is fetched.
    pub fn get_cached(
        &self,
        request: ApiRequest,
        caching: &Caching,
    ) -> Result<(Value, bool), ToolError> {
        self.get_reduced("whole", request, caching, Ok)
    }

    /// As [`Client::get_cached`], for a part of the answer: only what `reduce` makes of it is kept. `part` names it, and
    /// keeps it apart from other parts of the same answer.
    ///
    /// # Errors
    /// As [`Client::send`], and what `reduce` answers.
    pub fn get_reduced<T: Serialize + DeserializeOwned>(
        &self,
        part: &str,
        request: ApiRequest,
        caching: &Caching,
        reduce: impl FnOnce(Value) -> Result<T, ToolError>,
    ) -> Result<(T, bool), ToolError> {
        let (hit, ticket) = self.look_up(&format!("{part} {}", request.identity()));
        if let Some(value) = hit {
            return Ok((value, true));
        }
        let value = reduce(self.send(request)?)?;
        if let Some(ticket) = ticket {
            self.keep(ticket, &value, caching);
        }
        Ok((value, false))
    }

    fn look_up<T: DeserializeOwned>(&self, key: &str) -> (Option<T>, Option<Ticket>) {
        match self.context.cache().get(key) {
            // An entry of another version of this plugin may not be readable: then it is as good as none.
            Ok(Lookup::Hit(bytes)) => (serde_json::from_slice(&bytes).ok(), None),
            Ok(Lookup::Miss(ticket)) => (None, Some(ticket)),
            Err(error) => {
                self.without_cache(&error);
                (None, None)
            }
        }
    }

    fn keep(&self, ticket: Ticket, value: &impl Serialize, caching: &Caching) {
        let Ok(bytes) = serde_json::to_vec(value) else {
            return;
        };
        let kept = self
            .context
            .cache()
            .put(ticket, bytes, caching.time_to_live, &caching.tags);
        if let Err(error) = kept {
            self.without_cache(&error);
        }
    }

    fn without_cache(&self, error: &ToolError) {
        let reason = error.to_string();
        self.context
            .log()
            .debug("went on without the cache", &[("reason", &reason)]);
    }
}
