//! `/person/consent`: where a tenant reads what plugins of third parties ask for, agrees, and takes it back.
//!
//! It stands always, and needs no link: whoever comes gives the tenant's master key, which travels with the browser for ten
//! minutes, encrypted, as at a link's page. Looking changes nothing. A consent names the terms that were read by their digest;
//! where the plugin asks for something else by then, nothing is agreed to.

mod markup;

use std::net::IpAddr;
use std::sync::Arc;

use axum::Extension;
use axum::body::Body;
use axum::extract::State;
use axum::http::{HeaderMap, StatusCode, header};
use axum::response::{Html, IntoResponse, Response};
use maud::Markup;
use secrecy::SecretString;

use super::form::{self, Cookies, Fields};
use super::markup::Message;
use super::{Desk, failed, message, too_many};
use crate::plugins::Agreeing;
use crate::tenancy::audit::Source;
use crate::tenancy::{ConsentError, FormSecret, Place, Principal, may_agree};
use crate::web::client_address::ClientAddress;

/// Below the folder of all pages.
pub(super) const NAME: &str = "consent";

const LIMITED: &str = "This key has limits. To agree for the account, its master key is needed.";
const WRONG: &str = "This is not a valid key. Check that it was copied whole.";
const CHANGED: &str = "The plugin asks for something else by now, or is not served any more. Nothing was agreed to: read it again.";
const NO_STORE: &str =
    "No store was chosen, so nothing was agreed to. Choose at least one, or all.";

/// A browser at the page.
struct Visit {
    secret: FormSecret,
    /// The browser had it already.
    returning: bool,
    /// Whose master key it brought along.
    person: Option<Principal>,
}

pub(super) async fn look(
    State(desk): State<Arc<Desk>>,
    Extension(ClientAddress(address)): Extension<ClientAddress>,
    headers: HeaderMap,
) -> Response {
    let visit = match desk.visit_consents(address, &headers).await {
        Ok(visit) => visit,
        Err(refused) => return refused,
    };
    match &visit.person {
        None => desk.ask_for_master_key(&visit, StatusCode::OK, None),
        Some(person) => {
            desk.show_consents(&visit, person, StatusCode::OK, None)
                .await
        }
    }
}

pub(super) async fn decide(
    State(desk): State<Arc<Desk>>,
    Extension(ClientAddress(address)): Extension<ClientAddress>,
    headers: HeaderMap,
    body: Body,
) -> Response {
    let visit = match desk.visit_consents(address, &headers).await {
        Ok(visit) => visit,
        Err(refused) => return refused,
    };
    let at = (&Place::consents(), &visit.secret, visit.returning);
    let links = &desk.host.services().links;
    let mut fields = match Fields::sent_from(at, links, &headers, body).await {
        Ok(fields) => fields,
        Err(refused) => return refused,
    };
    if let Some(key) = fields.take_secret("access_key") {
        return desk.enter_consents(&visit, &key, address).await;
    }
    match &visit.person {
        None => {
            let told = Some("Give the key again.");
            desk.ask_for_master_key(&visit, StatusCode::FORBIDDEN, told)
        }
        Some(person) => {
            desk.decide_on_consent(&visit, person, fields, address)
                .await
        }
    }
}

impl Desk {
    async fn visit_consents(
        &self,
        address: IpAddr,
        headers: &HeaderMap,
    ) -> Result<Visit, Response> {
        if let Err(wait) = self.flood.from(address) {
            return Err(too_many(wait));
        }
        // Keys do not travel in clear, and a listener of one link serves that link.
        if self.audience.given.is_some() || self.host.page_of_consents().is_none() {
            return Err(message(StatusCode::NOT_FOUND, &Message::UNKNOWN));
        }
        let (place, services) = (Place::consents(), self.host.services());
        let cookies = Cookies::of(headers, &place);
        let (secret, returning) = match cookies.form_secret() {
            Some(secret) => (secret, true),
            None => (FormSecret::new().map_err(|error| failed(&error))?, false),
        };
        let visit = cookies.visit();
        let key = visit.and_then(|visit| services.links.visitor(&place, &secret, visit));
        let person = match key {
            None => None,
            Some(key) => match services.tenancy.authenticate(&key).await {
                Ok(person) => Some(person).filter(may_agree),
                Err(error) if error.is_refusal() => None,
                Err(error) => return Err(failed(&error)),
            },
        };
        Ok(Visit {
            secret,
            returning,
            person,
        })
    }

