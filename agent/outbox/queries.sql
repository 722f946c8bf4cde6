-- Every statement of the outbox. "-- name: x" begins one; the lines after it say what it does.

-- ============ the database itself

-- name: meta
-- A fact about the database.
SELECT value FROM meta WHERE name = ?;

-- name: set_meta
INSERT INTO meta (name, value) VALUES (?, ?)
ON CONFLICT (name) DO UPDATE SET value = excluded.value;

-- name: highest_numbers
-- Where the counters of row numbers continue.
SELECT (SELECT coalesce(max(number), 0) FROM submission) AS submission,
       max((SELECT coalesce(max(number), 0) FROM message),
           coalesce((SELECT value FROM meta WHERE name = 'message'), 0)) AS message,
       (SELECT coalesce(max(number), 0) FROM reply) AS reply,
       (SELECT coalesce(max(number), 0) FROM failure) AS failure,
       (SELECT coalesce(max(number), 0) FROM act) AS act,
       (SELECT coalesce(max(number), 0) FROM download) AS download,
       (SELECT coalesce(max(number), 0) FROM scan) AS scan,
       (SELECT coalesce(max(number), 0) FROM lane) AS lane;

-- name: lanes
SELECT number, system, name, parallel FROM lane;

-- name: add_lane
INSERT INTO lane (number, system, name, parallel) VALUES (?, ?, ?, ?);

-- name: tally
-- Messages by lane and state; counted when the outbox opens after an end that was no close.
SELECT lane, state, count(*) AS count FROM message GROUP BY lane, state;

-- ============ submissions

-- name: add_submission
INSERT INTO submission (number, position, system, transaction_code, his_key, digest_key, former, state,
    messages, rows_total, staged, awaited, received_at, occurred_at, valid_until, deadline_at, finished_at,
    about_sealed)
VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?);

-- name: add_body
INSERT INTO body (submission, content_sealed) VALUES (?, ?);

-- name: body
SELECT content_sealed FROM body WHERE submission = ?;

-- name: submission
SELECT number, position, system, transaction_code, his_key, former, state, revision, messages, done, waiting,
    rows_total, staged, awaited, received_at, occurred_at, valid_until, deadline_at, finished_at,
    replaced_by, about_sealed
FROM submission WHERE number = ?;

-- name: message_states
-- How a submission's messages stand: covered by message_submission.
SELECT state, serves, count(*) AS count FROM message WHERE submission = ? GROUP BY state, serves;

-- name: change_submission
-- A new revision of its result.
UPDATE submission SET state = ?, messages = ?, done = ?, waiting = ?, finished_at = ?,
    revision = revision + 1 WHERE number = ?;

-- name: abandon
UPDATE submission SET state = 'invalid', staged = 0, messages = 0, finished_at = ?, about_sealed = ?,
    revision = revision + 1 WHERE number = ?;

-- name: set_staged
UPDATE submission SET staged = ? WHERE number = ?;

-- name: fulfil
-- What kept its place is gone, what is to be sent comes.
UPDATE submission SET his_key = ?, digest_key = ?, former = ?, rows_total = ?, about_sealed = ?, staged = 1,
    messages = 0, revision = revision + 1 WHERE number = ?;

-- name: set_valid_until
UPDATE submission SET valid_until = ? WHERE number = ?;

-- ============ what waits for a scan or a card

-- name: wait_at
SELECT submission FROM wait WHERE station = ? AND kind = ?;

-- name: waits
-- Everything that waits, oldest first.
SELECT w.submission, w.station, w.kind, w.until, s.system, s.transaction_code, s.received_at, s.occurred_at,
    b.content_sealed
FROM wait w JOIN submission s ON s.number = w.submission JOIN body b ON b.submission = w.submission
ORDER BY w.submission;

-- name: scans_of
SELECT number, content_sealed FROM scan WHERE submission = ? AND content_sealed IS NOT NULL ORDER BY number;

-- name: last_scan
SELECT number FROM scan WHERE submission = ? AND content_sealed IS NOT NULL ORDER BY number DESC LIMIT 1;

-- name: scan_by_event
SELECT number FROM scan WHERE event_key = ?;

-- name: add_wait
INSERT INTO wait (submission, station, kind, until) VALUES (?, ?, ?, ?);

-- name: add_scan
INSERT INTO scan (number, submission, event_key, content_sealed) VALUES (?, ?, ?, ?);

-- name: clear_scan
UPDATE scan SET content_sealed = NULL WHERE number = ?;

-- name: clear_scans
UPDATE scan SET content_sealed = NULL WHERE submission = ?;

-- name: remove_wait
DELETE FROM wait WHERE submission = ?;

-- name: purge_scans
DELETE FROM scan WHERE submission = ?;

-- name: move_replies
UPDATE reply SET submission = ?, due_at = ?, written_revision = 0 WHERE submission = ?;

-- name: set_awaited
UPDATE submission SET awaited = 1 WHERE number = ?;

