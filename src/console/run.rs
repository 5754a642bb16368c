//! The Run screen: the steps of one run, what is said of the selected one, its texts.

use crate::detect::Finding;
use crate::engine::{RunView, StepView};
use crate::score::Band;
use crate::trace::{Action, RecordRef, RunId, StepId};

use super::filter::{Facts, Filter};
use super::msg::StepText;
use super::rows::window;

/// What the lower pane shows of a step.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Tab {
    /// The words that led to it.
    #[default]
    Intent,
    /// The call, or the message.
    Call,
    /// What came back.
    Outcome,
    /// All evidence of its findings.
    Evidence,
    /// The run's plan.
    Plan,
    /// What it, and the run, changed outside.
    Effects,
    /// The records as they stand in the file.
    Raw,
}

impl Tab {
    /// All tabs, from left to right.
    pub const ALL: [Self; 7] =
        [Self::Intent, Self::Call, Self::Outcome, Self::Evidence, Self::Plan, Self::Effects, Self::Raw];

    /// Its name.
    pub fn word(self) -> &'static str {
        match self {
            Self::Intent => "intent",
            Self::Call => "call",
            Self::Outcome => "outcome",
            Self::Evidence => "evidence",
            Self::Plan => "plan",
            Self::Effects => "effects",
            Self::Raw => "raw",
        }
    }

    /// The tab `by` places to the right, around the end.
    pub fn moved(self, by: i64) -> Self {
        let at = Self::ALL.iter().position(|t| *t == self).unwrap_or(0) as i64;
        let to = (at + by).rem_euclid(Self::ALL.len() as i64);
        Self::ALL.get(to as usize).copied().unwrap_or_default()
    }
}

/// The texts of a step, as far as they are there.
#[derive(Clone, Debug, Default, PartialEq)]
pub enum Texts {
    /// Nothing was asked for.
    #[default]
    None,
    /// They were asked for.
    Asked(StepId),
    /// They are there.
    Here(StepId, Box<StepText>),
    /// They cannot be read.
    Lost(StepId, String),
}

impl Texts {
    /// Whose texts.
    pub fn step(&self) -> Option<StepId> {
        match self {
            Self::None => None,
            Self::Asked(step) | Self::Here(step, _) | Self::Lost(step, _) => Some(*step),
        }
    }
}

/// The Run screen.
#[derive(Debug, Default)]
pub struct RunScreen {
    /// The run that is shown.
    pub run: Option<RunId>,
    /// The selected step; `None` before there is one.
    pub step: Option<StepId>,
    /// Whether the selection goes along with the last step.
    pub following: bool,
    /// Position among the shown steps of the first on the screen.
    pub top: usize,
    /// How many steps had been there when their reader last saw the end.
    pub seen: usize,
    /// The shown steps, if a filter hides some.
    pub shown: Option<Vec<StepId>>,
    /// What is shown.
    pub filter: Filter,
    /// The filter as it was typed.
    pub filter_text: String,
    /// What the lower pane shows.
    pub tab: Tab,
    /// The finding that is looked at: its position among the run's findings.
    pub finding: Option<usize>,
    /// Texts of the selected step.
    pub texts: Texts,
    /// First line of the lower pane.
    pub scroll: usize,
    /// In one pane: whether that is the detail.
    pub zoomed: bool,
    /// Steps from which claims and facts were jumped to.
    pub jumps: Vec<StepId>,
    /// How many steps there are.
    count: usize,
    /// The state of the selected step when its texts were read.
    read_at: Option<(bool, Option<RecordRef>)>,
    /// Where the selected step's record stands, while only the end of the log is there.
    ahead: Option<u64>,
}

impl RunScreen {
    /// Shows a run: the step of its leading finding if it is not well, else its end.
    pub fn open(&mut self, view: &RunView) {
        let filtering = std::mem::take(&mut self.filter_text);
        drop(filtering);
        *self = Self {
            run: Some(view.id.clone()),
            tab: self.tab,
            following: true,
            seen: view.steps.len(),
            ..Self::default()
        };
        self.refresh(view);
        if view.summary.judged.band != Band::Pass
            && let Some(finding) = super::fleet::leading(view, 1).first()
        {
            self.select(finding.step, view);
        }
    }

