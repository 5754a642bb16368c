//! Screen 2: the steps of one run, a chart of all of it, what is said of the selected step, its texts.

use crate::console::Model;
use crate::console::panes::{Area, Panes};
use crate::console::run::{RunScreen, Tab, Texts, findings_at, step_of, tool_name};
use crate::detect::{Finding, Part};
use crate::engine::{RunView, StepView};
use crate::score::Band;
use crate::trace::{EffectStatus, PlanStatus, RecordRef, Status};

use super::fleet::{made_of, selected};
use super::pen::Pen;
use super::theme::Role;

pub(super) fn draw(model: &Model, panes: &Panes, pen: &mut Pen<'_>) {
    let screen = &model.run;
    let Some(view) = model.open_run() else {
        pen.frame(panes.frame, "Run", "");
        let area = panes.frame.inner();
        pen.text(area.x + 2, area.y + 1, area.width.saturating_sub(4), "No run is open", Role::Strong);
        let next = "1 shows all runs; Enter opens the selected one. `:run NAME` opens one by its name.";
        pen.paragraph(
            Area { x: area.x + 2, y: area.y + 2, width: area.width.saturating_sub(4), height: 3 },
            0,
            next,
            Role::Dim,
        );
        return;
    };
    let dot = pen.glyphs().dot;
    let ahead = !view.summary.assessed && !view.steps.is_empty();
    let steps_title = match screen.filter_text.as_str() {
        "" if ahead => "last steps; still reading what stands before them".to_owned(),
        "" => "steps".to_owned(),
        text => format!("steps  /{text}  {} of {}", screen.len(), view.steps.len()),
    };
    let first_title = if panes.strip.height > 0 { "reliability" } else { &steps_title };
    let decisive = decisive(view);
    let fits = usize::from(panes.strip.width) > view.steps.len() + decisive.len() + 2;
    let right_title = if ahead {
        String::new()
    } else if decisive.is_empty() || (panes.strip.height > 0 && fits) {
        made_of(view, dot)
    } else {
        decisive.clone()
    };
    pen.frame(panes.frame, first_title, &right_title);
    let (left, right) = (panes.frame.x, panes.frame.right() - 1);
    let mut head_y = panes.frame.y;
    if panes.strip.height > 0 {
        strip(view, screen, panes.strip, pen);
        if fits {
            let y = panes.strip.y + 1;
            pen.text_right(panes.strip.x, panes.strip.right() - 1, y, &decisive, Role::Dim);
        }
        head_y = panes.strip.bottom();
        let title = if panes.list.height > 0 { steps_title.as_str() } else { "" };
        pen.divider(left, right, head_y, title, "");
    }
    if panes.tabs.height > 0 {
        pen.divider(left, right, panes.tabs.y, "", "");
    }
    if panes.splitter.width > 0 {
        pen.upright(panes.splitter.x, panes.splitter.y, panes.splitter.bottom());
    }
    if panes.tabs.height > 0 {
        tabs(screen, panes.tabs, pen);
    }
    if panes.detail.height > 0 {
        detail(view, screen, panes, head_y, pen);
    }
    if panes.list.height > 0 {
        list(view, screen, panes.list, pen);
    }
    if panes.text.height > 0 {
        let area = Area { x: panes.text.x + 1, width: panes.text.width.saturating_sub(2), ..panes.text };
        text(view, screen, area, pen);
    }
}

fn decisive(view: &RunView) -> String {
    match view.summary.judged.set90.filter(|_| view.summary.judged.band != Band::Pass) {
        Some((from, to)) if from == to => format!("decisive step: {} (90 %)", from.0),
        Some((from, to)) => format!("decisive step: {}–{} (90 %)", from.0, to.0),
        None => String::new(),
    }
}