-- name: set_replaced
UPDATE submission SET replaced_by = ? WHERE number = ?;

-- name: staged_submissions
SELECT number FROM submission WHERE staged = 1;

-- name: staged_any
SELECT number FROM submission WHERE staged <> 0 ORDER BY number;

-- name: hold_bare
-- Nothing is known of it but its id.
UPDATE submission SET state = 'unknown', staged = 0, messages = 0, done = 0, waiting = 0,
    revision = revision + 1 WHERE number = ?;

-- name: unfinished
-- In order, so that whoever blocks is judged before whom it blocks.
SELECT number FROM message WHERE state IN
    ('ready', 'in_flight', 'inquiring', 'unknown', 'parked', 'blocked', 'held') ORDER BY position, number;

-- name: remove_submission
DELETE FROM submission WHERE number = ?;

-- name: remove_body
DELETE FROM body WHERE submission = ?;

-- name: remove_replies
DELETE FROM reply WHERE submission = ?;

-- name: submissions_by_id
-- Who holds an id, and who held it before, newest first.
WITH RECURSIVE holder (number) AS (
    SELECT submission FROM his_id WHERE his_key = ?
    UNION ALL
    SELECT s.former FROM holder h JOIN submission s ON s.number = h.number WHERE s.former IS NOT NULL)
SELECT s.number, s.transaction_code FROM holder h JOIN submission s ON s.number = h.number
ORDER BY s.number DESC;

-- ============ purging

-- name: purgeable
-- Ended before a time, told at every address, and waited for by nobody.
SELECT s.number, s.messages, s.his_key IS NOT NULL AS named FROM submission s INDEXED BY submission_finished
WHERE s.finished_at < ? AND s.purged = 0
    AND NOT EXISTS (SELECT 1 FROM reply r WHERE r.submission = s.number AND r.due_at IS NOT NULL)
    AND NOT EXISTS (SELECT 1 FROM failure f WHERE f.submission = s.number)
    AND NOT EXISTS (SELECT 1 FROM download d WHERE d.submission = s.number AND d.written_at IS NULL)
ORDER BY s.finished_at LIMIT ?;

-- name: purgeable_count
SELECT count(*) FROM submission s INDEXED BY submission_finished
WHERE s.finished_at < ? AND s.purged = 0
    AND NOT EXISTS (SELECT 1 FROM reply r WHERE r.submission = s.number AND r.due_at IS NOT NULL)
    AND NOT EXISTS (SELECT 1 FROM failure f WHERE f.submission = s.number);

-- name: acknowledged
-- The addresses of results that were read before a time.
SELECT DISTINCT r.number, r.submission, r.address_sealed
FROM act a JOIN submission s ON s.number = a.submission JOIN reply r ON r.submission = s.number
WHERE a.what = 'acknowledge' AND a.at < ? AND s.purged = 0 ORDER BY r.number;

-- name: keep_result
INSERT INTO kept_result (submission, content_sealed) VALUES (?, ?);

-- name: mark_purged
UPDATE submission SET purged = 1 WHERE number = ?;

-- name: purge_attempts
DELETE FROM attempt WHERE message IN (SELECT number FROM message WHERE submission = ?);

-- name: purge_answers
DELETE FROM answer WHERE message IN (SELECT number FROM message WHERE submission = ?);

-- name: purge_drafts
DELETE FROM draft WHERE message IN (SELECT number FROM message WHERE submission = ?);

-- name: purge_slots
DELETE FROM slot WHERE submission = ?;

-- name: purge_acts
-- What was done stays on record, with the submission.
UPDATE act SET message = NULL WHERE submission = ?;

-- name: purge_messages
DELETE FROM message WHERE submission = ? RETURNING lane, state;

-- ============ ids of the HIS

-- name: holder
-- Who holds an id, and how that submission stands.
SELECT s.digest_key, h.submission, s.state FROM his_id h JOIN submission s ON s.number = h.submission
WHERE h.his_key = ? AND h.transaction_code = ?;

-- name: take_id
INSERT INTO his_id (his_key, transaction_code, submission) VALUES (?, ?, ?)
ON CONFLICT (his_key, transaction_code) DO UPDATE SET submission = excluded.submission;

-- name: give_id_back
DELETE FROM his_id WHERE his_key = ? AND transaction_code = ?;

-- ============ replies

-- name: event
SELECT submission FROM reply WHERE event_key = ?;

-- name: add_reply
INSERT INTO reply (number, submission, event_key, address_sealed, due_at) VALUES (?, ?, ?, ?, ?);

-- name: reply_final
-- A final result is due at once, at every address.
UPDATE reply SET due_at = 0 WHERE submission = ?;

-- name: reply_interim
-- A changed interim result is due where one was given or is to be given, at most once a second.
UPDATE reply SET due_at = CASE WHEN written_revision = 0 THEN due_at ELSE max(?, written_at + 1000000) END
WHERE submission = ?;

