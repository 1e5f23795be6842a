package sqlitejobs

import (
	"errors"
	"fmt"

	lib "modernc.org/sqlite/lib"
)

// applicationID marks a database file as ours: "Slui" in ASCII.
const applicationID = 0x536c7569

// migrations bring a database from each version to the next; the version is
// the number of migrations done. One that was released is never edited.
var migrations = []string{firstSchema}

// firstSchema, table by table:
//
//   - jobs holds what never changes after a job was accepted. num is the first
//     seq of the job. spec is JSON.
//   - live has one bit for each seq whose job is queued, running or parked.
//   - loans has a row for each running job, with the events and attempts of
//     this loan.
//   - states has a row for each job that changed other than by running its
//     first loan. A job without one is queued, or runs its first loan.
//   - groups counts the dead letters and jobs in review that are there for the
//     same reason; grp and since say which group a job is in and since when.
//   - spent sums what a tenant's calls cost on a day, counted from 1970.
//   - overflow takes the events and attempts of jobs with very many of them.
//   - documents holds the bytes, or the name of the file that does.
//
// Times are unix milliseconds, 0 for none. The states are numbered as in
// stateCodes. All partial indexes of states but one leave out succeeded jobs,
// so the usual life of a job pays for that one only.
const firstSchema = `
CREATE TABLE meta (name TEXT PRIMARY KEY, value) WITHOUT ROWID;
CREATE TABLE tenants (num INTEGER PRIMARY KEY, name TEXT NOT NULL UNIQUE);
CREATE TABLE jobs (
	num INTEGER PRIMARY KEY,
	tenant INTEGER NOT NULL,
	lane INTEGER NOT NULL,
	accepted INTEGER NOT NULL,
	deadline INTEGER NOT NULL,
	cost INTEGER NOT NULL,
	id TEXT NOT NULL,
	key TEXT,
	schema TEXT,
	batch TEXT,
	fingerprint BLOB NOT NULL,
	spec TEXT NOT NULL
);
CREATE UNIQUE INDEX jobs_id ON jobs (id);
CREATE INDEX jobs_tenant ON jobs (tenant, id);
CREATE INDEX jobs_key ON jobs (tenant, key) WHERE key IS NOT NULL;
CREATE INDEX jobs_batch ON jobs (batch, id) WHERE batch IS NOT NULL;
CREATE TABLE live (chunk INTEGER PRIMARY KEY, bits BLOB NOT NULL);
CREATE TABLE loans (
	num INTEGER PRIMARY KEY,
	version INTEGER NOT NULL,
	token INTEGER NOT NULL,
	worker TEXT NOT NULL,
	until INTEGER NOT NULL,
	started INTEGER NOT NULL,
	updated INTEGER NOT NULL,
	loans INTEGER NOT NULL,
	cancel TEXT,
	operation TEXT,
	history TEXT NOT NULL,
	ledger TEXT NOT NULL
);
CREATE TABLE states (
	num INTEGER PRIMARY KEY,
	state INTEGER NOT NULL,
	lane INTEGER NOT NULL,
	version INTEGER NOT NULL,
	generation INTEGER NOT NULL,
	seq INTEGER NOT NULL,
	enqueued INTEGER NOT NULL,
	started INTEGER NOT NULL,
	deadline INTEGER NOT NULL,
	ended INTEGER NOT NULL,
	updated INTEGER NOT NULL,
	loans INTEGER NOT NULL,
	token INTEGER NOT NULL,
	tier INTEGER NOT NULL,
	parked INTEGER NOT NULL,
	tenant INTEGER NOT NULL,
	id TEXT NOT NULL,
	grp INTEGER,
	since INTEGER,
	class TEXT,
	provider TEXT,
	reason TEXT,
	operation TEXT,
	detail TEXT,
	history TEXT NOT NULL,
	ledger TEXT NOT NULL,
	candidates TEXT,
	draft TEXT,
	result TEXT
);
CREATE INDEX states_state ON states (state, id) WHERE state <> 4;
CREATE INDEX states_tenant ON states (tenant, state, id) WHERE state <> 4;
CREATE INDEX states_class ON states (class, id) WHERE class IS NOT NULL;
CREATE INDEX states_seq ON states (seq) WHERE seq <> num;
CREATE INDEX states_ended ON states (state, ended) WHERE ended <> 0;
CREATE INDEX states_group ON states (grp, since, id) WHERE grp IS NOT NULL;
CREATE TABLE groups (
	num INTEGER PRIMARY KEY,
	tenant INTEGER NOT NULL,
	state INTEGER NOT NULL,
	class TEXT NOT NULL,
	provider TEXT NOT NULL,
	tier INTEGER NOT NULL,
	schema TEXT NOT NULL,
	jobs INTEGER NOT NULL,
	UNIQUE (tenant, state, class, provider, tier, schema)
);
CREATE TABLE spent (
	tenant INTEGER NOT NULL,
	day INTEGER NOT NULL,
	micro INTEGER NOT NULL,
	PRIMARY KEY (tenant, day)
) WITHOUT ROWID;
CREATE TABLE overflow (
	num INTEGER NOT NULL,
	part INTEGER NOT NULL,
	history TEXT NOT NULL,
	ledger TEXT NOT NULL,
	PRIMARY KEY (num, part)
);
CREATE TABLE documents (num INTEGER PRIMARY KEY, file TEXT, body BLOB);
CREATE INDEX documents_file ON documents (file) WHERE file IS NOT NULL;
CREATE TABLE records (
	num INTEGER PRIMARY KEY,
	kind TEXT NOT NULL,
	id TEXT NOT NULL,
	version INTEGER NOT NULL,
	updated INTEGER NOT NULL,
	pairs TEXT NOT NULL,
	value BLOB
);
CREATE UNIQUE INDEX records_id ON records (kind, id);
CREATE TABLE record_pairs (
	kind TEXT NOT NULL,
	name TEXT NOT NULL,
	value TEXT NOT NULL,
	id TEXT NOT NULL,
	PRIMARY KEY (kind, name, value, id)
) WITHOUT ROWID;
`

// errNotOurs marks a file that is no database of this engine.
var errNotOurs = errors.New("the file is not a Sluice database")

// migrate brings the database to the newest version and refuses what it does
// not know.
func (d *db) migrate() error {
	version, err := d.version()
	if err != nil {
		return err
	}
	if version > len(migrations) {
		return fmt.Errorf("the database has version %d and this program knows %d: start a newer program, or restore a backup made before the upgrade",
			version, len(migrations))
	}
	for ; version < len(migrations); version++ {
		step := fmt.Sprintf("BEGIN IMMEDIATE; PRAGMA application_id = %d; %s; PRAGMA user_version = %d; COMMIT",
			applicationID, migrations[version], version+1)
		if err := d.script(step); err != nil {
			_ = d.script("ROLLBACK") // the first error says more
			return fmt.Errorf("migrate from version %d to %d: %w", version, version+1, err)
		}
	}
	return nil
}

// version reads the database's version, 0 when it is empty.
func (d *db) version() (int, error) {
	id, err := d.scalar("PRAGMA application_id")
	if primary(err) == lib.SQLITE_NOTADB {
		return 0, errNotOurs
	}
	if err != nil {
		return 0, err
	}
	tables, err := d.scalar("SELECT count(*) FROM sqlite_schema")
	if err != nil {
		return 0, err
	}
	if integer(tables) > 0 && integer(id) != applicationID {
		return 0, errNotOurs
	}
	version, err := d.scalar("PRAGMA user_version")
	return int(integer(version)), err
}
