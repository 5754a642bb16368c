//! `medbay decisions`: what was decided, by whom, and what became of it.

use std::io::Write;
use std::process::ExitCode;

use anyhow::bail;
use jiff::Timestamp;
use jiff::tz::TimeZone;
use serde_json::{Value, json};

use super::{CLEAN, Common, FOUND, finish, stdout};

mod summary;

use crate::ledger::{Entry, Ledger, LoggedDecision, Outcome, State, Verdict};
use crate::recover::Scope;
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
        /// What recoveries were worth, by class, rule and remedy, in place of the list
        #[arg(long)]
        summary: bool,
        /// The summary as one JSON object
        #[arg(long, requires = "summary")]
        json: bool,
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
    match args.what.unwrap_or(What::List { limit: 200, summary: false, json: false }) {
        What::List { summary: true, json, .. } => summary::print(&ledger, json, out),
        What::List { limit, .. } => list(&ledger, limit, out),
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
    let t = &p.target;
    line("step", &format!("{} of {}, record {}, log read to {}", t.step, t.agent, t.record, t.position))?;
    if !p.target.call_id.is_empty() {
        line("call", &p.target.call_id)?;
    }
    if !p.target.input.is_empty() {
        line("input", &p.target.input)?;
    }
    if !p.target.turn.is_empty() {
        line("turn", &p.target.turn)?;
    }
    line("good for", &good_for(&p.target.scope))?;
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
    let course = ledger.course(&p.id)?;
    for decision in ledger.decisions_on(&p.id)? {
        let took = took(entry.drafted, decision.at);
        let undone = decision.undone.map_or(String::new(), |at| format!(", undone {}", time(at)));
        line(
            "decision",
            &format!(
                "{} {} by {} {}, {took} after the draft{undone}",
                decision.number,
                decision.verdict.word(),
                decision.by.kind(),
                decision.by.name()
            ),
        )?;
        line("at", &time(decision.at))?;
        match &decision.verdict {
            Verdict::Edit { text } => {
                line("edited", text)?;
                line("diff", &diff(&p.payload, text))?;
            }
            Verdict::Veto { reason } if !reason.is_empty() => line("reason", reason)?,
            _ => {}
        }
        if !decision.seen.is_empty() {
            line("on screen", &decision.seen)?;
        }
        for one in course.tries.iter().filter(|one| one.decision == decision.number) {
            let (holder, leases) = &one.holder;
            line("channel", &format!("{}, by {holder}, taken up {leases} ×, key {}", one.channel, one.key))?;
            line("sent", &one.text)?;
            if let Some(at) = one.delivered {
                line(
                    "delivered",
                    &format!("{}, {} after the decision", time(at), self::took(decision.at, at)),
                )?;
            }
            if let Some((at, record)) = one.confirmed {
                let place = record.map_or(String::new(), |r| format!(" in record {r}"));
                let since = one
                    .delivered
                    .map_or(String::new(), |d| format!(", {} after it was handed over", self::took(d, at)));
                line("confirmed", &format!("{}{place}{since}", time(at)))?;
            }
            if let Some((at, why)) = &one.failed {
                line("failed", &format!("{}: {why}", time(*at)))?;
            }
        }
    }
    for means in &p.means {
        line("means", &means.words())?;
    }
    if let Some(rewrite) = ledger.rewrite(&p.id)? {
        let cost = format!("{} tokens, {:.1} s", rewrite.tokens, rewrite.seconds);
        match &rewrite.text {
            Ok(written) => {
                let sent = entry.delivery.as_ref().is_some_and(|delivery| delivery.text == *written);
                let taken = if sent { "; this is what was sent" } else { "" };
                line("model wrote", &format!("({}, {cost}{taken}) {written}", rewrite.writer))?;
            }
            Err(why) => line("model wrote", &format!("nothing ({}, {cost}): {why}", rewrite.writer))?,
        }
    }
    let noted = ledger.watched(&p.target.run)?.remove(&p.id).unwrap_or_default();
    let by = noted.shown.step.map_or(String::new(), |step| format!(", step {step}"));
    let why = if noted.shown.why.is_empty() { String::new() } else { format!(": {}", noted.shown.why) };
    let outcome = if noted.left_alone() { noted.shown.outcome } else { entry.outcome };
    line("outcome", &format!("{}{by}{why}", outcome.words()))?;
    if let (Some(tokens), Some(seconds)) = (noted.tokens, noted.seconds) {
        line("took", &format!("{tokens} tokens, {seconds:.0} s"))?;
    }
    Ok(())
}

fn good_for(scope: &Scope) -> String {
    match scope {
        Scope::Run => "the agent's next event, until the run has left it behind".to_owned(),
        Scope::Turn => "the turn in which it was drafted".to_owned(),
        Scope::Call(gate) => format!("refusing the call {} with the input {}", gate.call, gate.input),
    }
}

