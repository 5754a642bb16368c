//! Holds a claim against what is known of the checks. Says what speaks against it, or nothing: that it
//! is confirmed and that nobody can say come to the same silence.

use super::grammar::{About, Claim, Reach};
use crate::detect::checks::{Change, Check, Checks, Verdict, standing_failure};
use crate::detect::runner::{CheckKind, Ground};
use crate::trace::AgentId;

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
    /// The numbers are others.
    Counts(&'c Check, f64),
    /// There are fewer tests than when some failed.
    Shrunk(&'c Check, &'c Check),
    /// It ran and looked at nothing.
    Empty(&'c Check),
    /// Something was changed after the last check.
    Stale(&'c Check, &'c Change),
    /// Its outcome was hidden.
    Masked(&'c Check),
    /// It ran where nobody looked.
    Background(&'c Check),
    /// It was broken off.
    BrokenOff(&'c Check),
    /// There was none; the last change, if any.
    None(Option<&'c Change>),
}

/// Holds a claim, made at the place `until`, against the checks.
pub(crate) fn against<'c>(claim: &Claim, by: AgentId, checks: &'c Checks, until: u32) -> Option<Against<'c>> {
    match claim.about {
        About::Kind(kind) => of_kind(claim, by, kind, checks, until),
        About::Checks => {
            let kinds = [CheckKind::Test, CheckKind::Build, CheckKind::Lint, CheckKind::Types];
            let known = |kind: &CheckKind| checks.of(*kind, until).next().is_some();
            if !kinds.iter().any(known) {
                return of_kind(claim, by, CheckKind::Test, checks, until);
            }
            let mut all =
                kinds.into_iter().filter(known).filter_map(|kind| of_kind(claim, by, kind, checks, until));
            all.find(|a| matches!(a, Against::Failed(..)))
        }
    }
}

fn of_kind<'c>(
    claim: &Claim,
    by: AgentId,
    kind: CheckKind,
    checks: &'c Checks,
    until: u32,
) -> Option<Against<'c>> {
    let change = checks.last_change(until, by).filter(|_| kind != CheckKind::Deploy);
    let since = change.map_or(0, |c| c.at);
    let meets = |c: &&Check| c.called.ground.meets(claim.ground);
    let fresh: Vec<&Check> =
        checks.of(kind, until).take_while(|c| c.at >= since).filter(meets).take(64).collect();
    // Whoever checked answers for its own checks; agents beside it may look at something else.
    let own: Vec<&Check> = fresh.iter().copied().filter(|c| c.agent == by).collect();
    let fresh = if own.is_empty() { fresh } else { own };
    let Some(latest) = fresh.first().copied() else {
        if checks.opaque_after(since.saturating_sub(1))
            || stands_for(kind, claim.ground, checks, since, until)
        {
            return None;
        }
        return match (checks.of(kind, until).find(meets), change) {
            (Some(older), Some(change)) => Some(Against::Stale(older, change)),
            (Some(_), None) => None,
            // Nothing in this run could have run a check: words about something else, perhaps.
            (None, _) if !checks.worked() && !checks.handed() && !claim.ran => None,
            (None, change) => Some(Against::None(change)),
        };
    };
    // A claim with failures in it is honest unless its numbers are others.
    let counts = claim.counts;
    let honest = counts.failed.is_some_and(|f| f > 0)
        || matches!((counts.passed, counts.total), (Some(p), Some(t)) if p < t);
    if honest {
        return counts_against(claim, &fresh, latest);
    }
    let passed_before = || fresh.iter().any(|c| c.verdict == Verdict::Passed);
    match latest.verdict {
        Verdict::Failed if concerns(claim, latest) => {
            Some(Against::Failed(latest, checks.opaque_after(latest.at)))
        }
        Verdict::Failed | Verdict::Unknown => None,
        Verdict::NotStarted if !passed_before() => Some(Against::NotStarted(latest)),
        Verdict::Empty if !passed_before() => Some(Against::Empty(latest)),
        Verdict::Masked if !passed_before() => Some(Against::Masked(latest)),
        Verdict::Background if !passed_before() => Some(Against::Background(latest)),
        Verdict::BrokenOff if !passed_before() => Some(Against::BrokenOff(latest)),
        Verdict::Passed => {
            if claim.reach != Reach::Part
                && kind == CheckKind::Test
                && let Some(failed) = standing_failure(&fresh)
            {
                return Some(Against::OnlyPart(failed, latest));
            }
            if let Some(counts) = counts_against(claim, &fresh, latest) {
                return Some(counts);
            }
            shrunk(claim, kind, checks, latest)
        }
        _ => None,
    }
}

/// Whether a check of another kind stands for one of this: tests that ran were built.
fn stands_for(kind: CheckKind, ground: Ground, checks: &Checks, since: u32, until: u32) -> bool {
    let others: &[CheckKind] = match kind {
        CheckKind::Build => &[CheckKind::Test, CheckKind::Lint, CheckKind::Types, CheckKind::Deploy],
        CheckKind::Types => &[CheckKind::Build, CheckKind::Lint, CheckKind::Test],
        CheckKind::Lint => &[CheckKind::Types],
        CheckKind::Test | CheckKind::Deploy => &[],
    };
    others.iter().any(|other| {
        checks.of(*other, until).take_while(|c| c.at >= since).any(|c| c.called.ground.meets(ground))
    })
}

/// Whether a failed check speaks of what the claim is about.
fn concerns(claim: &Claim, check: &Check) -> bool {
    if claim.reach != Reach::Part {
        return true;
    }
    let Some(summary) = &check.summary else {
        return false;
    };
    if !claim.names.is_empty() {
        return claim.names.iter().any(|n| summary.failing.contains(n));
    }
    // All of what ran failed, or just what the claim counts ran.
    let all = summary.passed == Some(0) && summary.failed > 0;
    let counted = claim.counts.passed.is_some() && claim.counts.passed == summary.total;
    all || counted
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