-- name: due_replies
SELECT r.number, r.submission, r.address_sealed
FROM reply r INDEXED BY reply_due
WHERE r.due_at IS NOT NULL AND r.due_at <= ? ORDER BY r.due_at, r.number LIMIT ?;

-- name: next_due
SELECT due_at FROM reply INDEXED BY reply_due WHERE due_at IS NOT NULL ORDER BY due_at LIMIT 1;

-- name: reply
SELECT r.submission, r.written_revision, s.revision, s.finished_at
FROM reply r JOIN submission s ON s.number = r.submission WHERE r.number = ?;

-- name: mark_reply
UPDATE reply SET written_revision = ?, written_at = ?, due_at = ? WHERE number = ?;

-- ============ control files

-- name: control_event
SELECT done FROM control_event WHERE event_key = ?;

-- name: note_control
INSERT INTO control_event (event_key, done) VALUES (?, ?);

-- ============ messages

-- name: add_message
INSERT INTO message (number, submission, position, lane, transaction_code, state, unclear,
    interactive, serial, harmless, repeatable, beside, forced, blocks, blockable, expiry_blocks, stop_on_refusal,
    cancels, serves, row_from, row_to, valid_until)
VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?);

-- name: count_message
UPDATE submission SET messages = messages + ? WHERE number = ?;

-- name: add_draft
INSERT INTO draft (message, content_sealed) VALUES (?, ?);

-- name: draft
SELECT content_sealed FROM draft WHERE message = ?;

-- name: message
SELECT number, submission, position, lane, transaction_code, state, unclear, harmless, repeatable, blocks,
    blockable, expiry_blocks, stop_on_refusal, cancels, tries, withdrawn, doubts, doubt_since, negatives, code,
    valid_until
FROM message WHERE number = ?;

-- name: messages_of
SELECT number, submission, position, lane, transaction_code, state, unclear, harmless, repeatable, blocks,
    blockable, expiry_blocks, stop_on_refusal, cancels, tries, withdrawn, doubts, doubt_since, negatives, code,
    valid_until
FROM message WHERE submission = ? ORDER BY position, number;

-- name: head_flying
-- What of a lane is on the wire or holds it while being inquired about.
SELECT m.number, m.submission, m.transaction_code, m.state, m.tries, m.withdrawn, m.doubts, m.harmless,
    m.forced, m.valid_until, m.doubt_since, m.negatives, m.last_negative_at, m.position, d.content_sealed
FROM message m INDEXED BY message_flying JOIN draft d ON d.message = m.number
WHERE m.lane = ? AND m.state IN ('in_flight', 'inquiring') AND NOT (m.beside = 1 AND m.state = 'inquiring')
ORDER BY m.position, m.number LIMIT ?;

-- name: head_beside
-- What is inquired about beside its lane.
SELECT m.number, m.submission, m.transaction_code, m.state, m.tries, m.withdrawn, m.doubts, m.harmless,
    m.forced, m.valid_until, m.doubt_since, m.negatives, m.last_negative_at, m.position, d.content_sealed
FROM message m INDEXED BY message_flying JOIN draft d ON d.message = m.number
WHERE m.lane = ? AND m.state IN ('in_flight', 'inquiring') AND m.beside = 1 AND m.state = 'inquiring'
ORDER BY m.position, m.number LIMIT ?;

-- name: in_doubt_of_scope
-- What holds a scope and is being inquired about, or was left to a person after that.
SELECT m.number, m.submission, m.lane, m.transaction_code, m.state, m.tries, m.withdrawn, m.doubts, m.harmless,
    m.forced, m.valid_until, m.doubt_since, m.negatives, m.last_negative_at, m.position, d.content_sealed
FROM message m JOIN draft d ON d.message = m.number
WHERE (m.state = 'inquiring' AND m.number IN (SELECT message FROM chain WHERE scope_key = :key))
    OR (m.state = 'unknown' AND m.number IN (SELECT message FROM aside WHERE scope_key = :key))
ORDER BY m.position, m.number;

-- name: head_ready
-- The next eligible messages of a lane: the first entries of message_eligible.
SELECT m.number, m.submission, m.transaction_code, m.state, m.tries, m.withdrawn, m.doubts, m.harmless,
    m.forced, m.valid_until, m.doubt_since, m.negatives, m.last_negative_at, m.position, d.content_sealed
FROM message m INDEXED BY message_eligible JOIN draft d ON d.message = m.number
WHERE m.lane = ? AND m.state = 'ready' AND m.unclear = 0
ORDER BY m.interactive DESC, m.position, m.number LIMIT ?;

-- name: head_ready_of_class
-- The same for one class: two of these give the order of a strict lane.
SELECT m.number, m.submission, m.transaction_code, m.state, m.tries, m.withdrawn, m.doubts, m.harmless,
    m.forced, m.valid_until, m.doubt_since, m.negatives, m.last_negative_at, m.position, d.content_sealed
