//! Structural means: what a channel can do that needs no goodwill of the model. They are data of a
//! proposal; a channel that can do one does it, the others send the text alone.

use serde::{Deserialize, Serialize};

use crate::detect::{Finding, Means};
use crate::text::excerpt;
use crate::trace::{Run, Step};

/// The pauses before a call is repeated, in seconds; as many repeats as there are pauses.
pub const PAUSES: [u32; 3] = [10, 30, 90];

/// What a channel is asked to do besides carrying the text.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case", tag = "means")]
pub enum StructuralMeans {
    /// Refuse the call when it comes again unchanged.
    RefuseCall {
        /// The tool.
        tool: String,
        /// The hash of tool and arguments ([`crate::trace::tool::call_hash`]), 16 hex digits.
        call: String,
    },
    /// Put another value in one argument of the call.
    RepairInput {
        /// The tool.
        tool: String,
        /// The argument.
        argument: String,
        /// The value that was passed, where it is known.
        from: Option<String>,
        /// The value that is to be passed, where it is known.
        to: Option<String>,
    },
    /// Repeat the call unchanged.
    RepeatCall {
        /// The hash of tool and arguments, 16 hex digits.
        call: String,
        /// Seconds to wait before each repeat.
        pauses: Vec<u32>,
    },
    /// Use one tool in place of another.
    UseTool {
        /// The tool that was called.
        tool: String,
        /// The tool that is there.
        instead: String,
    },
    /// Keep the turn open until a check has been seen to pass.
    KeepOpenUntil {
        /// The command.
        check: String,
    },
}

impl StructuralMeans {
    /// What it does, one clause for a screen.
    pub fn words(&self) -> String {
        match self {
            Self::RefuseCall { tool, .. } => format!("refuses the same call of {tool} if it comes again"),
            Self::RepairInput { tool, argument, to: Some(to), .. } => {
                format!("passes {to} as {argument} to {tool}")
            }
            Self::RepairInput { tool, argument, to: None, .. } => {
                format!("mends {argument} of the call of {tool}")
            }
            Self::RepeatCall { pauses, .. } => {
                let pauses: Vec<String> = pauses.iter().map(u32::to_string).collect();
                format!("repeats the call after {} s", pauses.join(", "))
            }
            Self::UseTool { tool, instead } => format!("uses {instead} in place of {tool}"),
            Self::KeepOpenUntil { check } => format!("keeps the turn open until `{check}` succeeds"),
        }
    }
}

/// The hash of a step's call as proposals name it; empty for a message.
pub fn call_of(step: &Step) -> String {
    if step.is_message() { String::new() } else { format!("{:016x}", step.call_hash) }
}

/// The name of the tool that a step called, through the gate; empty for a message.
pub(super) fn tool_of(run: &Run, step: &Step) -> String {
    match step.action {
        crate::trace::Action::Call { tool, .. } => excerpt(run.tool_name(tool), 60),
        crate::trace::Action::Message => String::new(),
    }
}

/// The means that a finding names, with what a channel needs for them.
pub(super) fn of_finding(finding: &Finding, run: &Run, step: &Step) -> Vec<StructuralMeans> {
    let tool = tool_of(run, step);
    let mut all: Vec<StructuralMeans> = Vec::new();
    for means in &finding.means {
        match means {
            Means::KeepOpenUntil { command } => {
                all.push(StructuralMeans::KeepOpenUntil { check: excerpt(command, 200) });
            }
            Means::RefuseRepeat if !step.is_message() => {
                all.push(StructuralMeans::RefuseCall { tool: tool.clone(), call: call_of(step) });
            }
            Means::RepairArgument { argument } => {
                let known = finding.means.iter().find_map(|other| match other {
                    Means::CorrectArgument { argument: of, from, to } if of == argument => {
                        Some((excerpt(from, 120), excerpt(to, 120)))
                    }
                    _ => None,
                });
                let (from, to) = known.unzip();
                all.push(StructuralMeans::RepairInput {
                    tool: tool.clone(),
                    argument: excerpt(argument, 40),
                    from,
                    to,
                });
            }
            // A repeat is the remedy's to choose: it may do harm.
            Means::Retry | Means::RefuseRepeat | Means::CorrectArgument { .. } => {}
        }
    }
    all
}
