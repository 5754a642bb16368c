//! Screen 3: proposals that wait for a person. What was said beside what contradicts it, what would be
//! sent, when and how, and what it costs.

use crate::console::Model;
use crate::console::desk::{deferred, in_grace, seconds_left};
use crate::console::fleet::evidence;
use crate::console::model::{age, time_of_day};
use crate::console::panes::{Area, Panes};
use crate::detect::Part;
use crate::engine::{Reach, RunView};
use crate::ledger::{Entry, GATE, Rewrite, State, Verdict};
use crate::recover::{Proposal, Remedy, StructuralMeans};

use super::fleet::selected;
use super::layout::name;
use super::page::Page;
use super::pen::Pen;
use super::theme::Role;

pub(super) fn draw(model: &Model, panes: &Panes, pen: &mut Pen<'_>) {
    let desk = &model.desk;
    let dot = pen.glyphs().dot;
    let left = match desk.filter_text.as_str() {
        "" => "desk".to_owned(),
        text => format!("desk  /{text}"),
    };
    let right = match desk.rows.fresh() {
        0 => String::new(),
        fresh => format!("{fresh} new below {dot} g sorts"),
    };
    let shown = desk.shown();
    if desk.rows.order().is_empty() {
        pen.frame(panes.frame, &left, "");
        empty(model, panes, pen);
        return;
    }
    let title = shown.map(|entry| {
        let target = &entry.proposal.target;
        let run = model.board.run(&target.run).map_or(target.run.as_str(), |view| name(view));
        format!(
            "{} {dot} {run} {dot} {} {dot} step {}",
            entry.proposal.remedy.words(),
            target.agent,
            target.step
        )
    });
    let title = title.unwrap_or_default();
    if panes.one {
        let head = if panes.detail.height > 0 { &title } else { &left };
        pen.frame(panes.frame, head, &right);
    } else {
        pen.frame(panes.frame, &left, "");
        pen.upright(panes.splitter.x, panes.splitter.y, panes.splitter.bottom());
        let x = panes.detail.x + 1;
        let room = panes.detail.width.saturating_sub(3);
        pen.text(x, panes.frame.y, room, &format!(" {title} "), Role::Title);
    }
    if panes.list.height > 0 {
        list(model, panes.list, pen);
    }
    if panes.detail.height > 0
        && let Some(entry) = shown
    {
        let area =
            Area { x: panes.detail.x + 1, width: panes.detail.width.saturating_sub(2), ..panes.detail };
        proposal(model, entry, area, pen);
    }
}

fn list(model: &Model, area: Area, pen: &mut Pen<'_>) {
    let desk = &model.desk;
    let rows = desk.rows.order().iter().enumerate().skip(desk.rows.top());
    for ((at, id), y) in rows.zip(area.y..area.bottom()) {
        let Some(entry) = desk.entry(id) else {
            continue;
        };
        if at == desk.rows.at() {
            selected(area, y, pen);
        }
        let proposal = &entry.proposal;
        let glyph = pen.glyphs().class(proposal.class);
        pen.text(area.x + 1, y, 1, glyph, Role::of_class(proposal.class));
        let right = area.right();
        let age = age(model.clock(), entry.drafted);
        pen.text_right(area.x, right, y, &age, Role::Dim);
        let (word, role) = standing(entry, model);
        let word = if word.is_empty() { proposal.p_wrong.to_string() } else { word };
        let from = pen.text_right(area.x + 3, right.saturating_sub(5), y, &word, role);
        let run =
            model.board.run(&proposal.target.run).map_or(proposal.target.run.as_str(), |view| name(view));
        let role = if entry.state == State::Waiting { Role::Text } else { Role::Dim };
        pen.text(area.x + 3, y, from.saturating_sub(area.x + 4), run, role);
    }
}

/// A word for where a proposal stands, if it does not simply wait.
fn standing(entry: &Entry, model: &Model) -> (String, Role) {
    match entry.state {
        State::Waiting if model.desk.asked.contains(&entry.proposal.id) => ("writing".to_owned(), Role::Dim),
        State::Waiting if deferred(entry) => ("deferred".to_owned(), Role::Dim),
        State::Waiting => (String::new(), Role::Alarm),
        State::Approved => match seconds_left(entry, model.now) {
            Some(left) => (format!("in {left} s"), Role::Accent),
            None if model.stopped().is_some() => ("stopped".to_owned(), Role::Alarm),
            None => ("approved".to_owned(), Role::Accent),
        },
        State::Failed => ("failed".to_owned(), Role::Alarm),
        state => (state.word().to_owned(), Role::Dim),
    }
}

