//! The outbox for channels that medbay pushes to. Now: the spool. Hooks come by themselves.

use std::time::Duration;

use jiff::Timestamp;

use super::holder;
use super::spool::{Ack, Letter, Spool};
use crate::ledger::{Ledger, Result};
use crate::recover::ProposalId;
use crate::trace::RunId;

/// How long a lease is good: longer than a slow disk takes for one small file.
const LEASE: Duration = Duration::from_secs(30);
/// What the ledger calls the channel.
pub const CHANNEL: &str = "spool";

/// What one turn of the outbox did.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Carried {
    /// Handed over.
    Delivered(ProposalId),
    /// The agent says that it goes by it.
    Confirmed(ProposalId),
    /// It could not be handed over, or the agent refused it; the ledger says why.
    Failed(ProposalId),
}

/// Carries approved texts into the spool and brings acknowledgements back.
#[derive(Debug)]
pub struct Outbox {
    spool: Spool,
    holder: String,
}

impl Outbox {
    /// An outbox of this process.
    pub fn new(spool: Spool) -> Self {
        Self { spool, holder: holder("outbox") }
    }

    /// One round: everything that is due for runs that the spool reaches, and every acknowledgement.
    /// Cheap where there is nothing; call it when the ledger has changed, and every second for
    /// acknowledgements and grace times.
    ///
    /// # Errors
    /// The ledger cannot be read or written. What was done until then stays done.
    pub fn turn(&self, ledger: &Ledger, now: Timestamp) -> Result<Vec<Carried>> {
        let mut carried = Vec::new();
        for run in ledger.outgoing()? {
            ledger.settle(&run, now)?;
            if self.spool.reaches(&run) {
                self.send(ledger, &run, now, &mut carried)?;
                self.collect(ledger, &run, now, &mut carried)?;
            }
        }
        Ok(carried)
    }

    fn send(&self, ledger: &Ledger, run: &RunId, now: Timestamp, carried: &mut Vec<Carried>) -> Result<()> {
        while let Some(lease) = ledger.lease(run, CHANNEL, &self.holder, LEASE, now)? {
            let id = lease.proposal();
            let target = ledger.entry(id)?.proposal.target;
            let letter = Letter::new(lease.key(), id, run, &target.agent, lease.text(), target.step, now);
            if !ledger.may_hand_over(&lease, now)? {
                continue;
            }
            // After a crash the letter may be there already; writing it again changes nothing.
            match self.spool.write(&letter) {
                Ok(()) => {
                    ledger.delivered(&lease, now)?;
                    carried.push(Carried::Delivered(id.clone()));
                }
                Err(e) => {
                    let place = self.spool.of(run);
                    let why = format!("cannot write to {}: {e}", place.display());
                    ledger.delivery_failed(&lease, &why, now)?;
                    carried.push(Carried::Failed(id.clone()));
                }
            }
        }
        Ok(())
    }

