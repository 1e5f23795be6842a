package sqlitejobs

import (
	"bytes"
	"context"
	"database/sql/driver"
	"fmt"
	"maps"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/sluicehq/sluice/pkg/jobs"
)

const (
	selectRecord   = "SELECT r.kind, r.id, r.version, r.updated, r.pairs, r.value FROM "
	nRecordColumns = 6

	recordByID    = selectRecord + "records r WHERE r.kind = ? AND r.id = ?"
	recordsOf     = selectRecord + "records r WHERE r.kind = ? AND r.id > ? ORDER BY r.id LIMIT ?"
	recordsByPair = selectRecord + "record_pairs p JOIN records r ON r.kind = p.kind AND r.id = p.id " +
		"WHERE p.kind = ? AND p.name = ? AND p.value = ? AND p.id > ? ORDER BY p.id LIMIT ?"
)

// Records implements [jobs.Engine].
func (e *Engine) Records() jobs.Records { return records{e} }

// records is the engine seen as a keeper of records.
type records struct{ e *Engine }

func (r records) Get(ctx context.Context, kind string, id jobs.ID) (rec jobs.Record, err error) {
	err = r.e.read(ctx, func(rd *reader) error {
		v, err := rd.one(recordByID, nRecordColumns, kind, string(id))
		if err != nil {
			return err
		}
		if v == nil {
			return errNoRecord
		}
		rec, err = decodeRecord(v)
		return err
	})
	return rec, err
}

var errNoRecord = fmt.Errorf("record: %w", jobs.ErrNotFound)

func decodeRecord(v []driver.Value) (jobs.Record, error) {
	rec := jobs.Record{
		Kind: text(v[0]), ID: jobs.ID(text(v[1])), Version: integer(v[2]), UpdatedAt: moment(integer(v[3])), Value: blob(v[5]),
	}
	var err error
	if rec.Index, err = parsePairs(text(v[4])); err != nil {
		return jobs.Record{}, fmt.Errorf("index of record %s/%s: %w", rec.Kind, rec.ID, err)
	}
	return rec, nil
}

func (r records) List(ctx context.Context, q jobs.RecordQuery) (found []jobs.Record, err error) {
	q = q.WithDefaults()
	err = r.e.read(ctx, func(rd *reader) error {
		add := func(v []driver.Value) error {
			rec, err := decodeRecord(v)
			found = append(found, rec)
			return err
		}
		sql, args := recordsOf, []driver.Value{q.Kind, string(q.After), int64(q.Limit)}
		if q.Index != "" {
			sql, args = recordsByPair, []driver.Value{q.Kind, q.Index, q.Value, string(q.After), int64(q.Limit)}
		}
		st, err := rd.prepared(sql, nRecordColumns)
		if err != nil {
			return err
		}
		return st.each(ctx, add, args...)
	})
	if err != nil {
		return nil, err
	}
	return found, nil
}

func (r records) Put(ctx context.Context, rec jobs.Record) (jobs.Record, error) {
	if err := rec.Validate(); err != nil {
		return jobs.Record{}, err
	}
	if err := r.e.begin(ctx); err != nil {
		return jobs.Record{}, err
	}
	ps := encodeWrites([]jobs.Write{{Record: rec}})
	var answer jobs.Record
	err := r.e.submit(ctx, len(rec.Value), func(t *tx) error {
		if err := t.checkWrites(ps); err != nil {
			return err
		}
		now := t.now()
		answer = jobs.Record{Kind: rec.Kind, ID: rec.ID, Version: ps[0].stored + 1, UpdatedAt: now}
		return t.putRecords(ps, now)
	})
	if err != nil {
		return jobs.Record{}, err
	}
	answer.Index, answer.Value = maps.Clone(rec.Index), bytes.Clone(rec.Value)
	return answer, nil
}

func (r records) Delete(ctx context.Context, kind string, id jobs.ID, version int64) error {
	if err := r.e.begin(ctx); err != nil {
		return err
	}
	return r.e.submit(ctx, 0, func(t *tx) error {
		ps := []put{{w: jobs.Write{Record: jobs.Record{Kind: kind, ID: id, Version: version}, Delete: true}}}
		if stored, _, err := t.stored(ps[0].w.Record); err != nil {
			return err
		} else if stored == 0 {
			return errNoRecord
		}
		if err := t.checkWrites(ps); err != nil {
			return err
		}
		return t.putRecords(ps, t.now())
	})
}

