-- The outbox of the agent, schema 1.
--
-- What is sealed (AES/SM4-GCM, bound to "table|column|row"): columns that end in _sealed. What is
-- searched by is a keyed hash (16 bytes): columns that end in _key. Everything else is clear and
-- holds no personal data: states, transaction codes, lane keys, codes of the systems, counts, times.
-- Times are whole microseconds since 1970 UTC. Numbers of rows are drawn in memory, above the
-- highest in the table, so that a row's number is known before its columns are sealed.

-- Facts about the database itself.
--   key_check   a sealed constant: opening with another data key is told from damage
--   message     the highest message number ever given, kept when old messages are purged
--   tally       messages by lane and state at the last close
CREATE TABLE meta (
    name  TEXT PRIMARY KEY,
    value ANY NOT NULL
) STRICT, WITHOUT ROWID;

-- A serial queue of a system (parallel = 0), or the stream of queries beside it (parallel = 1).
CREATE TABLE lane (
    number   INTEGER PRIMARY KEY,
    system   TEXT NOT NULL,
    name     TEXT NOT NULL,
    parallel INTEGER NOT NULL CHECK (parallel IN (0, 1)),
    UNIQUE (system, name, parallel)
) STRICT;

-- What a HIS dropped. Its state is computed from its messages (submissions.py) and stored with a
-- revision that rises whenever its result would read differently.
--   state      queued querying unknown parked blocked | accepted partial rejected invalid expired
--              cancelled (the last six are final: they never change again)
--   position   where its first message stands; message i of it stands at position + i
--   his_key    of (system, id); null without an id, or when the submission was refused its id
--   digest_key of the digest of its content, null when there is none; former: who held the id before
--   messages   how many it has; done: how many of them are final; waiting: unknown, parked, blocked,
--              held
--   staged     1 until a large submission is published; 2 while files that it names are waited for;
--              3 while a scan or a card is
--   awaited    1 when another submission waits for its end ("after")
--   purged     1 when its messages were removed and its final result is in kept_result
--   about_sealed  {id, faults, warnings, scopes, wants}
CREATE TABLE submission (
    number           INTEGER PRIMARY KEY,
    position         INTEGER NOT NULL,
    system           TEXT NOT NULL,
    transaction_code TEXT NOT NULL,
    his_key          BLOB,
    digest_key       BLOB,
    former           INTEGER REFERENCES submission (number),
    state            TEXT NOT NULL,
    revision         INTEGER NOT NULL DEFAULT 1,
    messages         INTEGER NOT NULL DEFAULT 0,
    done             INTEGER NOT NULL DEFAULT 0,
    waiting          INTEGER NOT NULL DEFAULT 0,
    rows_total       INTEGER NOT NULL DEFAULT 0,
    staged           INTEGER NOT NULL DEFAULT 0,
    awaited          INTEGER NOT NULL DEFAULT 0,
    purged           INTEGER NOT NULL DEFAULT 0,
    received_at      INTEGER NOT NULL,
    occurred_at      INTEGER NOT NULL,
    valid_until      INTEGER,
    deadline_at      INTEGER,
    finished_at      INTEGER,
    replaced_by      INTEGER REFERENCES submission (number),
    about_sealed     BLOB NOT NULL
) STRICT;
CREATE INDEX submission_finished ON submission (finished_at) WHERE finished_at IS NOT NULL AND purged = 0;
CREATE INDEX submission_staged ON submission (number) WHERE staged = 1;

-- By when the platform wants an open submission's messages; gone when the submission ends.
--   warn_at    when status and log begin to warn of it
--   about      the demand in the document's words; no personal data
CREATE TABLE deadline (
    submission       INTEGER NOT NULL REFERENCES submission (number),
    transaction_code TEXT NOT NULL,
    at               INTEGER NOT NULL,
    about            TEXT NOT NULL,
    warn_at          INTEGER NOT NULL,
    PRIMARY KEY (submission, transaction_code, at, about)
) STRICT, WITHOUT ROWID;
CREATE INDEX deadline_warning ON deadline (warn_at);

-- A submission that waits for a scan or a card: one per station and kind; gone when it waits no more.
--   until   when it is given up
CREATE TABLE wait (
    submission INTEGER PRIMARY KEY REFERENCES submission (number),
    station    TEXT NOT NULL,
    kind       TEXT NOT NULL,
    until      INTEGER NOT NULL,
    UNIQUE (station, kind)
) STRICT;

