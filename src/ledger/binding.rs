//! What an approval binds to, and what has moved on from it.
//!
//! Hooks and logs note what an agent does ([`Ledger::moved`]); against these notes a proposal is held
//! whenever something is about to be decided or sent. The notes are counted and not timed, so that a
//! clock that jumps back, or a log that lags behind a hook, cannot make an old approval new.

use jiff::Timestamp;
use rusqlite::{OptionalExtension as _, params};

use super::Ledger;
use super::error::Result;
use super::state::Event;
use crate::recover::{Gate, ProposalId, Scope, Target};
use crate::text;
use crate::trace::RunId;

/// How many times a person may speak to an agent before a correction of what it did before comes out of
/// nowhere.
pub const LONG_PAST: u32 = 3;
/// The name of a run's main agent in the formats whose agents call hooks.
pub const MAIN: &str = "main";

/// Something that an agent did, or that was done to it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Move {
    /// It asks to make this call.
    Asked(Gate),
    /// The call with this digest of its id ran, or was refused.
    Over {
        /// See [`Gate::call`].
        call: String,
    },
    /// It is in this turn.
    Turn(String),
    /// A person spoke to it.
    Spoke,
    /// It began, or began again.
    Began,
    /// It ended.
    Ended,
}

impl Move {
    fn word(&self) -> &'static str {
        match self {
            Self::Asked(_) => "asked",
            Self::Over { .. } => "over",
            Self::Turn(_) => "turn",
            Self::Spoke => "spoke",
            Self::Began => "began",
            Self::Ended => "ended",
        }
    }
}

/// What is known of a proposal's agent since the proposal was put down.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Known {
    /// The call that it would refuse is over.
    pub over: bool,
    /// The input that was last given under the call's id.
    pub input: Option<String>,
    /// The turn that the agent is in.
    pub turn: Option<String>,
    /// How often a person spoke to the agent.
    pub spoke: u32,
    /// The agent has ended.
    pub ended: bool,
}

/// Why what is aimed at a target is left behind, one clause; `None`: it stands.
pub fn left_behind(target: &Target, known: &Known) -> Option<&'static str> {
    let other_turn = !target.turn.is_empty() && known.turn.as_ref().is_some_and(|turn| *turn != target.turn);
    match &target.scope {
        Scope::Call(_) if known.over => Some("the call has run, or was refused, already"),
        Scope::Call(gate) if known.input.as_ref().is_some_and(|input| *input != gate.input) => {
            Some("the call has another input now")
        }
        Scope::Call(_) | Scope::Turn if other_turn => Some("the agent is in another turn"),
        Scope::Call(_) | Scope::Turn if known.spoke > 0 => Some("its user has spoken to the agent since"),
        Scope::Call(_) | Scope::Turn if known.ended => Some("its agent has ended"),
        // A session that ended may be taken up again; a sub-agent's end is for good.
        Scope::Run if known.ended && target.agent != MAIN => Some("its agent has ended"),
        Scope::Run if known.spoke >= LONG_PAST => {
            Some("its user has spoken to the agent several times since")
        }
        _ => None,
    }
}

impl Ledger {
    /// Notes what an agent did, where that is news, and supersedes what it leaves behind. Returns what
    /// was superseded. Takes no write lock where there is nothing to note: hooks call it at every event.
    ///
    /// # Errors
    /// The ledger cannot be read or written.
    pub fn moved(&self, run: &RunId, agent: &str, what: &Move, now: Timestamp) -> Result<Vec<ProposalId>> {
        let failed = |e| self.failed("note what an agent did in", e);
        if !self.is_news(run, agent, what).map_err(failed)? {
            return Ok(Vec::new());
        }
        let change = self.write()?;
        if !self.is_news(run, agent, what).map_err(failed)? {
            return Ok(Vec::new());
        }
        let (name, input) = match what {
            Move::Asked(gate) => (gate.call.as_str(), gate.input.as_str()),
            Move::Over { call } => (call.as_str(), ""),
            Move::Turn(turn) => (turn.as_str(), ""),
            Move::Spoke | Move::Began | Move::Ended => ("", ""),
        };
        self.db
            .prepare_cached(
                "INSERT INTO moves (run, agent, what, name, input, at) VALUES (?1, ?2, ?3, ?4, ?5, ?6)",
            )
            .and_then(|mut add| {
                add.execute(params![
                    run.as_str(),
                    agent,
                    what.word(),
                    text::clean(name),
                    input,
                    now.as_microsecond()
                ])
            })
            .map_err(failed)?;
        let superseded = self.leave_behind(run, now)?;
        change.commit().map_err(failed)?;
        Ok(superseded)
    }