/// The lines of two texts: `-` only in the first, `+` only in the second.
fn diff(before: &str, after: &str) -> String {
    let diff = similar::TextDiff::from_lines(before, after);
    let lines: Vec<String> = diff
        .iter_all_changes()
        .map(|change| {
            let sign = match change.tag() {
                similar::ChangeTag::Equal => ' ',
                similar::ChangeTag::Delete => '-',
                similar::ChangeTag::Insert => '+',
            };
            format!("{sign} {}", change.value().trim_end_matches('\n'))
        })
        .collect();
    lines.join("\n")
}

/// How long something took, as people say it.
fn took(from: Timestamp, to: Timestamp) -> String {
    let milliseconds = to.as_millisecond() - from.as_millisecond();
    match milliseconds {
        ..0 => "no time (the clock went back)".to_owned(),
        0..10_000 => format!("{}.{} s", milliseconds / 1000, milliseconds % 1000 / 100),
        10_000..600_000 => format!("{} s", milliseconds / 1000),
        _ => format!("{} min", milliseconds / 60_000),
    }
}

/// Columns of an export; new ones come at the end.
const COLUMNS: [&str; 21] = [
    "number",
    "at",
    "proposal",
    "run",
    "verdict",
    "by_kind",
    "by",
    "reason",
    "text",
    "round",
    "hash",
    "previous",
    "digest",
    "drafted_digest",
    "bound",
    "position",
    "seen",
    "draft",
    "state",
    "outcome",
    "decided_after_ms",
];

fn export(ledger: &Ledger, form: Form, mut out: impl Write) -> anyhow::Result<ExitCode> {
    if form == Form::Csv {
        write!(out, "{}\r\n", COLUMNS.join(","))?;
    }
    let mut entries = std::collections::HashMap::new();
    for decision in ledger.decisions()? {
        let entry = match entries.get(&decision.proposal) {
            Some(entry) => entry,
            None => {
                let entry = ledger.entry(&decision.proposal)?;
                entries.entry(decision.proposal.clone()).or_insert(entry)
            }
        };
        let fields = fields(&decision, entry);
        match form {
            Form::Json => {
                let object: serde_json::Map<String, Value> =
                    COLUMNS.iter().map(|name| (*name).to_owned()).zip(fields).collect();
                // JSON escapes C0; the gate has no say over what else a run's name may hold.
                writeln!(out, "{}", text::clean(&Value::Object(object).to_string()))?;
            }
            Form::Csv => {
                let row: Vec<String> = fields
                    .iter()
                    .map(|field| match field {
                        Value::String(text) => csv_field(text),
                        other => other.to_string(),
                    })
                    .collect();
                write!(out, "{}\r\n", row.join(","))?;
            }
        }
    }
    finish(out, CLEAN)
}

/// The fields of a row, in the order of [`COLUMNS`].
fn fields(decision: &LoggedDecision, entry: &Entry) -> [Value; 21] {
    let LoggedDecision { proposal, round, verdict, text, reason, by, at, number, hash, .. } = decision;
    let [digest, drafted_digest, bound] = &decision.digests;
    [
        json!(number),
        json!(at.to_string()),
        json!(proposal.as_str()),
        json!(entry.proposal.target.run.as_str()),
        json!(verdict),
        json!(by.kind()),
        json!(by.name()),
        json!(reason),
        json!(text),
        json!(round),
        json!(hash),
        json!(decision.previous),
        json!(digest),
        json!(drafted_digest),
        json!(bound),
        json!(decision.position),
        json!(decision.seen),
        json!(entry.proposal.payload),
        json!(entry.state.word()),
        json!(entry.outcome.words()),
        json!(at.as_millisecond() - entry.drafted.as_millisecond()),
    ]
}

/// A field of CSV (RFC 4180). One that a spreadsheet would take for a formula gets a quote in front.
fn csv_field(field: &str) -> String {
    let shown = text::shown(field);
    let begins = shown.trim_start();
    let risky = begins.starts_with(['=', '+', '-', '@', '\u{ff1d}', '\u{ff0b}', '\u{ff0d}', '\u{ff20}']);
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
            let place = match broken.row {
                0 => "the ledger is broken".to_owned(),
                row => format!("broken at decision {row}"),
            };
            let why = text::excerpt(&broken.why, 300);
            writeln!(out, "{place} ({}): {why}", broken.fault.word())?;
            finish(out, FOUND)
        }
    }
}

/// A moment as people read it, in this machine's time zone.
fn time(at: Timestamp) -> String {
    at.to_zoned_datetime(TimeZone::system()).strftime("%Y-%m-%d %H:%M:%S").to_string()
}