// put is a record write on its way through the writer.
type put struct {
	w     jobs.Write
	pairs string // the index as lines
	// stored is the version that the write finds, 0 for none.
	stored int64
}

func encodeWrites(ws []jobs.Write) []put {
	ps := make([]put, len(ws))
	for i, w := range ws {
		ps[i] = put{w: w, pairs: formatPairs(w.Record.Index)}
	}
	return ps
}

// formatPairs writes an index as lines of a quoted name and a quoted value,
// which keeps every byte.
func formatPairs(index map[string]string) string {
	var b []byte
	for _, name := range slices.Sorted(maps.Keys(index)) {
		b = strconv.AppendQuote(b, name)
		b = append(b, ' ')
		b = strconv.AppendQuote(b, index[name])
		b = append(b, '\n')
	}
	return string(b)
}

func parsePairs(lines string) (map[string]string, error) {
	var index map[string]string
	for line := range strings.Lines(lines) {
		words := fields{rest: strings.TrimSuffix(line, "\n")}
		name, value := words.quoted(), words.quoted()
		if words.bad || words.rest != "" {
			return nil, fmt.Errorf("malformed line %.80q", line)
		}
		if index == nil {
			index = make(map[string]string)
		}
		index[name] = value
	}
	return index, nil
}

// recordName identifies a record.
type recordName struct {
	kind string
	id   jobs.ID
}

// stored reads the version of a record, 0 for none, and its index.
func (t *tx) stored(r jobs.Record) (version int64, pairs string, err error) {
	v, err := t.st.record.one(r.Kind, string(r.ID))
	if err != nil || v == nil {
		return 0, "", failed(err)
	}
	return integer(v[1]), text(v[2]), nil
}

// checkWrites finds the version that each write will find, those before it
// done, and refuses all when one does not fit. It writes nothing.
func (t *tx) checkWrites(ps []put) error {
	versions := make(map[recordName]int64, len(ps))
	for i := range ps {
		p := &ps[i]
		rec := p.w.Record
		name := recordName{rec.Kind, rec.ID}
		version, known := versions[name]
		if !known {
			var err error
			if version, _, err = t.stored(rec); err != nil {
				return err
			}
		}
		if rec.Version != jobs.AnyVersion && rec.Version != version {
			return fmt.Errorf("%w: the record has version %d, not %d", jobs.ErrConflict, version, rec.Version)
		}
		p.stored = version
		versions[name] = version + 1
		if p.w.Delete {
			versions[name] = 0
		}
	}
	return nil
}

// putRecords does writes that were checked.
func (t *tx) putRecords(ps []put, now time.Time) error {
	for i := range ps {
		if err := t.putRecord(&ps[i], now); err != nil {
			return err
		}
	}
	return nil
}

func (t *tx) putRecord(p *put, now time.Time) error {
	rec := p.w.Record
	if p.stored != 0 {
		if err := t.dropPairs(rec); err != nil {
			return err
		}
	}
	if p.w.Delete {
		_, err := t.write(t.st.deleteRecord, rec.Kind, string(rec.ID))
		return err
	}
	err := t.writeOne(t.st.putRecord, rec.Kind, string(rec.ID), p.stored+1, millis(now), p.pairs, notNil(rec.Value))
	if err != nil {
		return err
	}
	for name, value := range rec.Index {
		if err := t.writeOne(t.st.insertPair, rec.Kind, name, value, string(rec.ID)); err != nil {
			return err
		}
	}
	return nil
}

// dropPairs removes the index of a stored record.
func (t *tx) dropPairs(rec jobs.Record) error {
	_, pairs, err := t.stored(rec)
	if err != nil {
		return err
	}
	index, err := parsePairs(pairs)
	if err != nil {
		return damaged("index of record %s/%s: %w", rec.Kind, rec.ID, err)
	}
	for name, value := range index {
		if err := t.writeOne(t.st.deletePair, rec.Kind, name, value, string(rec.ID)); err != nil {
			return err
		}
	}
	return nil
}