    /// Supersedes what a run has left behind by what is noted of it. Returns what was superseded.
    ///
    /// # Errors
    /// The ledger cannot be read or written.
    pub fn settle(&self, run: &RunId, now: Timestamp) -> Result<Vec<ProposalId>> {
        if self.open_and_left(run, now)?.is_empty() {
            return Ok(Vec::new());
        }
        let change = self.write()?;
        let superseded = self.leave_behind(run, now)?;
        change.commit().map_err(|e| self.failed("write to", e))?;
        Ok(superseded)
    }

    /// As [`Ledger::settle`], within a transaction.
    fn leave_behind(&self, run: &RunId, now: Timestamp) -> Result<Vec<ProposalId>> {
        let left = self.open_and_left(run, now)?;
        for (id, leased, why) in &left {
            if *leased {
                self.abandon(id, why, now)?;
            } else {
                self.close(id, Event::Supersede, why)?;
            }
        }
        Ok(left.into_iter().map(|(id, _, _)| id).collect())
    }

    /// What has not been handed over and is left behind; whether a lease on it ran out, and why.
    fn open_and_left(&self, run: &RunId, now: Timestamp) -> Result<Vec<(ProposalId, bool, &'static str)>> {
        let open: Vec<(String, bool)> = self
            .db
            .prepare_cached(
                "SELECT p.id, p.state = 'leased' FROM proposals p WHERE p.run = ?1
                 AND (p.state IN ('waiting', 'approved') OR (p.state = 'leased' AND EXISTS (
                    SELECT 1 FROM deliveries v WHERE v.proposal = p.id AND v.round = p.round
                    AND v.failed IS NULL AND v.lease_until <= ?2)))",
            )
            .and_then(|mut ask| {
                ask.query_map(params![run.as_str(), now.as_microsecond()], |row| {
                    Ok((row.get(0)?, row.get(1)?))
                })?
                .collect()
            })
            .map_err(|e| self.failed("read", e))?;
        let mut left = Vec::new();
        for (id, leased) in open {
            let id = ProposalId::stored(id);
            if let Some(why) = self.why_left_behind(&id)? {
                left.push((id, leased, why));
            }
        }
        Ok(left)
    }

