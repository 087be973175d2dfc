//! What an author of plugins does, with nothing but the program: in Rust, JavaScript and Python.

#![allow(clippy::unwrap_used, clippy::expect_used, missing_docs)]

mod commands;
mod dev;
mod document;
mod examples;
mod workshop;
