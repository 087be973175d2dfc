//! One change of one product, carried out: recorded, sent once, and looked at afterwards.

use orderdesk_client::aftermath::{self, Sight, Stored, Words};
use orderdesk_client::difference::{self, Edit};
use orderdesk_client::journal::{Intent, Journal, State};
use orderdesk_client::likeness::{alike, same};
use orderdesk_client::{ApiRequest, Normalised, Stopwatch, Store, WriteSettings};
use orderdesk_plugin::locks::Lock;
use orderdesk_plugin::serde_json::Value;
use orderdesk_plugin::{Context, ErrorKind, ToolError};

use crate::Product;
use crate::shelf::{TIME_OUT, body, forget, read, still_fresh, text, with_codes};

/// The kind of these changes in the journal.
pub(crate) const KIND: &str = "product";
/// No field of a product bears this name.
const PRODUCT: &str = "product";

/// One change of one product.
pub(crate) enum Step {
    /// Creates one with these fields.
    Create(Product),
    /// Replaces one by the other, as a whole.
    Replace(Product, Product),
    /// Removes it.
    Remove(Product),
}

/// How it ended well.
#[derive(Debug, Default)]
pub(crate) struct Done {
    pub(crate) change_id: Option<String>,
    /// As Order Desk stores it; none where it was removed, or could not be read.
    pub(crate) product: Option<Product>,
    pub(crate) normalised: Vec<Normalised>,
    pub(crate) warnings: Vec<String>,
}

impl Step {
    /// What differs by it.
    pub(crate) fn edits(&self) -> Vec<Edit> {
        let whole = |before: Option<&Product>, after: Option<&Product>| {
            vec![Edit {
                at: vec![PRODUCT.to_owned()],
                before: before.cloned().map(Value::Object),
                after: after.cloned().map(Value::Object),
            }]
        };
        match self {
            Self::Create(fields) => whole(None, Some(fields)),
            Self::Replace(before, after) => difference::edits(before, after),
            Self::Remove(before) => whole(Some(before), None),
        }
    }

    fn before(&self) -> Option<&Product> {
        match self {
            Self::Create(_) => None,
            Self::Replace(before, _) | Self::Remove(before) => Some(before),
        }
    }

    fn id(&self) -> &str {
        self.before().map_or("", |product| text(product, "id"))
    }

    fn request(&self) -> ApiRequest {
        match self {
            Self::Create(fields) => ApiRequest::post(["inventory-items"], body(fields)),
            Self::Replace(_, after) => ApiRequest::put(["inventory-items", self.id()], body(after)),
            Self::Remove(_) => ApiRequest::delete(["inventory-items", self.id()]),
        }
    }
}

/// Who changes a product, and why.
pub(crate) struct Deed<'a> {
    pub(crate) context: &'a Context,
    pub(crate) store: &'a Store,
    pub(crate) tool: &'a str,
    /// The change that this one takes back.
    pub(crate) undoes: Option<&'a str>,
    /// It takes back a part of that only.
    pub(crate) partial: bool,
}

impl<'a> Deed<'a> {
    /// Of a tool that takes nothing back.
    pub(crate) fn of(context: &'a Context, store: &'a Store, tool: &'a str) -> Self {
        Self {
            context,
            store,
            tool,
            undoes: None,
            partial: false,
        }
    }

    /// Carries a step out. What it is about was `read` under the lock, which ends with this.
    ///
    /// # Errors
    /// What Order Desk or the host refuses. `outcome_unknown` is set only where looking did not help.
    pub(crate) fn carry_out(
        &self,
        step: &Step,
        read: Stopwatch,
        lock: Lock,
    ) -> Result<Done, ToolError> {
        let (context, store) = (self.context, self.store);
        let keep = context.settings::<WriteSettings>()?.keep();
        let journal = Journal::new(context, store, keep);
        let mut change = journal.intend(Intent {
            tool: self.tool,
            kind: KIND,
            thing_id: step.id(),
            edits: step.edits(),
            before: step.before().cloned().map(Value::Object),
            undoes: self.undoes.map(str::to_owned),
            call_id: None,
        })?;
        change.partial = self.partial;
        let request = step.request().timeout(TIME_OUT).under_lock(&lock);
        // Before and after: a read that is under way must not be kept, and this call may be cut off.
        forget(context, &[step.id()]);
        let sent = still_fresh(context, read).and_then(|()| store.client(context).send(request));
        forget(context, &[step.id()]);
        let ended = match sent {
            Ok(answer) => Ok(confirmed(context, store, step, &answer)),
            Err(error) if error.outcome_unknown => {
                let found = looked_for(context, store, step, error);
                // Something may have been read, and kept, before it arrived.
                forget(context, &[step.id()]);
                found
            }
            Err(error) => Err((State::NotMade, error)),
        };
        let mut done = match ended {
            Ok(done) => done,
            Err(not_done) => {
                return Err(aftermath::not_done(
                    context, &journal, change, lock, not_done,
                ));
            }
        };
        change.state = State::Made;
        if let Some(product) = &done.product {
            change.thing_id = text(product, "id").to_owned();
            change.after = Some(Value::Object(product.clone()));
        }
        done.warnings.extend(journal.settle(&change));
        done.change_id = Some(change.change_id);
        Ok(done)
    }
}

