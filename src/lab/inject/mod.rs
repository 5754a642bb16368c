//! Fault injection: a copy of a recorded run with one known fault in it, and the label that says where.
//!
//! A fault changes records that are there: everything else stays byte for byte as it was, so that the
//! copy is as real as the run. To add a kind: a variant of [`Fault`] with its row in [`KINDS`], and its
//! code in one of the files here. A kind says in one clause why a run has no place for it.

mod calls;
mod chance;
mod draft;
mod label;
mod outcomes;
mod plans;
mod recording;
mod repeats;
mod stale;
mod words;
mod write;

pub use chance::Chance;
pub use draft::Draft;
pub use label::label_of;
pub use recording::{Act, Recording, What};

use crate::detect::Class;

/// A kind of fault.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Fault {
    /// A call fails, and the agent goes on as if it had worked.
    FailedTool,
    /// The last call fails, and the closing message claims success all the same.
    FalseSuccess,
    /// A test run that passed fails, and the claim that it passed stays.
    FlippedTest,
    /// A figure in a message is changed.
    InventedNumber,
    /// A path, URL or id in a message or a call is replaced by one that was seen nowhere.
    InventedPath,
    /// A call's result is taken out.
    DroppedObservation,
    /// A call and its result come several times in a row.
    RepeatedCall,
    /// An item of the plan is said to be done before its act, or although its act failed.
    ContradictedPlan,
    /// A figure or a name that another agent returned is passed on changed.
    CorruptedHandoff,
    /// An edit comes after the last test run, and the claim that the tests pass stays.
    StaleResult,
    /// A result is cut off in the middle, or is noise.
    GarbledOutput,
    /// A call takes far longer than others.
    SlowTool,
    /// A call fails twice before it works.
    FlakyTool,
    /// A call passes an argument that its tool has never had.
    InventedArgument,
    /// A tool is called that does not exist.
    UnknownTool,
}

/// What is to be known of a kind of fault.
#[derive(Debug)]
pub struct Kind {
    /// The fault.
    pub fault: Fault,
    /// Its name, as the command line takes it and labels hold it.
    pub name: &'static str,
    /// The class that a label gives it.
    pub class: Class,
    /// Whether it is a fault of execution; else one of claims and of propagation.
    pub execution: bool,
    /// Whether a finding that is operational counts as found.
    pub operational: bool,
    place: fn(&mut Draft, &mut Chance) -> Result<Placed, &'static str>,
}

impl PartialEq for Kind {
    fn eq(&self, other: &Self) -> bool {
        self.fault == other.fault
    }
}

/// Where a fault was put.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Placed {
    /// The record in which it first shows in the agent's acts.
    pub step: usize,
    /// Further records that are wrong.
    pub also: Vec<usize>,
    /// The agent that acts there.
    pub agent: String,
    /// What was done, one clause.
    pub what: String,
}

/// All kinds.
pub static KINDS: &[Kind] = &[
    kind(Fault::FailedTool, "failed-tool", Class::ExecutionError, true, outcomes::failed_tool),
    kind(Fault::FalseSuccess, "false-success", Class::Hallucination, false, outcomes::false_success),
    kind(Fault::FlippedTest, "flipped-test", Class::Hallucination, false, outcomes::flipped_test),
    kind(Fault::InventedNumber, "invented-number", Class::Hallucination, false, words::invented_number),
    kind(Fault::InventedPath, "invented-path", Class::Hallucination, false, words::invented_path),
    kind(Fault::DroppedObservation, "dropped-observation", Class::ExecutionError, true, outcomes::dropped),
    Kind {
        operational: true,
        ..kind(Fault::RepeatedCall, "repeated-call", Class::ExecutionError, true, repeats::repeated_call)
    },
    kind(
        Fault::ContradictedPlan,
        "contradicted-plan",
        Class::InconsistentReasoning,
        false,
        plans::contradicted_plan,
    ),
    kind(
        Fault::CorruptedHandoff,
        "corrupted-handoff",
        Class::FailurePropagation,
        false,
        words::corrupted_handoff,
    ),
    kind(Fault::StaleResult, "stale-result", Class::Hallucination, false, stale::stale_result),
    kind(Fault::GarbledOutput, "garbled-output", Class::ExecutionError, true, outcomes::garbled),
    Kind {
        operational: true,
        ..kind(Fault::SlowTool, "slow-tool", Class::Operational, true, repeats::slow_tool)
    },
    Kind {
        operational: true,
        ..kind(Fault::FlakyTool, "flaky-tool", Class::ExecutionError, true, repeats::flaky_tool)
    },
    kind(Fault::InventedArgument, "invented-argument", Class::Hallucination, false, calls::invented_argument),
    kind(Fault::UnknownTool, "unknown-tool", Class::Hallucination, false, calls::unknown_tool),
];

const fn kind(
    fault: Fault,
    name: &'static str,
    class: Class,
    execution: bool,
    place: fn(&mut Draft, &mut Chance) -> Result<Placed, &'static str>,
) -> Kind {
    Kind { fault, name, class, execution, operational: false, place }
}

/// The kind with this name.
pub fn by_name(name: &str) -> Option<&'static Kind> {
    KINDS.iter().find(|kind| kind.name == name)
}

/// Puts one fault into a copy of a recording; or says why there is no place for it. The same seed gives
/// the same copy, whatever other faults were asked for.
pub fn inject(recording: &Recording, kind: &Kind, seed: u64) -> Result<(Draft, Placed), &'static str> {
    let mut draft = Draft::of(recording);
    let mut chance = Chance::of(seed, recording.name(), kind.name);
    let placed = (kind.place)(&mut draft, &mut chance)?;
    Ok((draft, placed))
}
