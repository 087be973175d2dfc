//! `/person/{link}`: where a person goes on with a call that waits for one.
//!
//! Two steps, each a form that works without JavaScript: an access key of the tenant whose call waits, then what would be done,
//! with the secrets to enter and a yes or no. A tool that asks whether it may once it has the secret makes it three. Looking (GET) changes nothing, as programs look at links before people do; a decision
//! (POST) is taken once. What is kept between the steps travels with the browser (see [`Links`](crate::tenancy::Links)), so that
//! each may be another process's. Nothing says whether a tenant or a key exists.

mod asking;
mod consents;
mod form;
mod markup;
mod shield;

use std::net::IpAddr;
use std::sync::Arc;
use std::time::Duration;

use axum::Extension;
use axum::body::Body;
use axum::extract::{Path, State};
use axum::http::{HeaderMap, StatusCode, header};
use axum::response::{Html, IntoResponse, Response};
use axum::routing::get;
use axum::{Router, middleware};
use maud::Markup;
use secrecy::SecretString;

use self::form::{Cookies, Fields};
use self::markup::Message;
use super::client_address::ClientAddress;
use super::flood::Flood;
use super::loopback::Given;
use crate::capabilities::context::Caller;
use crate::plugins::{Carried, Decision, PluginHost};
use crate::tenancy::audit::Source;
use crate::tenancy::{FormSecret, Found, OpenLink, Principal, Refusal};

/// What the paths of all links begin with.
pub(super) const PATH: &str = "/person/";
/// Where tenants agree to plugins.
pub(super) const CONSENTS: &str = "/person/consent";

/// What client a call from a page says it is.
const CLIENT: &str = "page";

/// Whom the pages are for.
pub(crate) struct Audience {
    /// `Host` headers, without ports, that are served.
    pub(crate) hosts: Vec<String>,
    /// Browsers come by `https`.
    pub(crate) https: bool,
    /// The person on whose machine this runs needs no key.
    pub(crate) local: bool,
    /// Only these links are served.
    pub(crate) given: Option<Arc<Given>>,
}

struct Desk {
    host: Arc<PluginHost>,
    audience: Audience,
    flood: Flood,
}

/// A browser at a link that is good.
struct Visit {
    link: OpenLink,
    secret: FormSecret,
    /// The browser had it already.
    returning: bool,
    person: Option<Caller>,
}

/// The pages' routes.
pub(crate) fn router(host: Arc<PluginHost>, audience: Audience) -> Router {
    let hosts: Arc<[String]> = audience.hosts.clone().into();
    let desk = Desk {
        host,
        audience,
        flood: Flood::default(),
    };
    Router::new()
        .route(CONSENTS, get(consents::look).post(consents::decide))
        .route("/person/{token}", get(look).post(decide))
        .with_state(Arc::new(desk))
        .layer(middleware::from_fn_with_state(hosts, shield::shield))
}

async fn look(
    State(desk): State<Arc<Desk>>,
    Extension(ClientAddress(address)): Extension<ClientAddress>,
    Path(token): Path<String>,
    headers: HeaderMap,
) -> Response {
    let visit = match desk.visit(address, &token, &headers).await {
        Ok(visit) => visit,
        Err(refused) => return refused,
    };
    match &visit.person {
        None => desk.ask_for_key(&visit, StatusCode::OK, None),
        Some(person) => desk.show(&visit, person, StatusCode::OK, None).await,
    }
}

async fn decide(
    State(desk): State<Arc<Desk>>,
    Extension(ClientAddress(address)): Extension<ClientAddress>,
    Path(token): Path<String>,
    headers: HeaderMap,
    body: Body,
) -> Response {
    let visit = match desk.visit(address, &token, &headers).await {
        Ok(visit) => visit,
        Err(refused) => return refused,
    };
    let at = (&visit.link.place(), &visit.secret, visit.returning);
    let links = &desk.host.services().links;
    let mut fields = match Fields::sent_from(at, links, &headers, body).await {
        Ok(fields) => fields,
        Err(refused) => return refused,
    };
    if let Some(key) = fields.take_secret("access_key") {
        return desk.enter(&visit, &key, &token, address).await;
    }
    let Some(person) = visit.person.clone() else {
        return desk.ask_for_key(&visit, StatusCode::FORBIDDEN, Some("Give your key again."));
    };
    desk.carry_out(visit, person, fields).await
}