fn proposal(model: &Model, entry: &Entry, area: Area, pen: &mut Pen<'_>) {
    let dot = pen.glyphs().dot;
    let bar = pen.glyphs().lane;
    let proposal = &entry.proposal;
    let mut page = Page::new(area.width);
    if let Some((text, role)) = status(entry, model, dot) {
        page.text("", &text, role);
    }
    page.text("", &proposal.sentence, Role::Strong);
    let view = model.board.run(&proposal.target.run);
    let fact_at = match (fact_place(view, proposal), proposal.fact_record) {
        (Some(place), _) => place,
        (None, Some(index)) => format!("record {index}"),
        (None, None) => "the log".to_owned(),
    };
    let claim_at = format!("step {}", proposal.target.step);
    if area.width >= 48 {
        let heads = (format!("SAYS {claim_at}"), format!("SHOWS {fact_at}"));
        page.beside((&heads.0, Role::Title), (&heads.1, Role::Title), bar, 1);
        page.beside((&proposal.claim, Role::Claim), (&proposal.fact, Role::Against), bar, 5);
    } else {
        page.heading("SAYS", &claim_at);
        page.text(" ", &proposal.claim, Role::Claim);
        page.heading("SHOWS", &fact_at);
        page.text(" ", &proposal.fact, Role::Against);
    }
    page.gap();
    let reach = view.map(|v| v.summary.reach).unwrap_or_default();
    let via = view.map(|v| v.via.as_str()).unwrap_or_default();
    if proposal.payload.is_empty() {
        page.heading("SENDS NOTHING", "");
    } else {
        let (head, when) = sending(entry, reach, via, dot);
        page.flow("", &[(format!("{head} "), Role::Title), (when, Role::Dim)]);
        page.text("  ", crate::console::decisions::sent(entry), Role::Text);
    }
    if let Some(check) = &proposal.check {
        let dim = |text: &str| (text.to_owned(), Role::Dim);
        page.flow(
            "",
            &[
                ("MENDED ".to_owned(), Role::Title),
                dim("when "),
                (format!("`{check}`"), Role::Accent),
                dim(" succeeds"),
            ],
        );
    }
    for means in proposal.means.iter().filter(|one| !matches!(one, StructuralMeans::KeepOpenUntil { .. })) {
        let words = format!("a channel that can {dot} {}", means.words());
        page.flow("", &[("AND ".to_owned(), Role::Title), (words, Role::Dim)]);
    }
    match model.desk.rewrites.get(&proposal.id) {
        Some(Rewrite { text: Ok(text), writer, .. }) if entry.state == State::Waiting => {
            let by = format!("{writer} wrote, as an alternative {dot} m takes it into the editor");
            page.flow("", &[("OR ".to_owned(), Role::Title), (by, Role::Dim)]);
            page.text("  ", text, Role::Text);
        }
        Some(Rewrite { text: Err(why), writer, .. }) => {
            page.text("", &format!("{writer} wrote nothing: {why}; the template stands"), Role::Dim);
        }
        _ => {}
    }
    if !proposal.effects.is_empty() {
        let what = if proposal.remedy == Remedy::Rollback {
            "this takes back, or leaves behind:"
        } else {
            "this repeats or leaves behind:"
        };
        page.heading("BUT", what);
        for effect in &proposal.effects {
            page.text("  ", effect, Role::Alarm);
        }
    }
    page.gap();
    let cost = format!("~{} tokens, ~{} s", count(proposal.tokens), proposal.seconds);
    page.flow("", &[("COST ".to_owned(), Role::Title), (cost, Role::Text)]);
    if !proposal.why.is_empty() {
        page.text("", &proposal.why, Role::Dim);
    }
    let binds = format!(
        "binds to {} {dot} record {} {dot} {} records read {dot} {} {dot} by {}",
        proposal.id, proposal.target.record, proposal.target.position, proposal.rule, proposal.model
    );
    page.text("", &binds, Role::Dim);
    page.draw(pen, area, model.desk.scroll);
}

/// Where the contrary fact stands, by the finding that the proposal came from: a proposal names a
/// record without its source.
fn fact_place(view: Option<&RunView>, proposal: &Proposal) -> Option<String> {
    let view = view?;
    let finding =
        view.findings.iter().find(|f| f.step.0 == proposal.target.step && f.rule.id == proposal.rule)?;
    let span = evidence(finding, Part::Against)?;
    Some(super::run::place_with_exit(view, span.record))
}

fn count(tokens: u32) -> String {
    if tokens >= 1_000 { format!("{:.1}k", f64::from(tokens) / 1_000.0) } else { tokens.to_string() }
}

