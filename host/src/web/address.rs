//! Where people reach the pages of a process that serves HTTP.

use std::net::SocketAddr;

use async_trait::async_trait;

use super::page::{CONSENTS, PATH};
use crate::config::Server;
use crate::plugins::Pages;
use crate::tenancy::Link;

/// Why there are no pages.
const NOWHERE: &str = "the server has no address that people can open: the operator must set [server] public_url to the https URL \
                       of this server, or let it listen on 127.0.0.1";

/// The pages beside `/mcp`.
pub(crate) struct HttpPages {
    base: Option<String>,
}

impl HttpPages {
    /// At the public URL, else where the process listens, if that is an address of this machine alone: what people enter must
    /// not travel in clear.
    pub(crate) fn new(server: &Server, listening: SocketAddr) -> Self {
        Self {
            base: own_url(server, listening),
        }
    }
}

/// Where people and clients reach this process, without a slash at the end; none: nobody was told.
pub(crate) fn own_url(server: &Server, listening: SocketAddr) -> Option<String> {
    let own = || {
        listening
            .ip()
            .is_loopback()
            .then(|| format!("http://{listening}"))
    };
    let public = server.public_url.as_ref().map(|url| url.page(""));
    public.or_else(own)
}

#[async_trait]
impl Pages for HttpPages {
    async fn url(&self, link: &Link) -> Result<String, String> {
        let base = self.base.as_ref().ok_or(NOWHERE)?;
        Ok(format!("{base}{PATH}{}", link.token))
    }

    fn beginning(&self) -> Option<String> {
        self.base.as_ref().map(|base| format!("{base}{PATH}"))
    }

    fn consents(&self) -> Option<String> {
        self.base.as_ref().map(|base| format!("{base}{CONSENTS}"))
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    fn pages(public_url: Option<&str>, listening: &str) -> HttpPages {
        let server = Server {
            public_url: public_url.map(|url| url.to_owned().try_into().unwrap()),
            ..Server::default()
        };
        HttpPages::new(&server, listening.parse().unwrap())
    }

    fn beginning(public_url: Option<&str>, listening: &str) -> Option<String> {
        pages(public_url, listening).beginning()
    }

    #[test]
    fn keys_are_asked_for_where_they_do_not_travel_in_clear() {
        let public = pages(Some("https://mcp.example.com/desk"), "0.0.0.0:8080");
        assert_eq!(
            public.consents().as_deref(),
            Some("https://mcp.example.com/desk/person/consent")
        );
        assert_eq!(pages(None, "0.0.0.0:8080").consents(), None);
    }

    #[test]
    fn pages_are_at_the_public_url_or_on_this_machine_or_nowhere() {
        let public = beginning(Some("https://mcp.example.com/desk/"), "0.0.0.0:8080");
        assert_eq!(
            public.as_deref(),
            Some("https://mcp.example.com/desk/person/")
        );
        for (listening, own) in [
            ("127.0.0.1:8080", Some("http://127.0.0.1:8080/person/")),
            ("[::1]:8080", Some("http://[::1]:8080/person/")),
            ("0.0.0.0:8080", None),
            ("192.0.2.1:8080", None),
        ] {
            assert_eq!(beginning(None, listening).as_deref(), own, "{listening}");
        }
    }
}
