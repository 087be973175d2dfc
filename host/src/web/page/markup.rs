//! The pages as HTML. `maud` escapes every text that is put in; what came from elsewhere is shown as such, and what cannot be
//! seen in it is made visible.

use maud::{DOCTYPE, Markup, html};

use super::form::{ENTERED, SECRET};
use crate::plugins::{Carried, Shown};
use crate::tenancy::{LinkPurpose, OpenLink};

/// The one style sheet; the pages' policy names it by its digest.
pub(super) const STYLE: &str = "body{font:1rem/1.5 system-ui,sans-serif;max-width:44rem;margin:2rem auto;padding:0 1rem;\
color:#1b1b1b;background:#fff}h1{font-size:1.4rem}label{display:block;font-weight:600;margin-top:1rem}\
input{box-sizing:border-box;width:100%;font:inherit;padding:.5rem;border:1px solid #666;border-radius:.25rem}\
button{font:inherit;padding:.5rem 1.25rem;margin:1rem 1rem 0 0;border:1px solid #1b1b1b;border-radius:.25rem;\
background:#1b1b1b;color:#fff}button.no{background:#fff;color:#1b1b1b}\
.error{border-left:.3rem solid #b00020;padding:.5rem 1rem;background:#fdecee}\
.theirs{border:1px solid #999;border-radius:.25rem;padding:.5rem 1rem;background:#f6f6f6}\
pre{white-space:pre-wrap;overflow-wrap:anywhere;margin:0;font:.9rem/1.4 ui-monospace,monospace}dt{font-weight:600}\
dd{margin:0 0 .5rem}h2{font-size:1.2rem;margin:1.5rem 0 .5rem}section h2{margin:0}h3{font-size:1rem;margin:1rem 0 0}\
section{border-top:1px solid #999;margin:2rem 0 0;padding:1rem 0 0}fieldset{border:0;margin:1rem 0 0;padding:0}legend{font-weight:600}\
.choice{display:flex;gap:.5rem;align-items:baseline}.choice input{width:auto}.choice label{margin:0;font-weight:400}.within{margin-left:2rem}\
.for_readers{position:absolute;width:1px;height:1px;overflow:hidden;clip-path:inset(50%);white-space:nowrap}.hint{color:#444;margin:.25rem 0}:focus-visible{outline:.2rem solid #0b57d0;outline-offset:.1rem}";

/// A page that only says something.
pub(super) struct Message {
    title: &'static str,
    text: &'static str,
}

impl Message {
    pub(super) const UNKNOWN: Self = Self {
        title: "There is nothing here",
        text: "This link leads nowhere. Check that it was copied whole, or let your agent call the tool again for a new one.",
    };
    pub(super) const EXPIRED: Self = Self {
        title: "This link has expired",
        text: "It was good for ten minutes. Nothing was done. Let your agent call the tool again for a new one.",
    };
    pub(super) const USED: Self = Self {
        title: "This link was used",
        text: "It was good once. If it was you, you are done here, and your agent hears what became of it when it calls the tool \
               again. If it was not you, tell the operator of this server.",
    };
    pub(super) const BLOCKED: Self = Self {
        title: "This link is closed",
        text: "Too many attempts failed. Nothing was done. Let your agent call the tool again for a new link.",
    };
    pub(super) const FOREIGN_FORM: Self = Self {
        title: "This form cannot be taken",
        text: "It was not sent from this page, or the browser takes no cookies. Nothing was done. Open the link again and repeat it.",
    };
    pub(super) const UNREADABLE: Self = Self {
        title: "This form cannot be read",
        text: "Nothing was done. Open the link again and repeat it.",
    };
    pub(super) const OTHER_HOST: Self = Self {
        title: "Not at this address",
        text: "This server shows its pages at its own address only.",
    };
    pub(super) const TOO_MANY: Self = Self {
        title: "Too many requests",
        text: "Wait a few seconds and reload this page.",
    };
    pub(super) const LEFT: Self = Self {
        title: "You are done here",
        text: "This browser does not have the key any more. You can close this page.",
    };
    pub(super) const FAILED: Self = Self {
        title: "This does not work at the moment",
        text: "The server could not look it up. Reload this page in a minute; if that does not help, tell the operator.",
    };
}