FROM message m INDEXED BY message_eligible JOIN draft d ON d.message = m.number
WHERE m.lane = ? AND m.interactive = ? AND m.state = 'ready' AND m.unclear = 0
ORDER BY m.position, m.number LIMIT ?;

-- name: set_state_unclear
UPDATE message SET state = ?, unclear = ? WHERE number = ?;

-- name: begin
-- No row when it is not its turn.
UPDATE message SET state = 'in_flight', tries = tries + 1
WHERE number = ? AND state = 'ready' AND unclear = 0 RETURNING lane, tries;

-- name: withdrawn
UPDATE message SET state = 'ready', withdrawn = withdrawn + 1 WHERE number = ?;

-- name: put_off
UPDATE message SET state = 'ready', withdrawn = 0 WHERE number = ?;

-- name: doubtful
UPDATE message SET state = ?, withdrawn = 0, doubts = doubts + 1, doubt_since = coalesce(doubt_since, ?),
    negatives = 0, last_negative_at = NULL WHERE number = ?;

-- name: count_doubt
UPDATE message SET doubts = doubts + 1 WHERE number = ?;

-- name: note_negative
UPDATE message SET negatives = negatives + 1, last_negative_at = ? WHERE number = ?;

-- name: undoubt
-- Ready again: nothing of it is in doubt.
UPDATE message SET state = 'ready', doubt_since = NULL, negatives = 0, last_negative_at = NULL,
    withdrawn = 0, finished_at = NULL, code = '', settled_by = '' WHERE number = ?;

-- name: end_message
UPDATE message SET state = ?, code = ?, settled_by = ?, settled_attempt = ?, finished_at = ?, unclear = 0
WHERE number = ?;

-- name: accepted_of
-- The accepted messages of a submission, with their answers.
SELECT message.number, answer.content_sealed FROM message JOIN answer ON answer.message = message.number
WHERE message.submission = ? AND message.state = 'accepted' ORDER BY message.number;

-- name: add_answer
INSERT INTO answer (message, content_sealed) VALUES (?, ?)
ON CONFLICT (message) DO UPDATE SET content_sealed = excluded.content_sealed;

-- name: later_siblings
-- What of a submission has not been sent and comes after a message of it.
SELECT number, submission, position, lane, transaction_code, state, blocks FROM message
WHERE submission = ? AND state IN ('staging', 'ready', 'blocked', 'parked', 'held')
    AND (position, number) > (?, ?) ORDER BY position, number;

-- name: in_flight
SELECT number, submission, position, lane, state, harmless, repeatable, tries FROM message INDEXED BY message_flying
WHERE state IN ('in_flight', 'inquiring') AND state = 'in_flight' ORDER BY number;

-- name: remove_draft
DELETE FROM draft WHERE message = ?;

-- name: remove_message
DELETE FROM message WHERE number = ?;

-- name: publish
UPDATE message SET state = 'ready' WHERE submission = ? AND state = 'staging';

-- name: staging_lanes
SELECT lane, count(*) AS count FROM message WHERE submission = ? AND state = 'staging' GROUP BY lane;

-- ============ files that messages carry

-- name: content_there
SELECT 1 FROM content WHERE submission = ? AND digest_key = ?;

-- name: content
SELECT content_sealed FROM content WHERE submission = ? AND digest_key = ?;

-- name: add_content
INSERT INTO content (submission, digest_key, content_sealed) VALUES (?, ?, ?);

-- name: add_content_use
INSERT OR IGNORE INTO content_use (message, digest_key) VALUES (?, ?);

-- name: remove_content_uses
DELETE FROM content_use WHERE message = ?;

-- name: remove_unused_contents
DELETE FROM content WHERE submission = ? AND digest_key NOT IN (
    SELECT u.digest_key FROM message m INDEXED BY message_submission JOIN content_use u ON u.message = m.number
    WHERE m.submission = ?);

-- name: remove_contents
DELETE FROM content WHERE submission = ?;

-- name: lapsed
-- Messages whose life has run out and that no lane will come to by itself.
SELECT number FROM message INDEXED BY message_lapsing
WHERE valid_until <= ? AND state IN ('ready', 'blocked', 'parked', 'held') ORDER BY valid_until LIMIT ?;

-- ============ attempts

-- name: add_attempt
INSERT INTO attempt (message, number, state, started_at, wire_key, ids_sealed, draft_sealed)
VALUES (?, ?, 'started', ?, ?, ?, ?);

-- name: end_attempt
UPDATE attempt SET state = ?, ended_at = ?, code = ?, note_sealed = ? WHERE message = ? AND number = ?;

-- name: attempt_state
SELECT state FROM attempt WHERE message = ? AND number = ?;

-- name: doubts
-- Attempts of unknown fate and those that inquiries did not find, oldest first.
SELECT number, state, started_at, ids_sealed, draft_sealed FROM attempt
WHERE message = ? AND state IN ('unknown', 'absent') ORDER BY number;

-- name: attempt
SELECT number, ids_sealed, draft_sealed FROM attempt WHERE message = ? AND number = ?;

