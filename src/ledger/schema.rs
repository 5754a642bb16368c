//! The tables, how they came about, and how the file is opened.
//!
//! Guards live here: append-only decisions, one holding decision a proposal and round, the
//! transitions between states, and that a delivery carries exactly the text that was approved. They
//! hold for every program that writes the file, this version of medbay or another.
//!
//! Times are microseconds since 1970 UTC.

use std::fs;
use std::io;
use std::os::unix::fs::{DirBuilderExt as _, OpenOptionsExt as _, PermissionsExt as _};
use std::path::Path;
use std::time::{Duration, Instant};

use rusqlite::{Connection, OpenFlags, Transaction, TransactionBehavior};

use super::error::{LedgerError, Result};

/// The steps from an empty file to today's schema; `user_version` counts those that were taken.
const STEPS: &[&str] =
    &[FIRST, BINDING, super::guard::SCHEMA, super::watched::SCHEMA, super::rewrites::SCHEMA];

/// "mdby": tells a ledger from other SQLite files.
const APPLICATION_ID: i64 = 0x6d64_6279;

const FIRST: &str = r"
CREATE TABLE proposals (
    id          TEXT    NOT NULL PRIMARY KEY,
    run         TEXT    NOT NULL,
    agent       TEXT    NOT NULL,
    mode        TEXT    NOT NULL CHECK (mode IN ('observe', 'suggest')),
    body        TEXT    NOT NULL,
    digest      TEXT    NOT NULL CHECK (length(digest) = 64),
    position    INTEGER NOT NULL,
    p_wrong     REAL    NOT NULL,
    drafted     INTEGER NOT NULL,
    state       TEXT    NOT NULL CHECK (state IN ('waiting', 'approved', 'leased', 'delivered',
                    'confirmed', 'failed', 'vetoed', 'superseded', 'expired')),
    round       INTEGER NOT NULL DEFAULT 0,
    deferred    INTEGER NOT NULL DEFAULT 0,
    grace_until INTEGER,
    note        TEXT    NOT NULL DEFAULT '',
    outcome     TEXT    NOT NULL DEFAULT 'unknown'
                    CHECK (outcome IN ('recovered', 'not recovered', 'unknown')),
    outcome_step INTEGER,
    outcome_at  INTEGER
) STRICT;
CREATE INDEX proposals_by_run ON proposals (run, state);
CREATE INDEX proposals_by_state ON proposals (state);
CREATE INDEX proposals_by_time ON proposals (drafted);

CREATE TABLE decisions (
    number    INTEGER PRIMARY KEY AUTOINCREMENT,
    proposal  TEXT    NOT NULL REFERENCES proposals (id),
    round     INTEGER NOT NULL,
    verdict   TEXT    NOT NULL CHECK (verdict IN ('approve', 'edit', 'veto', 'defer', 'undo')),
    text      TEXT    NOT NULL,
    digest    TEXT    NOT NULL CHECK (length(digest) = 64),
    drafted_digest TEXT NOT NULL CHECK (length(drafted_digest) = 64),
    reason    TEXT    NOT NULL,
    by_kind   TEXT    NOT NULL CHECK (by_kind IN ('person', 'policy')),
    by_name   TEXT    NOT NULL,
    at        INTEGER NOT NULL,
    seen      TEXT    NOT NULL,
    position  INTEGER NOT NULL,
    previous  TEXT    NOT NULL CHECK (length(previous) = 64),
    hash      TEXT    NOT NULL UNIQUE CHECK (length(hash) = 64)
) STRICT;
-- The first decision wins, by constraint. An undo opens the next round.
CREATE UNIQUE INDEX one_decision ON decisions (proposal, round)
    WHERE verdict IN ('approve', 'edit', 'veto');
CREATE UNIQUE INDEX one_undo ON decisions (proposal, round) WHERE verdict = 'undo';
CREATE INDEX decisions_by_proposal ON decisions (proposal, number);