impl Desk {
    /// Who comes, to which link.
    async fn visit(
        &self,
        address: IpAddr,
        token: &str,
        headers: &HeaderMap,
    ) -> Result<Visit, Response> {
        if let Err(wait) = self.flood.from(address) {
            return Err(too_many(wait));
        }
        let links = &self.host.services().links;
        let found = links.find(token).await.map_err(|error| failed(&error))?;
        let link = match found {
            Found::Open(link) if self.serves(&link) => link,
            Found::Open(_) | Found::Unknown => {
                return Err(message(StatusCode::NOT_FOUND, &Message::UNKNOWN));
            }
            Found::Expired => return Err(message(StatusCode::GONE, &Message::EXPIRED)),
            Found::Used => return Err(message(StatusCode::GONE, &Message::USED)),
            Found::Blocked => return Err(message(StatusCode::GONE, &Message::BLOCKED)),
        };
        let cookies = Cookies::of(headers, &link.place());
        let (secret, returning) = match cookies.form_secret() {
            Some(secret) => (secret, true),
            None => (FormSecret::new().map_err(|error| failed(&error))?, false),
        };
        let person = self.person(&link, &secret, &cookies).await?;
        let person = person.map(|principal| Caller {
            principal,
            single_client: false,
            client: Some(CLIENT.to_owned()),
            source: self.source(address),
            way: Source::Page(self.source(address)),
        });
        Ok(Visit {
            link,
            secret,
            returning,
            person,
        })
    }

    /// Where a person sits; none: at this machine.
    fn source(&self, address: IpAddr) -> Option<IpAddr> {
        (!self.audience.local).then_some(address)
    }

    fn serves(&self, link: &OpenLink) -> bool {
        let given = self.audience.given.as_ref();
        given.is_none_or(|given| given.has(link.hash()))
    }

    /// The person who gave a key in the step before, if that is still good, or who needs none.
    async fn person(
        &self,
        link: &OpenLink,
        secret: &FormSecret,
        cookies: &Cookies,
    ) -> Result<Option<Principal>, Response> {
        let services = self.host.services();
        if self.audience.local {
            let local = services.tenancy.standing_local_principal().await;
            let local = local.map_err(|error| failed(&error))?;
            return Ok(Some(local).filter(|local| link.is_of(local)));
        }
        let visit = cookies.visit();
        let Some(key) =
            visit.and_then(|visit| services.links.visitor(&link.place(), secret, visit))
        else {
            return Ok(None);
        };
        match services.tenancy.authenticate(&key).await {
            Ok(person) => Ok(Some(person).filter(|person| link.is_of(person))),
            Err(error) if error.is_refusal() => Ok(None),
            Err(error) => Err(failed(&error)),
        }
    }

    /// The first step: a key was given.
    async fn enter(
        &self,
        visit: &Visit,
        key: &SecretString,
        token: &str,
        address: IpAddr,
    ) -> Response {
        let services = self.host.services();
        let link = &visit.link;
        let entered = services
            .links
            .enter(&services.tenancy, link, key, Some(address))
            .await;
        let refusal = match entered {
            Ok(Ok(_)) => {
                let kept = services.links.visit(&link.place(), &visit.secret, key);
                let kept = match kept {
                    Ok(kept) => form::visit_cookie(&link.place(), &kept, self.audience.https),
                    Err(error) => return failed(&error),
                };
                // The same page once more: whoever reloads it sends no key again.
                let headers = [
                    (header::SET_COOKIE, kept),
                    (header::LOCATION, token.to_owned()),
                ];
                return (StatusCode::SEE_OTHER, headers).into_response();
            }
            Ok(Err(refusal)) => refusal,
            Err(error) => return failed(&error),
        };
        tracing::info!(
            plugin = link.plugin(),
            tool = link.tool(),
            "a wrong key was given at a page"
        );
        match refusal {
            Refusal::Wrong { left } => {
                let told = markup::wrong_key(left);
                self.ask_for_key(visit, StatusCode::FORBIDDEN, Some(&told))
            }
            Refusal::Blocked => {
                self.over(link);
                message(StatusCode::GONE, &Message::BLOCKED)
            }
        }
    }

