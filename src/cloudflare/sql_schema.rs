//! The tables of a shard, and how those of an earlier layout become them.

/// The tables. Vectors lie apart, in the order in which an index is derived, so that waking reads nothing else.
/// `totals` has one row: counting ten thousand rows at every waking would be slow, and is billed. `tags` is what
/// [`crate::shard::written_tags`] makes.
pub(super) const SCHEMA: [&str; 8] = [
    "CREATE TABLE IF NOT EXISTS entries (
        seq INTEGER PRIMARY KEY AUTOINCREMENT, exact BLOB NOT NULL UNIQUE, scope BLOB NOT NULL,
        created INTEGER NOT NULL, expires INTEGER NOT NULL, purge INTEGER NOT NULL, hits INTEGER NOT NULL DEFAULT 0,
        tokens INTEGER NOT NULL, bytes INTEGER NOT NULL, text TEXT, stored BLOB NOT NULL,
        model TEXT, tags TEXT, prompt BLOB)",
    "CREATE INDEX IF NOT EXISTS entries_by_purge ON entries (purge)",
    "CREATE TABLE IF NOT EXISTS vectors (
        scope BLOB NOT NULL, seq INTEGER NOT NULL, vector BLOB NOT NULL, PRIMARY KEY (scope, seq)) WITHOUT ROWID",
    "CREATE TABLE IF NOT EXISTS totals (
        id INTEGER PRIMARY KEY CHECK (id = 0), entries INTEGER NOT NULL, bytes INTEGER NOT NULL,
        generation INTEGER NOT NULL, accepted INTEGER NOT NULL DEFAULT 0)",
    "CREATE TABLE IF NOT EXISTS records (
        scope BLOB PRIMARY KEY, changed INTEGER NOT NULL, judged INTEGER NOT NULL, record BLOB NOT NULL)
        WITHOUT ROWID",
    "CREATE TABLE IF NOT EXISTS negatives (pair BLOB PRIMARY KEY, created INTEGER NOT NULL) WITHOUT ROWID",
    "CREATE TABLE IF NOT EXISTS served (
        seq INTEGER PRIMARY KEY AUTOINCREMENT, entry BLOB NOT NULL, query BLOB NOT NULL, scope BLOB NOT NULL,
        score REAL NOT NULL, sure INTEGER NOT NULL, at INTEGER NOT NULL, UNIQUE (entry, query))",
    "CREATE TABLE IF NOT EXISTS sightings (seq INTEGER PRIMARY KEY AUTOINCREMENT, sighting BLOB NOT NULL)",
];

/// Which tables there are: any of a shard's, those of the layout with verdicts, prompt prefixes, and entries with labels.
pub(super) const SEEN: &str = "SELECT ifnull(sum(name <> 'prefixes'), 0), ifnull(sum(name = 'sightings'), 0),
     ifnull(sum(name = 'prefixes'), 0), ifnull(sum(name = 'entries' AND instr(sql, 'prompt BLOB') > 0), 0)
     FROM sqlite_master WHERE name IN ('totals', 'sightings', 'prefixes', 'entries')";

/// The tables of a layout without verdicts. Their entries are given up: a lost hit is cheap.
pub(super) const OLD_TABLES: [&str; 3] = ["entries", "vectors", "totals"];

/// What the entries of the layout before this one have not. Those entries stay, and have no labels.
pub(super) const ADD_LABELS: [&str; 3] = [
    "ALTER TABLE entries ADD COLUMN model TEXT",
    "ALTER TABLE entries ADD COLUMN tags TEXT",
    "ALTER TABLE entries ADD COLUMN prompt BLOB",
];
