//! `medbay connect`: add medbay's hook to an agent's settings.

use std::process::ExitCode;

use super::Common;

/// Arguments of `connect`.
#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    /// The agent: claude-code
    #[arg(value_name = "AGENT")]
    pub(crate) agent: String,

    /// Take the hook out again
    #[arg(long)]
    pub(crate) undo: bool,
}

/// Adds the hook, or takes it out.
pub(crate) fn run(args: Args, _common: &Common) -> anyhow::Result<ExitCode> {
    let _ = (args.agent, args.undo);
    super::not_yet("connect", "add the hook to the agent's settings by hand")
}