CREATE TRIGGER decisions_are_not_changed BEFORE UPDATE ON decisions
BEGIN SELECT RAISE(ABORT, 'a decision is never changed'); END;
CREATE TRIGGER decisions_are_not_removed BEFORE DELETE ON decisions
BEGIN SELECT RAISE(ABORT, 'a decision is never removed'); END;
CREATE TRIGGER decisions_are_of_the_round BEFORE INSERT ON decisions
WHEN NOT EXISTS (SELECT 1 FROM proposals WHERE id = NEW.proposal AND round = NEW.round
    AND ((NEW.verdict = 'undo' AND state IN ('approved', 'vetoed'))
        OR (NEW.verdict <> 'undo' AND state = 'waiting')))
BEGIN SELECT RAISE(ABORT, 'the proposal does not wait for this decision'); END;

CREATE TRIGGER proposals_are_not_removed BEFORE DELETE ON proposals
BEGIN SELECT RAISE(ABORT, 'a proposal is never removed'); END;
CREATE TRIGGER proposals_stay_as_drafted
BEFORE UPDATE OF id, run, agent, mode, body, digest, position, p_wrong, drafted ON proposals
BEGIN SELECT RAISE(ABORT, 'a proposal stays as it was drafted'); END;
CREATE TRIGGER proposals_begin_waiting BEFORE INSERT ON proposals
WHEN NEW.state <> 'waiting' OR NEW.round <> 0
BEGIN SELECT RAISE(ABORT, 'a proposal begins by waiting'); END;
CREATE TRIGGER proposals_go_the_way_of_states BEFORE UPDATE OF state ON proposals
WHEN OLD.state <> NEW.state AND (OLD.state || ' ' || NEW.state) NOT IN (
    'waiting approved', 'waiting vetoed', 'waiting superseded', 'waiting expired',
    'approved waiting', 'approved leased', 'approved superseded', 'approved expired',
    'vetoed waiting',
    'leased delivered', 'leased failed', 'leased confirmed', 'leased approved',
    'delivered confirmed', 'delivered failed',
    'failed approved', 'failed confirmed', 'failed superseded')
BEGIN SELECT RAISE(ABORT, 'a proposal cannot go that way'); END;
CREATE TRIGGER approval_has_its_decision BEFORE UPDATE OF state ON proposals
WHEN NEW.state IN ('approved', 'leased', 'delivered', 'confirmed') AND NOT EXISTS (
    SELECT 1 FROM decisions WHERE proposal = NEW.id AND round = NEW.round
        AND verdict IN ('approve', 'edit'))
BEGIN SELECT RAISE(ABORT, 'nobody approved this proposal'); END;

CREATE TABLE deliveries (
    id          INTEGER PRIMARY KEY AUTOINCREMENT,
    -- Proposal, round and try: what is delivered under one key is delivered once.
    key         TEXT    NOT NULL UNIQUE,
    proposal    TEXT    NOT NULL REFERENCES proposals (id),
    round       INTEGER NOT NULL,
    decision    INTEGER NOT NULL REFERENCES decisions (number),
    channel     TEXT    NOT NULL,
    holder      TEXT    NOT NULL,
    leases      INTEGER NOT NULL CHECK (leases >= 1),
    leased      INTEGER NOT NULL,
    lease_until INTEGER NOT NULL,
    text        TEXT    NOT NULL,
    digest      TEXT    NOT NULL CHECK (length(digest) = 64),
    delivered   INTEGER,
    confirmed   INTEGER,
    confirmed_record INTEGER,
    failed      INTEGER,
    failure     TEXT
) STRICT;
CREATE INDEX deliveries_by_proposal ON deliveries (proposal, id);
CREATE UNIQUE INDEX one_delivery ON deliveries (proposal, round) WHERE failed IS NULL;
CREATE TRIGGER deliveries_carry_what_was_approved BEFORE INSERT ON deliveries
WHEN NOT EXISTS (
    SELECT 1 FROM decisions d JOIN proposals p ON p.id = d.proposal
    WHERE d.number = NEW.decision AND d.proposal = NEW.proposal
        AND d.round = NEW.round AND p.round = NEW.round
        AND d.verdict IN ('approve', 'edit')
        AND d.digest = NEW.digest AND d.text = NEW.text
        AND p.state = 'approved' AND coalesce(p.grace_until, 0) <= NEW.leased)