    /// Takes in the run as it stands.
    pub fn refresh(&mut self, view: &RunView) {
        let before = self.count;
        self.count = view.steps.len();
        if let Some(offset) = self.ahead.take().filter(|_| view.summary.assessed) {
            // The end that stood alone has got what stands before it: the same step, by another number.
            let same = |s: &&StepView| s.step.record.offset == offset;
            self.step = view.steps.iter().rev().find(same).map(|s| s.step.id);
            self.texts = Texts::None;
            self.jumps.clear();
            self.seen = self.count;
        }
        if self.count < before {
            // The run was read anew, or a replay went back.
            self.step = self.step.filter(|step| step.index() < self.count);
            self.seen = self.seen.min(self.count);
            self.jumps.retain(|step| step.index() < view.steps.len());
        }
        if !self.filter.is_empty() {
            self.shown = Some(
                view.steps.iter().filter(|s| admits(&self.filter, view, s)).map(|s| s.step.id).collect(),
            );
        } else {
            self.shown = None;
        }
        if self.following || self.step.is_none() {
            self.step = self.last_shown();
            self.seen = self.count;
        }
        self.note_ahead(view);
        if let Some(at) = self.finding
            && view.findings.get(at).is_none_or(|f| Some(f.step) != self.step)
        {
            self.finding = None;
        }
        if self.finding.is_none() {
            self.finding = strongest(view, self.step);
        }
        // A step that has closed since, or got its outcome, is read again.
        let state =
            self.step.and_then(|id| view.steps.get(id.index())).map(|s| (s.step.closed, s.step.outcome));
        if self.texts.step() == self.step && self.read_at != state {
            self.texts = Texts::None;
        }
        self.read_at = state;
    }

    fn note_ahead(&mut self, view: &RunView) {
        let step = self.step.and_then(|id| view.steps.get(id.index())).filter(|_| !view.summary.assessed);
        self.ahead = step.map(|s| s.step.record.offset);
    }

    /// How many steps are shown.
    pub fn len(&self) -> usize {
        self.shown.as_ref().map_or(self.count, Vec::len)
    }

    /// Whether none is.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// The step at a position among those shown.
    pub fn shown_at(&self, at: usize) -> Option<StepId> {
        match &self.shown {
            Some(shown) => shown.get(at).copied(),
            None => (at < self.count).then_some(StepId(at as u32)),
        }
    }

    /// The position of the selected step among those shown; of the nearest above if it is hidden.
    pub fn at(&self) -> usize {
        let Some(step) = self.step else { return 0 };
        match &self.shown {
            Some(shown) => shown.partition_point(|s| *s < step).min(shown.len().saturating_sub(1)),
            None => step.index(),
        }
    }

    fn last_shown(&self) -> Option<StepId> {
        self.shown_at(self.len().checked_sub(1)?)
    }

    /// How many steps came below since their reader saw the end.
    pub fn new_below(&self) -> usize {
        self.count.saturating_sub(self.seen)
    }

    /// Selects a step; the view then keeps its place.
    pub fn select(&mut self, step: StepId, view: &RunView) {
        self.following = false;
        if self.step != Some(step) {
            self.step = Some(step);
            self.note_ahead(view);
            self.scroll = 0;
            self.finding = strongest(view, Some(step));
        }
        if self.last_shown() == Some(step) {
            self.seen = self.count;
        }
    }

    /// Selects by moving over the shown steps.
    pub fn move_by(&mut self, by: i64, view: &RunView) {
        let last = self.len().saturating_sub(1) as i64;
        let to = (self.at() as i64).saturating_add(by).clamp(0, last);
        if let Some(step) = self.shown_at(to as usize) {
            self.select(step, view);
        }
    }

