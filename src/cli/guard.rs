//! `medbay guard`: what limits recoveries, and the switch that stops everything.

use std::io::{self, BufRead as _, IsTerminal as _, Write};
use std::process::ExitCode;
use std::time::Duration;

use anyhow::bail;
use jiff::Timestamp;
use jiff::tz::TimeZone;
use serde_json::{Value, json};

use super::{CLEAN, Common, complain, finish, stdout};
use crate::engine::GuardView;
use crate::engine::guard::STOP_PATIENCE;
use crate::ledger::{GuardKind, Ledger, LedgerError};
use crate::recover::policy::{Breaker, Comparison, Flapping};
use crate::score::measure::Share;
use crate::text;
use crate::trace::RunId;

/// The longest bypass, in minutes: a day.
const LONGEST_BYPASS: u32 = 24 * 60;

/// Arguments of `guard`.
#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    /// One JSON object
    #[arg(long)]
    json: bool,

    /// Stop everything at once: every process only observes, and nothing more is sent
    #[arg(long, value_name = "REASON", num_args = 0..=1, default_missing_value = "",
        conflicts_with_all = ["resume", "bypass", "clear"])]
    stop: Option<String>,

    /// After a stop: let the policy hold again; what is approved is then sent
    #[arg(long, conflicts_with_all = ["bypass", "clear"])]
    resume: bool,

    /// Let budgets and breakers not count for so many minutes; 0 ends it
    #[arg(long, value_name = "MINUTES", conflicts_with = "clear")]
    bypass: Option<u32>,

    /// Only in this run
    #[arg(long, value_name = "RUN", requires = "bypass")]
    run: Option<String>,

    /// Let go from quarantine what this proposal is about; its id, or its beginning
    #[arg(long, value_name = "PROPOSAL")]
    clear: Option<String>,

    /// Do not ask before resuming
    #[arg(short, long, requires = "resume")]
    yes: bool,
}

/// Prints what limits recoveries, or does something to it.
pub(crate) fn run(args: Args, common: &Common) -> anyhow::Result<ExitCode> {
    let by = common.config.operator.as_str();
    let now = Timestamp::now();
    if let Some(reason) = &args.stop {
        let news = Ledger::open_patient(common.db(), STOP_PATIENCE)?.stop(reason, by, now)?;
        complain(if news {
            "everything is stopped; `medbay guard --resume` ends it"
        } else {
            "it is stopped already"
        });
    } else if args.resume {
        let ledger = Ledger::open(common.db())?;
        let due = GuardView::of(&ledger, &common.config.policy(), now)?.due;
        if !args.yes && io::stdin().is_terminal() && !agreed(due)? {
            complain("it stays stopped");
            return Ok(ExitCode::from(CLEAN));
        }
        let news = ledger.resume("", by, now)?;
        complain(if news { "the policy holds again" } else { "nothing was stopped" });
    } else if let Some(minutes) = args.bypass {
        if minutes > LONGEST_BYPASS {
            bail!("a bypass of {minutes} minutes is too long: use at most {LONGEST_BYPASS}");
        }
        let until = now.checked_add(Duration::from_secs(60 * u64::from(minutes))).unwrap_or(now);
        let run = args.run.as_deref().map(RunId::new);
        Ledger::open(common.db())?.bypass(run.as_ref(), until, "", by, now)?;
        complain(&match minutes {
            0 => "budgets and breakers count again".to_owned(),
            _ => format!("budgets and breakers do not count until {}", time(until)),
        });
    } else if let Some(id) = &args.clear {
        clear(&Ledger::open(common.db())?, id, by, now)?;
    } else {
        return print(&args, common);
    }
    Ok(ExitCode::from(CLEAN))
}

fn agreed(due: u32) -> anyhow::Result<bool> {
    let mut ask = io::stderr().lock();
    write!(ask, "Let the policy hold again? Approved texts that are then sent: {due} [y/N] ")?;
    ask.flush()?;
    let mut answer = String::new();
    io::stdin().lock().read_line(&mut answer)?;
    Ok(matches!(answer.trim(), "y" | "Y" | "yes"))
}

fn clear(ledger: &Ledger, id: &str, by: &str, now: Timestamp) -> anyhow::Result<()> {
    let mut found = ledger.find(id)?;
    let Some(entry) = found.pop().filter(|_| found.is_empty()) else {
        bail!(
            "{} is the beginning of no proposal's id, or of several: `medbay guard` shows what is quarantined",
            text::quoted(id, 40)
        );
    };
    let target = entry.proposal.target;
    let what = Flapping { run: target.run, agent: target.agent, rule: entry.proposal.rule };
    ledger.clear(&what, "", by, now)?;
    complain(&format!("{} is let go from quarantine", words(&what)));
    Ok(())
}

