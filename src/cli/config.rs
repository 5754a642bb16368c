//! `medbay config`: the configuration that is in effect, each value with its origin.

use std::io::Write as _;
use std::process::ExitCode;

use super::{CLEAN, Common};
use crate::config::Config;

/// Arguments of `config`.
#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    /// Print the defaults, as a file to begin with
    #[arg(long)]
    default: bool,

    /// Say only whether the configuration is sound
    #[arg(long, conflicts_with = "default")]
    check: bool,
}

/// Prints the configuration. A configuration that cannot be read has already been refused.
pub(crate) fn run(args: Args, common: &Common) -> anyhow::Result<ExitCode> {
    let mut out = super::stdout();
    if args.check {
        match &common.config.file {
            Some(path) => writeln!(out, "{} is sound", path.display())?,
            None => writeln!(
                out,
                "there is no configuration file, the defaults hold: `medbay config --default > {}` writes one",
                common.environment.config_file().display()
            )?,
        }
    } else if args.default {
        out.write_all(Config::defaults(&common.environment)?.as_default_file().as_bytes())?;
    } else {
        out.write_all(common.config.with_origins().as_bytes())?;
    }
    super::finish(out, CLEAN)
}
