//! One-time links: 256 random bits under which something waits for a person at a page of this server.
//!
//! A link is no key. Whoever opens it reads which plugin and tool it is about and nothing else; to go on, a person gives an
//! access key of the tenant whose call waits. What waits is encrypted under the tenant's data key, together with the token, so
//! that whoever repeats the call gets the same link again; the database finds a link by a hash. It is taken once, and so often
//! may a key be wrong ([`ATTEMPTS`]). What the link led to is told once, to the same call of the same access key.
//!
//! What goes between two requests of a page stands in `link_visits.rs`.

use std::fmt;
use std::net::IpAddr;
use std::sync::Arc;
use std::time::Duration;

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use secrecy::SecretString;
use serde_json::{Map, Value};
use sha2::{Digest, Sha256};
use zeroize::Zeroizing;

use super::authentication::AuthenticationError;
use super::cipher::{self, CipherError, KeyBytes};
use super::confirmations;
use super::link_visits::{FORM_PURPOSE, VISIT_PURPOSE};
use super::principal::Principal;
use super::service::Tenancy;
use crate::clock::{Clock, Timestamp};
use crate::store::{Database, LinkCall, LinkHash, LinkPurpose, LinkRecord, StoreError};

/// So often may a key be wrong, or a run fail, before a link is good for nothing.
pub const ATTEMPTS: u32 = 5;
/// How long a person has.
const LIFETIME: Duration = Duration::from_secs(600);
/// The same call gets the same link while at least so much of that is left.
const WORTH_SHOWING: Duration = Duration::from_secs(60);
/// No call takes this long: whoever took the link is gone.
const UNDER_WAY: Duration = Duration::from_secs(600);
const PREFIX: &str = "odl_";
const TOKEN_BYTES: usize = 32;
/// Prefix and base64 without padding.
const TOKEN_LENGTH: usize = 47;
const CONTENT_PURPOSE: &str = "v1 call at a one-time link";
const OUTCOME_PURPOSE: &str = "v1 outcome of a one-time link";

/// Issues links and finds them again.
pub struct Links {
    database: Arc<dyn Database>,
    pub(super) clock: Arc<dyn Clock>,
    pub(super) form_key: KeyBytes,
    pub(super) visit_key: KeyBytes,
}

/// The call for which a person is needed.
pub struct LinkFor<'a> {
    /// For what.
    pub purpose: LinkPurpose,
    /// The plugin.
    pub plugin: &'a str,
    /// Its tool.
    pub tool: &'a str,
    /// Its arguments.
    pub arguments: &'a Map<String, Value>,
}

/// A link that is good.
pub struct Link {
    /// What stands in the URL.
    pub token: String,
    /// What the database knows it by.
    pub hash: LinkHash,
    /// From when on it is refused.
    pub expires_at: Timestamp,
}

impl fmt::Debug for Link {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "Link(until {})", self.expires_at.rfc3339())
    }
}

/// How far a call's link is.
pub enum Standing {
    /// There is none, or none that is still of use.
    Absent,
    /// Nobody did anything yet.
    Open(Link),
    /// A person has done their part, and it is being carried out.
    UnderWay,
    /// What it led to; told to nobody else from now on.
    Ended(Zeroizing<Vec<u8>>),
    /// A person did their part, and whoever carried it out vanished.
    Lost,
}

/// What a token leads to.
pub enum Found {
    /// Nothing.
    Unknown,
    /// It is too late.
    Expired,
    /// Somebody was here before.
    Used,
    /// Too many wrong keys.
    Blocked,
    /// Something that waits.
    Open(OpenLink),
}

/// A link that somebody opened.
#[derive(Clone)]
pub struct OpenLink {
    pub(super) record: Box<LinkRecord>,
}

/// Why a person is not let in at a link. A key of another tenant is as wrong as one that there is not.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Refusal {
    /// The key is wrong; so many more may be.
    Wrong {
        /// Before the link is good for nothing.
        left: u32,
    },
    /// That was one too many.
    Blocked,
}

