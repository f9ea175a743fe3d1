-- The store of MFA. Records are append-only; attempts are the ledger; shards are batches on their way.

CREATE TABLE IF NOT EXISTS records (
  id INTEGER PRIMARY KEY,
  key TEXT NOT NULL UNIQUE,
  dataset TEXT NOT NULL,
  name TEXT NOT NULL,
  labels TEXT NOT NULL,
  source TEXT NOT NULL,
  model TEXT NOT NULL,
  description TEXT,
  refusal TEXT,
  created TEXT NOT NULL,
  input_tokens INTEGER NOT NULL,
  output_tokens INTEGER NOT NULL,
  cost_usd REAL NOT NULL,
  CHECK ((description IS NULL) <> (refusal IS NULL))
);
CREATE INDEX IF NOT EXISTS records_face ON records (source, dataset, name);

CREATE TRIGGER IF NOT EXISTS records_stay BEFORE UPDATE ON records
BEGIN SELECT RAISE (ABORT, 'records are append-only'); END;
CREATE TRIGGER IF NOT EXISTS records_remain BEFORE DELETE ON records
BEGIN SELECT RAISE (ABORT, 'records are append-only'); END;

-- The latest flag of a record counts; one without problems takes an earlier one back.
CREATE TABLE IF NOT EXISTS flags (
  id INTEGER PRIMARY KEY,
  key TEXT NOT NULL REFERENCES records (key),
  problems TEXT NOT NULL
);
CREATE INDEX IF NOT EXISTS flags_key ON flags (key);

CREATE TABLE IF NOT EXISTS shards (
  id TEXT PRIMARY KEY,
  created INTEGER NOT NULL,
  price TEXT NOT NULL,
  state TEXT NOT NULL,
  file_id TEXT,
  batch_id TEXT
);

-- cost_usd is NULL while the attempt is open; then reserved_usd counts.
CREATE TABLE IF NOT EXISTS attempts (
  id INTEGER PRIMARY KEY,
  key TEXT NOT NULL,
  turn INTEGER NOT NULL,
  subject TEXT NOT NULL,
  shard TEXT REFERENCES shards (id),
  state TEXT NOT NULL,
  reserved_usd REAL NOT NULL,
  cost_usd REAL,
  note TEXT
);
CREATE INDEX IF NOT EXISTS attempts_key ON attempts (key);
CREATE INDEX IF NOT EXISTS attempts_shard ON attempts (shard);