-- name: doubts_absent
UPDATE attempt SET state = 'absent' WHERE message = ? AND state = 'unknown';

-- name: attempts
SELECT number, state, started_at, ended_at, code, ids_sealed, note_sealed FROM attempt
WHERE message = ? ORDER BY number;

-- name: messages_by_wire
SELECT DISTINCT message FROM attempt WHERE wire_key = ? ORDER BY message;

-- ============ the chain

-- name: chain_key_in_use
SELECT 1 FROM chain WHERE scope_key = ? LIMIT 1;

-- name: chain_conflict
-- Whether an earlier row of the key keeps this one waiting.
SELECT EXISTS (SELECT 1 FROM chain WHERE scope_key = :key AND hold = 3
               AND (position, message) < (:position, :message))
    OR (:hold IN (0, 3) AND EXISTS (SELECT 1 FROM chain WHERE scope_key = :key AND hold = 2
               AND (position, message) < (:position, :message)));

-- name: chain_flight_conflict
-- Whether a later message that is already on the wire keeps this row waiting.
SELECT EXISTS (SELECT 1 FROM message m INDEXED BY message_flying CROSS JOIN chain c ON c.message = m.number
    WHERE m.state IN ('in_flight', 'inquiring') AND c.scope_key = :key AND c.hold >= 2 AND :hold >= 2
        AND (c.hold = 3 OR :hold = 3) AND (c.position, c.message) > (:position, :message));

-- name: chain_add
INSERT INTO chain (scope_key, hold, position, message, broad, clear) VALUES (?, ?, ?, ?, ?, ?);

-- name: chain_later_clear
-- Later clear rows of messages not yet on the wire, that a row put before them holds up.
SELECT c.hold, c.position, c.message FROM chain c JOIN message m ON m.number = c.message
WHERE c.scope_key = :key AND c.hold IN (0, 3, :also, :besides) AND c.clear = 1
    AND (c.position, c.message) > (:position, :message) AND m.state NOT IN ('in_flight', 'inquiring');

-- name: chain_set_clear
UPDATE chain SET clear = ? WHERE scope_key = ? AND hold = ? AND position = ? AND message = ?;

-- name: message_unclear
UPDATE message SET unclear = unclear + ? WHERE number = ?;

-- name: chain_take
DELETE FROM chain WHERE message = ? RETURNING scope_key, hold, broad;

-- name: chain_rows
SELECT scope_key, hold, position, message, broad, clear FROM chain WHERE message = ?;

-- name: chain_any_unclear
SELECT 1 FROM chain INDEXED BY chain_unclear WHERE scope_key = ? AND clear = 0 LIMIT 1;

-- name: chain_first
SELECT position, message FROM chain WHERE scope_key = ? AND hold = ? ORDER BY position, message LIMIT 1;

-- name: chain_unclear_upto
-- Waiting rows of a key up to and with a place.
SELECT hold, position, message FROM chain INDEXED BY chain_unclear
WHERE scope_key = ? AND clear = 0 AND (position, message) <= (?, ?) ORDER BY position, message;

-- name: chain_later_blockable
-- Whom a failed or blocked row before them blocks.
SELECT DISTINCT m.number, m.submission, m.position, m.lane, m.state
FROM chain c JOIN message m ON m.number = c.message
WHERE c.scope_key = :key AND c.hold IN (0, 3, :also, :besides)
    AND (c.position, c.message) > (:position, :message)
    AND (m.blockable = 1 OR c.hold = 0) AND m.state IN ('staging', 'ready') ORDER BY m.position, m.number;

-- name: aside_add
INSERT OR IGNORE INTO aside (scope_key, hold, position, message, broad) VALUES (?, ?, ?, ?, ?);

-- name: aside_take
DELETE FROM aside WHERE message = ? RETURNING scope_key, hold, broad;

-- name: aside_rows
SELECT scope_key, hold, position, message, broad FROM aside WHERE message = ?;

-- name: aside_later_blocked
-- Blocked messages after a row, that it would block too.
SELECT DISTINCT m.number, m.submission, m.position, m.lane, m.state
FROM aside a JOIN message m ON m.number = a.message
WHERE a.scope_key = :key AND a.hold IN (0, 3, :also, :besides)
    AND (a.position, a.message) > (:position, :message)
    AND (m.blockable = 1 OR a.hold = 0) AND m.state = 'blocked' ORDER BY m.position, m.number;

-- ============ failures

-- name: add_failure
INSERT INTO failure (number, submission, message, position, origin, state, revision, live)
VALUES (?, ?, ?, ?, ?, ?, (SELECT revision + 1 FROM submission WHERE number = ?), 1);

-- name: add_failure_scope
INSERT INTO failure_scope (scope_key, failure, hold, broad) VALUES (?, ?, ?, ?)
ON CONFLICT (scope_key, failure) DO UPDATE SET hold = max(hold, excluded.hold), broad = min(broad, excluded.broad);