/// What a change with these edits was.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Sort {
    Created,
    Removed,
    Changed,
}

/// What a change with these edits was.
pub(crate) fn sort(edits: &[Edit]) -> Sort {
    match edits {
        [edit] if edit.at == [PRODUCT] && edit.before.is_none() => Sort::Created,
        [edit] if edit.at == [PRODUCT] => Sort::Removed,
        _ => Sort::Changed,
    }
}

/// What the store shows of a step.
pub(crate) fn sight(
    context: &Context,
    store: &Store,
    step: &Step,
) -> Result<Sight<Option<Product>>, ToolError> {
    match step {
        Step::Create(fields) => {
            let found = with_codes(context, store, &[text(fields, "code")], 0)?;
            Ok(match found.into_iter().next() {
                Some(product) => Sight::Made(Some(product)),
                None => Sight::NotMade,
            })
        }
        Step::Replace(before, after) => match read(context, store, step.id(), 0) {
            Ok(now) => Ok(replaced(before, after, now)),
            Err(error) if error.kind == ErrorKind::NotFound => Ok(Sight::Neither),
            Err(error) => Err(error),
        },
        Step::Remove(_) => match read(context, store, step.id(), 0) {
            Ok(_) => Ok(Sight::NotMade),
            Err(error) if error.kind == ErrorKind::NotFound => Ok(Sight::Made(None)),
            Err(error) => Err(error),
        },
    }
}

fn replaced(before: &Product, after: &Product, now: Product) -> Sight<Option<Product>> {
    let changing = || {
        after
            .iter()
            .filter(|(name, value)| !same(before.get(*name), Some(value)))
    };
    if changing().all(|(name, value)| alike(now.get(name), Some(value))) {
        Sight::Made(Some(now))
    } else if changing().all(|(name, _)| same(now.get(name), before.get(name))) {
        Sight::NotMade
    } else {
        Sight::Neither
    }
}

/// Order Desk said that it is done; only a create shows the product, and not in all versions of the API.
fn confirmed(context: &Context, store: &Store, step: &Step, answer: &Value) -> Done {
    if let Step::Remove(_) = step {
        return Done::default();
    }
    if let (Step::Create(_), Some(Value::Object(product))) = (step, answer.get("inventory_item")) {
        return described(step, product.clone());
    }
    let why = match sight(context, store, step) {
        Ok(Sight::Made(Some(product))) => return described(step, product),
        Ok(Sight::Made(None)) => return Done::default(),
        Ok(Sight::NotMade) => "reading it afterwards does not show it".to_owned(),
        Ok(Sight::Neither) => "it is neither as it was nor as it shall be".to_owned(),
        Err(error) => error.message,
    };
    Done {
        warnings: vec![format!(
            "Order Desk confirmed the change, but it could not be checked ({why}). See products_get."
        )],
        ..Done::default()
    }
}

fn looked_for(
    context: &Context,
    store: &Store,
    step: &Step,
    error: ToolError,
) -> Result<Done, (State, ToolError)> {
    let words = Words {
        as_before: match step {
            Step::Create(_) => "the store has no such product",
            Step::Replace(..) | Step::Remove(_) => "the product is as it was before",
        },
        look_with: &match step {
            Step::Create(fields) => {
                format!("see products_list with code {:?}", text(fields, "code"))
            }
            Step::Replace(..) | Step::Remove(_) => format!("see products_get of {}", step.id()),
        },
    };
    let product = aftermath::judge(context, error, &words, || sight(context, store, step))?;
    let mut done = product.map_or_else(Done::default, |it| described(step, it));
    done.warnings.push(aftermath::MADE.to_owned());
    Ok(done)
}

/// A product as it is stored now, against what was sent.
fn described(step: &Step, product: Product) -> Done {
    let mut sent = match step {
        Step::Create(fields) | Step::Replace(_, fields) => fields.clone(),
        Step::Remove(_) => Product::new(),
    };
    for own in ["id", "date_added", "date_updated"] {
        sent.shift_remove(own);
    }
    let Stored {
        normalised,
        warnings,
    } = aftermath::stored("", &sent, &product, &[]);
    Done {
        change_id: None,
        product: Some(product),
        normalised,
        warnings,
    }
}
