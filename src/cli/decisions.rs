//! `medbay decisions`: what was decided, by whom, and what became of it.

use std::io::Write;
use std::process::ExitCode;

use anyhow::bail;
use jiff::Timestamp;
use jiff::tz::TimeZone;
use serde_json::json;

use super::{CLEAN, Common, FOUND, finish, stdout};
use crate::ledger::{Entry, Ledger, LoggedDecision, Outcome, State, Verdict};
use crate::text;

/// Arguments of `decisions`.
#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    #[command(subcommand)]
    pub(crate) what: Option<What>,
}

/// What to do with the decisions.
#[derive(Debug, clap::Subcommand)]
pub(crate) enum What {
    /// One line a proposal, the newest first
    List {
        /// How many at most
        #[arg(long, value_name = "N", default_value_t = 200)]
        limit: usize,
    },
    /// One proposal with its evidence, texts, decisions and delivery
    Show {
        /// The proposal's id, or its beginning
        id: String,
    },
    /// All decisions as data, the first first
    Export {
        /// csv or json (one object a line)
        #[arg(long = "as", value_name = "FORM", default_value = "json")]
        form: Form,
    },
    /// Walk the chain of hashes; exit code 1 where it is broken
    Verify,
}

/// A form of data.
#[derive(Clone, Copy, Debug, PartialEq, Eq, clap::ValueEnum)]
pub(crate) enum Form {
    /// Comma-separated, with a header.
    Csv,
    /// One JSON object a line.
    Json,
}

/// Prints what was decided.
pub(crate) fn run(args: Args, common: &Common) -> anyhow::Result<ExitCode> {
    let ledger = Ledger::open_read_only(common.db())?;
    let out = stdout();
    match args.what.unwrap_or(What::List { limit: 200 }) {
        What::List { limit } => list(&ledger, limit, out),
        What::Show { id } => show(&ledger, &id, out),
        What::Export { form } => export(&ledger, form, out),
        What::Verify => verify(&ledger, out),
    }
}

fn list(ledger: &Ledger, limit: usize, mut out: impl Write) -> anyhow::Result<ExitCode> {
    let entries = ledger.history(limit)?;
    if entries.is_empty() {
        super::complain("nothing was proposed yet");
    }
    for entry in &entries {
        let verdict = entry.decision.as_ref().map_or("-", |d| d.verdict.word());
        let by = entry.decision.as_ref().map_or("-", |d| d.by.name());
        writeln!(
            out,
            "{}  {}  {:<10}  {:<7}  {:<10}  {:<13}  {}  {}",
            time(entry.drafted),
            entry.proposal.id,
            entry.state.word(),
            verdict,
            text::excerpt(by, 30),
            entry.outcome.words(),
            text::excerpt(entry.proposal.target.run.as_str(), 36),
            text::excerpt(&entry.proposal.sentence, 120),
        )?;
    }
    finish(out, CLEAN)
}

fn show(ledger: &Ledger, id: &str, mut out: impl Write) -> anyhow::Result<ExitCode> {
    let mut found = ledger.find(id)?;
    if found.len() > 1 {
        let ids: Vec<&str> = found.iter().map(|e| e.proposal.id.as_str()).collect();
        bail!("{} is the beginning of more than one id: {}", text::quoted(id, 40), ids.join(", "));
    }
    let Some(entry) = found.pop() else {
        bail!(
            "no proposal {} in the ledger {}: `medbay decisions list` shows those that are there",
            text::quoted(id, 40),
            ledger.path().display()
        );
    };
    write_entry(ledger, &entry, &mut out)?;
    finish(out, CLEAN)
}

