//! The third step of a link's page, where there is one: a tool that got its secret asks whether it may.

use axum::http::StatusCode;
use axum::response::Response;

use super::{Desk, Visit, failed, markup};
use crate::capabilities::context::Caller;
use crate::plugins::Entered;

impl Desk {
    /// The third step, where there is one: the tool got the secrets and asks whether it may.
    pub(super) async fn ask(&self, visit: &Visit, person: &Caller, entered: &Entered) -> Response {
        match self.host.show(&visit.link, person, Some(entered)).await {
            Ok(shown) => match self.keep(visit, entered) {
                Ok(kept) => {
                    let form = self.form_token(visit);
                    let page = markup::decision(&visit.link, &shown, (&form, Some(&kept)), None);
                    self.with_secret(visit, StatusCode::OK, page)
                }
                Err(error) => failed(&error),
            },
            // What they entered may be why.
            Err(error) => {
                let (status, told) = (StatusCode::CONFLICT, Some(error.message.as_str()));
                self.show(visit, person, status, told).await
            }
        }
    }

    fn keep(&self, visit: &Visit, entered: &Entered) -> Result<String, String> {
        let links = &self.host.services().links;
        let written = entered.write().map_err(|error| error.to_string())?;
        links
            .keep(&visit.link.place(), &visit.secret, &written)
            .map_err(|error| error.to_string())
    }

    pub(super) fn kept(&self, visit: &Visit, kept: &str) -> Option<Entered> {
        let links = &self.host.services().links;
        let written = links.kept(&visit.link.place(), &visit.secret, kept)?;
        Entered::read(&written).ok()
    }
}