-- What was scanned for a submission that waits. Its content goes when the wait ends, or when it is undone;
-- its event stays known.
CREATE TABLE scan (
    number         INTEGER PRIMARY KEY,
    submission     INTEGER NOT NULL REFERENCES submission (number),
    event_key      BLOB NOT NULL UNIQUE,
    content_sealed BLOB
) STRICT;
CREATE INDEX scan_submission ON scan (submission);

-- The normalised content of a submission, apart so that no change of state rewrites it.
CREATE TABLE body (
    submission     INTEGER PRIMARY KEY REFERENCES submission (number),
    content_sealed BLOB NOT NULL
) STRICT;

-- The final result of a submission whose messages were purged: given again to its repetitions.
CREATE TABLE kept_result (
    submission     INTEGER PRIMARY KEY REFERENCES submission (number),
    content_sealed BLOB NOT NULL
) STRICT;

-- Who holds an id of the HIS: the latest submission that took it. Outlives purging.
CREATE TABLE his_id (
    his_key          BLOB NOT NULL,
    transaction_code TEXT NOT NULL,
    submission       INTEGER NOT NULL REFERENCES submission (number),
    PRIMARY KEY (his_key, transaction_code)
) STRICT, WITHOUT ROWID;

-- Where a result goes: one per event, the first for the submission, more for its repetitions.
--   written_revision   the latest on disk, 0 before the first
--   due_at             when to write; 0 is at once (final); null when nothing is to be written
CREATE TABLE reply (
    number           INTEGER PRIMARY KEY,
    submission       INTEGER NOT NULL REFERENCES submission (number),
    event_key        BLOB NOT NULL UNIQUE,
    address_sealed   BLOB NOT NULL,
    written_revision INTEGER NOT NULL DEFAULT 0,
    written_at       INTEGER,
    due_at           INTEGER
) STRICT;
CREATE INDEX reply_submission ON reply (submission);
CREATE INDEX reply_due ON reply (due_at, number) WHERE due_at IS NOT NULL;

-- One transaction to be sent.
--   state      staging ready in_flight inquiring unknown parked blocked held | accepted partial rejected
--              invalid expired cancelled
--   position, number   its place in the order; a follow-up has its parent's position
--   harmless   changes nothing; repeatable: does no harm when it is sent once more after a doubt
--   beside     1 when its lane goes on while it is inquired about
--   forced     what is known of earlier messages only warns
--   unclear    how many of its rows in "chain" wait for an earlier one: 0 makes it eligible
--   serial     1 when it travels in its lane, 0 in the stream beside it
--   row_from, row_to   the half-open range of the submission's rows that it carries
--   cancels    1 when its refusal cancels what comes after it of its submission
--   serves     1 when it is for the submission's other messages: none of the submission's own success
--   tries      attempts so far; withdrawn: how many of the latest in a row left no byte
--   doubts     attempts whose fate is, or was, unknown
--   settled_attempt    the attempt that its outcome belongs to
CREATE TABLE message (
    number           INTEGER PRIMARY KEY,
    submission       INTEGER NOT NULL REFERENCES submission (number),
    position         INTEGER NOT NULL,
    lane             INTEGER NOT NULL REFERENCES lane (number),
    transaction_code TEXT NOT NULL,
    state            TEXT NOT NULL,
    unclear          INTEGER NOT NULL DEFAULT 0 CHECK (unclear >= 0),
    interactive      INTEGER NOT NULL,
    serial           INTEGER NOT NULL,
    harmless         INTEGER NOT NULL,
    repeatable       INTEGER NOT NULL,
    beside           INTEGER NOT NULL,
    forced           INTEGER NOT NULL,
    blocks           INTEGER NOT NULL,
    blockable        INTEGER NOT NULL,
    expiry_blocks    INTEGER NOT NULL,
    stop_on_refusal  INTEGER NOT NULL,
    cancels          INTEGER NOT NULL DEFAULT 1,
    serves           INTEGER NOT NULL DEFAULT 0,
    row_from         INTEGER,
    row_to           INTEGER,
    valid_until      INTEGER,
    tries            INTEGER NOT NULL DEFAULT 0,
    withdrawn        INTEGER NOT NULL DEFAULT 0,
    doubts           INTEGER NOT NULL DEFAULT 0,
    doubt_since      INTEGER,
    negatives        INTEGER NOT NULL DEFAULT 0,
    last_negative_at INTEGER,
    code             TEXT NOT NULL DEFAULT '',
    settled_by       TEXT NOT NULL DEFAULT '',
    settled_attempt  INTEGER,
    finished_at      INTEGER
) STRICT;
-- Claiming is the first entry of this index for a lane, whatever the backlog.
CREATE INDEX message_eligible ON message (lane, interactive DESC, position, number)
    WHERE state = 'ready' AND unclear = 0;
