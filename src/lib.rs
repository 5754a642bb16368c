//! medbay: a console for people who run LLM agents.
//!
//! The library is the house, the binary a door. Each room knows only the rooms below it:
//!
//! ```text
//! cli → terminal → screen → console → engine → { deliver → ledger → recover, source }
//!     → { score → detect } → format → trace → text
//! ```
//!
//! - `text`, `trace`, `format`, `detect`, `score` and the drafting half of `recover` are pure: no IO, no
//!   clock, no threads. The same records and the same model give the same findings, byte for byte.
//! - `console` is pure too: it turns messages into a model and tasks; tasks run outside.
//! - Only `screen` and `terminal` name ratatui or crossterm; only `ledger` knows SQL; only `source`,
//!   `deliver`, `ledger`, `engine`, `terminal` and `cli` touch the world.
//!
//! `tests/architecture.rs` reads the `use` lines and fails on a breach.

#![forbid(unsafe_code)]
#![warn(unreachable_pub)]
#![cfg_attr(test, allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing))]

pub mod cli;
pub mod config;
pub mod console;
pub mod deliver;
pub mod detect;
pub mod engine;
pub mod format;
pub mod lab;
pub mod ledger;
pub mod recover;
pub mod score;
pub mod screen;
pub mod source;
pub mod terminal;
pub mod text;
pub mod trace;
