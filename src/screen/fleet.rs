//! Screen 1: all runs by need, and why the selected one needs somebody.

use crate::console::Model;
use crate::console::fleet::{SPARK, evidence, leading, lowest};
use crate::console::model::age;
use crate::console::panes::{Area, Panes};
use crate::detect::Part;
use crate::engine::{Reach, RunView, SourceState};
use crate::ledger::State;
use crate::score::Band;
use crate::trace::StateWord;

use super::layout::name;
use super::pen::Pen;
use super::theme::Role;

/// Columns of the list, from the right: each with its first column and width; 0 wide is not shown.
struct Columns {
    title: (u16, u16),
    agent: (u16, u16),
    spark: (u16, u16),
    class: (u16, u16),
    rel: (u16, u16),
    fail: (u16, u16),
    desk: (u16, u16),
    reach: (u16, u16),
    tokens: (u16, u16),
    age: (u16, u16),
}

impl Columns {
    fn of(area: Area) -> Self {
        let mut right = area.right();
        let width = area.width;
        let mut take = |wide: u16, shown: bool| {
            if !shown {
                return (right, 0);
            }
            right = right.saturating_sub(wide + 1);
            (right, wide)
        };
        let age = take(4, true);
        let tokens = take(7, width >= 116);
        let reach = take(11, width >= 96);
        let desk = take(4, true);
        let fail = take(4, width >= 44);
        let rel = take(3, true);
        let class = take(1, true);
        let spark = take(SPARK as u16, width >= 54);
        let agent = take(if width >= 110 { 16 } else { 11 }, width >= 70);
        let title = (area.x + 4, right.saturating_sub(area.x + 5));
        Self { title, agent, spark, class, rel, fail, desk, reach, tokens, age }
    }
}

pub(super) fn draw(model: &Model, panes: &Panes, pen: &mut Pen<'_>) {
    let fleet = &model.fleet;
    let dot = pen.glyphs().dot;
    let left = match fleet.filter_text.as_str() {
        "" => "Fleet".to_owned(),
        text => format!("Fleet  /{text}"),
    };
    let mut right = if fleet.rows.sorted() {
        "by need".to_owned()
    } else if fleet.rows.fresh() > 0 {
        format!("{} new below {dot} g sorts by need", fleet.rows.fresh())
    } else {
        "standing still · g sorts by need".replace('·', dot)
    };
    if fleet.hidden > 0 {
        right = format!("{} hidden {dot} {right}", fleet.hidden);
    }
    pen.frame(panes.frame, &left, &right);
    if fleet.rows.order().is_empty() {
        empty(model, panes, pen);
        return;
    }
    let columns = Columns::of(panes.list);
    heads(&columns, panes.heads.y, pen);
    let waiting = model.waiting_by_run();
    let rows = fleet.rows.order().iter().enumerate().skip(fleet.rows.top());
    for ((at, id), y) in rows.zip(panes.list.y..panes.list.bottom()) {
        let Some(view) = model.board.run(id) else {
            continue;
        };
        let count = waiting.get(id).copied().unwrap_or(0);
        row(model, view, count, &columns, y, pen);
        if at == fleet.rows.at() {
            selected(panes.list, y, pen);
        }
    }
    if panes.detail.height > 0
        && let Some(view) = fleet.rows.selected().and_then(|id| model.board.run(id))
    {
        why(model, view, panes, pen);
    }
}

/// Marks a row as selected.
pub(super) fn selected(list: Area, y: u16, pen: &mut Pen<'_>) {
    let line = Area { y, height: 1, ..list };
    pen.wash(line, Role::Selection);
    let marker = pen.glyphs().marker;
    pen.text(list.x, y, 1, marker, Role::Accent);
}

fn heads(columns: &Columns, y: u16, pen: &mut Pen<'_>) {
    for ((x, width), word) in [
        (columns.title, "run"),
        (columns.agent, "agent"),
        (columns.spark, "last 12"),
        (columns.rel, "rel"),
        (columns.fail, "fail"),
        (columns.desk, "desk"),
        (columns.reach, "reach"),
        (columns.tokens, "tokens"),
    ] {
        if word == "tokens" {
            pen.text_right(x, x + width, y, if width > 0 { word } else { "" }, Role::Dim);
        } else {
            pen.text(x, y, width, word, Role::Dim);
        }
    }
    pen.text_right(columns.age.0, columns.age.0 + columns.age.1, y, "age", Role::Dim);
}