/// Why a key is not taken. Whether it is one of another tenant, or none at all, is not said.
pub(super) fn wrong_key(left: u32) -> String {
    let left = match left {
        1 => "There is one more attempt".to_owned(),
        left => format!("There are {left} more attempts"),
    };
    format!(
        "This key does not fit this link. Check that it was copied whole. {left} before the link is closed."
    )
}

pub(super) fn page(title: &str, content: &Markup) -> Markup {
    html! {
        (DOCTYPE)
        html lang="en" {
            head {
                meta charset="utf-8";
                meta name="viewport" content="width=device-width, initial-scale=1";
                title { (title) }
                style { (maud::PreEscaped(STYLE)) }
            }
            body {
                main {
                    h1 { (title) }
                    (content)
                }
            }
        }
    }
}

pub(super) fn key_form(form: &str, label: &str, hint: &str) -> Markup {
    html! {
        form method="post" autocomplete="off" {
            input type="hidden" name="form" value=(form);
            label for="access_key" { (label) }
            p.hint id="access_key_hint" { (hint) }
            input type="password" id="access_key" name="access_key" autocomplete="off" spellcheck="false" required
                aria-describedby="access_key_hint";
            button type="submit" { "Continue" }
        }
    }
}

pub(super) fn error_box(error: Option<&str>) -> Markup {
    html! {
        @if let Some(error) = error {
            p.error role="alert" { (visible(error)) }
        }
    }
}

/// A page that only says something.
pub(super) fn message(message: &Message) -> Markup {
    page(message.title, &html! { p { (message.text) } })
}

/// The first step.
pub(super) fn key(link: &OpenLink, usable: &[String], form: &str, error: Option<&str>) -> Markup {
    let title = match link.purpose() {
        LinkPurpose::Secret => "Enter a secret",
        LinkPurpose::Confirmation => "Confirm a change",
    };
    let content = html! {
        p {
            "An agent called the tool " strong { (link.tool()) } " of the plugin " strong { (link.plugin()) } ". "
            @match link.purpose() {
                LinkPurpose::Secret => "It needs a secret that the agent must not see.",
                LinkPurpose::Confirmation => "It waits until a person has read and confirmed what it would do.",
            }
        }
        @if link.purpose() == LinkPurpose::Secret {
            (places(usable))
        }
        (error_box(error))
        (key_form(
            form,
            "Your access key for this server",
            "One of the account for which the agent works; those that were made here begin with odm_. The agent does not see it. Nothing is done yet: the next page shows what it is about.",
        ))
        p.hint { "If you do not expect this, close the page. The link ends at " (link.expires_at().rfc3339()) "." }
    };
    page(title, &content)
}

fn places(usable: &[String]) -> Markup {
    html! {
        @if !usable.is_empty() {
            p { "What is entered is kept encrypted and usable only:" }
            ul { @for place in usable { li { (place) } } }
        }
    }
}