-- What of a lane is on the wire or inquired about. In the serial stream that is one message at most,
-- those apart that are inquired about beside it: the database itself refuses two.
CREATE UNIQUE INDEX message_flying
    ON message (lane, CASE WHEN serial = 1 AND NOT (beside = 1 AND state = 'inquiring') THEN 0 ELSE number END)
    WHERE state IN ('in_flight', 'inquiring');
CREATE INDEX message_submission ON message (submission, state, serves);
CREATE INDEX message_waiting ON message (state, number) WHERE state IN ('unknown', 'parked', 'blocked');
CREATE INDEX message_lapsing ON message (valid_until)
    WHERE valid_until IS NOT NULL AND state IN ('ready', 'blocked', 'parked', 'held');

-- Files that a submission's messages carry, each once; and which message carries which. A file goes with the
-- last message that can still be sent with it.
--   digest_key   of the file's digest
CREATE TABLE content (
    submission     INTEGER NOT NULL REFERENCES submission (number),
    digest_key     BLOB NOT NULL,
    content_sealed BLOB NOT NULL,
    UNIQUE (submission, digest_key)
) STRICT;
CREATE TABLE content_use (
    message    INTEGER NOT NULL REFERENCES message (number),
    digest_key BLOB NOT NULL,
    PRIMARY KEY (message, digest_key)
) STRICT, WITHOUT ROWID;

-- What a message carries, and what came back: apart, so that no change of state rewrites them.
CREATE TABLE draft (
    message        INTEGER PRIMARY KEY REFERENCES message (number),
    content_sealed BLOB NOT NULL
) STRICT;
CREATE TABLE answer (
    message        INTEGER PRIMARY KEY REFERENCES message (number),
    content_sealed BLOB NOT NULL
) STRICT;

-- One try on the wire.
--   state      started → withdrawn | answered | unknown → absent | answered
--   wire_key   of the main wire id
--   ids_sealed all wire ids it used; note_sealed: why it ended as it did
--   draft_sealed   what it carried, where that was completed; null: the message's own draft
CREATE TABLE attempt (
    message     INTEGER NOT NULL REFERENCES message (number),
    number      INTEGER NOT NULL,
    state       TEXT NOT NULL,
    started_at  INTEGER NOT NULL,
    ended_at    INTEGER,
    wire_key    BLOB,
    ids_sealed  BLOB NOT NULL,
    code        TEXT NOT NULL DEFAULT '',
    note_sealed BLOB,
    draft_sealed BLOB,
    PRIMARY KEY (message, number)
) STRICT, WITHOUT ROWID;
CREATE INDEX attempt_wire ON attempt (wire_key) WHERE wire_key IS NOT NULL;

-- The chain: one row for each scope of each message in state staging, ready, in_flight, inquiring; of a
-- held message the row of its submission alone, which those wait for that come "after" it.
--   hold    3 exclusive, 2 shared, 1 observer, 0 waiter (of "after": waits for 2 and 3, holds nobody)
--   clear   1 when no earlier row of the key, and no later one in flight, conflicts with it
CREATE TABLE chain (
    scope_key BLOB NOT NULL,
    hold      INTEGER NOT NULL CHECK (hold BETWEEN 0 AND 3),
    position  INTEGER NOT NULL,
    message   INTEGER NOT NULL REFERENCES message (number),
    broad     INTEGER NOT NULL,
    clear     INTEGER NOT NULL,
    PRIMARY KEY (scope_key, hold, position, message)
) STRICT, WITHOUT ROWID;
CREATE INDEX chain_message ON chain (message);
CREATE INDEX chain_unclear ON chain (scope_key, position, message) WHERE clear = 0;

