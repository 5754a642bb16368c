//! The tables, how they came about, and how the file is opened.
//!
//! Guards live here: append-only decisions, one holding decision a proposal and round, the
//! transitions between states, and that a delivery carries exactly the text that was approved. They
//! hold for every program that writes the file, this version of medbay or another.
//!
//! Times are microseconds since 1970 UTC.

use std::fs;
use std::io::{self, Read as _};
use std::os::unix::fs::{DirBuilderExt as _, OpenOptionsExt as _, PermissionsExt as _};
use std::path::Path;
use std::time::{Duration, Instant};

use rusqlite::{Connection, OpenFlags, Transaction, TransactionBehavior};

use super::error::{LedgerError, Result};

/// The steps from an empty file to today's schema; `user_version` counts those that were taken.
const STEPS: &[&str] = &[FIRST, GUARD];

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

/// Rulings on proposals, and what operators do to the guard: stop, resume, bypass, clear.
const GUARD: &str = r"
CREATE TABLE rulings (
    proposal TEXT    NOT NULL PRIMARY KEY REFERENCES proposals (id),
    act      TEXT    NOT NULL CHECK (act IN ('observe', 'suggest', 'approve', 'holdout')),
    mode     TEXT    NOT NULL CHECK (mode IN ('observe', 'suggest', 'canary', 'auto')),
    policy   TEXT    NOT NULL,
    -- The run's arm in the canary; empty where the canary does not count it.
    arm      TEXT    NOT NULL CHECK (arm IN ('', 'treated', 'holdout', 'neither')),
    quarantined INTEGER NOT NULL CHECK (quarantined IN (0, 1)),
    why      TEXT    NOT NULL,
    workflow TEXT    NOT NULL,
    at       INTEGER NOT NULL,
    -- Whether the finding cleared, sent or not: what the canary compares.
    outcome  TEXT    NOT NULL DEFAULT 'unknown'
                 CHECK (outcome IN ('recovered', 'not recovered', 'unknown')),
    outcome_step INTEGER,
    outcome_at   INTEGER
) STRICT;
CREATE INDEX rulings_by_arm ON rulings (arm, outcome);
CREATE TRIGGER rulings_are_not_changed
BEFORE UPDATE OF proposal, act, mode, policy, arm, quarantined, why, workflow, at ON rulings
BEGIN SELECT RAISE(ABORT, 'a ruling is never changed'); END;
CREATE TRIGGER rulings_see_one_outcome BEFORE UPDATE OF outcome, outcome_step, outcome_at ON rulings
WHEN OLD.outcome <> 'unknown'
BEGIN SELECT RAISE(ABORT, 'an outcome is never changed'); END;
CREATE TRIGGER rulings_are_not_removed BEFORE DELETE ON rulings
BEGIN SELECT RAISE(ABORT, 'a ruling is never removed'); END;

CREATE TABLE guard (
    number   INTEGER PRIMARY KEY AUTOINCREMENT,
    kind     TEXT    NOT NULL CHECK (kind IN ('stop', 'resume', 'bypass', 'clear')),
    -- What a bypass or a clearing is about; empty: everything.
    run      TEXT    NOT NULL,
    agent    TEXT    NOT NULL,
    rule     TEXT    NOT NULL,
    reason   TEXT    NOT NULL,
    by_name  TEXT    NOT NULL CHECK (length(by_name) > 0),
    at       INTEGER NOT NULL,
    until    INTEGER CHECK ((until IS NOT NULL) = (kind = 'bypass')),
    previous TEXT    NOT NULL CHECK (length(previous) = 64),
    hash     TEXT    NOT NULL UNIQUE CHECK (length(hash) = 64)
) STRICT;
CREATE INDEX guard_by_kind ON guard (kind, number);
CREATE TRIGGER guard_is_not_changed BEFORE UPDATE ON guard
BEGIN SELECT RAISE(ABORT, 'what was done to the guard is never changed'); END;
CREATE TRIGGER guard_is_not_removed BEFORE DELETE ON guard
BEGIN SELECT RAISE(ABORT, 'what was done to the guard is never removed'); END;

CREATE VIEW stopped AS SELECT number FROM guard g WHERE kind = 'stop'
    AND number = (SELECT max(number) FROM guard WHERE kind IN ('stop', 'resume'));
-- While everything is stopped nothing is taken up for delivery, and no policy approves.
CREATE TRIGGER nothing_is_taken_up_while_stopped BEFORE INSERT ON deliveries
WHEN EXISTS (SELECT 1 FROM stopped)
BEGIN SELECT RAISE(ABORT, 'everything is stopped'); END;
CREATE TRIGGER nothing_is_taken_over_while_stopped BEFORE UPDATE OF leases ON deliveries
WHEN EXISTS (SELECT 1 FROM stopped)
BEGIN SELECT RAISE(ABORT, 'everything is stopped'); END;
CREATE TRIGGER no_policy_decides_while_stopped BEFORE INSERT ON decisions
WHEN NEW.by_kind = 'policy' AND NEW.verdict IN ('approve', 'edit') AND EXISTS (SELECT 1 FROM stopped)
BEGIN SELECT RAISE(ABORT, 'everything is stopped'); END;
CREATE TRIGGER what_is_held_out_is_not_approved BEFORE INSERT ON decisions
WHEN NEW.verdict IN ('approve', 'edit') AND EXISTS (
    SELECT 1 FROM rulings WHERE proposal = NEW.proposal AND act = 'holdout')
BEGIN SELECT RAISE(ABORT, 'what is held out is never sent'); END;
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
    let about = fs::metadata(path).map_err(unreachable("open"))?;
    if !about.is_file() || (about.len() > 0 && !begins_as_sqlite(path).map_err(unreachable("open"))?) {
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

fn begins_as_sqlite(path: &Path) -> io::Result<bool> {
    let mut head = [0u8; 16];
    let mut file = fs::File::open(path)?;
    Ok(file.read_exact(&mut head).is_ok() && &head == b"SQLite format 3\0")
}
