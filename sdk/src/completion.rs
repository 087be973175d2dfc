//! Help while somebody types a variable of a resource template, or an argument of a prompt.

use std::borrow::Cow;

use crate::context::Context;
use crate::error::ToolError;

/// Values that clients take at once; the host shows no more.
const SHOWN: usize = 100;

/// What somebody is typing.
///
/// ```
/// use orderdesk_plugin::Typing;
///
/// let typing = Typing::new("chapter", "3").with("book", "Emma");
/// assert_eq!(typing.given("book"), Some("Emma"));
/// ```
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Typing {
    /// The variable or argument.
    pub name: String,
    /// What stands there so far; may be empty.
    pub typed: String,
    /// Other variables or arguments that already have a value.
    pub given: Vec<(String, String)>,
}

impl Typing {
    /// `typed` stands in the variable or argument `name` so far.
    ///
    /// ```
    /// use orderdesk_plugin::Typing;
    ///
    /// let typing = Typing::new("book", "em");
    /// assert_eq!((typing.name.as_str(), typing.typed.as_str()), ("book", "em"));
    /// ```
    #[must_use]
    pub fn new(name: impl Into<String>, typed: impl Into<String>) -> Self {
        Self {
            name: name.into(),
            typed: typed.into(),
            given: Vec::new(),
        }
    }

    /// Another variable or argument has this value already.
    ///
    /// ```
    /// use orderdesk_plugin::Typing;
    ///
    /// let typing = Typing::new("chapter", "").with("book", "Emma").with("volume", "2");
    /// assert_eq!(typing.given("volume"), Some("2"));
    /// ```
    #[must_use]
    pub fn with(mut self, name: impl Into<String>, value: impl Into<String>) -> Self {
        self.given.push((name.into(), value.into()));
        self
    }

    /// The value that another variable or argument already has.
    ///
    /// ```
    /// use orderdesk_plugin::{Completion, Context, ToolError, Typing};
    ///
    /// fn chapters(typing: &Typing, _: &Context) -> Result<Completion, ToolError> {
    ///     let chapters = match typing.given("book") {
    ///         Some("Emma") => vec!["1", "2", "3"],
    ///         _ => vec![], // nobody knows of which book
    ///     };
    ///     Ok(typing.among(chapters))
    /// }
    /// # orderdesk_plugin::testing::with_context(&orderdesk_plugin::testing::FakeHost::new(), |context| {
    /// # let typing = Typing::new("chapter", "2").with("book", "Emma");
    /// # assert_eq!(chapters(&typing, context).unwrap().values, ["2"]);
    /// # });
    /// ```
    #[must_use]
    pub fn given(&self, name: &str) -> Option<&str> {
        self.given
            .iter()
            .find(|(given, _)| given == name)
            .map(|(_, value)| value.as_str())
    }

    /// Those candidates that begin with what is typed, in any letter case.
    ///
    /// ```
    /// use orderdesk_plugin::Typing;
    ///
    /// let colours = ["Red", "Green", "Grey"];
    /// assert_eq!(Typing::new("colour", "gr").among(colours).values, ["Green", "Grey"]);
    /// ```
    #[must_use]
    pub fn among<T: Into<String>>(&self, candidates: impl IntoIterator<Item = T>) -> Completion {
        let typed = self.typed.to_lowercase();
        let mut values: Vec<String> = candidates
            .into_iter()
            .map(Into::into)
            .filter(|candidate| candidate.to_lowercase().starts_with(&typed))
            .collect();
        let total = values.len();
        values.truncate(SHOWN);
        Completion {
            values,
            total: u32::try_from(total).ok(),
            has_more: total > SHOWN,
        }
    }
}

/// What could be meant, likeliest first.
///
/// ```
/// use orderdesk_plugin::Completion;
///
/// let shown = Completion { values: vec!["Emma".to_owned()], ..Completion::default() }.of_many();
/// assert!(shown.has_more);
/// ```
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Completion {
    /// Clients see the first hundred.
    pub values: Vec<String>,
    /// How many there are in all, if known.
    pub total: Option<u32>,
    /// There are more than these.
    pub has_more: bool,
}

impl Completion {
    /// The same, where nobody knows whether there are more than those that were looked at.
    ///
    /// ```
    /// use orderdesk_plugin::Typing;
    ///
    /// let first_page = ["Adams", "Ahmed", "Baker"]; // of customers, as far as one request tells
    /// let help = Typing::new("customer", "a").among(first_page).of_many();
    /// assert_eq!(help.values, ["Adams", "Ahmed"]);
    /// assert_eq!((help.total, help.has_more), (None, true));
    /// ```
    #[must_use]
    pub fn of_many(mut self) -> Self {
        self.total = None;
        self.has_more = true;
        self
    }
}

type Completer = Box<dyn Fn(&Typing, &Context) -> Result<Completion, ToolError>>;

/// The functions that help with some of the variables or arguments.
#[derive(Default)]
pub(crate) struct Completers(Vec<(Cow<'static, str>, Completer)>);

impl Completers {
    pub(crate) fn add(
        &mut self,
        name: Cow<'static, str>,
        completer: impl Fn(&Typing, &Context) -> Result<Completion, ToolError> + 'static,
    ) {
        self.0.push((name, Box::new(completer)));
    }

    /// Nothing where no function helps: clients ask for every variable.
    pub(crate) fn complete(
        &self,
        typing: &Typing,
        context: &Context,
    ) -> Result<Completion, ToolError> {
        match self.0.iter().find(|(name, _)| *name == typing.name) {
            Some((_, completer)) => completer(typing, context),
            None => Ok(Completion::default()),
        }
    }
}
