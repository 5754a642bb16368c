//! `medbay completions`: a shell's completion script.

use std::process::ExitCode;

use clap::CommandFactory as _;
use clap_complete::Shell;

use super::{CLEAN, Cli, Common};

/// Arguments of `completions`.
#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    /// The shell
    #[arg(value_name = "SHELL", value_enum)]
    shell: Shell,
}

/// Prints the script.
pub(crate) fn run(args: Args, _common: &Common) -> anyhow::Result<ExitCode> {
    let mut out = super::stdout();
    // The generator panics when it cannot write: give it memory, and write that.
    let mut script = Vec::new();
    clap_complete::generate(args.shell, &mut Cli::command(), "medbay", &mut script);
    std::io::Write::write_all(&mut out, &script)?;
    super::finish(out, CLEAN)
}
