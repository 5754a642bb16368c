//! Screen 6: what was decided and what came of it; one decision with what was on the screen then.

use crate::console::Model;
use crate::console::decisions::{sent, who};
use crate::console::model::day_and_time;
use crate::console::msg::Chain;
use crate::console::panes::{Area, Panes};
use crate::ledger::{Entry, Outcome, State, Verdict};

use super::fleet::selected;
use super::layout::name;
use super::page::Page;
use super::pen::Pen;
use super::theme::Role;

pub(super) fn draw(model: &Model, panes: &Panes, pen: &mut Pen<'_>) {
    let decisions = &model.decisions;
    let left = match decisions.filter_text.as_str() {
        "" => "decisions".to_owned(),
        text => format!("decisions  /{text}"),
    };
    pen.frame(panes.frame, &left, &chain(&decisions.chain));
    if decisions.rows.order().is_empty() {
        empty(model, panes, pen);
        return;
    }
    if decisions.open {
        if let Some(entry) = decisions.shown() {
            let area =
                Area { x: panes.detail.x + 1, width: panes.detail.width.saturating_sub(2), ..panes.detail };
            record(model, entry, pen).draw(pen, area, decisions.scroll);
        }
        return;
    }
    table(model, panes, pen);
}

fn chain(chain: &Chain) -> String {
    match chain {
        Chain::NotChecked => "chain not checked; V walks it".to_owned(),
        Chain::Holds { decisions } => format!("chain holds over {decisions}"),
        Chain::Broken(why) => format!("CHAIN BROKEN: {why}"),
    }
}

fn table(model: &Model, panes: &Panes, pen: &mut Pen<'_>) {
    let area = panes.list;
    let wide = area.width >= 76;
    // First columns from the left, then from the right.
    let time = (area.x + 1, 11);
    let by = (time.0 + time.1 + 1, 7);
    let verdict = (by.0 + by.1 + 1, 7);
    let class = (verdict.0 + verdict.1 + 1, 1);
    let run = class.0 + 2;
    let outcome = (area.right().saturating_sub(13), 13);
    let receipt = (outcome.0.saturating_sub(10), if wide { 9 } else { 0 });
    let channel_width = if area.width >= 100 { 20 } else { 11 };
    let channel = (receipt.0.saturating_sub(channel_width + 1), if wide { channel_width } else { 0 });
    let end = if wide { channel.0 } else { outcome.0 };
    for ((x, width), word) in [
        (time, "when"),
        (by, "who"),
        (verdict, "verdict"),
        ((run, 10), "run"),
        (channel, "channel"),
        (receipt, "receipt"),
        (outcome, "outcome"),
    ] {
        pen.text(x, panes.heads.y, width, word, Role::Dim);
    }
    let decisions = &model.decisions;
    let rows = decisions.rows.order().iter().enumerate().skip(decisions.rows.top());
    for ((at, id), y) in rows.zip(area.y..area.bottom()) {
        let Some(entry) = decisions.entry(id) else {
            continue;
        };
        if at == decisions.rows.at() {
            selected(area, y, pen);
        }
        if let Some(decision) = &entry.decision {
            let text = day_and_time(&model.zone, decision.at);
            let text = text.get(..11).unwrap_or(&text);
            pen.text(time.0, y, time.1, text, Role::Dim);
            pen.text(by.0, y, by.1, who(&decision.by), Role::Text);
            let (word, role) = match (&decision.verdict, decision.undone) {
                (_, Some(_)) => ("undone", Role::Dim),
                (Verdict::Veto { .. }, _) => ("veto", Role::Removed),
                (Verdict::Defer, _) => ("defer", Role::Dim),
                (verdict, _) => (verdict.word(), Role::Added),
            };
            pen.text(verdict.0, y, verdict.1, word, role);
        }
        let proposal = &entry.proposal;
        let glyph = pen.glyphs().class(proposal.class);
        pen.text(class.0, y, 1, glyph, Role::of_class(proposal.class));
        let title = run_name(model, entry);
        pen.text(run, y, end.saturating_sub(run + 1), title, Role::Text);
        if let Some(delivery) = &entry.delivery {
            pen.text(channel.0, y, channel.1, &delivery.channel, Role::Dim);
        }
        let (word, role) = receipt_word(entry);
        pen.text(receipt.0, y, receipt.1, word, role);
        let (word, role) = outcome_word(entry);
        pen.text(outcome.0, y, outcome.1, word, role);
    }
}

fn run_name<'a>(model: &'a Model, entry: &'a Entry) -> &'a str {
    let run = &entry.proposal.target.run;
    model.board.run(run).map_or(run.as_str(), |view| name(view))
}

fn receipt_word(entry: &Entry) -> (&'static str, Role) {
    let role = match entry.state {
        State::Confirmed => Role::Pass,
        State::Delivered | State::Leased | State::Approved => Role::Accent,
        State::Failed => Role::Alarm,
        State::Vetoed | State::Waiting | State::Superseded | State::Expired => Role::Dim,
    };
    (entry.state.on_its_way(), role)
}

