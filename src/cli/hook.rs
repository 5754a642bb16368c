//! `medbay hook`: called by an agent's hook system.
//!
//! Nothing may go wrong for the agent here: whatever fails, the process ends well and says nothing,
//! and the log says why. The environment holds keys and is never logged.

use std::io::{self, IsTerminal as _, Read as _, Write as _};
use std::panic::{self, AssertUnwindSafe};
use std::process::ExitCode;
use std::sync::Arc;
use std::time::Duration;

use anyhow::bail;

use super::{CLEAN, Common};
use crate::config::Config;
use crate::deliver::hook::{self, Dialect, Drafted, HookError, HookInput, Setup};
use crate::engine::{Judge, turn};
use crate::format;
use crate::ledger::Ledger;
use crate::recover::Record;

/// Largest input that is read, in bytes.
const LARGEST_INPUT: u64 = 64 << 20;
/// How long a hook waits for another writer of the ledger.
const PATIENCE: Duration = Duration::from_millis(500);

/// Arguments of `hook`.
#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    /// The agent: claude-code, codex, gemini, openhands or crush
    #[arg(value_name = "AGENT")]
    pub(crate) agent: String,
}

/// Reads the hook's JSON from standard input and answers in its form.
pub(crate) fn run(args: Args, common: &Common) -> anyhow::Result<ExitCode> {
    let Some(dialect) = Dialect::by_name(&args.agent) else {
        bail!(
            "no agent is called {}: `medbay hook` speaks {}",
            crate::text::quoted(&args.agent, 60),
            Dialect::names()
        );
    };
    if io::stdin().is_terminal() {
        bail!("`medbay hook` is called by an agent with its event as JSON: `medbay connect` sets that up");
    }
    // A panic's words go to the log: on standard error the agent would show or read them.
    panic::set_hook(Box::new(|info| tracing::error!("the hook failed: {info}")));
    match panic::catch_unwind(AssertUnwindSafe(|| answer(dialect, common))) {
        Ok(Ok(())) => {}
        Ok(Err(error)) => tracing::error!("{error}"),
        // The panic hook has said what it was.
        Err(_) => {}
    }
    Ok(ExitCode::from(CLEAN))
}

fn answer(dialect: Dialect, common: &Common) -> Result<(), HookError> {
    let mut bytes = Vec::new();
    io::stdin()
        .lock()
        .take(LARGEST_INPUT + 1)
        .read_to_end(&mut bytes)
        .map_err(|e| HookError::Input(e.to_string()))?;
    if bytes.len() as u64 > LARGEST_INPUT {
        return Err(HookError::Input(format!("it is larger than {LARGEST_INPUT} bytes")));
    }
    let input = dialect.read(&bytes)?;
    drop(bytes);
    let ledger = Ledger::open_patient(common.db(), PATIENCE)?;
    hook::serve(
        &input,
        &setup(dialect, &common.config),
        &ledger,
        // What cannot be judged does not keep an approved text from being delivered.
        &mut |input| {
            let record = ledger.record().unwrap_or_default();
            panic::catch_unwind(AssertUnwindSafe(|| assess(dialect, input, common, record)))
                .unwrap_or_default()
        },
        &mut |line| {
            let mut out = io::stdout().lock();
            writeln!(out, "{line}")?;
            out.flush()
        },
    )
}

fn setup(dialect: Dialect, config: &Config) -> Setup {
    Setup {
        dialect,
        policy: config.policy(),
        grace: Duration::from_secs((*config.grace_seconds).into()),
        hold: Duration::from_secs((*config.hold_seconds).into()),
        timed_out: super::channels::timed_out(*config.on_hold_timeout),
        most_stops: *config.max_stop_blocks,
        ..Setup::default()
    }
}

/// Judges the run at the end of its turn: what its log holds, joined with what the hook knows before
/// the log does, and gives what is proposed and how the run ends.
fn assess(dialect: Dialect, input: &HookInput, common: &Common, record: Record) -> Drafted {
    let mut judge = match common.judge() {
        Ok(judge) => judge,
        Err(error) => {
            tracing::error!("{error:#}: the embedded model judges instead");
            Judge::embedded()
        }
    };
    judge.record = Arc::new(record);
    let format = format::by_name(dialect.name());
    match turn::judged(&input.transcript, format, "main", input.last_message.as_deref(), &judge) {
        Ok(Some(assessor)) => Drafted {
            workflow: assessor.run().working_directory.clone(),
            proposals: assessor.proposals(),
            trail: assessor.trail(),
        },
        Ok(None) => Drafted::default(),
        Err(error) => {
            tracing::error!("the run's log cannot be read at the end of its turn: {error}");
            Drafted::default()
        }
    }
}
