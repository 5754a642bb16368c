//! `medbay hook`: called by an agent's hook system.

use std::process::ExitCode;

use super::Common;

/// Arguments of `hook`.
#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    /// The agent: claude-code
    #[arg(value_name = "AGENT")]
    pub(crate) agent: String,
}

/// Reads the hook's JSON from standard input and answers in its form.
pub(crate) fn run(args: Args, _common: &Common) -> anyhow::Result<ExitCode> {
    let _ = args.agent;
    super::not_yet("hook", "remove the hook from the agent's settings")
}