/// The whole run in one row of bars: the lowest reliability of the steps that share a column, and
/// below it the class of the worst.
fn strip(view: &RunView, screen: &RunScreen, area: Area, pen: &mut Pen<'_>) {
    if !view.summary.assessed {
        return;
    }
    let count = view.steps.len();
    let width = usize::from(area.width);
    for column in 0..width {
        let (from, to) = if count <= width {
            (column, column + 1)
        } else {
            (column * count / width, (column + 1) * count / width)
        };
        let worst = view
            .steps
            .get(from..to.min(count))
            .unwrap_or_default()
            .iter()
            .max_by(|a, b| a.judged.p_wrong.get().total_cmp(&b.judged.p_wrong.get()));
        let Some(worst) = worst else { break };
        let x = area.x + column as u16;
        let level = pen.glyphs().level(worst.judged.p_wrong.reliability());
        pen.text(x, area.y, 1, level, Role::of_band(worst.judged.band));
        if let Some(class) = worst.judged.class.filter(|_| worst.judged.band != Band::Pass) {
            let glyph = pen.glyphs().class(class);
            pen.text(x, area.y + 1, 1, glyph, Role::of_class(class));
        }
        if screen.step.is_some_and(|s| (from..to).contains(&s.index())) {
            pen.wash(Area { x, width: 1, ..area }, Role::Selection);
        }
    }
}

fn list(view: &RunView, screen: &RunScreen, area: Area, pen: &mut Pen<'_>) {
    if screen.is_empty() {
        let (first, next) = if !screen.filter_text.is_empty() {
            ("No step fits the filter", "Esc shows all steps again.")
        } else if !view.summary.assessed {
            ("Reading and judging this run", "Steps appear here as they are read.")
        } else if let Some(reason) = &view.gone {
            (reason.as_str(), "Its source is lost; if it comes back, it is followed again.")
        } else {
            ("Nothing has been done in this run yet", "Steps appear here as they are logged.")
        };
        let x = area.x + 2;
        let width = area.width.saturating_sub(3);
        pen.text(x, area.y + 1, width, first, Role::Strong);
        pen.paragraph(
            Area { x, y: area.y + 2, width, height: area.height.saturating_sub(2) },
            0,
            next,
            Role::Dim,
        );
        return;
    }
    let digits = view.steps.len().to_string().len().max(2) as u16;
    let lanes = view.summary.agents.len().clamp(1, 6) as u16;
    let lanes = if view.summary.agents.len() < 2 { 0 } else { lanes };
    let agent_width = match area.width {
        _ if lanes == 0 => 0,
        ..46 => 0,
        46..52 => 8,
        _ => 11,
    };
    let longest = view.summary.tools.iter().map(|tool| pen.cells(tool)).max().unwrap_or(4);
    let tool_width = longest.clamp(4, if area.width >= 46 { 10 } else { 7 }) + 1;
    for (at, y) in (screen.top..).zip(area.y..area.bottom()) {
        let Some(step) = screen.shown_at(at).and_then(|id| view.steps.get(id.index())) else {
            break;
        };
        let is_selected = screen.step == Some(step.step.id);
        if is_selected {
            selected(area, y, pen);
        }
        row(view, step, area, y, (digits, lanes, agent_width, tool_width), is_selected, pen);
    }
}

