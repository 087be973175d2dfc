//! Why the service refuses a request, before it is put into an HTTP reply.

/// A refusal. Texts are suggestions of the reference; no source shows the real ones (order-desk-api.md §1.2).
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Rejection {
    /// Something about the input is wrong; `errors` lists each point.
    #[error("{message}")]
    Invalid {
        /// The envelope's message.
        message: String,
        /// One text per wrong point.
        errors: Vec<String>,
    },
    /// An order with the same `source_name` and `source_id` exists (§8.5).
    #[error("Duplicate Order: order {existing} already has this source_name and source_id")]
    DuplicateOrder {
        /// Its id.
        existing: u64,
    },
    /// The tracking number is on the order already (§4).
    #[error("Shipment Not Added")]
    ShipmentNotAdded,
    /// There is no such record in this store.
    #[error("{0} Not Found")]
    NotFound(String),
}

impl Rejection {
    pub(crate) fn invalid(message: &str, error: impl Into<String>) -> Self {
        Self::Invalid {
            message: message.to_owned(),
            errors: vec![error.into()],
        }
    }
}
