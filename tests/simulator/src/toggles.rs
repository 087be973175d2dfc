//! The points that no source settles, each with both of its possible answers (order-desk-api.md §11, last list).
//!
//! A client that passes its tests with every toggle on either setting depends on nothing unconfirmed.

use std::fmt::Display;
use std::str::FromStr;

use clap::ValueEnum;

/// A toggle could not be set from text.
#[derive(Debug, thiserror::Error, PartialEq, Eq)]
pub enum ToggleError {
    /// There is no toggle of that name.
    #[error("there is no toggle named `{0}`; the help lists them all")]
    UnknownName(String),
    /// The toggle exists but cannot have that value.
    #[error("toggle `{name}` cannot be `{value}`; it takes {accepted}")]
    BadValue {
        /// The toggle.
        name: &'static str,
        /// The value that was offered.
        value: String,
        /// The values that it takes, in words.
        accepted: String,
    },
    /// The text is not of the form `name=value`.
    #[error("`{0}` is not of the form name=value")]
    NotAnAssignment(String),
}

/// A toggle as the help shows it.
#[derive(Clone, Debug)]
pub struct ToggleDescription {
    /// Name, as in `name=value`.
    pub name: &'static str,
    /// Present value.
    pub value: String,
    /// The value that a client has to be tested with as well: the other of the two that the service may have.
    pub other: String,
    /// The values that it takes, in words.
    pub accepted: String,
    /// What it decides.
    pub meaning: &'static str,
}

/// A value that a toggle can have, to and from text.
trait Setting: Sized {
    fn read(text: &str) -> Option<Self>;
    fn show(&self) -> String;
    fn accepted() -> String;
}

impl Setting for bool {
    fn read(text: &str) -> Option<Self> {
        bool::from_str(text).ok()
    }
    fn show(&self) -> String {
        self.to_string()
    }
    fn accepted() -> String {
        "true or false".to_owned()
    }
}

/// An HTTP status between 200 and 599.
impl Setting for u16 {
    fn read(text: &str) -> Option<Self> {
        text.parse()
            .ok()
            .filter(|status| (200..600).contains(status))
    }
    fn show(&self) -> String {
        self.to_string()
    }
    fn accepted() -> String {
        "an HTTP status".to_owned()
    }
}

/// An HTTP status to refuse with, or no refusal at all.
impl Setting for Option<u16> {
    fn read(text: &str) -> Option<Self> {
        if text == "off" {
            Some(None)
        } else {
            u16::read(text).map(Some)
        }
    }
    fn show(&self) -> String {
        self.map_or_else(|| "off".to_owned(), |status| status.to_string())
    }
    fn accepted() -> String {
        "off or an HTTP status".to_owned()
    }
}

macro_rules! choice_setting {
    ($($choice:ty),+) => {$(
        impl Setting for $choice {
            fn read(text: &str) -> Option<Self> {
                <Self as ValueEnum>::from_str(text, true).ok()
            }
            fn show(&self) -> String {
                name_of(self)
            }
            fn accepted() -> String {
                Self::value_variants().iter().map(name_of).collect::<Vec<_>>().join(" or ")
            }
        }
    )+};
}

choice_setting!(
    Absent,
    AbsentAddress,
    AbsentFolder,
    OverLimit,
    TextMatch,
    InventoryTotal,
    HashStyle,
    GetContentType,
    RateScope
);

fn name_of<C: ValueEnum>(choice: &C) -> String {
    choice
        .to_possible_value()
        .map(|value| value.get_name().to_owned())
        .unwrap_or_default()
}

/// What happens to a part of the order that a PUT leaves out.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum Absent {
    /// It stays as it was.
    Keep,
    /// It becomes empty.
    Blank,
}

/// What happens to an address that a PUT leaves out.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum AbsentAddress {
    /// It becomes empty.
    Blank,
    /// It is copied from the other address of the request, as on create.
    Copy,
}

/// Where an order goes when a PUT leaves out `folder_id`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum AbsentFolder {
    /// To the store's first folder, as on create: an order is always in exactly one folder.
    First,
    /// It stays where it is.
    Keep,
}

/// What happens to a `limit` above 500.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum OverLimit {
    /// 500 is used.
    Clamp,
    /// The request is refused.
    Error,
}

/// How a text filter compares.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum TextMatch {
    /// Equal but for letter case.
    Exact,
    /// Anything that contains the wanted text.
    Loose,
}

/// What `total_records` of the inventory list says.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum InventoryTotal {
    /// The number of matching items, as a string.
    Count,
    /// Always `"0"`, as one captured reply had it.
    Zero,
}

/// Which text a webhook's signature covers.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum HashStyle {
    /// The `order` field as the receiver decodes it from the form.
    Raw,
    /// That field percent-decoded once more.
    #[value(name = "rawurldecoded")]
    RawUrlDecoded,
}

/// What happens to a GET that carries `Content-Type`, `Content-Length` or a body.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum GetContentType {
    /// It is served.
    Accept,
    /// It is refused with 400.
    Reject,
}

/// Whom a rate-limit bucket belongs to.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum RateScope {
    /// One bucket for all keys of a store.
    Store,
    /// One bucket for each API key.
    Key,
}

