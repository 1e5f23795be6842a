package sqlitejobs

import "fmt"

// statements are the writer's, prepared once. Those that run for each job have
// no numbered parameters: the driver looks the names of these up one by one.
type statements struct {
	begin, commit, rollback *stmt

	insertJob, insertDocument, insertTenant *stmt
	jobByNum, jobByID, jobByKey, bySeq      *stmt
	stateByNum, ledger                      *stmt

	insertLoan, cancelLoan, noteAttempts, deleteLoan *stmt
	putState, spill, emptyState                      *stmt
	enterGroup, leaveGroup, dropGroup, spend         *stmt
	documentFile, fileUsed, eraseDocument, eraseSpec *stmt
	oldest                                           *stmt
	forget                                           []*stmt
	putLive, deleteLive, putMeta                     *stmt

	record, putRecord, deleteRecord, insertPair, deletePair *stmt
}

// prepare fills in the statements.
func (s *statements) prepare(d *db) error {
	for _, p := range []struct {
		to      **stmt
		columns int
		sql     string
	}{
		{&s.begin, 0, "BEGIN IMMEDIATE"},
		{&s.commit, 0, "COMMIT"},
		{&s.rollback, 0, "ROLLBACK"},
		{&s.insertJob, 0, "INSERT INTO jobs (num, tenant, lane, accepted, deadline, cost, id, key, schema, batch, fingerprint, spec) " +
			"VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?) ON CONFLICT (id) DO NOTHING"},
		{&s.insertDocument, 0, "INSERT INTO documents (num, file, body) VALUES (?, ?, ?)"},
		{&s.insertTenant, 0, "INSERT INTO tenants (num, name) VALUES (?, ?)"},
		{&s.jobByNum, nJobColumns + 1, "SELECT " + jobColumns + ", EXISTS (SELECT 1 FROM states s WHERE s.num = j.num) " +
			"FROM jobs j WHERE j.num = ?"},
		{&s.jobByID, 1, "SELECT num FROM jobs WHERE id = ?"},
		{&s.jobByKey, 2, "SELECT num, accepted FROM jobs WHERE tenant = ? AND key = ? ORDER BY num DESC LIMIT 1"},
		{&s.bySeq, 1, "SELECT num FROM states WHERE seq = ? AND seq <> num"},
		{&s.stateByNum, nStateColumns + nHeavyColumns, "SELECT " + stateColumns + ", " + heavyColumns + " FROM states s WHERE s.num = ?"},
		{&s.ledger, 1, storedLedger},
		{&s.insertLoan, 0, "INSERT INTO loans (num, version, token, worker, until, started, updated, loans, history, ledger) " +
			"VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?)"},
		{&s.cancelLoan, 0, "UPDATE loans SET version = ?, updated = ?, cancel = ?, operation = ?, history = history || ? WHERE num = ?"},
		{&s.noteAttempts, 0, "UPDATE loans SET ledger = ledger || ? WHERE num = ?"},
		{&s.deleteLoan, 0, "DELETE FROM loans WHERE num = ?"},
		{&s.putState, 0, putState},
		{&s.spill, 0, "INSERT INTO overflow (num, part, history, ledger) " +
			"SELECT num, (SELECT ifnull(max(part), 0) + 1 FROM overflow WHERE num = ?1), history, ledger FROM states WHERE num = ?1"},
		{&s.emptyState, 0, "UPDATE states SET history = '', ledger = '' WHERE num = ?"},
		{&s.enterGroup, 1, enterGroup},
		{&s.leaveGroup, 0, "UPDATE groups SET jobs = jobs - 1 WHERE num = ?"},
		{&s.dropGroup, 0, "DELETE FROM groups WHERE num = ? AND jobs = 0"},
		{&s.spend, 0, "INSERT INTO spent (tenant, day, micro) VALUES (?, ?, ?) " +
			"ON CONFLICT (tenant, day) DO UPDATE SET micro = micro + excluded.micro"},
		{&s.documentFile, 1, "SELECT file FROM documents WHERE num = ?"},
		{&s.fileUsed, 1, fileUsed},
		{&s.eraseDocument, 0, "DELETE FROM documents WHERE num = ?"},
		{&s.eraseSpec, 0, "UPDATE jobs SET spec = ? WHERE num = ?"},
		{&s.oldest, 3, "SELECT num, grp, ended FROM states WHERE state = ? AND ended <> 0 ORDER BY ended, id LIMIT ?"},
		{&s.putLive, 0, "INSERT INTO live (chunk, bits) VALUES (?, ?) ON CONFLICT (chunk) DO UPDATE SET bits = excluded.bits"},
		{&s.deleteLive, 0, "DELETE FROM live WHERE chunk = ?"},
		{&s.putMeta, 0, "INSERT INTO meta (name, value) VALUES (?, ?) ON CONFLICT (name) DO UPDATE SET value = excluded.value"},
		{&s.record, 3, "SELECT num, version, pairs FROM records WHERE kind = ? AND id = ?"},
		{&s.putRecord, 0, "INSERT INTO records (kind, id, version, updated, pairs, value) VALUES (?, ?, ?, ?, ?, ?) " +
			"ON CONFLICT (kind, id) DO UPDATE SET version = excluded.version, updated = excluded.updated, pairs = excluded.pairs, value = excluded.value"},
		{&s.deleteRecord, 0, "DELETE FROM records WHERE kind = ? AND id = ?"},
		{&s.insertPair, 0, "INSERT INTO record_pairs (kind, name, value, id) VALUES (?, ?, ?, ?)"},
		{&s.deletePair, 0, "DELETE FROM record_pairs WHERE kind = ? AND name = ? AND value = ? AND id = ?"},
	} {
		var err error
		if *p.to, err = d.prepare(p.sql, p.columns); err != nil {
			return fmt.Errorf("prepare the writer: %w", err)
		}
	}
	for _, table := range []string{"jobs", "states", "overflow", "documents"} {
		p, err := d.prepare("DELETE FROM "+table+" WHERE num = ?", 0)
		if err != nil {
			return fmt.Errorf("prepare the writer: %w", err)
		}
		s.forget = append(s.forget, p)
	}
	return nil
}