fn outcome_word(entry: &Entry) -> (&'static str, Role) {
    match (entry.outcome, entry.state) {
        (Outcome::Recovered, _) => ("recovered", Role::Pass),
        (Outcome::NotRecovered, _) => ("not recovered", Role::Alarm),
        (Outcome::Unknown, State::Delivered | State::Confirmed) => ("not known yet", Role::Dim),
        (Outcome::Unknown, _) => ("", Role::Dim),
    }
}

fn record(model: &Model, entry: &Entry, pen: &Pen<'_>) -> Page {
    let dot = pen.glyphs().dot;
    let area_width = Panes::of(model).detail.width.saturating_sub(2);
    let mut page = Page::new(area_width);
    let proposal = &entry.proposal;
    let time = |t| day_and_time(&model.zone, t);
    if let Some(decision) = &entry.decision {
        let head = format!(
            "{} by {} {dot} {} {dot} decision {}",
            decision.verdict.word(),
            who(&decision.by),
            time(decision.at),
            decision.number
        );
        page.text("", &head, Role::Strong);
        if let Verdict::Veto { reason } = &decision.verdict {
            let reason = if reason.is_empty() { "no reason given" } else { reason };
            page.text("because ", reason, Role::Text);
        }
        if let Some(undone) = decision.undone {
            page.text("", &format!("undone {}", time(undone)), Role::Triage);
        }
    }
    let about = format!(
        "{} {dot} {} {dot} {} {dot} step {} {dot} {}",
        proposal.remedy.words(),
        run_name(model, entry),
        proposal.target.agent,
        proposal.target.step,
        proposal.rule
    );
    page.text("", &about, Role::Dim);
    let (receipt, role) = receipt_word(entry);
    let mut went = vec![(format!("{receipt} "), role)];
    if let Some(delivery) = &entry.delivery {
        went.push((format!("{dot} by {} ", delivery.channel), Role::Text));
        if let Some(at) = delivery.delivered {
            went.push((format!("{dot} delivered {} ", time(at)), Role::Text));
        }
        if let Some((at, in_record)) = delivery.confirmed {
            let place = in_record.map(|r| format!(" in record {r}")).unwrap_or_default();
            went.push((format!("{dot} seen {}{place} ", time(at)), Role::Text));
        }
        if let Some(why) = &delivery.failure {
            went.push((format!("{dot} {why} "), Role::Alarm));
        }
    }
    let (outcome, role) = outcome_word(entry);
    if !outcome.is_empty() {
        went.push((format!("{dot} {outcome}"), role));
    }
    page.flow("", &went);
    page.gap();
    page.heading("SAID", "");
    page.text("  ", &proposal.claim, Role::Claim);
    page.heading("SHOWED", "");
    page.text("  ", &proposal.fact, Role::Against);
    page.gap();
    let seen = entry.decision.as_ref().map_or(proposal.payload.as_str(), |d| d.seen.as_str());
    page.heading("ON THE SCREEN THEN", "");
    page.text("  ", seen, Role::Text);
    if let Some(Verdict::Edit { text }) = entry.decision.as_ref().map(|d| &d.verdict) {
        page.gap();
        page.heading("SENT INSTEAD", "");
        page.text("  ", text, Role::Text);
        page.gap();
        page.heading("DIFFERENCE", "[-taken out-] {+put in+}");
        page.flow("  ", &word_difference(seen, text));
    } else if let Some(delivery) = &entry.delivery
        && delivery.text != sent(entry)
    {
        page.gap();
        page.heading("SENT", "");
        page.text("  ", &delivery.text, Role::Text);
    }
    page
}

/// The difference between two texts, word by word, with marks that need no colour.
fn word_difference(before: &str, after: &str) -> Vec<(String, Role)> {
    let diff = similar::TextDiff::from_words(before, after);
    let mut parts: Vec<(similar::ChangeTag, String)> = Vec::new();
    for change in diff.iter_all_changes() {
        match parts.last_mut() {
            Some((tag, text)) if *tag == change.tag() => text.push_str(change.value()),
            _ => parts.push((change.tag(), change.value().to_owned())),
        }
    }
    parts
        .into_iter()
        .map(|(tag, text)| match tag {
            similar::ChangeTag::Equal => (text, Role::Dim),
            similar::ChangeTag::Delete => (format!("[-{text}-]"), Role::Removed),
            similar::ChangeTag::Insert => (format!("{{+{text}+}}"), Role::Added),
        })
        .collect()
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
    } else if !model.decisions.loaded {
        page.line(&[("Reading the ledger", Role::Strong)]);
    } else if !model.decisions.filter_text.is_empty() {
        page.text("", &format!("No decision fits /{}", model.decisions.filter_text), Role::Strong);
        page.line(&[("Esc shows all again.", Role::Dim)]);
    } else {
        page.line(&[("Nothing has been decided yet", Role::Strong)]);
        page.text(
            "",
            "3 shows what waits for you. Every verdict is kept here, with what was on the screen then.",
            Role::Dim,
        );
    }
    page.draw(pen, area, 0);
}
