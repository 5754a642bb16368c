//! medbay's own log: a file that is rolled daily, never the screen.
//!
//! Without a place to write to, medbay goes on without a log: a hook may not fail for that.

use std::path::Path;

use tracing_appender::rolling::{RollingFileAppender, Rotation};
use tracing_subscriber::EnvFilter;

use crate::config::Environment;

/// How many daily files are kept.
const KEPT: usize = 7;

/// Starts the log. `MEDBAY_LOG` takes a filter as of tracing-subscriber and wins over `-v`.
pub(crate) fn start(environment: &Environment, verbose: u8) {
    let directory = environment.state_directory();
    if make_private(&directory).is_err() {
        return;
    }
    let Ok(file) = RollingFileAppender::builder()
        .rotation(Rotation::DAILY)
        .filename_prefix("medbay")
        .filename_suffix("log")
        .max_log_files(KEPT)
        .build(&directory)
    else {
        return;
    };
    let level = match verbose {
        0 => "warn",
        1 => "medbay=info,warn",
        2 => "medbay=debug,info",
        _ => "trace",
    };
    let filter = environment
        .text("MEDBAY_LOG")
        .and_then(|wish| EnvFilter::try_new(wish).ok())
        .unwrap_or_else(|| EnvFilter::new(level));
    // A second start (in tests, in one process) keeps the first log.
    let _ = tracing_subscriber::fmt().with_env_filter(filter).with_writer(file).with_ansi(false).try_init();
}

/// Makes a directory that only its owner can look into. One that is there is left as it is.
fn make_private(directory: &Path) -> std::io::Result<()> {
    let mut builder = std::fs::DirBuilder::new();
    builder.recursive(true);
    #[cfg(unix)]
    {
        use std::os::unix::fs::DirBuilderExt as _;
        builder.mode(0o700);
    }
    builder.create(directory)
}
