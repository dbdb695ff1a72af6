-- Work that is done in the background. Times are milliseconds since 1970, in UTC.
CREATE TABLE jobs (
    -- Compared byte by byte, as in SQLite.
    id               TEXT    COLLATE "C" NOT NULL PRIMARY KEY,
    created_at       BIGINT  NOT NULL,
    updated_at       BIGINT  NOT NULL,
    owner            TEXT    COLLATE "C",
    state            TEXT    NOT NULL CHECK (state IN ('queued', 'running', 'finished', 'failed', 'cancelled')),
    request          TEXT    NOT NULL,
    progress         TEXT    NOT NULL,
    summary          TEXT,
    error            TEXT,
    cancel_requested BOOLEAN NOT NULL DEFAULT FALSE,
    held_by          TEXT,
    held_until       BIGINT,
    attempts         BIGINT  NOT NULL DEFAULT 0,
    -- A running job is held by somebody until some time, no other is.
    CHECK ((state = 'running') = (held_by IS NOT NULL) AND (held_by IS NULL) = (held_until IS NULL))
);

CREATE INDEX jobs_by_age ON jobs (created_at, id);
CREATE INDEX jobs_to_do ON jobs (created_at, id) WHERE state IN ('queued', 'running');
CREATE INDEX jobs_that_ended ON jobs (updated_at) WHERE state IN ('finished', 'failed', 'cancelled');