    /// Goes along with the end.
    pub fn follow(&mut self, view: &RunView) {
        if let Some(step) = self.last_shown() {
            self.select(step, view);
        }
        self.following = true;
        self.seen = self.count;
    }

    /// Brings the selection into a window of this height.
    pub fn settle(&mut self, height: usize) {
        self.top = window(self.top, self.at(), height, self.len());
        if self.top + height >= self.len() {
            self.seen = self.count;
        }
    }

    /// The step whose texts are needed and not yet asked for.
    pub fn wants(&mut self) -> Option<(RunId, StepId)> {
        let step = self.step?;
        if self.texts.step() == Some(step) {
            return None;
        }
        self.texts = Texts::Asked(step);
        Some((self.run.clone()?, step))
    }
}

fn admits(filter: &Filter, view: &RunView, step: &StepView) -> bool {
    let summary = &view.summary;
    let agent = summary.agents.get(usize::from(step.step.agent.0)).map_or("", |a| a.name.as_str());
    let tool = tool_name(view, step);
    filter.admits(&Facts {
        texts: &[&step.step.label, tool],
        class: step.judged.class,
        agents: &[agent],
        state: step.step.status.word(),
        tools: &[tool],
        p: step.judged.p_wrong,
    })
}

/// The name of the tool that a step called, `says` for a message.
pub fn tool_name<'a>(view: &'a RunView, step: &StepView) -> &'a str {
    match step.step.action {
        Action::Call { tool, .. } => view.summary.tools.get(usize::from(tool)).map_or("", String::as_str),
        Action::Message => "says",
    }
}

/// The findings at a step with their positions among the run's.
pub fn findings_at(view: &RunView, step: StepId) -> impl Iterator<Item = (usize, &Finding)> {
    view.findings.iter().enumerate().filter(move |(_, f)| f.step == step)
}

/// The finding at a step that is looked at first: one of the class that the step is judged to be of,
/// the strongest of them.
fn strongest(view: &RunView, step: Option<StepId>) -> Option<usize> {
    let step = step?;
    let class = view.steps.get(step.index()).and_then(|s| s.judged.class);
    let weight = |finding: &Finding| (Some(finding.rule.class) == class, finding.strength.get());
    findings_at(view, step)
        .max_by(|(i, a), (j, b)| {
            let ((ours_a, a), (ours_b, b)) = (weight(a), weight(b));
            ours_a.cmp(&ours_b).then(a.total_cmp(&b)).then(j.cmp(i))
        })
        .map(|(at, _)| at)
}

/// The finding `by` places from the one looked at, in the order of steps.
pub fn next_finding(view: &RunView, screen: &RunScreen, by: i64) -> Option<usize> {
    let mut order: Vec<usize> = (0..view.findings.len()).collect();
    order.sort_by_key(|at| view.findings.get(*at).map(|f| (f.step, *at)));
    let here = screen.finding.and_then(|at| order.iter().position(|o| *o == at));
    let to = match here {
        Some(at) => (at as i64).checked_add(by)?,
        // No finding here: the nearest one in the direction.
        None => {
            let after =
                order.partition_point(|at| view.findings.get(*at).map(|f| f.step) <= screen.step) as i64;
            if by > 0 { after } else { after - 1 }
        }
    };
    order.get(usize::try_from(to).ok()?).copied()
}

/// The step in which a record plays a part, and the tab that shows it.
pub fn step_of(view: &RunView, record: RecordRef) -> Option<(StepId, Tab)> {
    let same = |r: RecordRef| r.source == record.source && r.index == record.index;
    let mut found = None;
    for view in &view.steps {
        let step = &view.step;
        if same(step.record) {
            return Some((step.id, Tab::Call));
        }
        if step.outcome.is_some_and(same) {
            return Some((step.id, Tab::Outcome));
        }
        if found.is_none() && step.intent.is_some_and(same) {
            found = Some((step.id, Tab::Intent));
        }
    }
    found
}
