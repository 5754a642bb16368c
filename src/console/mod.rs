//! The console: what its reader sees and does, free of any terminal. A message goes in, the model
//! changes, tasks come out; tasks run outside and come back as messages.
//!
//! Pure: no IO, no clock (time comes in ticks), no terminal library. It holds no truth of its own: the
//! board and the ledger do.
//!
//! To add a command: a row in [`command`], its arm in `act.rs`. To add a screen: its state in a file of
//! its own, an arm in [`model::Screen`], its panes in [`panes`], and its drawing in `crate::screen`.

mod act;
pub mod command;
pub mod decisions;
pub mod desk;
pub mod filter;
pub mod fleet;
pub mod key;
pub mod keymap;
pub mod line;
pub mod model;
pub mod msg;
pub mod notices;
mod overlay;
pub mod panes;
pub mod replay;
pub mod rows;
pub mod run;
mod update;

pub use key::{Code, Key, Mouse, MouseAct};
pub use keymap::{Keymap, KeymapError};
pub use model::{Editing, Model, Overlay, Question, Screen};
pub use msg::{Chain, LedgerView, Msg, ReplayTask, StepText, Task};
pub use overlay::{EditKey, edit_key, suggestions};
pub use replay::{Replay, Seek};
pub use update::update;
