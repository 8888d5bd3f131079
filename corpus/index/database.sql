-- One statement a paragraph: they are run one by one, in one transaction.
CREATE TABLE meta (key TEXT PRIMARY KEY, value TEXT NOT NULL) WITHOUT ROWID;

CREATE TABLE sources (name TEXT PRIMARY KEY, fingerprint TEXT NOT NULL) WITHOUT ROWID;

CREATE TABLE documents (
    id TEXT PRIMARY KEY, source TEXT NOT NULL, title TEXT NOT NULL, text TEXT NOT NULL,
    kind TEXT NOT NULL, year INTEGER, authors TEXT NOT NULL, url TEXT, licence TEXT, version TEXT,
    meta TEXT NOT NULL, sha256 TEXT NOT NULL, tokens INTEGER NOT NULL
);

CREATE INDEX documents_source ON documents (source);

CREATE TABLE chunks (
    number INTEGER PRIMARY KEY, id TEXT UNIQUE NOT NULL, document TEXT NOT NULL, ordinal INTEGER NOT NULL,
    start INTEGER NOT NULL, "end" INTEGER NOT NULL, heading TEXT NOT NULL, text TEXT NOT NULL,
    tokens INTEGER NOT NULL, asked TEXT NOT NULL, sha256 TEXT NOT NULL, embedded INTEGER NOT NULL DEFAULT 0
);

CREATE INDEX chunks_document ON chunks (document, ordinal);

CREATE INDEX chunks_pending ON chunks (number) WHERE embedded = 0;

CREATE TABLE orphans (chunk TEXT PRIMARY KEY) WITHOUT ROWID;

CREATE VIRTUAL TABLE fts USING fts5(
    title, heading, body, parts, tokenize = "porter unicode61 remove_diacritics 2"
);

CREATE TRIGGER chunk_removed AFTER DELETE ON chunks BEGIN
    DELETE FROM fts WHERE rowid = old.number;
    INSERT OR IGNORE INTO orphans SELECT old.id WHERE old.embedded;
END;