-- name: renew_failure
-- The same failure, decided otherwise: it has to be told anew.
UPDATE failure SET state = ?, live = 1,
    revision = (SELECT revision + 1 FROM submission WHERE number = failure.submission) WHERE number = ?;

-- name: failure_of
SELECT number, submission, message, position, origin, state FROM failure WHERE message = ?;

-- name: failures_of_submission
SELECT number, submission, message, position, origin, state FROM failure WHERE submission = ? ORDER BY number;

-- name: failure_scopes
SELECT scope_key, hold, broad FROM failure_scope WHERE failure = ?;

-- name: any_live_failure
SELECT EXISTS (SELECT 1 FROM failure INDEXED BY failure_live WHERE live = 1);

-- name: failures_over
-- Live failures before a new row that conflict with it.
SELECT DISTINCT f.number FROM failure_scope s JOIN failure f ON f.number = s.failure
WHERE s.scope_key = :key AND f.live = 1 AND (s.hold = 3 OR :hold IN (0, 3))
    AND (f.position, f.origin) < (:position, :message)
    AND NOT (f.submission = :submission AND f.state = 'partial');

-- name: failures_passed_on
-- Live failures that reach a new row by way of a blocked message.
SELECT DISTINCT f.number FROM aside a JOIN block b ON b.message = a.message
    JOIN failure f ON f.number = b.failure
WHERE a.scope_key = :key AND f.live = 1 AND a.broad = 0 AND a.hold >= 2 AND (a.hold = 3 OR :hold IN (0, 3))
    AND (a.position, a.message) < (:position, :message)
    AND NOT (f.submission = :submission AND f.state = 'partial');

-- name: tell_failures
-- Their result is on disk: what is committed from now on passes.
UPDATE failure SET live = 0 WHERE submission = ? AND live = 1
    AND (? OR (state IN ('unknown', 'parked') AND revision <= ?)) RETURNING number;

-- name: failure_is_over
-- Nobody waits for it, its result was told, and nothing of it is to be decided.
SELECT EXISTS (SELECT 1 FROM failure f WHERE f.number = :failure AND f.live = 0
    AND f.state NOT IN ('unknown', 'parked')
    AND NOT EXISTS (SELECT 1 FROM block WHERE failure = :failure));

-- name: quiet_failure
-- Its followers were let go, but it is still to be decided.
UPDATE failure SET live = 0 WHERE number = ?;

-- name: remove_failure
DELETE FROM failure WHERE number = ?;

-- name: remove_failure_scopes
DELETE FROM failure_scope WHERE failure = ?;

-- name: add_block
INSERT OR IGNORE INTO block (message, failure) VALUES (?, ?);

-- name: blocks_of
SELECT failure FROM block WHERE message = ? ORDER BY failure;

-- name: blocked_by
SELECT b.message FROM block b JOIN message m ON m.number = b.message
WHERE b.failure = ? ORDER BY m.position, m.number;

-- name: remove_blocks_by
DELETE FROM block WHERE failure = ?;

-- name: remove_blocks_of
DELETE FROM block WHERE message = ? RETURNING failure;

-- name: remove_block
DELETE FROM block WHERE message = ? AND failure = ?;

-- name: blockers
-- What a submission's blocked messages wait for, in words for its result.
SELECT DISTINCT f.message, f.submission, f.state, s.transaction_code, s.about_sealed
FROM message m JOIN block b ON b.message = m.number JOIN failure f ON f.number = b.failure
    JOIN submission s ON s.number = f.submission
WHERE m.submission = ? AND m.state = 'blocked' ORDER BY f.number;

-- ============ values that outcomes give

-- name: set_slot
INSERT INTO slot (submission, name_key, value_sealed) VALUES (?, ?, ?)
ON CONFLICT (submission, name_key) DO UPDATE SET value_sealed = excluded.value_sealed;

-- name: slot
SELECT value_sealed FROM slot WHERE submission = ? AND name_key = ?;

-- ============ facts

-- name: set_fact
INSERT INTO fact (group_key, member_key, value_key, message, content_sealed) VALUES (?, ?, ?, ?, ?)
ON CONFLICT (group_key, member_key) DO UPDATE SET value_key = excluded.value_key,
    message = excluded.message, content_sealed = excluded.content_sealed;

-- name: add_fact_word
INSERT OR IGNORE INTO fact_word (word_key, group_key) VALUES (?, ?);

-- name: fact
SELECT content_sealed FROM fact WHERE group_key = ? AND member_key = ?;

-- name: fact_giver
-- An end that says "not sent" is none for a message with an attempt that may have arrived.
SELECT CASE WHEN message.doubts > 0 AND message.state IN ('expired', 'cancelled', 'invalid') THEN 'doubted'
    ELSE message.state END AS state
FROM fact JOIN message ON message.number = fact.message
WHERE fact.group_key = ? AND fact.member_key = ?;

-- name: facts_of_group
SELECT member_key, content_sealed FROM fact WHERE group_key = ?;