fn row(model: &Model, view: &RunView, waiting: usize, c: &Columns, y: u16, pen: &mut Pen<'_>) {
    let summary = &view.summary;
    let judged = &summary.judged;
    let gone = view.gone.is_some();
    let word = view.summary.state.word;
    let reach = view.summary.reach;
    let quiet = gone || matches!(word, StateWord::Done | StateWord::Unknown);
    let state_role = match word {
        StateWord::Held | StateWord::Stuck | StateWord::Failed => Role::Alarm,
        StateWord::Working => Role::Accent,
        _ => Role::Dim,
    };
    let state = pen.glyphs().state(word);
    pen.text(c.title.0 - 2, y, 1, state, state_role);
    let role = if quiet && judged.band == Band::Pass { Role::Dim } else { Role::Text };
    pen.text(c.title.0, y, c.title.1, name(view), role);
    pen.text(c.agent.0, y, c.agent.1, summary.format, Role::Dim);
    if !summary.assessed {
        let (x, width) = if c.spark.1 > 0 { c.spark } else { c.rel };
        pen.text(x, y, width, "not assessed", Role::Dim);
    } else if gone {
        pen.text(c.spark.0, y, c.spark.1, "source lost", Role::Alarm);
    } else if c.spark.1 > 0 {
        let from = view.steps.len().saturating_sub(SPARK);
        for (step, dx) in view.steps.iter().skip(from).zip(0..) {
            let level = pen.glyphs().level(step.judged.p_wrong.reliability());
            pen.text(c.spark.0 + dx, y, 1, level, Role::of_band(step.judged.band));
        }
    }
    if summary.assessed && !view.steps.is_empty() {
        let band = Role::of_band(judged.band);
        match judged.class.filter(|_| judged.band != Band::Pass) {
            Some(class) => {
                let glyph = pen.glyphs().class(class);
                pen.text(c.class.0, y, 1, glyph, Role::of_class(class));
            }
            None => {
                let glyph = pen.glyphs().band(judged.band);
                pen.text(c.class.0, y, 1, glyph, band);
            }
        }
        if let Some(low) = lowest(view) {
            pen.text_right(c.rel.0, c.rel.0 + c.rel.1, y, &low.to_string(), band);
        }
        pen.text(c.fail.0, y, c.fail.1, &judged.p_fail.to_string(), band);
    }
    if waiting > 0 {
        pen.text(c.desk.0, y, c.desk.1, &format!("{waiting} !"), Role::Accent);
    } else {
        let dot = pen.glyphs().dot;
        pen.text(c.desk.0, y, c.desk.1, dot, Role::Dim);
    }
    let reach_role = match reach {
        Reach::Observed => Role::Dim,
        Reach::Correctable | Reach::Gated => Role::Text,
    };
    pen.text(c.reach.0, y, c.reach.1, reach.word(), reach_role);
    if c.tokens.1 > 0 {
        let text = tokens(summary.usage.input + summary.usage.cached + summary.usage.output);
        pen.text_right(c.tokens.0, c.tokens.0 + c.tokens.1, y, &text, Role::Dim);
    }
    if let Some(last) = summary.last {
        let text = age(model.clock(), last);
        pen.text_right(c.age.0, c.age.0 + c.age.1, y, &text, Role::Dim);
    }
}

/// A number of tokens in at most five cells.
pub(super) fn tokens(count: u64) -> String {
    match count {
        0 => String::new(),
        1..1_000 => count.to_string(),
        1_000..1_000_000 => format!("{}k", count / 1_000),
        _ => format!("{:.1}M", count as f64 / 1_000_000.0),
    }
}

/// What a run is made of: agents, steps, tokens, money.
pub(super) fn made_of(view: &RunView, dot: &str) -> String {
    let summary = &view.summary;
    let mut parts = Vec::new();
    match summary.agents.len() {
        0 => {}
        1 => parts.extend(summary.agents.first().map(|a| a.name.clone())),
        n => parts.extend(summary.agents.first().map(|a| format!("{} + {}", a.name, n - 1))),
    }
    let steps = view.steps.len();
    parts.push(format!("{steps} step{}", if steps == 1 { "" } else { "s" }));
    let used = tokens(summary.usage.input + summary.usage.cached + summary.usage.output);
    if !used.is_empty() {
        parts.push(format!("{used} tok"));
    }
    if let Some(cost) = summary.usage.cost_usd {
        parts.push(format!("${cost:.2}"));
    }
    parts.join(&format!(" {dot} "))
}