-- The scopes of messages that wait outside the chain: blocked, parked, unknown, held.
CREATE TABLE aside (
    scope_key BLOB NOT NULL,
    hold      INTEGER NOT NULL CHECK (hold BETWEEN 0 AND 3),
    position  INTEGER NOT NULL,
    message   INTEGER NOT NULL REFERENCES message (number),
    broad     INTEGER NOT NULL,
    PRIMARY KEY (scope_key, hold, position, message)
) STRICT, WITHOUT ROWID;
CREATE INDEX aside_message ON aside (message);

-- A failure that blocks: of a message, or (message null) of an invalid submission.
--   origin     the message's number, or 0: with position its place in the order
--   state      rejected partial unknown parked expired invalid
--   revision   of the submission's result that tells it
--   live       1 until that result is written: what is committed meanwhile is blocked too
CREATE TABLE failure (
    number     INTEGER PRIMARY KEY,
    submission INTEGER NOT NULL REFERENCES submission (number),
    message    INTEGER UNIQUE REFERENCES message (number),
    position   INTEGER NOT NULL,
    origin     INTEGER NOT NULL,
    state      TEXT NOT NULL,
    revision   INTEGER NOT NULL,
    live       INTEGER NOT NULL
) STRICT;
CREATE INDEX failure_submission ON failure (submission);
CREATE INDEX failure_live ON failure (number) WHERE live = 1;

CREATE TABLE failure_scope (
    scope_key BLOB NOT NULL,
    failure   INTEGER NOT NULL REFERENCES failure (number),
    hold      INTEGER NOT NULL CHECK (hold IN (2, 3)),
    broad     INTEGER NOT NULL,
    PRIMARY KEY (scope_key, failure)
) STRICT, WITHOUT ROWID;
CREATE INDEX failure_scope_failure ON failure_scope (failure);

-- Which failures a blocked message waits for; it is released when none is left.
CREATE TABLE block (
    message INTEGER NOT NULL REFERENCES message (number),
    failure INTEGER NOT NULL REFERENCES failure (number),
    PRIMARY KEY (message, failure)
) STRICT, WITHOUT ROWID;
CREATE INDEX block_failure ON block (failure);

-- Scopes that are another name of one: what is stored from then on holds the other one instead.
CREATE TABLE alias (
    scope_key BLOB PRIMARY KEY,
    of_key    BLOB NOT NULL
) STRICT, WITHOUT ROWID;
CREATE INDEX alias_of ON alias (of_key);

-- Values that outcomes gave to later messages of their submission.
CREATE TABLE slot (
    submission   INTEGER NOT NULL REFERENCES submission (number),
    name_key     BLOB NOT NULL,
    value_sealed BLOB NOT NULL,
    PRIMARY KEY (submission, name_key)
) STRICT, WITHOUT ROWID;

-- Facts that outcomes gave to everyone: the systems' numbers by the HIS's own keys, sums, what happened.
-- They outlive the messages.
--   group_key  of (system, kind, key); member_key: of the member, empty for the one without a name
--   value_key  of (system, value): a number is found again whatever it is of
--              Both keep numbers that were given in a row beside one another.
--   message    that gave it
--   content_sealed  [system, kind, key, member, value]
CREATE TABLE fact (
    group_key      BLOB NOT NULL,
    member_key     BLOB NOT NULL,
    value_key      BLOB NOT NULL,
    message        INTEGER NOT NULL,
    content_sealed BLOB NOT NULL,
    PRIMARY KEY (group_key, member_key)
) STRICT, WITHOUT ROWID;
CREATE INDEX fact_value ON fact (value_key);
CREATE INDEX fact_member ON fact (member_key) WHERE member_key <> x'';

-- The parts of the groups' keys, so that a person finds a group by one of them.
CREATE TABLE fact_word (
    word_key  BLOB NOT NULL,
    group_key BLOB NOT NULL,
    PRIMARY KEY (word_key, group_key)
) STRICT, WITHOUT ROWID;

-- Which groups of facts a held message waits for; it is released when none is left.
CREATE TABLE awaited (
    group_key BLOB NOT NULL,
    message   INTEGER NOT NULL REFERENCES message (number),
    PRIMARY KEY (group_key, message)
) STRICT, WITHOUT ROWID;
CREATE INDEX awaited_message ON awaited (message);