fn row(
    view: &RunView,
    step: &StepView,
    area: Area,
    y: u16,
    (digits, lanes, agent_width, tool_width): (u16, u16, u16, u16),
    is_selected: bool,
    pen: &mut Pen<'_>,
) {
    let role = |role| {
        if is_selected && role == Role::Dim { Role::Text } else { role }
    };
    let mut x = area.x + 1;
    // A step of the log's end has no number yet, and nothing is said of it.
    let known = view.summary.assessed;
    if known {
        pen.text_right(x, x + digits, y, &step.step.id.0.to_string(), role(Role::Dim));
    }
    x += digits + 1;
    let lane = Role::of_agent(step.step.agent.0);
    if lanes > 0 {
        let at = step.step.agent.0.min(lanes - 1);
        let glyph = pen.glyphs().lane;
        pen.text(x + at, y, 1, glyph, lane);
        x += lanes + 1;
    }
    if agent_width > 0 {
        let agent = view.summary.agents.get(usize::from(step.step.agent.0));
        pen.text(x, y, agent_width - 1, agent.map_or("", |a| a.name.as_str()), lane);
        x += agent_width;
    }
    let tool = tool_name(view, step);
    let tool_role = if step.step.is_message() { Role::Accent } else { Role::Strong };
    pen.text(x, y, tool_width - 1, tool, tool_role);
    x += tool_width;
    // From the right: class, reliability, band, how the call ended.
    let right = area.right();
    let band = Role::of_band(step.judged.band);
    if let Some(class) = step.judged.class.filter(|_| step.judged.band != Band::Pass) {
        let glyph = pen.glyphs().class(class);
        pen.text(right - 1, y, 1, glyph, Role::of_class(class));
    }
    if known {
        let rel = step.judged.p_wrong.reliability().to_string();
        pen.text_right(right - 5, right - 2, y, &rel, band);
        let glyph = pen.glyphs().band(step.judged.band);
        pen.text(right - 7, y, 1, glyph, band);
    }
    let mut end = right - 8;
    if let Some((word, role)) = ended(step) {
        end = pen.text_right(x, end, y, word, role).saturating_sub(1);
    }
    pen.text(x, y, end.saturating_sub(x), label(view, step), role(Role::Text));
}

/// A step's label; a path within the working directory without that.
fn label<'a>(view: &RunView, step: &'a StepView) -> &'a str {
    let label: &str = &step.step.label;
    let folder = view.summary.working_directory.trim_end_matches('/');
    label
        .strip_prefix(folder)
        .filter(|_| !folder.is_empty())
        .and_then(|rest| rest.strip_prefix('/'))
        .unwrap_or(label)
}

/// How a call ended, where that is worth a word.
fn ended(step: &StepView) -> Option<(&'static str, Role)> {
    if step.step.is_message() {
        return None;
    }
    match step.step.status {
        Status::Error => Some(("err", Role::ExecutionError)),
        Status::Timeout => Some(("t/o", Role::ExecutionError)),
        Status::Denied => Some(("denied", Role::Triage)),
        Status::Interrupted => Some(("intr", Role::Triage)),
        Status::Unknown if !step.step.closed => Some(("open", Role::Dim)),
        Status::Unknown => Some(("unkn", Role::Dim)),
        Status::Ok if step.step.exit_code.is_some_and(|c| c != 0) => Some(("exit≠0", Role::ExecutionError)),
        Status::Ok => None,
    }
}

/// Where a record stands, in words: the step that it belongs to, else its number.
pub(super) fn place(view: &RunView, record: RecordRef) -> String {
    match step_of(view, record) {
        Some((step, tab)) => {
            let what = view
                .steps
                .get(step.index())
                .map_or("", |s| if s.step.is_message() { "message" } else { tool_name(view, s) });
            let part = if tab == Tab::Intent { " intent" } else { "" };
            format!("step {} {what}{part}", step.0)
        }
        None => format!("record {}", record.index),
    }
}

/// Like [`place`], with the exit code if the step has one.
pub(super) fn place_with_exit(view: &RunView, record: RecordRef) -> String {
    let Some((step, tab)) = step_of(view, record) else {
        return format!("record {}", record.index);
    };
    let exit = view.steps.get(step.index()).and_then(|s| s.step.exit_code);
    match exit.filter(|_| tab == Tab::Outcome) {
        Some(code) => format!("step {}, exit {code}", step.0),
        None => format!("step {}", step.0),
    }
}