/// What failed behind a link.
#[derive(Debug, thiserror::Error)]
pub enum LinkError {
    /// Nothing can be encrypted, or what is stored was altered.
    #[error(transparent)]
    Cipher(#[from] CipherError),
    /// The database failed.
    #[error(transparent)]
    Store(#[from] StoreError),
}

impl Links {
    /// Links in this database.
    pub fn new(database: Arc<dyn Database>, clock: Arc<dyn Clock>, tenancy: &Tenancy) -> Self {
        Self {
            database,
            clock,
            form_key: tenancy.derive(FORM_PURPOSE),
            visit_key: tenancy.derive(VISIT_PURPOSE),
        }
    }

    /// A link for this call, under which `content` waits.
    ///
    /// # Errors
    /// No random bytes; the database failed.
    pub async fn issue(
        &self,
        principal: &Principal,
        wanted: &LinkFor<'_>,
        content: &[u8],
    ) -> Result<Link, LinkError> {
        let token = format!("{PREFIX}{}", *random_text()?);
        let hash = hash(&token);
        let call = call(principal, wanted);
        let mut plaintext = Zeroizing::new(token.clone().into_bytes());
        plaintext.extend_from_slice(content);
        let sealed =
            principal
                .data_key
                .seal(CONTENT_PURPOSE, &binding(&hash, &call), &plaintext)?;
        let expires_at = self.clock.now() + LIFETIME;
        self.database
            .insert_link(LinkRecord {
                hash: hash.clone(),
                call,
                sealed,
                expires_at,
                failures: 0,
                used_at: None,
                outcome: None,
            })
            .await?;
        Ok(Link {
            token,
            hash,
            expires_at,
        })
    }

    /// How far the link of this very call is: same access key, tool and arguments.
    ///
    /// # Errors
    /// What is stored was altered; the database failed.
    pub async fn standing(
        &self,
        principal: &Principal,
        wanted: &LinkFor<'_>,
    ) -> Result<Standing, LinkError> {
        let call = call(principal, wanted);
        let Some(record) = self.database.newest_link(call).await? else {
            return Ok(Standing::Absent);
        };
        let now = self.clock.now();
        let data_key = &principal.data_key;
        let bound_to = binding(&record.hash, &record.call);
        if let Some(outcome) = &record.outcome {
            let outcome = data_key.open(OUTCOME_PURPOSE, &bound_to, outcome)?;
            // Of two that repeat the call at the same time one is told.
            let first = self.database.remove_link(record.hash.clone()).await?;
            return Ok(if first {
                Standing::Ended(outcome)
            } else {
                Standing::Absent
            });
        }
        if let Some(used_at) = record.used_at {
            if used_at + UNDER_WAY > now {
                return Ok(Standing::UnderWay);
            }
            let first = self.database.remove_link(record.hash.clone()).await?;
            return Ok(if first {
                Standing::Lost
            } else {
                Standing::Absent
            });
        }
        if record.failures >= ATTEMPTS || record.expires_at <= now + WORTH_SHOWING {
            return Ok(Standing::Absent);
        }
        let (token, _) = self.opened(principal, &record)?;
        Ok(Standing::Open(Link {
            token: token.to_string(),
            hash: record.hash,
            expires_at: record.expires_at,
        }))
    }

    /// What a token leads to. Looking changes nothing, however often it is done.
    ///
    /// # Errors
    /// The database failed.
    pub async fn find(&self, token: &str) -> Result<Found, LinkError> {
        if token.len() != TOKEN_LENGTH || !token.starts_with(PREFIX) {
            return Ok(Found::Unknown);
        }
        let Some(record) = self.database.link(hash(token)).await? else {
            return Ok(Found::Unknown);
        };
        Ok(if record.used_at.is_some() {
            Found::Used
        } else if record.expires_at <= self.clock.now() {
            Found::Expired
        } else if record.failures >= ATTEMPTS {
            Found::Blocked
        } else {
            Found::Open(OpenLink {
                record: Box::new(record),
            })
        })
    }

    /// Lets in who gives an access key of the tenant whose call waits, and counts what is no such key: at the link, and as a
    /// failed login from `source`.
    ///
    /// # Errors
    /// The database failed.
    pub async fn enter(
        &self,
        tenancy: &Tenancy,
        link: &OpenLink,
        presented: &SecretString,
        source: Option<IpAddr>,
    ) -> Result<Result<Principal, Refusal>, AuthenticationError> {
        let refused = match tenancy.authenticate(presented).await {
            Ok(principal) if principal.tenant == link.record.call.tenant => {
                return Ok(Ok(principal));
            }
            Err(error) if !error.is_refusal() => return Err(error),
            Ok(_) | Err(_) => {
                tenancy.note_failed_login(source);
                self.database
                    .count_link_failure(link.record.hash.clone())
                    .await?
            }
        };
        Ok(Err(match ATTEMPTS.checked_sub(refused) {
            None | Some(0) => Refusal::Blocked,
            Some(left) => Refusal::Wrong { left },
        }))
    }

    /// What waits at a link, for a person of its tenant.
    ///
    /// # Errors
    /// What is stored was altered.
    pub fn content(
        &self,
        principal: &Principal,
        link: &OpenLink,
    ) -> Result<Zeroizing<Vec<u8>>, LinkError> {
        Ok(self.opened(principal, &link.record)?.1)
    }

    fn opened(
        &self,
        principal: &Principal,
        record: &LinkRecord,
    ) -> Result<(Zeroizing<String>, Zeroizing<Vec<u8>>), LinkError> {
        let plaintext = principal.data_key.open(
            CONTENT_PURPOSE,
            &binding(&record.hash, &record.call),
            &record.sealed,
        )?;
        let (token, content) = plaintext
            .split_at_checked(TOKEN_LENGTH)
            .ok_or(CipherError::Refused)?;
        Ok((
            Zeroizing::new(String::from_utf8_lossy(token).into_owned()),
            Zeroizing::new(content.to_vec()),
        ))
    }

    /// Takes a link; true for the one who carries out what waits there.
    ///
    /// # Errors
    /// The database failed.
    pub async fn take(&self, link: &OpenLink) -> Result<bool, LinkError> {
        let hash = link.record.hash.clone();
        let taken = self.database.take_link(hash, ATTEMPTS, self.clock.now());
        Ok(taken.await?)
    }

    /// Gives a link back that led to nothing; false if that happened too often, and it stays taken then.
    ///
    /// # Errors
    /// The database failed.
    pub async fn give_back(&self, link: &OpenLink) -> Result<bool, LinkError> {
        let hash = link.record.hash.clone();
        let failures = self.database.give_link_back(hash, true).await?;
        Ok(failures < ATTEMPTS)
    }

    /// Puts a link back at which the person has more to decide: nothing failed, and nothing was done.
    ///
    /// # Errors
    /// The database failed.
    pub async fn put_back(&self, link: &OpenLink) -> Result<(), LinkError> {
        let hash = link.record.hash.clone();
        self.database.give_link_back(hash, false).await?;
        Ok(())
    }

    /// Keeps how it ended, for whoever repeats the call.
    ///
    /// # Errors
    /// Nothing can be encrypted; the database failed.
    pub async fn settle(
        &self,
        principal: &Principal,
        link: &OpenLink,
        outcome: &[u8],
    ) -> Result<(), LinkError> {
        let bound_to = binding(&link.record.hash, &link.record.call);
        let sealed = principal
            .data_key
            .seal(OUTCOME_PURPOSE, &bound_to, outcome)?;
        let hash = link.record.hash.clone();
        Ok(self.database.settle_link(hash, sealed).await?)
    }

    /// Removes a link for which there is no use any more.
    ///
    /// # Errors
    /// The database failed.
    pub async fn withdraw(&self, hash: &LinkHash) -> Result<(), LinkError> {
        self.database.remove_link(hash.clone()).await?;
        Ok(())
    }
}

impl OpenLink {
    /// What the database knows it by.
    pub fn hash(&self) -> &LinkHash {
        &self.record.hash
    }

    /// For what a person is needed.
    pub fn purpose(&self) -> LinkPurpose {
        self.record.call.purpose
    }

    /// The plugin whose call waits.
    pub fn plugin(&self) -> &str {
        &self.record.call.plugin
    }

    /// The tool whose call waits.
    pub fn tool(&self) -> &str {
        &self.record.call.tool
    }

    /// From when on the link is refused.
    pub fn expires_at(&self) -> Timestamp {
        self.record.expires_at
    }

    /// Whether the call that waits is one of this principal's tenant.
    pub fn is_of(&self, principal: &Principal) -> bool {
        self.record.call.tenant == principal.tenant
    }
}

pub(super) fn random_text() -> Result<Zeroizing<String>, CipherError> {
    let mut random = Zeroizing::new([0; TOKEN_BYTES]);
    cipher::fill_random(random.as_mut_slice())?;
    Ok(Zeroizing::new(URL_SAFE_NO_PAD.encode(random.as_slice())))
}

fn hash(token: &str) -> LinkHash {
    Sha256::digest(token).to_vec()
}

fn call(principal: &Principal, wanted: &LinkFor<'_>) -> LinkCall {
    LinkCall {
        tenant: principal.tenant.clone(),
        access_key: principal.key.clone(),
        purpose: wanted.purpose,
        plugin: wanted.plugin.to_owned(),
        tool: wanted.tool.to_owned(),
        arguments: confirmations::digest(principal, wanted.arguments),
    }
}

fn binding<'a>(hash: &'a LinkHash, call: &'a LinkCall) -> [&'a [u8]; 7] {
    [
        hash,
        call.tenant.as_str().as_bytes(),
        call.access_key.as_str().as_bytes(),
        call.purpose.as_str().as_bytes(),
        call.plugin.as_bytes(),
        call.tool.as_bytes(),
        &call.arguments,
    ]
}
