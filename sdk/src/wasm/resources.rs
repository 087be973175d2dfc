//! The exported interface `resources`.

use super::bindings::exports::orderdesk::plugin::resources as contract;
use super::bindings::orderdesk::plugin::types;
use super::convert::json;
use super::guest::Component;
use super::host::ComponentHost;
use crate::completion::{Completion, Typing};
use crate::resource::{Contents, Reading, ResourceDescription};

impl<T: Component> contract::Guest for T {
    fn list_resources() -> contract::Listing {
        let plugin = T::plugin();
        contract::Listing {
            fixed: plugin.resources().into_iter().map(Into::into).collect(),
            templates: plugin
                .resource_templates()
                .into_iter()
                .map(Into::into)
                .collect(),
        }
    }

    fn read(reading: contract::Reading) -> Result<contract::Contents, types::Error> {
        let reading = Reading {
            uri: reading.uri,
            template: reading.template,
            variables: reading.variables,
        };
        Ok(T::plugin().read(reading, ComponentHost)?.into())
    }

    fn complete(
        uri_template: String,
        typing: types::Typing,
    ) -> Result<types::Completion, types::Error> {
        let plugin = T::plugin();
        let completion = plugin.complete_variable(&uri_template, &typing.into(), ComponentHost);
        Ok(completion?.into())
    }
}

impl From<ResourceDescription> for contract::Fixed {
    fn from(resource: ResourceDescription) -> Self {
        Self {
            uri: resource.uri,
            name: resource.name,
            title: resource.title,
            description: resource.description,
            mime: resource.mime,
            tool: resource.tool,
            extra: json(resource.extra),
        }
    }
}

impl From<ResourceDescription> for contract::Template {
    fn from(template: ResourceDescription) -> Self {
        Self {
            uri_template: template.uri,
            name: template.name,
            title: template.title,
            description: template.description,
            mime: template.mime,
            tool: template.tool,
            extra: json(template.extra),
        }
    }
}

impl From<Contents> for contract::Contents {
    fn from(contents: Contents) -> Self {
        let content = |part: crate::resource::Part| contract::Content {
            uri: part.uri,
            mime: part.mime,
            body: part.body.into(),
        };
        Self {
            contents: contents.parts.into_iter().map(content).collect(),
            fresh_ms: u32::try_from(contents.fresh.as_millis()).unwrap_or(u32::MAX),
            extra: None,
        }
    }
}

impl From<types::Typing> for Typing {
    fn from(typing: types::Typing) -> Self {
        Self {
            name: typing.name,
            typed: typing.typed,
            given: typing.given,
        }
    }
}

impl From<Completion> for types::Completion {
    fn from(completion: Completion) -> Self {
        Self {
            values: completion.values,
            total: completion.total,
            has_more: completion.has_more,
        }
    }
}