BEGIN SELECT RAISE(ABORT, 'only what was approved, and after its grace time, is delivered'); END;
CREATE TRIGGER deliveries_stay_as_approved
BEFORE UPDATE OF key, proposal, round, decision, text, digest ON deliveries
BEGIN SELECT RAISE(ABORT, 'a delivery stays as it was approved'); END;
CREATE TRIGGER deliveries_are_handed_over_once BEFORE UPDATE OF delivered, confirmed ON deliveries
WHEN (OLD.delivered IS NOT NULL AND NEW.delivered IS NOT OLD.delivered)
    OR (OLD.confirmed IS NOT NULL AND NEW.confirmed IS NOT OLD.confirmed)
BEGIN SELECT RAISE(ABORT, 'a delivery is handed over once'); END;
CREATE TRIGGER deliveries_are_not_removed BEFORE DELETE ON deliveries
BEGIN SELECT RAISE(ABORT, 'a delivery is never removed'); END;

-- What hooks say of the runs that they were called in.
CREATE TABLE hooks (
    run         TEXT    NOT NULL PRIMARY KEY,
    format      TEXT    NOT NULL,
    event       TEXT    NOT NULL,
    first       INTEGER NOT NULL,
    at          INTEGER NOT NULL,
    gates       INTEGER NOT NULL DEFAULT 0,
    stop_blocks INTEGER NOT NULL DEFAULT 0
) STRICT;

-- Hook processes that hold a run while a person decides.
CREATE TABLE holds (
    run    TEXT    NOT NULL,
    holder TEXT    NOT NULL,
    since  INTEGER NOT NULL,
    until  INTEGER NOT NULL,
    PRIMARY KEY (run, holder)
) STRICT;
";

/// What approvals bind to, and what has moved on. The ways of states are those of `state::WAYS`.
const BINDING: &str = r"
ALTER TABLE proposals ADD COLUMN scope TEXT NOT NULL DEFAULT 'run'
    CHECK (scope IN ('run', 'turn', 'call'));
-- Digests of the one call that an approval may refuse, and of its input; empty for the other scopes.
ALTER TABLE proposals ADD COLUMN gate_call TEXT NOT NULL DEFAULT '';
ALTER TABLE proposals ADD COLUMN gate_input TEXT NOT NULL DEFAULT '';
-- The latest note in moves when it was put down.
ALTER TABLE proposals ADD COLUMN since INTEGER NOT NULL DEFAULT 0;
-- SHA-256 of the proposal's body as it was decided on; empty in rows from before this column, whose
-- hashes do without it.
ALTER TABLE decisions ADD COLUMN bound TEXT NOT NULL DEFAULT '';

-- What agents did, as hooks and logs say: rows are only added.
CREATE TABLE moves (
    number INTEGER PRIMARY KEY AUTOINCREMENT,
    run    TEXT    NOT NULL,
    agent  TEXT    NOT NULL,
    what   TEXT    NOT NULL CHECK (what IN ('asked', 'over', 'turn', 'spoke', 'began', 'ended')),
    name   TEXT    NOT NULL,
    input  TEXT    NOT NULL,
    at     INTEGER NOT NULL
) STRICT;
CREATE INDEX moves_by_run ON moves (run, what, agent, number);

CREATE TRIGGER proposals_stay_bound
BEFORE UPDATE OF scope, gate_call, gate_input, since ON proposals
BEGIN SELECT RAISE(ABORT, 'a proposal stays as it was drafted'); END;
CREATE TRIGGER gates_name_their_call BEFORE INSERT ON proposals
WHEN (NEW.scope = 'call') <> (length(NEW.gate_call) = 64 AND length(NEW.gate_input) = 64)
BEGIN SELECT RAISE(ABORT, 'a gate names its call and the input'); END;
CREATE TRIGGER moves_are_not_changed BEFORE UPDATE ON moves
BEGIN SELECT RAISE(ABORT, 'what an agent did is never changed'); END;
CREATE TRIGGER moves_are_not_removed BEFORE DELETE ON moves
BEGIN SELECT RAISE(ABORT, 'what an agent did is never removed'); END;