/// When and how an approved text goes, or went.
fn sending(entry: &Entry, reach: Reach, via: &str, dot: &str) -> (&'static str, String) {
    let format = if via.is_empty() { entry.proposal.target.format.as_str() } else { via };
    if entry.proposal.rule == GATE {
        return ("WILL ANSWER", format!("what the agent asked, and waits for {dot} {format}"));
    }
    if let Some(delivery) = &entry.delivery {
        let head = if delivery.delivered.is_some() { "SENT" } else { "WILL SEND" };
        return (head, format!("by {}", delivery.channel));
    }
    let when = match reach {
        Reach::Gated => {
            format!("at its next call or the end of its turn {dot} {format} {dot} gated")
        }
        Reach::Correctable => {
            let when = match via {
                "tmux" => "as soon as its prompt box is open and empty",
                "command" => "at once",
                "socket" | "http" | "spool" => "at its next poll",
                _ => "at its next hook event or poll",
            };
            format!("{when} {dot} {format} {dot} correctable")
        }
        Reach::Observed => format!("as soon as a channel reaches it; none does now {dot} {format}"),
    };
    ("WILL SEND", when)
}

/// Where a proposal stands, in a sentence with what can be done.
fn status(entry: &Entry, model: &Model, dot: &str) -> Option<(String, Role)> {
    let time = |t| time_of_day(&model.zone, t);
    let said = match entry.state {
        State::Waiting => {
            if !deferred(entry) {
                return None;
            }
            (format!("deferred {dot} {}", entry.state.meaning()), Role::Dim)
        }
        State::Approved if in_grace(entry, model.now) => {
            let left = seconds_left(entry, model.now).unwrap_or(0);
            let word = match entry.decision.as_ref().map(|d| &d.verdict) {
                Some(Verdict::Edit { .. }) => "edited and approved",
                _ => "approved",
            };
            (format!("{word} {dot} sends in {left} s {dot} u to undo"), Role::Accent)
        }
        State::Approved | State::Leased if model.stopped().is_some() => {
            let by = model.stopped().map(crate::ledger::Stopped::words).unwrap_or_default();
            (format!("approved {dot} not sent: stopped {by}"), Role::Alarm)
        }
        State::Approved => (format!("approved {dot} {}", entry.state.meaning()), Role::Accent),
        State::Leased => (entry.state.meaning().to_owned(), Role::Accent),
        State::Delivered => {
            let at = entry.delivery.as_ref().and_then(|d| d.delivered).map(time);
            let at = at.unwrap_or_default();
            (format!("delivered {at} {dot} {}", entry.state.meaning()), Role::Accent)
        }
        State::Confirmed => {
            let at = entry.delivery.as_ref().and_then(|d| d.confirmed).map(|(t, _)| time(t));
            (format!("{} {}", entry.state.meaning(), at.unwrap_or_default()), Role::Pass)
        }
        State::Failed => {
            let why = entry
                .delivery
                .as_ref()
                .and_then(|d| d.failure.clone())
                .unwrap_or_else(|| "no reason was given".to_owned());
            (format!("{}: {why} {dot} r tries again", entry.state.meaning()), Role::Alarm)
        }
        State::Superseded if !entry.note.is_empty() => {
            (format!("{}: {}", entry.state.word(), entry.note), Role::Dim)
        }
        State::Expired if !entry.note.is_empty() => {
            (format!("{} {}", entry.state.word(), entry.note), Role::Dim)
        }
        State::Vetoed | State::Superseded | State::Expired => (entry.state.meaning().to_owned(), Role::Dim),
    };
    Some(said)
}

fn empty(model: &Model, panes: &Panes, pen: &mut Pen<'_>) {
    let inside = panes.frame.inner();
    let area = Area {
        x: inside.x + 2,
        y: inside.y + inside.height / 4,
        width: inside.width.saturating_sub(4),
        height: inside.height - inside.height / 4,
    };
    let mut page = Page::new(area.width);
    if let Some(why) = model.why_read_only() {
        page.line(&[("The ledger cannot be used", Role::Alarm)]);
        page.text("", why, Role::Text);
        page.text(
            "",
            "Findings are shown all the same; nothing can be decided. `medbay doctor` says what to mend.",
            Role::Dim,
        );
    } else if !model.desk.loaded {
        page.line(&[("Reading the ledger", Role::Strong)]);
    } else if !model.desk.filter_text.is_empty() {
        page.text("", &format!("No proposal fits /{}", model.desk.filter_text), Role::Strong);
        page.line(&[("Esc shows all again.", Role::Dim)]);
    } else {
        page.line(&[("Nothing waits for you", Role::Strong)]);
        page.text(
            "",
            "When a step is in alarm and something can be done about it, a proposal appears here.",
            Role::Dim,
        );
        page.text("", "1 shows all runs, 6 what was decided.", Role::Dim);
    }
    page.draw(pen, area, 0);
}