/// The second step, and the third: then with what was entered in the second, sealed.
pub(super) fn decision(
    link: &OpenLink,
    shown: &Shown,
    (form, entered): (&str, Option<&str>),
    error: Option<&str>,
) -> Markup {
    let yes = match (link.purpose(), entered) {
        (LinkPurpose::Secret, None) => "Enter and continue",
        (LinkPurpose::Secret, Some(_)) | (LinkPurpose::Confirmation, _) => "Yes, do this",
    };
    let content = html! {
        p { "The tool " strong { (link.tool()) } " of the plugin " strong { (link.plugin()) } " is to be called for you." }
        (error_box(error))
        @if entered.is_some() {
            p { "What you entered is at hand, and the tool asks whether it may go on." }
        }
        @if !shown.questions.is_empty() {
            h2 { "What it asks" }
            @for question in &shown.questions {
                div.theirs { pre { (visible(question)) } }
            }
        }
        @if !shown.arguments.is_empty() {
            h2 { "What the agent asked for" }
            dl.theirs {
                @for (name, value) in &shown.arguments {
                    dt { (visible(name)) }
                    dd { pre { (visible(value)) } }
                }
            }
        }
        @if let Some(preview) = &shown.preview {
            h2 { "What would be done" }
            p.hint { "Texts in it may come from third parties, such as customers. They are data: whatever they say, only this page asks you for something." }
            div.theirs { pre id="preview" { (visible(preview)) } }
        }
        form method="post" autocomplete="off" {
            input type="hidden" name="form" value=(form);
            @if let Some(entered) = entered {
                input type="hidden" name=(ENTERED) value=(entered);
            }
            @if let Some(token) = &shown.confirm_token {
                input type="hidden" name="confirm_token" value=(token);
            }
            @for secret in &shown.secrets {
                @let field = format!("{SECRET}{}", secret.name);
                label for=(field) { (secret.name) }
                div.hint id=(format!("{field}.hint")) {
                    p { (secret.description) }
                    (places(&secret.usable))
                }
                input type="password" id=(field) name=(field) autocomplete="off" spellcheck="false" required
                    aria-describedby=(format!("{field}.hint"));
            }
            button type="submit" name="decision" value="yes" { (yes) }
            button.no type="submit" name="decision" value="no" formnovalidate { "No, do not do it" }
        }
        p.hint { "The link ends at " (link.expires_at().rfc3339()) "." }
    };
    page(&shown.title, &content)
}

/// There is nothing to decide on but a no.
pub(super) fn cannot_show(link: &OpenLink, why: &str, form: &str) -> Markup {
    let content = html! {
        p { "What " strong { (link.tool()) } " would do cannot be shown:" }
        p.error role="alert" { (visible(why)) }
        form method="post" autocomplete="off" {
            input type="hidden" name="form" value=(form);
            button.no type="submit" name="decision" value="no" { "Do not do it" }
        }
    };
    page("Nothing to confirm", &content)
}

/// What became of it.
pub(super) fn ended(link: &OpenLink, carried: &Carried) -> Markup {
    let (title, text) = match carried {
        Carried::Done(said) => ("Done", Some(said.as_str())),
        // It has not ended; nobody asks.
        Carried::Declined | Carried::Asks(_) => ("Not done", None),
        Carried::Failed { message, .. } => ("Not done", Some(message.as_str())),
        Carried::Gone => ("This link was used", None),
    };
    let content = html! {
        @match carried {
            Carried::Done(_) => p { strong { (link.tool()) } " was carried out." },
            Carried::Declined => p { strong { (link.tool()) } " was not carried out, as you wished." },
            Carried::Failed { .. } | Carried::Gone | Carried::Asks(_) => p { strong { (link.tool()) } " was not carried out." },
        }
        @if let Some(text) = text.filter(|text| !text.is_empty()) {
            div.theirs role="status" { pre { (visible(text)) } }
        }
        p { "You can close this page. Your agent hears of it when it calls the tool again." }
    };
    page(title, &content)
}

/// Makes visible what a browser would not show, or show elsewhere: control characters, and those that turn the direction of a
/// text around or have no width.
pub(super) fn visible(text: &str) -> String {
    let mut shown = String::with_capacity(text.len());
    for character in text.chars() {
        let hidden = (character.is_control() && !matches!(character, '\n' | '\t'))
            || matches!(character,
                '\u{200b}'..='\u{200f}' | '\u{202a}'..='\u{202e}' | '\u{2060}'..='\u{2069}' | '\u{061c}' | '\u{feff}');
        if hidden {
            shown.push_str(&format!("[U+{:04X}]", u32::from(character)));
        } else {
            shown.push(character);
        }
    }
    shown
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_cannot_be_seen_is_made_visible() {
        assert_eq!(
            visible("a\u{202e}b\u{200b}\r\n\u{7f}é"),
            "a[U+202E]b[U+200B][U+000D]\n[U+007F]é"
        );
    }

    #[test]
    fn attempts_are_counted_in_words() {
        assert!(wrong_key(1).contains("There is one more attempt before"));
        assert!(wrong_key(4).contains("There are 4 more attempts before"));
    }
}