-- name: fact_exists
SELECT EXISTS (SELECT 1 FROM fact WHERE group_key = ?);

-- name: forget_fact
DELETE FROM fact WHERE group_key = ? AND member_key = ?;

-- name: forget_group
DELETE FROM fact WHERE group_key = ?;

-- name: forget_word
DELETE FROM fact_word WHERE word_key = ? AND group_key = ?;

-- name: find_facts
-- By a value, by a member's name, and by a part of a group's key; the latest first.
SELECT group_key, member_key, message, content_sealed FROM fact WHERE value_key = :value
UNION
SELECT group_key, member_key, message, content_sealed FROM fact
WHERE member_key = :member AND member_key <> x''
UNION
SELECT f.group_key, f.member_key, f.message, f.content_sealed
FROM fact_word w JOIN fact f ON f.group_key = w.group_key WHERE w.word_key = :word
ORDER BY message DESC LIMIT :limit;

-- ============ held messages

-- name: await_fact
INSERT OR IGNORE INTO awaited (group_key, message) VALUES (?, ?);

-- name: waiting_for
SELECT message FROM awaited WHERE group_key = ? ORDER BY message;

-- name: awaits_still
SELECT EXISTS (SELECT 1 FROM awaited WHERE message = ?);

-- name: fact_came
DELETE FROM awaited WHERE group_key = ?;

-- name: await_nothing
DELETE FROM awaited WHERE message = ?;

-- ============ other names of scopes

-- name: alias
SELECT of_key FROM alias WHERE scope_key = ?;

-- name: set_alias
INSERT INTO alias (scope_key, of_key) VALUES (?, ?)
ON CONFLICT (scope_key) DO UPDATE SET of_key = excluded.of_key;

-- name: move_aliases
-- Names of something that is itself another name now.
UPDATE alias SET of_key = ? WHERE of_key = ?;

-- ============ downloads

-- name: add_download
INSERT INTO download (number, submission, message, system, transaction_code, records, received_at,
    name_sealed, content_sealed)
VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?);

-- name: download
SELECT number, submission, message, transaction_code, records FROM download WHERE number = ?;

-- name: unwritten_of
-- Whether a message has downloads that are not on disk.
SELECT 1 FROM download INDEXED BY download_due
WHERE submission = ? AND message = ? AND written_at IS NULL LIMIT 1;

-- name: download_written
UPDATE download SET written_at = ?, content_sealed = NULL WHERE number = ? AND written_at IS NULL;

-- name: remove_download
DELETE FROM download WHERE number = ? AND written_at IS NOT NULL;

-- name: due_downloads
-- What is not on disk yet, the oldest first.
SELECT number, system, transaction_code, records, received_at, name_sealed, content_sealed
FROM download INDEXED BY download_due WHERE written_at IS NULL ORDER BY number LIMIT ?;

-- name: left_downloads
-- Files that the HIS had not taken when it was looked last.
SELECT number, transaction_code, name_sealed FROM download WHERE written_at IS NOT NULL ORDER BY number;

-- name: download_tallies
SELECT system, transaction_code, sum(written_at IS NULL) AS waiting, sum(written_at IS NOT NULL) AS unread,
    min(written_at) AS oldest
FROM download GROUP BY system, transaction_code ORDER BY system, transaction_code;

-- ============ what the agent does by itself

-- name: run
-- How the latest run of a schedule stands.
SELECT s.state FROM schedule c JOIN submission s ON s.number = c.submission WHERE c.system = ? AND c.name = ?;

-- name: set_run
INSERT INTO schedule (system, name, submission, started_at) VALUES (?, ?, ?, ?)
ON CONFLICT (system, name) DO UPDATE SET submission = excluded.submission, started_at = excluded.started_at;

-- name: runs
SELECT system, name, started_at FROM schedule;

-- ============ people

-- name: add_act
INSERT INTO act (number, submission, message, what, at, note_sealed) VALUES (?, ?, ?, ?, ?, ?);

-- name: acts
-- What was done to a message, or to its submission as a whole.
SELECT number, message, what, at, note_sealed FROM act
WHERE submission = (SELECT submission FROM message WHERE number = :message)
    AND (message IS NULL OR message = :message) ORDER BY number;

-- ============ number series

-- name: series_bound
SELECT bound FROM series WHERE name = ? AND day = ?;

-- name: set_series
INSERT INTO series (name, day, bound) VALUES (?, ?, ?)
ON CONFLICT (name, day) DO UPDATE SET bound = max(bound, excluded.bound);

-- name: all_series
SELECT name, day, bound FROM series;

-- name: forget_series
DELETE FROM series WHERE day <> '' AND day < ?;

-- ============ results and views

-- name: result_messages
-- The messages of a submission with their answers and the attempt that settled each.
SELECT m.number, m.transaction_code, m.state, m.code, m.settled_by, m.tries, m.row_from, m.row_to, m.serves,
    m.doubts > 0 AND NOT m.harmless AS doubted, a.content_sealed, t.number AS attempt,
    t.state AS attempt_state, t.started_at, t.ids_sealed