    /// Why a proposal is left behind by what is noted of its agent; `None`: it stands.
    pub(super) fn why_left_behind(&self, id: &ProposalId) -> Result<Option<&'static str>> {
        let failed = |e| self.failed("read", e);
        let found: Option<(String, i64)> = self
            .db
            .prepare_cached("SELECT body, since FROM proposals WHERE id = ?1")
            .and_then(|mut ask| ask.query_row([id.as_str()], |row| Ok((row.get(0)?, row.get(1)?))).optional())
            .map_err(failed)?;
        let Some((body, since)) = found else { return Ok(None) };
        let proposal: crate::recover::Proposal =
            serde_json::from_str(&body).map_err(|e| self.damaged(id, &e))?;
        let known = self.known(&proposal.target, since).map_err(failed)?;
        Ok(left_behind(&proposal.target, &known))
    }

    fn known(&self, target: &Target, since: i64) -> rusqlite::Result<Known> {
        let call = target.scope.gate().map_or("", |gate| gate.call.as_str());
        self.db
            .prepare_cached(
                "SELECT EXISTS (SELECT 1 FROM moves WHERE run = ?1 AND what = 'over' AND name = ?3),
                    (SELECT input FROM moves WHERE run = ?1 AND what = 'asked' AND name = ?3
                     ORDER BY number DESC LIMIT 1),
                    (SELECT name FROM moves WHERE run = ?1 AND agent = ?2 AND what = 'turn'
                     ORDER BY number DESC LIMIT 1),
                    (SELECT count(*) FROM moves WHERE run = ?1 AND agent = ?2 AND what = 'spoke'
                     AND number > ?4),
                    coalesce((SELECT what = 'ended' FROM moves WHERE run = ?1 AND agent = ?2
                     AND what IN ('began', 'ended') ORDER BY number DESC LIMIT 1), 0)",
            )?
            .query_row(params![target.run.as_str(), target.agent, call, since], |row| {
                Ok(Known {
                    over: row.get(0)?,
                    input: row.get(1)?,
                    turn: row.get(2)?,
                    spoke: row.get(3)?,
                    ended: row.get(4)?,
                })
            })
    }

    /// Whether a note would add something. Calls are only noted where a proposal is about them; a turn
    /// is noted when it is first seen, so that a log which lags does not bring an old one back.
    fn is_news(&self, run: &RunId, agent: &str, what: &Move) -> rusqlite::Result<bool> {
        let gated = |call: &str| {
            self.db
                .prepare_cached(
                    "SELECT EXISTS (SELECT 1 FROM proposals WHERE run = ?1 AND gate_call = ?2
                     AND state IN ('waiting', 'approved', 'leased', 'failed'))",
                )?
                .query_row(params![run.as_str(), call], |row| row.get::<_, bool>(0))
        };
        match what {
            Move::Asked(gate) => gated(&gate.call),
            Move::Over { call } => gated(call),
            Move::Turn(turn) if turn.is_empty() => Ok(false),
            Move::Turn(turn) => self
                .db
                .prepare_cached(
                    "SELECT NOT EXISTS (SELECT 1 FROM moves WHERE run = ?1 AND agent = ?2
                     AND what = 'turn' AND name = ?3)",
                )?
                .query_row(params![run.as_str(), agent, text::clean(turn)], |row| row.get(0)),
            Move::Spoke => Ok(true),
            Move::Began | Move::Ended => {
                let ended: bool = self
                    .db
                    .prepare_cached(
                        "SELECT coalesce((SELECT what = 'ended' FROM moves WHERE run = ?1
                         AND agent = ?2 AND what IN ('began', 'ended')
                         ORDER BY number DESC LIMIT 1), 0)",
                    )?
                    .query_row(params![run.as_str(), agent], |row| row.get(0))?;
                Ok(ended != (*what == Move::Ended))
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn target(scope: Scope, agent: &str, turn: &str) -> Target {
        Target {
            run: RunId::new("r"),
            format: "codex".into(),
            agent: agent.into(),
            step: 0,
            record: 0,
            call_id: String::new(),
            position: 0,
            input: String::new(),
            turn: turn.into(),
            spoken: 0,
            scope,
        }
    }

    #[test]
    fn each_thing_that_moves_on_leaves_behind_what_is_bound_to_it() {
        let gate = Gate::of("c", "Bash", "{}");
        let other = Gate::of("c", "Bash", "{ }");
        assert_ne!(gate.input, other.input);
        let scopes = [Scope::Run, Scope::Turn, Scope::Call(gate.clone())];
        let left = |agent: &str, known: &Known| {
            scopes.clone().map(|scope| left_behind(&target(scope, agent, "t1"), known).is_some())
        };
        let known = Known::default();
        assert_eq!(left("main", &known), [false; 3]);
        assert_eq!(left("main", &Known { over: true, ..known.clone() }), [false, false, true]);
        let same = Known { input: Some(gate.input), turn: Some("t1".into()), ..known.clone() };
        assert_eq!(left("main", &same), [false; 3]);
        assert_eq!(left("main", &Known { input: Some(other.input), ..same.clone() }), [false, false, true]);
        assert_eq!(left("main", &Known { turn: Some("t2".into()), ..same }), [false, true, true]);
        assert_eq!(left("main", &Known { spoke: 1, ..known.clone() }), [false, true, true]);
        assert_eq!(left("main", &Known { spoke: LONG_PAST, ..known.clone() }), [true; 3]);
        assert_eq!(left("main", &Known { ended: true, ..known.clone() }), [false, true, true]);
        assert_eq!(left("explore-1", &Known { ended: true, ..known }), [true; 3]);
    }
}
