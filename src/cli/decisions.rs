//! `medbay decisions`: what was decided.

use std::process::ExitCode;

use super::Common;

/// Arguments of `decisions`.
#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    #[command(subcommand)]
    pub(crate) what: Option<What>,
}

/// What to do with the decisions.
#[derive(Debug, clap::Subcommand)]
pub(crate) enum What {
    /// One line a decision
    List,
    /// One decision with its texts
    Show {
        /// The proposal's id
        id: String,
    },
    /// All decisions as data
    Export {
        /// csv or json
        #[arg(long = "as", value_name = "FORM", default_value = "json")]
        form: String,
    },
    /// Walk the chain of hashes
    Verify,
}

/// Prints what was decided.
pub(crate) fn run(args: Args, _common: &Common) -> anyhow::Result<ExitCode> {
    let _ = args.what;
    super::not_yet("decisions", "nothing has been decided yet")
}