fn detail(view: &RunView, screen: &RunScreen, panes: &Panes, head_y: u16, pen: &mut Pen<'_>) {
    let area = Area { x: panes.detail.x + 1, width: panes.detail.width.saturating_sub(2), ..panes.detail };
    let Some(step) = screen.step.and_then(|id| view.steps.get(id.index())) else {
        pen.text(area.x, area.y, area.width, "no step is selected", Role::Dim);
        return;
    };
    let dot = pen.glyphs().dot;
    let agent = view.summary.agents.get(usize::from(step.step.agent.0)).map_or("", |a| a.name.as_str());
    let what = if step.step.is_message() { "message" } else { tool_name(view, step) };
    let known = view.summary.assessed;
    let number = if known { format!("step {}", step.step.id.0) } else { "step".to_owned() };
    let title = format!(" {number} {dot} {what} {dot} {agent} ");
    pen.text(area.x, head_y, area.width, &title, Role::Title);
    if !known {
        let text = "Not judged yet: what stands before it is still being read.";
        pen.paragraph(area, 0, text, Role::Dim);
        return;
    }
    let mut y = area.y;
    let mut line = |pen: &mut Pen<'_>, parts: &[(&str, Role)]| {
        if y < area.bottom() {
            pen.parts(area.x, y, area.width, parts);
            y += 1;
        }
    };
    let judged = &step.judged;
    let wrong = judged.p_wrong.to_string();
    let (e, s, c) =
        (judged.execution.to_string(), judged.support.to_string(), judged.consistency.to_string());
    let band = Role::of_band(judged.band);
    let wide = area.width >= 60;
    let words = if wide { ["  execution ", "  support ", "  consistency "] } else { ["  E ", " S ", " C "] };
    let [we, ws, wc] = words;
    line(
        pen,
        &[
            ("P(wrong) ", Role::Dim),
            (&wrong, band),
            (we, Role::Dim),
            (&e, Role::Text),
            (ws, Role::Dim),
            (&s, Role::Text),
            (wc, Role::Dim),
            (&c, Role::Text),
        ],
    );
    let here: Vec<(usize, &Finding)> = findings_at(view, step.step.id).collect();
    let looked = screen.finding.and_then(|at| Some((at, view.findings.get(at)?)));
    let elsewhere = looked.filter(|(_, f)| f.step != step.step.id);
    let bottom = area.bottom();
    if let Some((_, finding)) = elsewhere {
        let text = format!("in the light of step {} {dot} b goes back", finding.step.0);
        y = heading(pen, area, y, &text);
        y = one_finding(view, finding, true, area, y, pen);
    }
    if !here.is_empty() {
        y = heading(pen, area, y, "findings");
        for (at, finding) in &here {
            let open = elsewhere.is_none() && screen.finding == Some(*at);
            y = one_finding(view, finding, open, area, y, pen);
        }
    } else if elsewhere.is_none() && y < bottom {
        let text = if step.step.closed { "nothing found at this step" } else { "not finished yet" };
        pen.text(area.x, y, area.width, text, Role::Dim);
        y += 1;
    }
    if !judged.why.is_empty() {
        y = heading(pen, area, y, "why this score");
        bars(judged, area, y, pen);
    }
}

fn heading(pen: &mut Pen<'_>, area: Area, y: u16, word: &str) -> u16 {
    if y >= area.bottom() {
        return y;
    }
    let [_, _, _, _, line, ..] = pen.glyphs().frame;
    let mut x = area.x;
    x += pen.text(x, y, 1, line, Role::Border);
    x += pen.text(x, y, area.right() - x, " ", Role::Border);
    x += pen.text(x, y, area.right() - x, word, Role::Dim);
    x += pen.text(x, y, area.right().saturating_sub(x), " ", Role::Border);
    while x < area.right() {
        x += pen.text(x, y, 1, line, Role::Border).max(1);
    }
    y + 1
}