FROM message m LEFT JOIN answer a ON a.message = m.number
    LEFT JOIN attempt t ON t.message = m.number AND t.number = coalesce(m.settled_attempt, m.tries)
WHERE m.submission = ? ORDER BY m.position, m.number;

-- name: lanes_to_go
-- Where a submission's messages still have a way to go.
SELECT DISTINCT l.system, l.name, l.parallel FROM message m JOIN lane l ON l.number = m.lane
WHERE m.submission = ? AND m.state IN ('ready', 'in_flight', 'inquiring');

-- name: about
SELECT transaction_code, about_sealed FROM submission WHERE number = ?;

-- name: set_about
UPDATE submission SET about_sealed = ? WHERE number = ?;

-- name: kept_result
SELECT content_sealed FROM kept_result WHERE submission = ?;

-- name: view_message
SELECT m.number, m.submission, s.system, m.transaction_code, s.about_sealed, l.name AS lane, m.state,
    m.position, m.tries, m.code, s.received_at, s.deadline_at,
    (SELECT min(coalesce(f.message, -f.submission)) FROM block b JOIN failure f ON f.number = b.failure
     WHERE b.message = m.number) AS blocker,
    t.number AS attempt, t.ids_sealed
FROM message m JOIN submission s ON s.number = m.submission JOIN lane l ON l.number = m.lane
    LEFT JOIN attempt t ON t.message = m.number AND t.number = coalesce(m.settled_attempt, m.tries)
WHERE m.number = ?;

-- name: add_deadline
INSERT OR IGNORE INTO deadline (submission, transaction_code, at, about, warn_at) VALUES (?, ?, ?, ?, ?);

-- name: forget_deadlines
DELETE FROM deadline WHERE submission = ?;

-- name: near_deadline
-- Deadlines to be warned of, each with the first unfinished message that it is of.
SELECT d.at, d.about, (SELECT min(m.number) FROM message m WHERE m.submission = d.submission
    AND m.transaction_code = d.transaction_code AND m.finished_at IS NULL) AS message
FROM deadline d INDEXED BY deadline_warning
WHERE d.warn_at <= ? AND EXISTS (SELECT 1 FROM message m WHERE m.submission = d.submission
    AND m.transaction_code = d.transaction_code AND m.finished_at IS NULL)
ORDER BY d.warn_at LIMIT ?;

-- name: messages_in_order
SELECT number FROM message WHERE submission = ? ORDER BY position, number;

-- name: addresses
SELECT number, address_sealed FROM reply WHERE submission = ? ORDER BY number;

-- name: list_messages
-- Newest first, of all states or of one.
SELECT m.number FROM message m JOIN lane l ON l.number = m.lane
WHERE :state IN ('', m.state) AND :system IN ('', l.system) ORDER BY m.number DESC LIMIT :limit;

-- name: list_waiting
-- The same of a state that waits for a decision, however many others there are.
SELECT m.number FROM message m INDEXED BY message_waiting JOIN lane l ON l.number = m.lane
WHERE m.state = :state AND m.state IN ('unknown', 'parked', 'blocked') AND :system IN ('', l.system)
ORDER BY m.number DESC LIMIT :limit;

-- ============ the audit trail

-- name: add_record
INSERT INTO audit (number, at, kind, submission, message, facts, note_digest, note_sealed, hash)
VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?);

-- name: audit_records
SELECT number, at, kind, submission, message, facts, note_sealed, hash FROM audit
WHERE number > ? ORDER BY number LIMIT ?;

-- name: audit_notes
-- Records of what people did, or that should be.
SELECT number, note_digest, note_sealed FROM audit WHERE note_sealed IS NOT NULL OR note_digest <> x''
ORDER BY number;

-- name: last_record
SELECT number, hash FROM audit ORDER BY number DESC LIMIT 1;

-- name: last_checkpoint
SELECT number, hash, at FROM checkpoint ORDER BY number DESC LIMIT 1;

-- name: add_checkpoint
-- Of a head that was signed before, the newer signature.
INSERT INTO checkpoint (number, at, hash, signature, public) VALUES (?, ?, ?, ?, ?)
ON CONFLICT (number) DO UPDATE SET at = excluded.at, signature = excluded.signature, public = excluded.public;

-- name: purgeable_checkpoint
-- The last signed head of before a time whose records are still there.
SELECT number FROM checkpoint c WHERE at < ? AND length(signature) > 0
    AND EXISTS (SELECT 1 FROM audit a WHERE a.number <= c.number) ORDER BY number DESC LIMIT 1;

-- name: purgeable_records
SELECT count(*) FROM audit WHERE number <= (SELECT max(number) FROM checkpoint WHERE at < ? AND length(signature) > 0);

-- name: mark_checkpoint_purged
UPDATE checkpoint SET purged = 1 WHERE number = ?;

-- name: purge_records
DELETE FROM audit WHERE number <= ?;