    /// The first step: a key was given.
    async fn enter_consents(&self, visit: &Visit, key: &SecretString, address: IpAddr) -> Response {
        let services = self.host.services();
        match services.tenancy.authenticate(key).await {
            Ok(person) if may_agree(&person) => {}
            Ok(_) => return self.ask_for_master_key(visit, StatusCode::FORBIDDEN, Some(LIMITED)),
            Err(error) if error.is_refusal() => {
                services.tenancy.note_failed_login(Some(address));
                return match services.login_limit.slowed(Some(address)) {
                    Some(wait) => too_many(wait),
                    None => self.ask_for_master_key(visit, StatusCode::FORBIDDEN, Some(WRONG)),
                };
            }
            Err(error) => return failed(&error),
        }
        let place = Place::consents();
        match services.links.visit(&place, &visit.secret, key) {
            Ok(kept) => {
                let cookie = form::visit_cookie(&place, &kept, self.audience.https);
                ([(header::SET_COOKIE, cookie)], again()).into_response()
            }
            Err(error) => failed(&error),
        }
    }

    async fn decide_on_consent(
        &self,
        visit: &Visit,
        person: &Principal,
        mut fields: Fields,
        address: IpAddr,
    ) -> Response {
        let plugin = fields.take("plugin").unwrap_or_default();
        let source = Source::Page(Some(address));
        match fields.take("decision").as_deref() {
            Some("agree") => {
                let digest = fields.take("digest").unwrap_or_default();
                let subjects = match fields.take("for").as_deref() {
                    Some("all") => None,
                    _ => {
                        let mut subjects = fields.take_all("subject");
                        subjects.sort();
                        Some(subjects)
                    }
                };
                if subjects.as_ref().is_some_and(Vec::is_empty) {
                    let status = StatusCode::BAD_REQUEST;
                    return self
                        .show_consents(visit, person, status, Some(NO_STORE))
                        .await;
                }
                let terms = (plugin.as_str(), digest.as_str());
                match self.host.agree_to(person, terms, subjects, source).await {
                    Ok(Agreeing::Done) => again(),
                    Ok(Agreeing::Changed) => {
                        let status = StatusCode::CONFLICT;
                        self.show_consents(visit, person, status, Some(CHANGED))
                            .await
                    }
                    Err(error) => self.not_agreed(visit, &error),
                }
            }
            Some("withdraw") => match self.host.withdraw_from(person, &plugin, source).await {
                Ok(_) => again(),
                Err(error) => self.not_agreed(visit, &error),
            },
            Some("leave") => {
                let mut response = message(StatusCode::OK, &Message::LEFT);
                for cookie in form::forget_cookies(&Place::consents(), self.audience.https) {
                    form::set(&mut response, &cookie);
                }
                response
            }
            _ => {
                let (status, told) = (StatusCode::BAD_REQUEST, Some("Choose what to do."));
                self.show_consents(visit, person, status, told).await
            }
        }
    }

    fn not_agreed(&self, visit: &Visit, error: &ConsentError) -> Response {
        match error {
            ConsentError::LimitedKey => {
                self.ask_for_master_key(visit, StatusCode::FORBIDDEN, Some(LIMITED))
            }
            ConsentError::Store(error) => failed(error),
        }
    }

    fn ask_for_master_key(
        &self,
        visit: &Visit,
        status: StatusCode,
        error: Option<&str>,
    ) -> Response {
        let page = markup::key(&self.consents_form(visit), error);
        self.with_consents_secret(visit, status, page)
    }

    async fn show_consents(
        &self,
        visit: &Visit,
        person: &Principal,
        status: StatusCode,
        error: Option<&str>,
    ) -> Response {
        match self.host.consents_of(person).await {
            Ok(consents) => {
                let form = self.consents_form(visit);
                let page = markup::list(&person.tenant_name, &consents, &form, error);
                self.with_consents_secret(visit, status, page)
            }
            Err(error) => failed(&error),
        }
    }

    fn consents_form(&self, visit: &Visit) -> String {
        let links = &self.host.services().links;
        links.form_token(&Place::consents(), &visit.secret)
    }

    fn with_consents_secret(&self, visit: &Visit, status: StatusCode, page: Markup) -> Response {
        let mut response = (status, Html(page.into_string())).into_response();
        let (place, https) = (Place::consents(), self.audience.https);
        form::set(
            &mut response,
            &form::secret_cookie(&place, &visit.secret, https),
        );
        response
    }
}

/// The page once more: whoever reloads it sends nothing again.
fn again() -> Response {
    (StatusCode::SEE_OTHER, [(header::LOCATION, NAME)]).into_response()
}
