//! Components as no toolchain makes them: a core module written by hand, in the clothes of the contract.

use wit_component::{ComponentEncoder, StringEncoding, embed_component_metadata};
use wit_parser::Resolve;

/// The functions that the contract asks for, and their types as the canonical ABI flattens them.
const FUNCTIONS: [(&str, &str); 3] = [
    ("describe", "(result i32)"),
    ("list-tools", "(result i32)"),
    (
        "call-tool",
        "(param i32 i32 i32 i32 i32 i32 i32 i32 i32 i32 i32 i32 i32 i32 i32 i32) (result i32)",
    ),
];

/// The body of a function that answers what is all zero: empty texts and lists, and nothing that is optional.
pub const EMPTY: &str = "i32.const 1024";

/// A component with this body of `describe` and this much memory, and what else stands in its core module. It lists no
/// tools, and its other functions trap.
pub fn component(describe: &str, pages: u32, beside: &str) -> Vec<u8> {
    let functions: String = FUNCTIONS
        .iter()
        .map(|(name, kind)| {
            let body = match *name {
                "describe" => describe,
                // An empty list: memory is zero there.
                "list-tools" => EMPTY,
                _ => "unreachable",
            };
            format!("(func (export \"orderdesk:plugin/tools@0.1.0#{name}\") {kind} {body})\n")
        })
        .collect();
    let module = format!(
        "(module {beside} {functions}
           (memory (export \"memory\") {pages})
           (func (export \"cabi_realloc\") (param i32 i32 i32 i32) (result i32) unreachable))"
    );
    let mut module = wat::parse_str(module).unwrap();
    let mut resolve = Resolve::default();
    let (package, _) = resolve.push_dir(end_to_end::root().join("wit")).unwrap();
    let world = resolve.select_world(&[package], Some("plugin")).unwrap();
    embed_component_metadata(&mut module, &resolve, world, StringEncoding::UTF8).unwrap();
    ComponentEncoder::default()
        .module(&module)
        .unwrap()
        .encode()
        .unwrap()
}