// storedLedger are the attempts that earlier loans of a job made, in order.
const storedLedger = `SELECT ledger FROM (SELECT part, ledger FROM overflow WHERE num = ?1
	UNION ALL SELECT 9223372036854775807, ledger FROM states WHERE num = ?1) ORDER BY part`

// putState writes a job's state. The lines given are added to those there.
const putState = `INSERT INTO states (num, state, lane, version, generation, seq, enqueued, started, deadline, ended,
	updated, loans, token, tier, parked, tenant, id, grp, since, class, provider, reason, operation, detail,
	history, ledger, candidates, draft, result)
VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)
ON CONFLICT (num) DO UPDATE SET state = excluded.state, lane = excluded.lane, version = excluded.version,
	generation = excluded.generation, seq = excluded.seq, enqueued = excluded.enqueued, started = excluded.started,
	deadline = excluded.deadline, ended = excluded.ended, updated = excluded.updated, loans = excluded.loans,
	token = excluded.token, tier = excluded.tier, parked = excluded.parked, grp = excluded.grp, since = excluded.since,
	class = excluded.class, provider = excluded.provider, reason = excluded.reason, operation = excluded.operation,
	detail = excluded.detail, history = history || excluded.history, ledger = ledger || excluded.ledger,
	candidates = excluded.candidates, draft = excluded.draft, result = excluded.result`

// enterGroup counts a job into its group and answers the group's number.
const enterGroup = `INSERT INTO groups (tenant, state, class, provider, tier, schema, jobs) VALUES (?, ?, ?, ?, ?, ?, 1)
ON CONFLICT (tenant, state, class, provider, tier, schema) DO UPDATE SET jobs = jobs + 1 RETURNING num`