    fn ask_for_key(&self, visit: &Visit, status: StatusCode, error: Option<&str>) -> Response {
        let form = self.form_token(visit);
        let usable = self.host.usable_at(&visit.link);
        let page = markup::key(&visit.link, &usable, &form, error);
        self.with_secret(visit, status, page)
    }

    /// The second step: what would be done, and the decision.
    async fn show(
        &self,
        visit: &Visit,
        person: &Caller,
        status: StatusCode,
        error: Option<&str>,
    ) -> Response {
        let form = self.form_token(visit);
        match self.host.show(&visit.link, person, None).await {
            Ok(shown) => {
                let page = markup::decision(&visit.link, &shown, (&form, None), error);
                self.with_secret(visit, status, page)
            }
            Err(error) => {
                let page = markup::cannot_show(&visit.link, &error.message, &form);
                self.with_secret(visit, StatusCode::CONFLICT, page)
            }
        }
    }

    fn form_token(&self, visit: &Visit) -> String {
        let links = &self.host.services().links;
        links.form_token(&visit.link.place(), &visit.secret)
    }

    async fn carry_out(&self, visit: Visit, person: Caller, mut fields: Fields) -> Response {
        let decision = match (
            fields.take("decision").as_deref(),
            fields.take(form::ENTERED),
        ) {
            (Some("no"), _) => Decision::Declined,
            (Some("yes"), None) => Decision::Agreed {
                confirm_token: fields.take("confirm_token"),
                secrets: fields.take_secrets(),
            },
            (Some("yes"), Some(kept)) => match self.kept(&visit, &kept) {
                Some(entered) => Decision::Confirmed {
                    entered,
                    confirm_token: fields.take("confirm_token"),
                },
                None => {
                    let told = "It took too long. Enter it again.";
                    return self
                        .show(&visit, &person, StatusCode::BAD_REQUEST, Some(told))
                        .await;
                }
            },
            _ => {
                let told = "Say yes or no.";
                return self
                    .show(&visit, &person, StatusCode::BAD_REQUEST, Some(told))
                    .await;
            }
        };
        if let Decision::Agreed { secrets, .. } = &decision
            && let Some(name) = form::left_empty(secrets)
        {
            let told = format!("Enter {name}; it was left empty.");
            return self
                .show(&visit, &person, StatusCode::BAD_REQUEST, Some(&told))
                .await;
        }
        let carried = self
            .host
            .carry_out(visit.link.clone(), person.clone(), decision);
        let page = match carried.await {
            Ok(Carried::Failed {
                message,
                again: true,
            }) => {
                return self
                    .show(&visit, &person, StatusCode::CONFLICT, Some(&message))
                    .await;
            }
            Ok(Carried::Asks(entered)) => return self.ask(&visit, &person, &entered).await,
            Ok(Carried::Gone) => return message(StatusCode::GONE, &Message::USED),
            Ok(carried) => markup::ended(&visit.link, &carried),
            Err(error) => return failed(&error),
        };
        self.over(&visit.link);
        let forgotten = form::forget_cookies(&visit.link.place(), self.audience.https);
        let mut response = Html(page.into_string()).into_response();
        for cookie in forgotten {
            form::set(&mut response, &cookie);
        }
        response
    }

    fn over(&self, link: &OpenLink) {
        if let Some(given) = &self.audience.given {
            given.over(link.hash());
        }
    }

    fn with_secret(&self, visit: &Visit, status: StatusCode, page: Markup) -> Response {
        let mut response = (status, Html(page.into_string())).into_response();
        let cookie = form::secret_cookie(&visit.link.place(), &visit.secret, self.audience.https);
        form::set(&mut response, &cookie);
        response
    }
}

fn message(status: StatusCode, message: &Message) -> Response {
    (status, Html(markup::message(message).into_string())).into_response()
}

fn too_many(wait: Duration) -> Response {
    let seconds = wait.as_secs_f64().ceil().max(1.0);
    let retry_after = [(header::RETRY_AFTER, format!("{seconds:.0}"))];
    let page = message(StatusCode::TOO_MANY_REQUESTS, &Message::TOO_MANY);
    (retry_after, page).into_response()
}

fn failed(error: &dyn std::fmt::Display) -> Response {
    tracing::error!(cause = %error, "a page cannot be shown");
    message(StatusCode::SERVICE_UNAVAILABLE, &Message::FAILED)
}