fn why(model: &Model, view: &RunView, panes: &Panes, pen: &mut Pen<'_>) {
    let dot = pen.glyphs().dot;
    let y = panes.tabs.y;
    pen.divider(panes.frame.x, panes.frame.right() - 1, y, name(view), &made_of(view, dot));
    let area = Area { x: panes.detail.x + 1, width: panes.detail.width.saturating_sub(2), ..panes.detail };
    let mut lines: Vec<(&str, String, Role, String)> = Vec::new();
    if let Some(reason) = &view.gone {
        lines.push(("lost", format!("{reason}; what was read stays here"), Role::Alarm, String::new()));
    } else if !view.summary.assessed {
        lines.push((
            "listed",
            if view.steps.is_empty() {
                "not assessed yet; Enter reads and judges it".to_owned()
            } else {
                "still being read; Enter shows its last steps".to_owned()
            },
            Role::Text,
            String::new(),
        ));
    }
    let found = leading(view, 2);
    if let Some(first) = found.first() {
        for (word, part, role) in
            [("says", Part::Claim, Role::Claim), ("shows", Part::Against, Role::Against)]
        {
            if let Some(span) = evidence(first, part) {
                let at = super::run::place(view, span.record);
                lines.push((word, span.text.clone(), role, at));
            }
        }
        if lines.len() < 2 || found.len() == 1 {
            lines.push(("finds", first.sentence.clone(), Role::Text, first.rule.id.to_owned()));
        }
        if let Some(second) = found.get(1) {
            let at = format!("step {}", second.step.0);
            lines.push(("then", second.sentence.clone(), Role::Text, at));
        }
    } else if view.summary.assessed && !view.steps.is_empty() {
        let judged = &view.summary.judged;
        let (word, said) = match judged.band {
            Band::Pass => ("fine", "nothing found that speaks against it"),
            _ => ("doubt", "no single finding; 2 shows the steps and their scores"),
        };
        let by = format!("by {}", view.summary.judged_by);
        lines.push((word, said.to_owned(), Role::of_band(judged.band), by));
    }
    if let Some(entry) = model.desk.of_run(&view.id) {
        let text = match entry.state {
            State::Waiting => format!(
                "{}, waiting {} {dot} 3 opens it",
                entry.proposal.remedy.words(),
                age(model.clock(), entry.drafted)
            ),
            state => format!("{}, {}", entry.proposal.remedy.words(), state.word()),
        };
        lines.push(("desk", text, Role::Accent, view.summary.reach.word().to_owned()));
    }
    let state = &view.summary.state;
    let sure = if state.sure { "" } else { " (inferred)" };
    lines.push((
        "state",
        format!("{}: {}{sure}", state.word.word(), state.reason).trim_end_matches(": ").to_owned(),
        Role::Dim,
        sources(view),
    ));
    for ((word, text, role, right), y) in lines.iter().zip(area.y..area.bottom()) {
        let at = pen.text_right(area.x + area.width / 2, area.right(), y, right, Role::Dim);
        pen.text(area.x, y, 6, word, Role::Dim);
        let from = area.x + 7;
        let end = if right.is_empty() { area.right() } else { at.saturating_sub(2) };
        pen.text(from, y, end.saturating_sub(from), text, *role);
    }
}

fn sources(view: &RunView) -> String {
    let lost = view.summary.sources.iter().find_map(|s| match &s.state {
        SourceState::Lost(why) => Some(why),
        _ => None,
    });
    if let Some(why) = lost {
        return format!("source lost: {why}");
    }
    let unknown: u32 = view.summary.unknown.iter().map(|(_, n)| n).sum();
    if unknown > 0 {
        return format!("{} records, {unknown} not understood", view.summary.records);
    }
    format!("{} records", view.summary.records)
}

/// An empty fleet says what was looked for, where, and what to do next.
fn empty(model: &Model, panes: &Panes, pen: &mut Pen<'_>) {
    let area = panes.frame.inner();
    let mut lines: Vec<(String, Role)> = Vec::new();
    if model.fleet.hidden > 0 {
        lines.push((format!("No run fits /{}", model.fleet.filter_text), Role::Strong));
        lines.push((format!("{} runs are hidden. Esc shows them again.", model.fleet.hidden), Role::Dim));
    } else if let Some(replay) = &model.replay {
        lines.push(("Nothing has happened yet".to_owned(), Role::Strong));
        for place in &model.looked {
            lines.push((format!("  replay of {place}"), Role::Dim));
        }
        lines
            .push((format!("  {} records; Space plays, . goes one on, $ to the end", replay.of), Role::Text));
    } else if !model.board.caught_up {
        lines.push(("Looking for agent logs".to_owned(), Role::Strong));
        for place in &model.looked {
            lines.push((format!("  in {place}"), Role::Dim));
        }
        lines.push(("Runs appear here as they are found.".to_owned(), Role::Dim));
    } else {
        lines.push(("No runs yet".to_owned(), Role::Strong));
        for place in &model.looked {
            lines.push((format!("  looked in {place}"), Role::Dim));
        }
        for problem in model.board.problems.iter().rev().take(3) {
            lines.push((format!("  {problem}"), Role::Alarm));
        }
        lines.push((String::new(), Role::Dim));
        lines.push(("Start an agent and its run appears here, or try:".to_owned(), Role::Dim));
        lines.push(("  medbay PATH          a log, or a folder of logs".to_owned(), Role::Text));
        lines.push(("  medbay sample-runs   the bundled runs".to_owned(), Role::Text));
        lines.push(("  medbay doctor        what was found on this machine".to_owned(), Role::Text));
    }
    let height = lines.len() as u16;
    let y0 = area.y + area.height.saturating_sub(height) / 3;
    let width = lines.iter().map(|(l, _)| pen.cells(l)).max().unwrap_or(0).min(area.width.saturating_sub(4));
    let x = area.x + area.width.saturating_sub(width) / 2;
    for ((line, role), y) in lines.iter().zip(y0..area.bottom()) {
        pen.text(x, y, width, line, *role);
    }
}