DROP TRIGGER proposals_go_the_way_of_states;
CREATE TRIGGER proposals_go_the_way_of_states BEFORE UPDATE OF state ON proposals
WHEN OLD.state <> NEW.state AND (OLD.state || ' ' || NEW.state) NOT IN (
    'waiting approved', 'waiting vetoed', 'waiting superseded', 'waiting expired',
    'approved waiting', 'approved leased', 'approved superseded', 'approved expired',
    'vetoed waiting',
    'leased delivered', 'leased failed', 'leased confirmed',
    'delivered confirmed', 'delivered failed',
    'failed approved', 'failed confirmed', 'failed superseded')
BEGIN SELECT RAISE(ABORT, 'a proposal cannot go that way'); END;

-- A word on what is left behind is kept; one on anything else that does not wait is refused.
DROP TRIGGER decisions_are_of_the_round;
CREATE TRIGGER decisions_are_of_the_round BEFORE INSERT ON decisions
WHEN NOT EXISTS (SELECT 1 FROM proposals WHERE id = NEW.proposal AND round = NEW.round
    AND ((NEW.verdict = 'undo' AND state IN ('approved', 'vetoed'))
        OR (NEW.verdict <> 'undo' AND state = 'waiting')
        OR (NEW.verdict IN ('approve', 'edit', 'veto') AND state IN ('superseded', 'expired'))))
BEGIN SELECT RAISE(ABORT, 'the proposal does not wait for this decision'); END;
CREATE TRIGGER decisions_say_on_what BEFORE INSERT ON decisions
WHEN length(NEW.bound) <> 64
BEGIN SELECT RAISE(ABORT, 'a decision says on what it was made'); END;

-- Nobody is said to have said no, or to have let it lapse, who did not.
CREATE TRIGGER veto_has_its_decision BEFORE UPDATE OF state ON proposals
WHEN NEW.state = 'vetoed' AND NOT EXISTS (
    SELECT 1 FROM decisions WHERE proposal = NEW.id AND round = NEW.round AND verdict = 'veto')
BEGIN SELECT RAISE(ABORT, 'nobody vetoed this proposal'); END;
CREATE TRIGGER expiry_has_its_policy BEFORE UPDATE OF state ON proposals
WHEN NEW.state = 'expired' AND OLD.state <> 'expired' AND NEW.note NOT LIKE 'by policy _%'
BEGIN SELECT RAISE(ABORT, 'only a policy lets a proposal expire'); END;
";

/// Between two tries to open a file that others are making.
const AGAIN: Duration = Duration::from_millis(5);

/// Opens the file, waiting for others as long as patience lasts. SQLite itself waits for a lock, but
/// not where two make one file at once: one that switches it to WAL mode is refused at once.
pub(super) fn open(path: &Path, patience: Duration) -> Result<Connection> {
    let began = Instant::now();
    loop {
        match open_once(path, patience) {
            Err(LedgerError::Locked { .. }) if began.elapsed() < patience => std::thread::sleep(AGAIN),
            opened => return opened,
        }
    }
}

fn open_once(path: &Path, patience: Duration) -> Result<Connection> {
    make_private(path)?;
    let flags = OpenFlags::SQLITE_OPEN_READ_WRITE | OpenFlags::SQLITE_OPEN_NO_MUTEX;
    let mut db = connect(path, flags, patience)?;
    let found = version(&db, path)?;
    let failed = |e| LedgerError::of_sqlite(path, "open", e);
    if found < known() {
        // Before anything else is written: sets the shape of the file for good.
        db.pragma_update_and_check(None, "journal_mode", "WAL", |_| Ok(())).map_err(failed)?;
        migrate(&mut db, path)?;
    }
    db.pragma_update(None, "synchronous", "FULL").map_err(failed)?;
    db.pragma_update(None, "foreign_keys", "ON").map_err(failed)?;
    close_to_others(path);
    Ok(db)
}

