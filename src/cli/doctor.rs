//! `medbay doctor`: what was found on this machine, and what to mend.

use std::process::ExitCode;

use super::Common;

/// Arguments of `doctor`.
#[derive(Debug, clap::Args)]
pub(crate) struct Args {}

/// Looks around and says what it found.
pub(crate) fn run(_args: Args, _common: &Common) -> anyhow::Result<ExitCode> {
    super::not_yet("doctor", "use `medbay config`")
}