    fn collect(
        &self,
        ledger: &Ledger,
        run: &RunId,
        now: Timestamp,
        carried: &mut Vec<Carried>,
    ) -> Result<()> {
        for (key, id) in ledger.unconfirmed(run)? {
            match self.spool.ack(run, &key) {
                Some(Ack::Applied) if ledger.confirm(&id, None, now)? => {
                    carried.push(Carried::Confirmed(id));
                }
                Some(Ack::Refused(why)) if ledger.refused(&id, &why, now)? => {
                    carried.push(Carried::Failed(id));
                }
                _ => {}
            }
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::detect::Class;
    use crate::ledger::{Mode, Operator, State, Verdict};
    use crate::recover::proposal::digest;
    use crate::recover::{Proposal, Remedy, Target};
    use crate::trace::Probability;
    use std::fs;

    fn at(seconds: i64) -> Timestamp {
        Timestamp::from_second(1_800_000_000 + seconds).unwrap()
    }

    fn draft(run: &RunId, call: &str) -> Proposal {
        let id = ProposalId::of(run, "main", call, "r", "m");
        Proposal {
            target: Target {
                run: run.clone(),
                format: "medbay".into(),
                agent: "main".into(),
                step: 3,
                record: 5,
                call_id: call.into(),
                position: 6,
                input: String::new(),
                turn: String::new(),
                spoken: 0,
                scope: crate::recover::Scope::Run,
            },
            remedy: Remedy::CorrectivePrompt,
            rule: "r".into(),
            class: Class::Hallucination,
            p_wrong: Probability::new(0.8),
            sentence: "s".into(),
            claim: "c".into(),
            fact: "f".into(),
            fact_record: None,
            payload: format!("Operator: \"quoted\" ü\nthen go on {}", id.tag()),
            check: None,
            means: Vec::new(),
            tokens: 1,
            seconds: 1,
            why: "w".into(),
            effects: Vec::new(),
            model: "m".into(),
            id,
        }
    }

    #[test]
    fn a_letter_goes_out_and_its_acknowledgement_comes_back() {
        let directory = tempfile::tempdir().unwrap();
        let ledger = Ledger::open(&directory.path().join("ledger.db")).unwrap();
        let spool = Spool::at(directory.path().join("spool"));
        let outbox = Outbox::new(spool.clone());
        let run = RunId::new("../../etc/run");
        let (p, q) = (draft(&run, "c1"), draft(&run, "c2"));
        for x in [&p, &q] {
            ledger.propose(x, Mode::Suggest, at(0)).unwrap();
            ledger
                .decide(
                    &x.id,
                    Verdict::Approve,
                    Operator::Policy { name: "t".into() },
                    "",
                    at(1),
                    Duration::ZERO,
                )
                .unwrap();
        }
        assert_eq!(outbox.turn(&ledger, at(2)).unwrap(), [], "nobody reads it");
        fs::create_dir_all(spool.of(&run)).unwrap();
        assert!(spool.of(&run).starts_with(directory.path().join("spool")));
        assert_eq!(
            outbox.turn(&ledger, at(3)).unwrap(),
            [Carried::Delivered(p.id.clone()), Carried::Delivered(q.id.clone())]
        );
        assert_eq!(outbox.turn(&ledger, at(3)).unwrap(), []);

        let inbox = spool.of(&run).join("inbox");
        let names: Vec<_> =
            fs::read_dir(&inbox).unwrap().map(|e| e.unwrap().file_name().into_string().unwrap()).collect();
        assert_eq!(names.len(), 2, "{names:?}");
        for (x, status) in [(&p, "applied"), (&q, "rejected")] {
            let key = format!("{}-0-1", x.id);
            let bytes = fs::read(inbox.join(format!("{key}.json"))).unwrap();
            let letter: serde_json::Value = serde_json::from_slice(&bytes).unwrap();
            assert_eq!(letter["text"], x.payload);
            assert_eq!(letter["sha256"], digest(&x.payload));
            assert_eq!(letter["expected_step"], 3);
            let acks = spool.of(&run).join("acks");
            fs::write(acks.join(format!("{key}.json")), "half a").unwrap();
            assert_eq!(outbox.turn(&ledger, at(4)).unwrap(), []);
            let ack = format!("{{\"id\":\"{key}\",\"status\":\"{status}\",\"detail\":\"\\u001bno\"}}");
            fs::write(acks.join(format!("{key}.json")), ack).unwrap();
            assert_eq!(outbox.turn(&ledger, at(5)).unwrap().len(), 1);
        }
        assert_eq!(ledger.entry(&p.id).unwrap().state, State::Confirmed);
        let failed = ledger.entry(&q.id).unwrap();
        assert_eq!(failed.state, State::Failed);
        let why = failed.delivery.unwrap().failure.unwrap();
        assert!(why.contains("rejected") && !why.contains('\u{1b}'), "{why}");
    }

    #[test]
    fn a_letter_that_was_written_before_a_crash_is_not_written_again() {
        let directory = tempfile::tempdir().unwrap();
        let spool = Spool::at(directory.path());
        let run = RunId::new("r");
        fs::create_dir_all(spool.of(&run)).unwrap();
        let p = draft(&run, "c");
        let letter = Letter::new("k-0-1", &p.id, &run, "main", "text", 1, at(0));
        spool.write(&letter).unwrap();
        let (inbox, done) = (spool.of(&run).join("inbox"), spool.of(&run).join("done"));
        fs::rename(inbox.join("k-0-1.json"), done.join("k-0-1.json")).unwrap();
        spool.write(&letter).unwrap();
        assert_eq!(fs::read_dir(&inbox).unwrap().count(), 0);
    }
}
