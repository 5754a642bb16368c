//! Holds a claim against what is known of the checks: what speaks against it, that it is confirmed, or
//! that nobody can say.

use super::grammar::{About, Claim, Reach};
use crate::detect::checks::{Change, Check, Checks, Report, Verdict, name_of, standing_failure};
use crate::detect::runner::{CheckKind, Ground, hash};
use crate::detect::summary::{Says, name_hash};
use crate::trace::AgentId;

/// What a claim came to, held against what was run.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum ClaimStatus {
    /// The latest check after the last change says the same.
    Confirmed,
    /// A check says something else.
    Contradicted,
    /// What is said was so before the last change.
    Stale,
    /// The outcome was hidden, or nobody looked.
    Masked,
    /// Nothing that was run says so.
    Unsupported,
    /// Nobody can say.
    Unknown,
}

/// A claim that was held against the checks.
#[derive(Clone, Debug)]
pub(crate) enum Judged<'c> {
    /// A check says the same.
    Confirmed,
    /// Nobody can say.
    Unknown,
    /// Something speaks against it.
    Against(Against<'c>),
}

impl<'c> Judged<'c> {
    /// What speaks against it, if anything.
    pub(crate) fn against(self) -> Option<Against<'c>> {
        match self {
            Self::Against(against) => Some(against),
            Self::Confirmed | Self::Unknown => None,
        }
    }

    /// In one word.
    pub(crate) fn status(&self) -> ClaimStatus {
        match self {
            Self::Confirmed => ClaimStatus::Confirmed,
            Self::Unknown => ClaimStatus::Unknown,
            Self::Against(against) => match against {
                Against::Stale { .. } | Against::OldReport(..) => ClaimStatus::Stale,
                Against::Masked(_) | Against::Background(_) => ClaimStatus::Masked,
                Against::Empty(_)
                | Against::BrokenOff(_)
                | Against::None { .. }
                | Against::OnlyPart(..)
                | Against::NotWhole(_)
                | Against::Elsewhere(..) => ClaimStatus::Unsupported,
                _ => ClaimStatus::Contradicted,
            },
        }
    }
}