-- What systems handed out, to be left as files for the HIS. The row goes when the HIS took the file.
--   message      whose answer it is; until its files are written, the message holds a gate in "chain"
--   written_at   null until the file is on disk, which then is the only copy
CREATE TABLE download (
    number           INTEGER PRIMARY KEY,
    submission       INTEGER NOT NULL REFERENCES submission (number),
    message          INTEGER NOT NULL,
    system           TEXT NOT NULL,
    transaction_code TEXT NOT NULL,
    records          INTEGER NOT NULL,
    received_at      INTEGER NOT NULL,
    written_at       INTEGER,
    name_sealed      BLOB NOT NULL,
    content_sealed   BLOB,
    CHECK ((written_at IS NULL) = (content_sealed IS NOT NULL))
) STRICT;
CREATE INDEX download_due ON download (submission, message) WHERE written_at IS NULL;

-- What the agent does by itself: the latest run of each.
CREATE TABLE schedule (
    system     TEXT NOT NULL,
    name       TEXT NOT NULL,
    submission INTEGER NOT NULL REFERENCES submission (number),
    started_at INTEGER NOT NULL,
    PRIMARY KEY (system, name)
) STRICT, WITHOUT ROWID;

-- What people and control files did; outlives the messages. note_sealed: [who, why].
CREATE TABLE act (
    number      INTEGER PRIMARY KEY,
    submission  INTEGER NOT NULL REFERENCES submission (number),
    message     INTEGER REFERENCES message (number),
    what        TEXT NOT NULL,
    at          INTEGER NOT NULL,
    note_sealed BLOB NOT NULL
) STRICT;
CREATE INDEX act_submission ON act (submission);
CREATE INDEX act_message ON act (message) WHERE message IS NOT NULL;

-- The control files that were dealt with: one that a crash left behind is not carried out again.
--   done    1 when it was carried out, 0 when it was refused
CREATE TABLE control_event (
    event_key BLOB PRIMARY KEY,
    done      INTEGER NOT NULL CHECK (done IN (0, 1))
) STRICT, WITHOUT ROWID;

-- Number series: the first number of a (series, day) that is not reserved. day is YYYYMMDD or ''.
CREATE TABLE series (
    name  TEXT NOT NULL,
    day   TEXT NOT NULL,
    bound INTEGER NOT NULL,
    PRIMARY KEY (name, day)
) STRICT, WITHOUT ROWID;

-- The audit trail: one record per step of a message and per act of a person, written in the commit of the
-- step. hash is SM3 over the hash before it and the record (agent/audit/chain.py).
--   facts        a JSON object of codes and counts, or ''
--   note_sealed  [salt, who, why] of what a person did; note_digest: what the chain holds of it, or X''
CREATE TABLE audit (
    number      INTEGER PRIMARY KEY,
    at          INTEGER NOT NULL,
    kind        TEXT NOT NULL,
    submission  INTEGER,
    message     INTEGER,
    facts       TEXT NOT NULL,
    note_digest BLOB NOT NULL,
    note_sealed BLOB,
    hash        BLOB NOT NULL
) STRICT;

-- Heads of the chain, signed by the audit key; they stay for ever.
--   signature, public   X'' when there was no audit key
--   purged              1 when the records up to number were removed
CREATE TABLE checkpoint (
    number    INTEGER PRIMARY KEY,
    at        INTEGER NOT NULL,
    hash      BLOB NOT NULL,
    signature BLOB NOT NULL,
    public    BLOB NOT NULL,
    purged    INTEGER NOT NULL DEFAULT 0
) STRICT;

-- Against mistakes of ours; against an attacker there are the chain and its signed heads.
CREATE TRIGGER audit_is_never_changed
BEFORE UPDATE OF number, at, kind, submission, message, facts, note_digest, hash ON audit
BEGIN SELECT raise(ABORT, 'the audit trail is append-only'); END;
CREATE TRIGGER audit_goes_in_whole_segments BEFORE DELETE ON audit
WHEN OLD.number > coalesce((SELECT max(number) FROM checkpoint WHERE purged = 1), 0)
BEGIN SELECT raise(ABORT, 'the audit trail is purged behind signed heads only'); END;
CREATE TRIGGER checkpoint_stays BEFORE DELETE ON checkpoint
BEGIN SELECT raise(ABORT, 'the heads of the audit trail stay'); END;
