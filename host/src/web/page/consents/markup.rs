//! The page of consents as HTML.

use maud::{Markup, html};

use crate::plugins::{Consentable, ConsentsOf};
use crate::store::ConsentRecord;
use crate::tenancy::ConsentStanding;
use crate::web::page::markup::{error_box, key_form, page, visible};

/// Hexadecimal digits of a component's digest that people compare.
const DIGITS: usize = 16;

/// The first step.
pub(super) fn key(form: &str, error: Option<&str>) -> Markup {
    let content = html! {
        p { "Some plugins of this server were written by third parties and want to reach what belongs to your account. Here you read what each of them asks for, agree, or take it back." }
        (error_box(error))
        (key_form(
            form,
            "The master key of your account",
            "The key without limits that the account was made with. No agent sees it. Nothing is done yet: the next page shows what there is to agree to.",
        ))
    };
    page(TITLE, &content)
}

const TITLE: &str = "Plugins and your account";

/// The second step.
pub(super) fn list(tenant: &str, consents: &ConsentsOf, form: &str, error: Option<&str>) -> Markup {
    let waits = |plugin: &&Consentable| !matches!(plugin.standing, ConsentStanding::Given(_));
    let content = html! {
        p { "For the account " strong { (visible(tenant)) } ". The operator of this server chose the plugins; what they may do with what is yours, you decide." }
        (error_box(error))
        @if consents.plugins.is_empty() && consents.others.is_empty() {
            p { "No plugin needs your consent." }
        }
        @for plugin in consents.plugins.iter().filter(waits) {
            (section(plugin, &consents.subjects, form))
        }
        @for plugin in consents.plugins.iter().filter(|plugin| !waits(plugin)) {
            (section(plugin, &consents.subjects, form))
        }
        @for consent in &consents.others {
            (other(consent, form))
        }
        form method="post" {
            input type="hidden" name="form" value=(form);
            button.no type="submit" name="decision" value="leave" { "I am done" }
        }
        p.hint { "This browser needs the key again after ten minutes, or once you are done. A consent counts at once, and so does taking it back." }
    };
    page(TITLE, &content)
}

fn section(plugin: &Consentable, subjects: &[String], form: &str) -> Markup {
    let terms = &plugin.terms;
    let new = match &plugin.standing {
        ConsentStanding::Suspended(new) => new.as_slice(),
        ConsentStanding::Missing | ConsentStanding::Given(_) => &[],
    };
    html! {
        section aria-labelledby=(id("plugin", &terms.plugin)) {
            h2 id=(id("plugin", &terms.plugin)) { (visible(&terms.plugin)) }
            p role="status" { (standing(plugin)) }
            dl {
                dt { "Publisher" }
                dd {
                    @if terms.publisher.is_empty() { "Nobody signed it." }
                    @else { (visible(&terms.publisher)) " (the signature was verified)" }
                }
                dt { "Component" }
                dd {
                    (visible(&plugin.calls_itself)) " " (visible(&plugin.version)) ", SHA-256 "
                    (plugin.component.chars().take(DIGITS).collect::<String>()) "…"
                }
            }
            h3 { "It may reach" }
            ul {
                @for grant in &terms.grants {
                    li {
                        @if new.contains(grant) { strong { "New: " } }
                        (visible(grant))
                    }
                }
            }
            h3 { "Why, in its author's words" }
            p.hint { "Nobody has checked them. What counts is the list above." }
            dl.theirs {
                @for wanted in &plugin.wanted {
                    dt { pre { (visible(&wanted.text)) } }
                    dd { (visible(&wanted.reason)) }
                }
            }
            (agree(plugin, subjects, form))
            @if let Some(given) = &plugin.given {
                (withdraw(&given.plugin, form))
            }
        }
    }
}

fn standing(plugin: &Consentable) -> Markup {
    html! {
        @match (&plugin.standing, &plugin.given) {
            (ConsentStanding::Given(_), Some(given)) => {
                "You agreed on " (given.agreed_at.rfc3339()) ", with the key " (given.access_key) ", for " (covered(given)) "."
            }
            (ConsentStanding::Suspended(_), _) => "It asks for more than you agreed to, so it does nothing for you until you agree again.",
            _ => "It does nothing for you until you agree.",
        }
    }
}

fn covered(given: &ConsentRecord) -> String {
    match &given.subjects {
        None => "everything".to_owned(),
        Some(subjects) => visible(&subjects.join(", ")),
    }
}

fn agree(plugin: &Consentable, known: &[String], form: &str) -> Markup {
    let terms = &plugin.terms;
    let given = plugin.given.as_ref();
    let chosen = given.and_then(|given| given.subjects.as_deref());
    // What was chosen before stays to be chosen, whether there is still a key for it or not.
    let more = chosen
        .unwrap_or_default()
        .iter()
        .filter(|it| !known.contains(it));
    let subjects: Vec<&String> = known.iter().chain(more).collect();
    let (all, some) = (id("all", &terms.plugin), id("some", &terms.plugin));
    html! {
        form method="post" autocomplete="off" {
            input type="hidden" name="form" value=(form);
            input type="hidden" name="plugin" value=(terms.plugin);
            input type="hidden" name="digest" value=(terms.digest());
            @if subjects.is_empty() {
                input type="hidden" name="for" value="all";
            } @else {
                fieldset {
                    legend { "For which stores" }
                    div.choice {
                        input type="radio" id=(all) name="for" value="all" checked[chosen.is_none()];
                        label for=(all) { "All, also those that come later" }
                    }
                    div.choice {
                        input type="radio" id=(some) name="for" value="some" checked[chosen.is_some()];
                        label for=(some) { "Only these:" }
                    }
                    @for subject in subjects {
                        @let field = id(subject, &terms.plugin);
                        div.choice.within {
                            input type="checkbox" id=(field) name="subject" value=(subject)
                                checked[chosen.is_some_and(|it| it.contains(subject))];
                            label for=(field) { (visible(subject)) }
                        }
                    }
                }
            }
            button type="submit" name="decision" value="agree" {
                @if given.is_some() { "Agree to this instead" } @else { "Agree" }
                span.for_readers { " to " (visible(&terms.plugin)) }
            }
        }
    }
}

fn withdraw(plugin: &str, form: &str) -> Markup {
    html! {
        form method="post" {
            input type="hidden" name="form" value=(form);
            input type="hidden" name="plugin" value=(plugin);
            button.no type="submit" name="decision" value="withdraw" {
                "Take it back"
                span.for_readers { " from " (visible(plugin)) }
            }
        }
    }
}

/// A consent that does nothing at the moment.
fn other(consent: &ConsentRecord, form: &str) -> Markup {
    html! {
        section aria-labelledby=(id("plugin", &consent.plugin)) {
            h2 id=(id("plugin", &consent.plugin)) { (visible(&consent.plugin)) }
            p { "You agreed to it on " (consent.agreed_at.rfc3339()) ", for " (covered(consent)) ". It is not served at the moment, or needs no consent." }
            ul { @for grant in &consent.grants { li { (visible(grant)) } } }
            (withdraw(&consent.plugin, form))
        }
    }
}

fn id(what: &str, plugin: &str) -> String {
    format!("{what}.{plugin}")
}
