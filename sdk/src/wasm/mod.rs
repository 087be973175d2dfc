//! The component's side of the contract: generated bindings, and what turns them into the SDK's types and back. Plugin
//! authors never see any of it; it is public only for the expansion of [`crate::export!`].

mod convert;
mod guest;
mod host;
mod prompts;
mod resources;

pub use bindings::export_component;
pub use guest::Component;
pub use host::ComponentHost;

// Generated code calls across the component boundary, which is `unsafe` by nature, and documents itself by its WIT.
#[allow(
    unsafe_code,
    unreachable_pub,
    missing_docs,
    clippy::all,
    clippy::undocumented_unsafe_blocks
)]
pub mod bindings {
    wit_bindgen::generate!({
        path: "../wit",
        world: "whole-plugin",
        pub_export_macro: true,
        export_macro_name: "export_component",
        generate_all,
    });
}

/// [`crate::CONTRACT_VERSION`] in the custom section `orderdesk:contract` of every component's core module: a host that is
/// too old or too new can say so, rather than show a linker's complaint.
#[allow(unsafe_code)] // Naming a section can clash with one that the linker knows; it knows none of this name.
#[unsafe(link_section = "orderdesk:contract")]
pub static CONTRACT: [u8; crate::CONTRACT_VERSION.len()] = {
    let mut bytes = [0; crate::CONTRACT_VERSION.len()];
    bytes.copy_from_slice(crate::CONTRACT_VERSION.as_bytes());
    bytes
};
