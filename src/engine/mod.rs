//! The engine: workers that read, judge and draft off the main thread, and the board that shows what
//! they found.
//!
//! Workers send [`Update`]s over a bounded channel; the board has one owner, who applies them.

mod ahead;
pub mod assess;
pub mod board;
pub mod desk;
mod follow;
pub mod guard;
mod listed;
mod merge;
pub mod proposer;
pub mod read;
pub mod reading;
pub mod replay;
pub mod reread;
pub mod running;
pub mod turn;
mod watching;
mod workers;

pub use assess::{Assessor, Judge};
pub use board::{
    Board, Reach, Reached, RunDelta, RunSummary, RunView, SourceState, SourceView, StepView, Update,
};
pub use guard::GuardView;
pub use reading::{Reading, Worked};
pub use replay::{Recording, Went};
pub use reread::{Reread, RereadError, StepTexts};
pub use running::{Engine, Options, ReachOf, Seen, Sources};
