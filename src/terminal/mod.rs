//! The terminal: what stands between the console and the world. Keys and signals come in, frames and
//! clipboard go out; tasks are handed to whoever does them.
//!
//! Only this room changes the terminal's state, and whatever happens it puts it back: on leaving, on a
//! panic, on SIGTERM and SIGHUP, around Ctrl-Z and around the operator's own editor.

pub mod capabilities;
pub mod clipboard;
pub mod event_loop;
pub mod external_editor;
pub mod guard;
pub mod keys;
pub mod notices;

pub use capabilities::Capabilities;
pub use event_loop::{Exit, Services, TerminalError, run};
pub use guard::{Guard, install_panic_hook};
