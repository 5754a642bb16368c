//! `medbay export`: a run in another form. Comes with the other log formats.

use std::process::ExitCode;

use super::Common;

/// Arguments of `export`.
#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    /// The run
    #[arg(value_name = "RUN")]
    run: String,

    /// The form: native, atif or otlp
    #[arg(long = "as", value_name = "FORM", default_value = "native")]
    form: String,
}

/// Says that it is not there yet.
pub(crate) fn run(args: Args, _common: &Common) -> anyhow::Result<ExitCode> {
    let _ = (args.run, args.form);
    super::not_yet("export", "`medbay check PATH --json` prints what was found")
}
