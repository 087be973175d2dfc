//! What a model reads: how long answers are, what errors say, and what the server teaches it.

mod errors;
mod shop;
mod sizes;
mod taught;
