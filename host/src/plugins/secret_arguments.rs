//! The arguments of a tool that hold secrets, as its schema marks them.

use serde_json::{Map, Value};

use crate::capabilities::context::Grantee;
use crate::capabilities::sealing::{SealFor, SealedArgument};

/// What callers read of a secret that the tool needs.
const BETTER_LEFT_OUT: &str =
    "Better left out: the answer is then a link to a page where a person enters it.";

/// Takes `x-sealed` out of the schema, which is the host's business and not the model's. What is also required, the tool needs;
/// callers need not send it, since a person can enter it.
pub(super) fn take_sealed(
    schema: &mut Map<String, Value>,
    grantee: &Grantee,
) -> Result<Vec<SealedArgument>, String> {
    let mut sealed = Vec::new();
    let required = names(schema.get("required"));
    let Some(Value::Object(properties)) = schema.get_mut("properties") else {
        return Ok(sealed);
    };
    for (name, property) in properties {
        let Some(marks) = property
            .as_object_mut()
            .and_then(|property| property.remove("x-sealed"))
        else {
            continue;
        };
        let audiences = marks
            .as_array()
            .into_iter()
            .flatten()
            .map(|mark| mark.as_str().unwrap_or_default().parse())
            .collect::<Result<Vec<SealFor>, _>>()
            .map_err(|error| format!("x-sealed of '{name}': {error}"))?;
        if audiences.is_empty() {
            return Err(format!("x-sealed of '{name}' names no audience"));
        }
        if audiences.len() > 1 && audiences.contains(&SealFor::Session) {
            return Err(format!(
                "x-sealed of '{name}': a secret for the session is good for nothing else"
            ));
        }
        for audience in &audiences {
            if let SealFor::Endpoint(endpoint) = audience
                && !grantee.http.iter().any(|grant| &grant.endpoint == endpoint)
            {
                return Err(format!(
                    "x-sealed of '{name}' is for the endpoint '{endpoint}', which is not granted to the plugin"
                ));
            }
        }
        let needed = required.contains(name);
        let mut description = String::new();
        if let Some(property) = property.as_object_mut() {
            // The standard's own word for it (JSON Schema 2020-12, validation, section 9.4).
            property.insert("writeOnly".into(), true.into());
            if let Some(told) = property.get("description").and_then(Value::as_str) {
                description = told.to_owned();
            }
            if needed {
                let told = format!("{description} {BETTER_LEFT_OUT}");
                property.insert("description".into(), told.trim().into());
            }
        }
        sealed.push(SealedArgument {
            name: name.clone(),
            audiences,
            needed,
            description,
        });
    }
    if sealed.iter().any(|argument| argument.needed) {
        let by_person = |name: &String| sealed.iter().any(|argument| &argument.name == name);
        let rest: Vec<String> = required
            .into_iter()
            .filter(|name| !by_person(name))
            .collect();
        if rest.is_empty() {
            schema.remove("required");
        } else {
            schema.insert("required".into(), rest.into());
        }
    }
    Ok(sealed)
}

fn names(list: Option<&Value>) -> Vec<String> {
    let names = list.and_then(Value::as_array).into_iter().flatten();
    names
        .filter_map(|name| name.as_str().map(str::to_owned))
        .collect()
}
