//! The book: how dmci works and how to use it.
//!
//! The pages of `src/docs/` go in; modules of documentation come out, one a page, so that the code in
//! them is compiled and run.
//!
//! **Invariants**
//! - A page says what is, not what is planned.
//! - One sentence a line, so that changes are read sentence by sentence.
//!
//! Start with [`tutorial`] to use it, with [`three_hundred_lines`] and [`pipeline`] to change it.

#[doc = include_str!("install.md")]
pub mod install {}

#[doc = include_str!("tutorial.md")]
pub mod tutorial {}

#[doc = include_str!("fitting.md")]
pub mod fitting {}

#[doc = include_str!("search.md")]
pub mod search {}

#[doc = include_str!("register_machine.md")]
pub mod register_machine {}

#[cfg(feature = "dfdx")]
#[doc = include_str!("libraries.md")]
pub mod libraries {}

#[doc = include_str!("language.md")]
pub mod language {}

#[doc = include_str!("scheme-differences.md")]
pub mod scheme_differences {}

#[doc = include_str!("gotchas.md")]
pub mod gotchas {}

#[doc = include_str!("agents.md")]
pub mod agents {}

#[doc = include_str!("embedding.md")]
pub mod embedding {}

#[doc = include_str!("browser.md")]
pub mod browser {}

#[doc = include_str!("python.md")]
pub mod python {}

#[doc = include_str!("export.md")]
pub mod export {}

#[doc = include_str!("security.md")]
pub mod security {}

#[doc = include_str!("gradients.md")]
pub mod gradients {}

#[doc = include_str!("pipeline.md")]
pub mod pipeline {}

#[doc = include_str!("three_hundred_lines.md")]
#[doc = "```rust"]
#[doc = include_str!("../../examples/three_hundred_lines.rs")]
#[doc = "```"]
pub mod three_hundred_lines {}

#[doc = include_str!("replay.md")]
pub mod replay {}

#[cfg(feature = "dfdx")]
#[doc = include_str!("dfdx.md")]
pub mod dfdx {}

#[doc = include_str!("kernels.md")]
pub mod kernels {}

#[doc = include_str!("figures.md")]
pub mod figures {}

#[doc = include_str!("results.md")]
#[doc = include_str!("results.svg")]
pub mod results {}

#[doc = include_str!("ncg.md")]
pub mod ncg {}

#[doc = include_str!("adding_a_primitive.md")]
pub mod adding_a_primitive {}

#[doc = include_str!("adding_a_form.md")]
pub mod adding_a_form {}

#[doc = include_str!("glossary.md")]
pub mod glossary {}

#[doc = include_str!("../../CHANGELOG.md")]
pub mod changelog {}