pub(super) fn open_read_only(path: &Path, patience: Duration) -> Result<Connection> {
    if !path.exists() {
        return Err(LedgerError::Missing { path: path.to_owned() });
    }
    let flags = OpenFlags::SQLITE_OPEN_READ_ONLY | OpenFlags::SQLITE_OPEN_NO_MUTEX;
    let db = connect(path, flags, patience)?;
    if version(&db, path)? < known() {
        // A file that nobody has finished making yet; there is nothing in it to read.
        return Err(LedgerError::Missing { path: path.to_owned() });
    }
    Ok(db)
}

/// The newest schema known here.
fn known() -> i64 {
    i64::try_from(STEPS.len()).unwrap_or(i64::MAX)
}

fn connect(path: &Path, flags: OpenFlags, patience: Duration) -> Result<Connection> {
    let failed = |e| LedgerError::of_sqlite(path, "open", e);
    let db = Connection::open_with_flags(path, flags).map_err(failed)?;
    db.busy_timeout(patience).map_err(failed)?;
    db.set_prepared_statement_cache_capacity(64);
    Ok(db)
}

/// Which schema the file has; an error when it is somebody else's file or a newer one.
fn version(db: &Connection, path: &Path) -> Result<i64> {
    // What is asked belongs together: another process may be making the file at this moment.
    let together = match db.is_autocommit() {
        true => Some(Transaction::new_unchecked(db, TransactionBehavior::Deferred)),
        false => None,
    };
    let _together = together.transpose().map_err(|e| LedgerError::of_sqlite(path, "open", e))?;
    let ask = |pragma: &str| {
        db.pragma_query_value(None, pragma, |row| row.get::<_, i64>(0))
            .map_err(|e| LedgerError::of_sqlite(path, "open", e))
    };
    let found = ask("user_version")?;
    let id = ask("application_id")?;
    // A file that was just made has neither; one with tables but without our mark is another's.
    let foreign = id != APPLICATION_ID && (id != 0 || found != 0 || ask("schema_version")? != 0);
    if foreign {
        return Err(LedgerError::NotALedger { path: path.to_owned() });
    }
    if found > known() {
        return Err(LedgerError::Newer { path: path.to_owned(), found, known: known() });
    }
    Ok(found)
}

fn migrate(db: &mut Connection, path: &Path) -> Result<()> {
    let failed = |e| LedgerError::of_sqlite(path, "bring up to date", e);
    let change = db.transaction_with_behavior(TransactionBehavior::Immediate).map_err(failed)?;
    // Another process may have taken the steps while this one waited for the lock.
    let taken = usize::try_from(version(&change, path)?).unwrap_or(0);
    for (number, step) in STEPS.iter().enumerate().skip(taken) {
        change.execute_batch(step).map_err(failed)?;
        change.pragma_update(None, "user_version", i64::try_from(number + 1).unwrap_or(0)).map_err(failed)?;
    }
    change.pragma_update(None, "application_id", APPLICATION_ID).map_err(failed)?;
    change.commit().map_err(failed)
}

/// Makes the file, readable by its owner alone, before SQLite would make it readable by all; SQLite
/// gives its journal files the same mode. An existing file is closed to others.
fn make_private(path: &Path) -> Result<()> {
    let unreachable = |doing| move |source| LedgerError::Unreachable { path: path.to_owned(), doing, source };
    if let Some(directory) = path.parent().filter(|d| !d.as_os_str().is_empty())
        && !directory.is_dir()
    {
        fs::DirBuilder::new()
            .recursive(true)
            .mode(0o700)
            .create(directory)
            .map_err(unreachable("make the directory of"))?;
    }
    match fs::OpenOptions::new().write(true).create_new(true).mode(0o600).open(path) {
        Ok(_) => return Ok(()),
        Err(e) if e.kind() == io::ErrorKind::AlreadyExists => {}
        Err(e) => return Err(unreachable("make")(e)),
    }
    // It is not opened here to be looked into: closing it would end the locks that this process's other
    // connections have on it, as POSIX has it, and another process could take their journal away.
    if !fs::metadata(path).map_err(unreachable("open"))?.is_file() {
        return Err(LedgerError::NotALedger { path: path.to_owned() });
    }
    Ok(())
}