fn print(args: &Args, common: &Common) -> anyhow::Result<ExitCode> {
    let policy = common.config.policy();
    let ledger = match Ledger::open_read_only(common.db()) {
        // Nothing has happened yet: the limits are the same.
        Err(LedgerError::Missing { .. }) => Ledger::open(common.db())?,
        opened => opened?,
    };
    let view = GuardView::of(&ledger, &policy, Timestamp::now())?;
    let mut out = stdout();
    if args.json {
        writeln!(out, "{}", text::clean(&as_json(&view).to_string()))?;
    } else {
        write_view(&view, &mut out)?;
    }
    finish(out, CLEAN)
}

fn write_view(view: &GuardView, out: &mut impl Write) -> io::Result<()> {
    match &view.stopped {
        Some(stopped) => {
            writeln!(out, "stopped     {}, {}", time(stopped.at), text::shown(&stopped.words()))?
        }
        None => writeln!(out, "stopped     no")?,
    }
    if view.due > 0 {
        writeln!(out, "to go       {} approved", view.due)?;
    }
    for (run, until) in &view.bypasses {
        let place = run.as_ref().map_or("all runs".to_owned(), |run| text::excerpt(run.as_str(), 60));
        writeln!(out, "bypass      {place} until {}", time(*until))?;
    }
    writeln!(out, "\nmodes: the first that fits holds")?;
    for mode in &view.modes {
        let [class, agent, workflow] = mode.about.each_ref().map(|word| text::excerpt(word, 60));
        let name = text::excerpt(&mode.name, 40);
        writeln!(
            out,
            "  {:<8}  {name}: class {class}, agent {agent}, workflow {workflow}",
            mode.mode.word()
        )?;
    }
    writeln!(out, "\nbreakers")?;
    writeln!(out, "  {:<30}  {}", "fleet", breaker(view.fleet))?;
    for (name, state) in &view.agents {
        writeln!(out, "  {:<30}  {}", text::excerpt(name, 60), breaker(*state))?;
    }
    writeln!(out, "\nbudgets: used, and left")?;
    if view.runs.is_empty() {
        writeln!(out, "  nothing is used")?;
    }
    for (run, budgets) in &view.runs {
        let parts: Vec<String> = budgets
            .iter()
            .map(|budget| format!("{} {}, left {}", budget.name, figure(budget.used), figure(budget.left())))
            .collect();
        writeln!(out, "  {}  {}", text::excerpt(run.as_str(), 40), parts.join("; "))?;
    }
    writeln!(out, "\nquarantine")?;
    if view.quarantine.is_empty() {
        writeln!(out, "  nothing")?;
    }
    for one in &view.quarantine {
        writeln!(out, "  {}  {}, sent {} times", one.last, words(&one.what), one.sent)?;
    }
    writeln!(
        out,
        "\ncanary: {} % of runs treated, {} % held out",
        figure(100.0 * view.shares.treated),
        figure(100.0 * view.shares.holdout)
    )?;
    writeln!(out, "  {:<22}  {}", "all", compared(&view.canary))?;
    for (class, comparison) in &view.canary_of {
        writeln!(out, "  {:<22}  {}", class.word(), compared(comparison))?;
    }
    writeln!(out, "\npromotions")?;
    if view.promotions.is_empty() {
        writeln!(out, "  nothing is asked to be automatic, or nothing is known of it")?;
    }
    for one in &view.promotions {
        let state = if one.record.promoted { "automatic" } else { "as canary" };
        let name = text::excerpt(&one.policy, 40);
        writeln!(out, "  {state:<9}  {name}, {}: {}", one.class.word(), share(one.record.share))?;
    }
    let regret = view.regret;
    writeln!(
        out,
        "\nregret      {} approved by policy, {} taken back, {} not recovered",
        regret.automatic, regret.taken_back, regret.not_recovered
    )?;
    for event in view.events.iter().take(10) {
        let about = match &event.kind {
            GuardKind::Bypass { run, until } => {
                let place = run
                    .as_ref()
                    .map_or(String::new(), |run| format!(" of {}", text::excerpt(run.as_str(), 60)));
                format!("{place} until {}", time(*until))
            }
            GuardKind::Clear(what) => format!(" {}", words(what)),
            GuardKind::Stop | GuardKind::Resume => String::new(),
        };
        let reason =
            if event.reason.is_empty() { String::new() } else { format!(": {}", text::shown(&event.reason)) };
        writeln!(
            out,
            "{}  {}{about} by {}{reason}",
            time(event.at),
            event.kind.word(),
            text::shown(&event.by)
        )?;
    }
    Ok(())
}

fn words(what: &Flapping) -> String {
    let [rule, agent, run] =
        [what.rule.as_str(), what.agent.as_str(), what.run.as_str()].map(|word| text::excerpt(word, 60));
    format!("{rule} for {agent} of {run}")
}

fn breaker(state: Breaker) -> String {
    match state {
        Breaker::Closed => state.words().to_owned(),
        Breaker::Open { since, until } => {
            format!("open since {}, half open at {}", time(since), time(until))
        }
        Breaker::HalfOpen { since, .. } => format!("{}, since {}", state.words(), time(since)),
    }
}

fn share(share: Share) -> String {
    if share.of == 0 {
        return "0 of 0".to_owned();
    }
    let (low, high) = share.interval();
    format!("{} of {} recovered, {:.0}-{:.0} % (95 %)", share.hits, share.of, 100.0 * low, 100.0 * high)
}