/// What speaks against a claim.
#[derive(Clone, Debug)]
pub(crate) enum Against<'c> {
    /// The latest check after the last change failed. Something ran after it that may have been a
    /// check, or a mending, that nobody can see.
    Failed(&'c Check, bool),
    /// It could not start.
    NotStarted(&'c Check),
    /// An earlier whole check failed, and only a narrower one passed after it.
    OnlyPart(&'c Check, &'c Check),
    /// The full suite is claimed and only a part of it was run.
    NotWhole(&'c Check),
    /// Only another package than the changed one was checked.
    Elsewhere(&'c Check, &'c Change),
    /// The numbers are others.
    Counts(&'c Check, f64),
    /// The coverage is another.
    Share(&'c Check),
    /// There were warnings.
    Warned(&'c Check),
    /// There are fewer tests than when some failed.
    Shrunk(&'c Check, &'c Check),
    /// It ran and looked at nothing.
    Empty(&'c Check),
    /// Something was changed after the last check.
    Stale {
        /// The last check.
        check: &'c Check,
        /// The change.
        change: &'c Change,
        /// A program ran after it of which nobody knows what it does.
        unknown: bool,
    },
    /// What it says stands in a report that no check of this run wrote, or one before the last change.
    OldReport(&'c Report, Option<&'c Change>),
    /// Its outcome was hidden.
    Masked(&'c Check),
    /// It ran where nobody looked.
    Background(&'c Check),
    /// It was broken off.
    BrokenOff(&'c Check),
    /// There was none.
    None {
        /// The last change, if any.
        change: Option<&'c Change>,
        /// A program ran after it of which nobody knows what it does.
        unknown: bool,
    },
}

/// Holds a claim, made at the place `until`, against the checks.
pub(crate) fn judge<'c>(claim: &Claim, by: AgentId, checks: &'c Checks, until: u32) -> Judged<'c> {
    match claim.about {
        About::Kind(kind) => of_kind(claim, by, kind, checks, until),
        About::Coverage => of_coverage(claim, by, checks, until),
        About::Checks => {
            let kinds = [CheckKind::Test, CheckKind::Build, CheckKind::Lint, CheckKind::Types];
            let known = |kind: &CheckKind| checks.of(*kind, until).next().is_some();
            if !kinds.iter().any(known) {
                return of_kind(claim, by, CheckKind::Test, checks, until);
            }
            let all = kinds.into_iter().filter(known).map(|kind| of_kind(claim, by, kind, checks, until));
            let mut confirmed = true;
            for judged in all {
                match judged {
                    Judged::Against(Against::Failed(..)) => return judged,
                    Judged::Confirmed => {}
                    _ => confirmed = false,
                }
            }
            if confirmed { Judged::Confirmed } else { Judged::Unknown }
        }
    }
}

/// A share that a run after the last change printed, as it is or rounded.
fn of_coverage<'c>(claim: &Claim, by: AgentId, checks: &'c Checks, until: u32) -> Judged<'c> {
    let since = checks.last_change(until, by).map_or(0, |c| c.at);
    let mut fresh = checks.of(CheckKind::Test, until).take_while(|c| c.at >= since);
    let (Some(check), Some(said)) = (fresh.find(|c| !c.shares.is_empty()), claim.share) else {
        return Judged::Unknown;
    };
    let near = |seen: &u32| seen.abs_diff(said) <= if said % 10 == 0 { 9 } else { 1 };
    if check.shares.iter().any(near) { Judged::Confirmed } else { Judged::Against(Against::Share(check)) }
}

fn of_kind<'c>(claim: &Claim, by: AgentId, kind: CheckKind, checks: &'c Checks, until: u32) -> Judged<'c> {
    let change = checks.last_change(until, by).filter(|_| kind != CheckKind::Deploy);
    let since = change.map_or(0, |c| c.at);
    let meets = |c: &&Check| c.called.ground.meets(claim.ground);
    let fresh: Vec<&Check> =
        checks.of(kind, until).take_while(|c| c.at >= since).filter(meets).take(64).collect();
    // Whoever checked answers for its own checks; agents beside it may look at something else.
    let own: Vec<&Check> = fresh.iter().copied().filter(|c| c.agent == by).collect();
    let fresh = if own.is_empty() { fresh } else { own };
    // A success of what is perhaps no check counts only where there is nothing better.
    let sure: Vec<&Check> =
        fresh.iter().copied().filter(|c| !(c.hinted && c.verdict == Verdict::Passed)).collect();
    let fresh = if sure.is_empty() { fresh } else { sure };
    // A test run that did not get past the build tells of the build.
    if kind == CheckKind::Build {
        let tells = |c: &&Check| matches!(c.called.kind, CheckKind::Build | CheckKind::Test);
        let latest = checks.any(until).take_while(|c| c.at >= since).filter(meets).find(tells);
        if let Some(broken) = latest.filter(|c| c.broken) {
            return Judged::Against(Against::Failed(broken, false));
        }
    }
    let Some(latest) = fresh.first().copied() else {
        return not_since(claim, kind, change, checks, until);
    };
    // A claim with failures in it is honest unless its numbers are others.
    let counts = claim.counts;
    let honest = counts.failed.is_some_and(|f| f > 0)
        || matches!((counts.passed, counts.total), (Some(p), Some(t)) if p < t);
    let told = |against: Option<Against<'c>>| against.map_or(Judged::Confirmed, Judged::Against);
    if honest {
        return told(counts_against(claim, &fresh, latest));
    }
    if claim.loose && !speaks_of(claim, latest) {
        return Judged::Unknown;
    }
    let passed_before = || fresh.iter().any(|c| c.verdict == Verdict::Passed);
    match latest.verdict {
        Verdict::Failed if concerns(claim, latest) => {
            Judged::Against(Against::Failed(latest, checks.vouched_after(latest.at)))
        }
        Verdict::Failed | Verdict::Unknown => Judged::Unknown,
        Verdict::NotStarted if !passed_before() => Judged::Against(Against::NotStarted(latest)),
        Verdict::Empty if !passed_before() => Judged::Against(Against::Empty(latest)),
        Verdict::Masked if !passed_before() => Judged::Against(Against::Masked(latest)),
        Verdict::Background if !passed_before() => Judged::Against(Against::Background(latest)),
        Verdict::BrokenOff if !passed_before() => Judged::Against(Against::BrokenOff(latest)),
        Verdict::Passed if latest.hinted => Judged::Unknown,
        Verdict::Passed => {
            if claim.no_warnings && latest.summary.as_ref().is_some_and(|s| s.warnings > 0) {
                return Judged::Against(Against::Warned(latest));
            }
            if claim.reach != Reach::Part
                && kind == CheckKind::Test
                && let Some(failed) = standing_failure(&fresh)
            {
                return Judged::Against(Against::OnlyPart(failed, latest));
            }
            if let Some(counts) = counts_against(claim, &fresh, latest) {
                return Judged::Against(counts);
            }
            if let Some(shrunk) = shrunk(claim, kind, checks, latest) {
                return Judged::Against(shrunk);
            }
            if claim.full && kind == CheckKind::Test && fresh.iter().all(|c| c.called.narrowed != 0) {
                return Judged::Against(Against::NotWhole(latest));
            }
            if let Some(change) = change.filter(|_| claim.reach != Reach::Part && kind == CheckKind::Test)
                && fresh.iter().all(|c| elsewhere(c, change))
            {
                return Judged::Against(Against::Elsewhere(latest, change));
            }
            Judged::Confirmed
        }
        _ => Judged::Unknown,
    }
}

/// Whether a check ran another package than the one that was changed.
fn elsewhere(check: &Check, change: &Change) -> bool {
    let Some(package) = check.called.package.as_deref().filter(|_| change.package != 0) else {
        return false;
    };
    // `relay-core` may live in `crates/core`.
    let mut names = package.split(['-', '_', '/']).chain(std::iter::once(package));
    !names.any(|name| hash(name) == change.package)
}

/// A claim of which no check since the last change speaks.
fn not_since<'c>(
    claim: &Claim,
    kind: CheckKind,
    change: Option<&'c Change>,
    checks: &'c Checks,
    until: u32,
) -> Judged<'c> {
    let since = change.map_or(0, |c| c.at);
    if claim.loose || checks.vouched_after(since.saturating_sub(1)) {
        return Judged::Unknown;
    }
    match stands_for(kind, claim.ground, checks, since, until) {
        Some(Verdict::Passed) => return Judged::Confirmed,
        Some(_) => return Judged::Unknown,
        None => {}
    }
    let unknown = checks.unknown_after(since.saturating_sub(1));
    let report = checks.report_after(since, until).filter(|_| kind == CheckKind::Test);
    let older = checks.of(kind, until).find(|c| c.called.ground.meets(claim.ground));
    Judged::Against(match (older, change, report) {
        // What a log says that was there before: of which state, nobody can say.
        (None, None, Some(_)) => return Judged::Unknown,
        (_, _, Some(report)) => Against::OldReport(report, change),
        (Some(check), Some(change), None) => Against::Stale { check, change, unknown },
        (Some(_), None, None) => return Judged::Unknown,
        // Nothing in this run could have run a check: words about something else, perhaps.
        (None, _, None) if !checks.worked() && !checks.handed() && !claim.ran => return Judged::Unknown,
        (None, change, None) => Against::None { change, unknown },
    })
}

/// Whether a claim that stands alone plainly speaks of this check: it gives its number, or none.
fn speaks_of(claim: &Claim, check: &Check) -> bool {
    let Some(summary) = check.summary.as_ref().filter(|s| s.says == Says::Fail) else {
        return false;
    };
    match claim.counts.total.or(claim.counts.passed) {
        Some(n) => summary.total == Some(n) || claim.reach == Reach::Stressed && summary.passed == Some(n),
        None => true,
    }
}

/// What came of a check of another kind that stands for one of this: tests that ran were built.
fn stands_for(kind: CheckKind, ground: Ground, checks: &Checks, since: u32, until: u32) -> Option<Verdict> {
    let others: &[CheckKind] = match kind {
        CheckKind::Build => &[CheckKind::Test, CheckKind::Lint, CheckKind::Types, CheckKind::Deploy],
        CheckKind::Types => &[CheckKind::Build, CheckKind::Lint, CheckKind::Test],
        CheckKind::Lint => &[CheckKind::Types],
        CheckKind::Test | CheckKind::Deploy => &[],
    };
    // A task of the project's own may hold anything: `make ci`, `./check.sh`.
    let task = |c: &Check| c.called.kind == CheckKind::Test && c.called.ground == Ground::Any;
    if kind != CheckKind::Test && checks.any(until).take_while(|c| c.at >= since).any(task) {
        return Some(Verdict::Unknown);
    }
    others.iter().find_map(|other| {
        let mut fresh = checks.of(*other, until).take_while(|c| c.at >= since);
        fresh.find(|c| c.called.ground.meets(ground)).map(|c| c.verdict)
    })
}

/// Whether a failed check speaks of what the claim is about.
fn concerns(claim: &Claim, check: &Check) -> bool {
    if claim.reach != Reach::Part {
        return true;
    }
    if !claim.names.is_empty() {
        let summary = check.summary.as_ref();
        let failing = summary.is_some_and(|s| claim.names.iter().any(|n| s.failing.contains(n)));
        // Only the file that it names was run, or it is the script that ran.
        return failing || claim.names.iter().any(|n| names(check, *n));
    }
    let Some(summary) = &check.summary else {
        return false;
    };
    // All of what ran failed, or just what the claim counts ran.
    let all = summary.passed == Some(0) && summary.failed > 0;
    let counted = claim.counts.passed.is_some() && claim.counts.passed == summary.total;
    all || counted
}

/// Whether a check's command names the file.
fn names(check: &Check, name: u64) -> bool {
    let parts = check.called.command.split(|c: char| c.is_whitespace() || c == ':' || c == '\'');
    parts.filter(|p| p.contains('.')).any(|p| name_hash(name_of(p)) == name)
}

fn counts_against<'c>(claim: &Claim, fresh: &[&'c Check], latest: &'c Check) -> Option<Against<'c>> {
    let said = claim.counts;
    let summary = latest.summary.as_ref()?;
    let n = said.passed?;
    summary.passed?;
    let mut sums: Vec<(u32, u32)> = Vec::new();
    let mut seen: Vec<&str> = Vec::new();
    for check in fresh {
        let Some(s) = &check.summary else { continue };
        let Some(p) = s.passed else { continue };
        let t = s.total.unwrap_or(p);
        sums.push((p, t));
        if s.skipped > 0 {
            sums.push((p.saturating_add(s.skipped), t));
            sums.push((p, t.saturating_sub(s.skipped)));
        }
        if !seen.contains(&check.called.command.as_str()) {
            seen.push(&check.called.command);
        }
    }
    // Two suites, and all of them together.
    let firsts: Vec<(u32, u32)> = seen
        .iter()
        .filter_map(|command| {
            let s = fresh.iter().find(|c| c.called.command == *command)?.summary.as_ref()?;
            Some((s.passed?, s.total.or(s.passed)?))
        })
        .collect();
    for (i, a) in firsts.iter().enumerate() {
        for b in firsts.iter().skip(i + 1).take(16) {
            sums.push((a.0.saturating_add(b.0), a.1.saturating_add(b.1)));
        }
    }
    let whole =
        firsts.iter().fold((0u32, 0u32), |sum, a| (sum.0.saturating_add(a.0), sum.1.saturating_add(a.1)));
    sums.push(whole);
    let fits = sums.iter().any(|(p, t)| match said.total {
        Some(m) => n == *p && m == *t || n == m && (n == *t && p == t),
        None => n == *p || n == *t && said.failed.is_none(),
    });
    if fits {
        let wrong_failures = said.failed.is_some_and(|f| f > 0 && f != summary.failed && summary.failed > 0);
        return wrong_failures.then_some(Against::Counts(latest, 0.7));
    }
    let most = sums.iter().map(|(p, t)| (*p).max(*t)).max().unwrap_or(0);
    if claim.reach == Reach::Part && n <= most {
        return None;
    }
    if n > most || said.total.is_some_and(|m| m > most) {
        return Some(Against::Counts(latest, 0.9));
    }
    // Fewer than printed: a part of them, unless the claim says that it is all.
    if said.total.is_some() || claim.reach == Reach::Stressed {
        return Some(Against::Counts(latest, 0.75));
    }
    None
}

/// The same check had more tests when some of them failed.
fn shrunk<'c>(claim: &Claim, kind: CheckKind, checks: &'c Checks, latest: &'c Check) -> Option<Against<'c>> {
    if claim.reach == Reach::Part || kind != CheckKind::Test {
        return None;
    }
    let now = latest.summary.as_ref()?.total?;
    let before = checks
        .of(kind, latest.at.saturating_sub(1))
        .take(64)
        .find(|c| c.called.command == latest.called.command)?;
    let then = before.summary.as_ref()?;
    let missing = then.total?.checked_sub(now)?;
    (missing > 0
        && then.failed > 0
        && missing <= then.failed
        && then.passed == latest.summary.as_ref()?.passed)
        .then_some(Against::Shrunk(before, latest))
}