fn one_finding(
    view: &RunView,
    finding: &Finding,
    open: bool,
    area: Area,
    mut y: u16,
    pen: &mut Pen<'_>,
) -> u16 {
    if y >= area.bottom() {
        return y;
    }
    let class = pen.glyphs().class(finding.rule.class);
    let marker = if open { pen.glyphs().marker } else { " " };
    let strength = format!(" {}", finding.strength);
    let used = pen.parts(
        area.x.saturating_sub(1),
        y,
        area.width + 1,
        &[
            (marker, Role::Accent),
            (class, Role::of_class(finding.rule.class)),
            (" ", Role::Dim),
            (finding.rule.id, Role::Strong),
            (&strength, Role::Dim),
        ],
    );
    let rest = (area.width + 1).saturating_sub(used + 2);
    if rest >= 30 {
        pen.text(area.x + used + 1, y, rest, &finding.sentence, Role::Text);
        y += 1;
    } else {
        y += 1;
        let room = Area {
            x: area.x + 2,
            y,
            width: area.width.saturating_sub(2),
            height: area.bottom().saturating_sub(y).min(2),
        };
        y += pen.paragraph(room, 0, &finding.sentence, Role::Text);
    }
    if !open {
        return y;
    }
    for (word, part, role) in [("says", Part::Claim, Role::Claim), ("shows", Part::Against, Role::Against)] {
        for span in finding.evidence.iter().filter(|e| e.part == part) {
            if y >= area.bottom() {
                return y;
            }
            let at = format!("[{}] ", place(view, span.record).trim_start_matches("step "));
            pen.text(area.x + 2, y, 6, word, Role::Dim);
            let x = area.x + 8;
            let width = area.width.saturating_sub(8);
            let used = pen.text(x, y, width, &at, Role::Dim);
            // The text begins behind the place and goes on below it, three lines at most.
            let first = super::pen::wrapped(&span.text, width.saturating_sub(used)).next().unwrap_or("");
            pen.text(x + used, y, width.saturating_sub(used), first, role);
            y += 1;
            let rest = span.text.get(first.len()..).unwrap_or("").trim_start();
            if !rest.is_empty() {
                let room = Area { x, y, width, height: area.bottom().saturating_sub(y).min(2) };
                y += pen.paragraph(room, 0, rest, role);
            }
        }
    }
    y
}

fn bars(judged: &crate::score::Judgement, area: Area, mut y: u16, pen: &mut Pen<'_>) {
    let most = judged.why.iter().map(|c| c.logit.abs()).fold(1.0f32, f32::max);
    let label = (area.width / 2).clamp(10, 26);
    let bar = area.width.saturating_sub(label + 7);
    for contribution in &judged.why {
        if y >= area.bottom() {
            return;
        }
        let against = contribution.logit > 0.0;
        let role = if against { Role::Alarm } else { Role::Pass };
        pen.text(area.x, y, label - 1, contribution.feature, Role::Text);
        let share = f64::from(contribution.logit.abs() / most);
        pen.bar(area.x + label, y, bar, share, against, role);
        let number = if against {
            format!("+{:.1}", contribution.logit)
        } else {
            format!("−{:.1}", contribution.logit.abs())
        };
        pen.text_right(area.right() - 5, area.right(), y, &number, Role::Dim);
        y += 1;
    }
}

fn tabs(screen: &RunScreen, area: Area, pen: &mut Pen<'_>) {
    let mut x = area.x;
    for tab in Tab::ALL {
        let role = if tab == screen.tab { Role::Selection } else { Role::Dim };
        let word = format!(" {} ", tab.word());
        x += pen.text(x, area.y, area.right().saturating_sub(x), &word, role);
    }
}

fn text(view: &RunView, screen: &RunScreen, area: Area, pen: &mut Pen<'_>) {
    match screen.tab {
        Tab::Plan => plan(view, screen, area, pen),
        Tab::Effects => effects(view, screen, area, pen),
        Tab::Evidence => evidence(view, screen, area, pen),
        Tab::Intent | Tab::Call | Tab::Outcome | Tab::Raw => {
            let (text, role) = match &screen.texts {
                Texts::None => ("", Role::Dim),
                Texts::Asked(_) => ("reading the log …", Role::Dim),
                Texts::Lost(_, why) => (why.as_str(), Role::Alarm),
                Texts::Here(_, texts) => {
                    let (text, none) = match screen.tab {
                        // A message is its own intent.
                        Tab::Intent if texts.intent.is_empty() && is_message(view, screen) => {
                            (&texts.call, "the message is empty")
                        }
                        Tab::Intent => (&texts.intent, "no words led to this step"),
                        Tab::Call => (&texts.call, "no call"),
                        Tab::Outcome => (&texts.outcome, "nothing came back"),
                        _ => (&texts.raw, "the record is empty"),
                    };
                    if text.is_empty() { (none, Role::Dim) } else { (text.as_str(), Role::Text) }
                }
            };
            if pen.paragraph(area, screen.scroll, text, role) == 0 {
                pen.text(area.x, area.y, area.width, "end of the text; K scrolls back", Role::Dim);
            }
        }
    }
}

