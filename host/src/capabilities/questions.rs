//! The kinds of question that a plugin may put to whoever calls, and which of them can be put to this caller.

/// A kind of question (`types.question` in the contract says what each asks and how it is answered).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum QuestionKind {
    /// May this be done?
    Confirm,
    /// A form for a person.
    Form,
    /// A text of the caller's model.
    Sampling,
    /// The folders that the caller works in.
    Roots,
}

impl QuestionKind {
    /// All there are.
    pub const ALL: [Self; 4] = [Self::Confirm, Self::Form, Self::Sampling, Self::Roots];

    /// Its word in the contract.
    pub fn name(self) -> &'static str {
        match self {
            Self::Confirm => "confirm",
            Self::Form => "form",
            Self::Sampling => "sampling",
            Self::Roots => "roots",
        }
    }

    /// The kind of this name.
    pub fn of(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|kind| kind.name() == name)
    }
}

/// Which kinds of question can be put to a caller; none by default.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Askable(u8);

impl Askable {
    /// This kind, too.
    #[must_use]
    pub fn and(self, kind: QuestionKind) -> Self {
        Self(self.0 | 1 << kind as u8)
    }

    /// This kind, too, if it is so.
    #[must_use]
    pub fn and_if(self, so: bool, kind: QuestionKind) -> Self {
        if so { self.and(kind) } else { self }
    }

    /// Whether this kind is among them.
    pub fn takes(self, kind: QuestionKind) -> bool {
        self.0 & (1 << kind as u8) != 0
    }

    /// Whether there is none.
    pub fn is_empty(self) -> bool {
        self.0 == 0
    }

    /// Those that there are.
    pub fn kinds(self) -> impl Iterator<Item = QuestionKind> {
        let mut all = QuestionKind::ALL.into_iter();
        std::iter::from_fn(move || all.find(|kind| self.takes(*kind)))
    }
}