fn compared(comparison: &Comparison) -> String {
    let (low, high) = comparison.interval;
    let difference = if comparison.treated.of == 0 || comparison.holdout.of == 0 {
        "nothing to compare".to_owned()
    } else {
        format!(
            "difference {:+.0} points ({:+.0} to {:+.0})",
            100.0 * comparison.difference,
            100.0 * low,
            100.0 * high
        )
    };
    format!(
        "treated {}; held out {}; {difference}; not known yet {} and {}; added {} tokens, {} s",
        share(comparison.treated),
        share(comparison.holdout),
        comparison.unknown.0,
        comparison.unknown.1,
        comparison.tokens,
        comparison.seconds
    )
}

/// A number without a needless fraction.
fn figure(value: f64) -> String {
    if value.fract() == 0.0 { format!("{value:.0}") } else { format!("{value:.2}") }
}

fn as_json(view: &GuardView) -> Value {
    let share = |share: Share| {
        let (low, high) = share.interval();
        json!({"recovered": share.hits, "of": share.of, "interval": [low, high]})
    };
    let what = |what: &Flapping| json!({"run": what.run.as_str(), "agent": what.agent, "rule": what.rule});
    let breaker = |state: Breaker| match state {
        Breaker::Closed => json!({"state": "closed"}),
        Breaker::Open { since, until } => {
            json!({"state": "open", "since": since.to_string(), "until": until.to_string()})
        }
        Breaker::HalfOpen { since, probing } => {
            json!({"state": "half_open", "since": since.to_string(), "probing": probing})
        }
    };
    let comparison = |c: &Comparison| {
        json!({
            "treated": share(c.treated), "holdout": share(c.holdout),
            "unknown": {"treated": c.unknown.0, "holdout": c.unknown.1},
            "difference": c.difference, "interval": [c.interval.0, c.interval.1],
            "tokens": c.tokens, "seconds": c.seconds,
        })
    };
    let agents: serde_json::Map<String, Value> =
        view.agents.iter().map(|(name, state)| (name.clone(), breaker(*state))).collect();
    json!({
        "stopped": view.stopped.as_ref().map(|stopped| {
            json!({"by": stopped.by, "at": stopped.at.to_string(), "reason": stopped.reason})
        }),
        "due": view.due,
        "bypasses": view.bypasses.iter().map(|(run, until)| {
            json!({"run": run.as_ref().map(RunId::as_str), "until": until.to_string()})
        }).collect::<Vec<_>>(),
        "modes": view.modes.iter().map(|mode| {
            let [class, agent, workflow] = &mode.about;
            json!({"name": mode.name, "class": class, "agent": agent, "workflow": workflow,
                   "mode": mode.mode.word()})
        }).collect::<Vec<_>>(),
        "breakers": {"fleet": breaker(view.fleet), "agents": agents},
        "budgets": view.runs.iter().map(|(run, budgets)| {
            let budgets: serde_json::Map<String, Value> = budgets.iter().map(|budget| {
                (budget.name.to_owned(),
                 json!({"used": budget.used, "limit": budget.limit, "left": budget.left()}))
            }).collect();
            json!({"run": run.as_str(), "budgets": budgets})
        }).collect::<Vec<_>>(),
        "quarantine": view.quarantine.iter().map(|one| {
            json!({"what": what(&one.what), "sent": one.sent, "last": one.last.as_str()})
        }).collect::<Vec<_>>(),
        "canary": {
            "treated_share": view.shares.treated, "holdout_share": view.shares.holdout,
            "all": comparison(&view.canary),
            "classes": view.canary_of.iter().map(|(class, c)| {
                (class.word().to_owned(), comparison(c))
            }).collect::<serde_json::Map<_, _>>(),
        },
        "promotions": view.promotions.iter().map(|one| {
            json!({"policy": one.policy, "class": one.class.word(), "record": share(one.record.share),
                   "automatic": one.record.promoted})
        }).collect::<Vec<_>>(),
        "regret": {"automatic": view.regret.automatic, "taken_back": view.regret.taken_back,
                   "not_recovered": view.regret.not_recovered},
        "events": view.events.iter().map(|event| {
            let (run, until, about) = match &event.kind {
                GuardKind::Bypass { run, until } => {
                    (run.as_ref().map(RunId::as_str), Some(until.to_string()), None)
                }
                GuardKind::Clear(flapping) => (None, None, Some(what(flapping))),
                GuardKind::Stop | GuardKind::Resume => (None, None, None),
            };
            json!({"number": event.number, "kind": event.kind.word(), "by": event.by,
                   "at": event.at.to_string(), "reason": event.reason, "run": run, "until": until,
                   "what": about})
        }).collect::<Vec<_>>(),
    })
}

/// A moment as people read it, in this machine's time zone.
fn time(at: Timestamp) -> String {
    at.to_zoned_datetime(TimeZone::system()).strftime("%Y-%m-%d %H:%M:%S").to_string()
}