fn is_message(view: &RunView, screen: &RunScreen) -> bool {
    screen.step.and_then(|id| view.steps.get(id.index())).is_some_and(|step| step.step.is_message())
}

fn plan(view: &RunView, screen: &RunScreen, area: Area, pen: &mut Pen<'_>) {
    if view.summary.plan.is_empty() {
        pen.text(area.x, area.y, area.width, "this run has written down no plan", Role::Dim);
        return;
    }
    let items = view.summary.plan.iter().skip(screen.scroll);
    for (item, y) in items.zip(area.y..area.bottom()) {
        let (word, role) = match item.status {
            PlanStatus::Pending => ("to do  ", Role::Dim),
            PlanStatus::Active => ("now    ", Role::Accent),
            PlanStatus::Done => ("done   ", Role::Pass),
            PlanStatus::Dropped => ("dropped", Role::Removed),
        };
        pen.parts(area.x, y, area.width, &[(word, role), (" ", role), (&item.text, Role::Text)]);
    }
}

fn effects(view: &RunView, screen: &RunScreen, area: Area, pen: &mut Pen<'_>) {
    if view.summary.effects.is_empty() {
        pen.text(
            area.x,
            area.y,
            area.width,
            "this run has changed nothing outside, as far as its log tells",
            Role::Dim,
        );
        return;
    }
    let effects = view.summary.effects.iter().skip(screen.scroll);
    for (effect, y) in effects.zip(area.y..area.bottom()) {
        let step = format!("{:>4} ", effect.step.0);
        let (word, role) = match effect.status {
            EffectStatus::Done => ("done    ", Role::Text),
            EffectStatus::Failed => ("failed  ", Role::ExecutionError),
            EffectStatus::Unknown => ("unknown ", Role::Triage),
            EffectStatus::Undone => ("undone  ", Role::Dim),
        };
        let kind = format!("{:<12}", format!("{:?}", effect.kind).to_lowercase());
        let again = if effect.harmless_again { "" } else { "  not harmless to repeat" };
        let here = if screen.step == Some(effect.step) { Role::Accent } else { Role::Dim };
        pen.parts(
            area.x,
            y,
            area.width,
            &[
                (&step, here),
                (word, role),
                (&kind, Role::Dim),
                (&effect.target, Role::Text),
                (again, Role::Triage),
            ],
        );
    }
}

fn evidence(view: &RunView, screen: &RunScreen, area: Area, pen: &mut Pen<'_>) {
    let Some(step) = screen.step else { return };
    let looked = screen.finding.and_then(|at| view.findings.get(at));
    let here = findings_at(view, step).map(|(_, f)| f);
    let elsewhere = looked.filter(|f| f.step != step);
    let mut lines: Vec<(String, Role)> = Vec::new();
    for finding in elsewhere.into_iter().chain(here) {
        lines.push((format!("{}  {}", finding.rule.id, finding.rule.summary), Role::Strong));
        for span in &finding.evidence {
            let (word, role) = match span.part {
                Part::Claim => ("says   ", Role::Claim),
                Part::Against => ("shows  ", Role::Against),
                Part::Context => ("context", Role::Dim),
            };
            let lead = format!("{word} [{}] ", place(view, span.record));
            let text = format!("{lead}{}", span.text);
            for line in super::pen::wrapped(&text, area.width) {
                lines.push((line.to_owned(), role));
            }
        }
        if !finding.instruction.is_empty() {
            let text = format!("next    {}", finding.instruction);
            for line in super::pen::wrapped(&text, area.width) {
                lines.push((line.to_owned(), Role::Text));
            }
        }
    }
    if lines.is_empty() {
        pen.text(area.x, area.y, area.width, "no finding, so no evidence", Role::Dim);
        return;
    }
    for ((line, role), y) in lines.iter().skip(screen.scroll).zip(area.y..area.bottom()) {
        pen.text(area.x, y, area.width, line, *role);
    }
}
