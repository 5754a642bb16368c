//! The neutral picture of a run: events, steps, agents, plan, effects, entities.
//!
//! Pure: no IO, no clock, no randomness. The same records in the same order give the same run, byte
//! for byte. Texts are handed on and not kept. To know a new tool, add its name in `tool.rs`; a new
//! sort of effect goes into `effect.rs`, a new sort of entity into `entity.rs`.

pub mod assemble;
pub mod command;
pub mod effect;
pub mod entity;
pub mod event;
pub mod identity;
pub mod observe;
pub mod probability;
pub mod run;
pub mod step;
pub mod tool;

pub use assemble::Assembler;
pub use effect::{Effect, EffectKind, EffectStatus};
pub use entity::{Entities, Entity, EntityKind, Origin};
pub use event::{Author, Closing, Event, EventKind, FactOf, Lifecycle, PlanItem, PlanStatus, Status, Usage};
pub use identity::{AgentId, RecordRef, RunId, StepId};
pub use observe::{ClosedStep, Disorder, Observation, Passage};
pub use probability::Probability;
pub use run::{Agent, PlanLine, Run, RunState, StateWord};
pub use step::{Action, LABEL_BYTES, Step};
pub use tool::{Request, ToolKind};