macro_rules! toggles {
    ($($(#[doc = $doc:literal])+ $name:ident: $kind:ty = $default:expr, or $other:expr, $meaning:literal;)+) => {
        /// All toggles. `Toggles::default()` is the simulator's best guess at the real service.
        #[derive(Clone, Debug, PartialEq, Eq)]
        pub struct Toggles {
            $($(#[doc = $doc])+ pub $name: $kind,)+
        }

        impl Default for Toggles {
            fn default() -> Self {
                Self { $($name: $default,)+ }
            }
        }

        impl Toggles {
            /// Sets one toggle by name, as the command line does.
            ///
            /// # Errors
            /// When there is no such toggle or the value is none of its own.
            pub fn set(&mut self, name: &str, value: &str) -> Result<(), ToggleError> {
                match name {
                    $(stringify!($name) => self.$name = read(stringify!($name), value)?,)+
                    _ => return Err(ToggleError::UnknownName(name.to_owned())),
                }
                Ok(())
            }

            /// Every toggle on the other of its two values.
            #[must_use]
            pub fn reversed(&self) -> Self {
                Self {
                    $($name: if self.$name == $other { $default } else { $other },)+
                }
            }

            /// Every toggle with its present value, in the order of the reference.
            pub fn describe(&self) -> Vec<ToggleDescription> {
                vec![$(ToggleDescription {
                    name: stringify!($name),
                    value: self.$name.show(),
                    other: <$kind as Setting>::show(&if self.$name == $other { $default } else { $other }),
                    accepted: <$kind as Setting>::accepted(),
                    meaning: $meaning,
                },)+]
            }
        }
    };
}

toggles! {
    /// HTTP status of a successful `POST /orders` and `POST /inventory-items`: 201 or 200 (§1.3). Default 201.
    create_status: u16 = 201, or 200, "HTTP status of a successful create of an order or inventory item";
    /// HTTP status of `Shipment Not Added`: 200 or a 4xx (§4). Default 200.
    shipment_dup_status: u16 = 200, or 409, "HTTP status of `Shipment Not Added`";
    /// Whether a second order with the same `source_name` and `source_id` is refused, and with which
    /// status (§8.5). Default 400.
    duplicate_order: Option<u16> = Some(400), or None, "status that refuses a second order with the same source, or off";
    /// A PUT of an order without the key `order_items`: leave the items alone or remove them (§2.5). Default keep.
    put_absent_items: Absent = Absent::Keep, or Absent::Blank, "items when a PUT of an order has no `order_items`";
    /// A PUT of an order without `shipping` or `customer`: blank it or copy the other one (§2.5). Default blank.
    put_absent_address: AbsentAddress = AbsentAddress::Blank, or AbsentAddress::Copy, "an address that a PUT of an order leaves out";
    /// `limit` above 500: use 500 or refuse (§2.3). Default clamp.
    limit_over_500: OverLimit = OverLimit::Clamp, or OverLimit::Error, "a `limit` above 500";
    /// Whether the `source_id` filter also finds ids that merely contain the wanted one (§2.3). Default exact.
    source_id_match: TextMatch = TextMatch::Exact, or TextMatch::Loose, "how the `source_id` filter compares";
    /// Whether an end date matches its own second: "on or before" or "before" (§2.3). Default true.
    end_date_inclusive: bool = true, or false, "whether end dates match their own second";
    /// `total_records` of the inventory list: true count or `"0"` (§1.2). Default count.
    total_records_inventory: InventoryTotal = InventoryTotal::Count, or InventoryTotal::Zero, "`total_records` of the inventory list";
    /// HTTP status of an unknown id, with the error envelope in either case: 404 or 200 (§1.3). Default 404.
    not_found_status: u16 = 404, or 200, "HTTP status of an unknown id";
    /// Which text a webhook's signature covers (§6.1). Default raw.
    hash_style: HashStyle = HashStyle::Raw, or HashStyle::RawUrlDecoded, "text under a webhook's signature";
    /// A GET with `Content-Type`, `Content-Length` or a body: serve or refuse it (§1.1). Default accept.
    get_with_content_type: GetContentType = GetContentType::Accept, or GetContentType::Reject, "a GET with a content type or body";
    /// One rate-limit bucket per store or per API key (§8.1). Default store.
    rate_scope: RateScope = RateScope::Store, or RateScope::Key, "whom a rate-limit bucket belongs to";
    /// Whether a request refused with 429 costs a token as well, if a part of one is left (§11.25). Default false.
    throttled_consumes: bool = false, or true, "whether a 429 pushes the next token further away";
    /// What a PUT without `cc_number` does to the stored card digits (§2.5, trap b). Default keep.
    put_absent_card: Absent = Absent::Keep, or Absent::Blank, "card digits when a PUT of an order has no `cc_number`";
    /// Where a PUT without `folder_id` puts the order (§2.5). Default first.
    put_absent_folder: AbsentFolder = AbsentFolder::First, or AbsentFolder::Keep, "folder when a PUT of an order has no `folder_id`";
    /// Whether `GET /orders/{id}` honours `get_order_history` as the list does (§2.2). Default false.
    history_on_single_get: bool = false, or true, "whether GET of one order honours `get_order_history`";
}

impl Toggles {
    /// Sets one toggle from `name=value`.
    ///
    /// # Errors
    /// As [`Toggles::set`], and when there is no `=`.
    pub fn assign(&mut self, assignment: &str) -> Result<(), ToggleError> {
        let (name, value) = assignment
            .split_once('=')
            .ok_or_else(|| ToggleError::NotAnAssignment(assignment.to_owned()))?;
        self.set(name.trim(), value.trim())
    }
}

impl Display for ToggleDescription {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(
            formatter,
            "{} = {} ({}): {}",
            self.name, self.value, self.accepted, self.meaning
        )
    }
}

fn read<S: Setting>(name: &'static str, value: &str) -> Result<S, ToggleError> {
    S::read(value).ok_or_else(|| ToggleError::BadValue {
        name,
        value: value.to_owned(),
        accepted: S::accepted(),
    })
}