fn write_entry(ledger: &Ledger, entry: &Entry, out: &mut impl Write) -> anyhow::Result<()> {
    let p = &entry.proposal;
    let mut line = |name: &str, value: &str| -> std::io::Result<()> {
        // A text of several lines stands under its name, each line set in.
        let shown = text::shown(value);
        let mut lines = shown.lines();
        writeln!(out, "{name:<11} {}", lines.next().unwrap_or_default())?;
        lines.try_for_each(|more| writeln!(out, "{:<11} {more}", ""))
    };
    line("proposal", p.id.as_str())?;
    line("state", entry.state.word())?;
    if !entry.note.is_empty() {
        line("because", &entry.note)?;
    }
    if let Some(stopped) = ledger.stopped()?.filter(|_| entry.state == State::Approved) {
        line("because", &format!("not sent: everything is stopped {}", stopped.words()))?;
    }
    line("run", p.target.run.as_str())?;
    line("step", &format!("{} of {}, record {}", p.target.step, p.target.agent, p.target.record))?;
    if !p.target.call_id.is_empty() {
        line("call", &p.target.call_id)?;
    }
    line("finding", &format!("{} ({}), P(wrong) {}, model {}", p.rule, p.class.word(), p.p_wrong, p.model))?;
    line("says", &p.sentence)?;
    line("claim", &p.claim)?;
    line("against", &p.fact)?;
    line("remedy", &format!("{}: {}", p.remedy.words(), p.why))?;
    line("drafted", &time(entry.drafted))?;
    line("draft", &p.payload)?;
    if let Some(ruled) = ledger.ruling(&p.id)? {
        let arm = ruled.arm.map_or(String::new(), |arm| format!(", arm {}", arm.word()));
        line("ruling", &format!("{} by {}{arm}: {}", ruled.act, ruled.policy, ruled.why))?;
        if ruled.outcome != Outcome::Unknown {
            line("finding", &format!("{}, sent or not", ruled.outcome.words()))?;
        }
    }
    for effect in &p.effects {
        line("effect", effect)?;
    }
    for decision in ledger.decisions_on(&p.id)? {
        let took = decision.at.as_second() - entry.drafted.as_second();
        let undone = decision.undone.map_or(String::new(), |at| format!(", undone {}", time(at)));
        line(
            "decision",
            &format!(
                "{} {} by {} {}, {took} s after the draft{undone}",
                decision.number,
                decision.verdict.word(),
                decision.by.kind(),
                decision.by.name()
            ),
        )?;
        line("at", &time(decision.at))?;
        match &decision.verdict {
            Verdict::Edit { text } => line("edited", text)?,
            Verdict::Veto { reason } if !reason.is_empty() => line("reason", reason)?,
            _ => {}
        }
        if !decision.seen.is_empty() {
            line("on screen", &decision.seen)?;
        }
    }
    if let Some(delivery) = &entry.delivery {
        line("channel", &delivery.channel)?;
        line("sent", &delivery.text)?;
        if let Some(at) = delivery.delivered {
            line("delivered", &time(at))?;
        }
        if let Some((at, record)) = delivery.confirmed {
            let place = record.map_or(String::new(), |r| format!(" in record {r}"));
            line("confirmed", &format!("{}{place}", time(at)))?;
        }
        if let Some(why) = &delivery.failure {
            line("failed", why)?;
        }
    }
    line("outcome", entry.outcome.words())?;
    Ok(())
}

fn export(ledger: &Ledger, form: Form, mut out: impl Write) -> anyhow::Result<ExitCode> {
    const COLUMNS: [&str; 11] =
        ["number", "at", "proposal", "run", "verdict", "by_kind", "by", "reason", "text", "round", "hash"];
    if form == Form::Csv {
        writeln!(out, "{}", COLUMNS.join(","))?;
    }
    let mut run_of = std::collections::HashMap::new();
    for decision in ledger.decisions()? {
        let run = match run_of.get(&decision.proposal) {
            Some(run) => run,
            None => {
                let run = ledger.entry(&decision.proposal)?.proposal.target.run;
                run_of.entry(decision.proposal.clone()).or_insert(run)
            }
        };
        let LoggedDecision { proposal, round, verdict, text, reason, by, at, number, hash } = &decision;
        match form {
            Form::Json => {
                let object = json!({
                    "number": number, "at": at.to_string(), "proposal": proposal.as_str(),
                    "run": run.as_str(), "verdict": verdict, "by_kind": by.kind(),
                    "by": by.name(), "reason": reason, "text": text, "round": round, "hash": hash,
                });
                // JSON escapes C0; the gate has no say over what else a run's name may hold.
                writeln!(out, "{}", text::clean(&object.to_string()))?;
            }
            Form::Csv => {
                let fields = [
                    number.to_string(),
                    at.to_string(),
                    proposal.to_string(),
                    run.to_string(),
                    verdict.clone(),
                    by.kind().to_owned(),
                    by.name().to_owned(),
                    reason.clone(),
                    text.clone(),
                    round.to_string(),
                    hash.clone(),
                ];
                let row: Vec<String> = fields.iter().map(|f| csv_field(f)).collect();
                writeln!(out, "{}", row.join(","))?;
            }
        }
    }
    finish(out, CLEAN)
}

/// A field of CSV (RFC 4180). One that a spreadsheet would take for a formula gets a quote in front.
fn csv_field(field: &str) -> String {
    let shown = text::shown(field);
    let risky = shown.starts_with(['=', '+', '-', '@']);
    let quote = if risky { "'" } else { "" };
    if risky || shown.contains([',', '"', '\n', '\r']) {
        format!("\"{quote}{}\"", shown.replace('"', "\"\""))
    } else {
        shown
    }
}

fn verify(ledger: &Ledger, mut out: impl Write) -> anyhow::Result<ExitCode> {
    let chain = ledger.verify()?;
    match &chain.broken {
        None => {
            let noun = if chain.rows == 1 { "decision" } else { "decisions" };
            writeln!(out, "{} {noun}, each carries the hash of the one before", chain.rows)?;
            writeln!(out, "head {}", chain.head)?;
            finish(out, CLEAN)
        }
        Some(broken) => {
            writeln!(out, "broken at decision {}: {}", broken.row, text::excerpt(&broken.why, 300))?;
            finish(out, FOUND)
        }
    }
}

/// A moment as people read it, in this machine's time zone.
fn time(at: Timestamp) -> String {
    at.to_zoned_datetime(TimeZone::system()).strftime("%Y-%m-%d %H:%M:%S").to_string()
}
