PRAGMA auto_vacuum = INCREMENTAL;
CREATE TABLE message (
    id INTEGER PRIMARY KEY AUTOINCREMENT,
    state TEXT NOT NULL CHECK (state IN ('waiting', 'dead', 'retained')),
    lane TEXT NOT NULL,
    event TEXT NOT NULL,
    subject TEXT NOT NULL,
    headers TEXT NOT NULL,
    source TEXT NOT NULL,
    delivery TEXT NOT NULL,
    bytes INTEGER NOT NULL,
    stored_at INTEGER NOT NULL,
    sent_at INTEGER,
    payload_hash TEXT,
    payload_bucket TEXT,
    whole_hash TEXT,
    whole_bucket TEXT,
    reason TEXT,
    died_at INTEGER,
    sequence INTEGER,
    acknowledged_at INTEGER
) STRICT;
CREATE INDEX message_by_state ON message (state);
CREATE INDEX message_by_lane ON message (lane) WHERE state = 'waiting';
CREATE INDEX message_by_sequence ON message (sequence) WHERE state = 'retained';
CREATE INDEX message_by_acknowledgement ON message (acknowledged_at) WHERE state = 'retained';
CREATE INDEX message_by_payload ON message (payload_hash) WHERE payload_hash IS NOT NULL;
CREATE INDEX message_by_whole ON message (whole_hash) WHERE whole_hash IS NOT NULL;
CREATE TABLE body (message INTEGER PRIMARY KEY, content BLOB NOT NULL) STRICT;
CREATE TABLE object (
    hash TEXT NOT NULL UNIQUE,
    digest TEXT NOT NULL,
    sha256 TEXT NOT NULL,
    content BLOB NOT NULL
) STRICT;
CREATE TABLE fact (name TEXT PRIMARY KEY, value TEXT NOT NULL) STRICT, WITHOUT ROWID;
INSERT INTO message (id, state, lane, event, subject, headers, source, delivery, bytes, stored_at, sent_at, payload_hash, payload_bucket)
VALUES (5, 'waiting', 'gitea:1', 'e1', 'forge.gitea.acme.widgets.push.updated.main', 'Nats-Msg-Id:e1
ce-id:e1
', 'gitea', 'd1', 300, 1000, NULL, 'abc', 'FORGE_LARGE'),
(6, 'waiting', 'gitea:2', 'e2', 'forge.gitea.acme.gadgets.push.updated.main', 'Nats-Msg-Id:e2
', 'gitea', 'd2', 400, 2000, 1900, NULL, NULL);
INSERT INTO message (id, state, lane, event, subject, headers, source, delivery, bytes, stored_at, sent_at, reason, died_at)
VALUES (7, 'dead', 'gitea:1', 'e3', 'forge.gitea.acme.widgets.push.updated.main', 'Nats-Msg-Id:e3
', 'gitea', 'd3', 500, 3000, 3100, '10054', 3500);
INSERT INTO message (id, state, lane, event, subject, headers, source, delivery, bytes, stored_at, sent_at, sequence, acknowledged_at)
VALUES (9, 'retained', 'gitea:1', 'e4', 'forge.gitea.acme.widgets.push.updated.main', 'Nats-Msg-Id:e4
', 'gitea', 'd4', 500, 4000, 4100, 77, 4500);
INSERT INTO body (message, content) VALUES (5, CAST('{"one":1}' AS BLOB)), (6, CAST('{}' AS BLOB)), (7, CAST('{}' AS BLOB)), (9, CAST('{}' AS BLOB));
INSERT INTO object (hash, digest, sha256, content) VALUES ('abc', 'blake3=abc', 'SHA-256=xyz', CAST('large' AS BLOB));
INSERT INTO fact (name, value) VALUES ('created', 'then');
PRAGMA application_id = 1718055792;
PRAGMA user_version = 1;
