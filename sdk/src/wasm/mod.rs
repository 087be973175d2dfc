//! The component's side of the contract: generated bindings, and what turns them into the SDK's types and back. Plugin
//! authors never see any of it; it is public only for the expansion of [`crate::export!`].

mod convert;
mod guest;
mod host;

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
        world: "plugin",
        pub_export_macro: true,
        export_macro_name: "export_component",
        generate_all,
    });
}

/// The contract's version, as every component carries it in the custom section `orderdesk:contract`: a host that is too
/// old or too new can say so, rather than show a linker's complaint.
pub const CONTRACT: [u8; 5] = *b"0.1.0";