/// Closes the ledger's files to everybody but their owner.
fn close_to_others(path: &Path) {
    for end in ["", "-wal", "-shm"] {
        let mut name = path.as_os_str().to_owned();
        name.push(end);
        let file = Path::new(&name);
        // A file of another owner cannot be changed, and need not be.
        if let Ok(about) = fs::metadata(file)
            && about.permissions().mode() & 0o077 != 0
        {
            let _ = fs::set_permissions(file, fs::Permissions::from_mode(0o600));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ledger::audit::{ORIGIN, Row};
    use crate::ledger::state::{State, WAYS};
    use crate::ledger::{Decided, Fault, Ledger, Operator, Verdict};
    use crate::recover::{ProposalId, proposal::digest};
    use jiff::Timestamp;
    use rusqlite::params;

    /// A database with today's tables and without the guards that ask for more than the way.
    fn without_other_guards() -> Connection {
        let db = Connection::open_in_memory().unwrap();
        for step in STEPS {
            db.execute_batch(step).unwrap();
        }
        db.execute_batch(
            "DROP TRIGGER proposals_begin_waiting; DROP TRIGGER approval_has_its_decision;
             DROP TRIGGER veto_has_its_decision; DROP TRIGGER expiry_has_its_policy;",
        )
        .unwrap();
        db
    }

    #[test]
    fn the_guards_are_the_ways_of_the_state_machine() {
        let db = without_other_guards();
        for from in State::ALL {
            for to in State::ALL.into_iter().filter(|to| *to != from) {
                let id = format!("{} {}", from.word(), to.word());
                db.execute(
                    "INSERT INTO proposals (id, run, agent, mode, body, digest, position, p_wrong, drafted, state)
                     VALUES (?1, 'r', 'main', 'suggest', '{}', ?2, 0, 0.5, 0, ?3)",
                    params![id, ORIGIN, from.word()],
                )
                .unwrap();
                let went = db
                    .execute("UPDATE proposals SET state = ?2 WHERE id = ?1", params![id, to.word()])
                    .is_ok();
                let may = WAYS.iter().any(|(a, _, b)| (*a, *b) == (from, to));
                assert_eq!(went, may, "{id}");
            }
        }
        // The words that the tables know are those of the types.
        let table: String = db
            .query_row("SELECT sql FROM sqlite_schema WHERE name = 'proposals'", [], |row| row.get(0))
            .unwrap();
        assert!(State::ALL.iter().all(|state| table.contains(&format!("'{}'", state.word()))));
    }

    /// A ledger as the first schema left it: five proposals in several states, five decisions.
    fn of_the_first_schema(path: &Path) -> Vec<ProposalId> {
        let db = Connection::open(path).unwrap();
        db.pragma_update_and_check(None, "journal_mode", "WAL", |_| Ok(())).unwrap();
        db.execute_batch(FIRST).unwrap();
        db.pragma_update(None, "user_version", 1).unwrap();
        db.pragma_update(None, "application_id", APPLICATION_ID).unwrap();
        let mut previous = ORIGIN.to_owned();
        let mut number = 0;
        let mut ids = Vec::new();
        for (n, states) in [
            &[][..],
            &["approved"],
            &["vetoed"],
            &["approved", "leased", "delivered"],
            &["approved", "waiting"],
        ]
        .into_iter()
        .enumerate()
        {
            let id = format!("{n:012x}");
            let payload = format!("Operator: do {n} [medbay {id}]");
            let body = format!(
                r#"{{"id":"{id}","target":{{"run":"r","format":"codex","agent":"main","step":1,"record":2,"call_id":"c","position":3}},"remedy":"corrective_prompt","rule":"x","class":"hallucination","p_wrong":0.9,"sentence":"s","claim":"c","fact":"f","fact_record":null,"payload":"{payload}","check":null,"tokens":1,"seconds":1,"why":"w","effects":[],"model":"m"}}"#
            );
            db.execute(
                "INSERT INTO proposals (id, run, agent, mode, body, digest, position, p_wrong, drafted, state)
                 VALUES (?1, 'r', 'main', 'suggest', ?2, ?3, 3, 0.9, 5, 'waiting')",
                params![id, body, digest(&payload)],
            )
            .unwrap();
            for state in states {
                let (verdict, text) = match *state {
                    "approved" => ("approve", payload.as_str()),
                    "vetoed" => ("veto", ""),
                    "waiting" => ("undo", ""),
                    _ => ("", ""),
                };
                if !verdict.is_empty() {
                    number += 1;
                    let row = Row {
                        number,
                        proposal: &id,
                        round: 0,
                        verdict,
                        text,
                        digest: &digest(text),
                        drafted_digest: &digest(&payload),
                        reason: "",
                        by_kind: "person",
                        by_name: "ada",
                        at: 7,
                        seen: "",
                        position: 3,
                        previous: &previous,
                        bound: "",
                    };
                    db.execute(
                        "INSERT INTO decisions (number, proposal, round, verdict, text, digest,
                         drafted_digest, reason, by_kind, by_name, at, seen, position, previous, hash)
                         VALUES (?1, ?2, 0, ?3, ?4, ?5, ?6, '', 'person', 'ada', 7, '', 3, ?7, ?8)",
                        params![
                            number,
                            id,
                            verdict,
                            text,
                            row.digest,
                            row.drafted_digest,
                            previous,
                            row.hash()
                        ],
                    )
                    .unwrap();
                    previous = row.hash();
                }
                if *state == "leased" {
                    db.execute(
                        "INSERT INTO deliveries (key, proposal, round, decision, channel, holder, leases,
                         leased, lease_until, text, digest) VALUES ('k', ?1, 0, ?2, 'x', 'x', 1, 9, 99, ?3, ?4)",
                        params![id, number, payload, digest(&payload)],
                    )
                    .unwrap();
                }
                let round = i64::from(*state == "waiting");
                db.execute(
                    "UPDATE proposals SET state = ?2, round = ?3 WHERE id = ?1",
                    params![id, state, round],
                )
                .unwrap();
            }
            ids.push(ProposalId::stored(id));
        }
        db.execute_batch(
            "INSERT INTO hooks (run, format, event, first, at) VALUES ('r', 'codex', 'Stop', 1, 1)",
        )
        .unwrap();
        ids
    }

    #[test]
    fn a_ledger_of_the_first_schema_comes_up_to_date_with_all_its_rows() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("ledger.db");
        let ids = of_the_first_schema(&path);
        let ledger = Ledger::open(&path).unwrap();
        let states: Vec<State> = ids.iter().map(|id| ledger.entry(id).unwrap().state).collect();
        assert_eq!(
            states,
            [State::Waiting, State::Approved, State::Vetoed, State::Delivered, State::Waiting]
        );
        assert_eq!(ledger.decisions().unwrap().len(), 5);
        assert_eq!(ledger.course(&ids[3]).unwrap().tries.len(), 1);
        assert!(ledger.hook_seen(&crate::trace::RunId::new("r")).unwrap().is_some());
        let chain = ledger.verify().unwrap();
        assert_eq!((chain.rows, chain.broken), (5, None));
        // What is decided from now on goes on from the old end, and names the whole proposal.
        let by = Operator::Person { name: "ada".into() };
        let now = Timestamp::from_second(9).unwrap();
        let came = ledger.decide(&ids[0], Verdict::Approve, by, "", now, Duration::ZERO).unwrap();
        assert!(matches!(came, Decided::Recorded(decision) if decision.number == 6));
        assert_eq!(ledger.verify().unwrap().broken, None);
        assert_eq!(ledger.decisions().unwrap()[5].digests[2].len(), 64);
        drop(ledger);
        // A new row that pretends to be an old one is found.
        let db = Connection::open(&path).unwrap();
        db.execute_batch(
            "DROP TRIGGER decisions_are_not_changed; UPDATE decisions SET bound = '' WHERE number = 6",
        )
        .unwrap();
        let broken = Ledger::open(&path).unwrap().verify().unwrap().broken.unwrap();
        assert_eq!((broken.row, broken.fault), (6, Fault::Hash));
    }
}
