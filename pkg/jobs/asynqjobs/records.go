package asynqjobs

import (
	"context"
	"fmt"
	"strconv"
	"strings"

	"github.com/redis/go-redis/v9"

	"github.com/sluicehq/sluice/pkg/jobs"
)

// Records implements [jobs.Engine].
func (e *Engine) Records() jobs.Records { return records{e} }

// records is the engine seen as a keeper of records.
type records struct{ e *Engine }

// writeArgs are the arguments that the scripts read writes from.
func writeArgs(ws []jobs.Write) []any {
	args := []any{len(ws)}
	for _, w := range ws {
		r := w.Record
		args = append(args, r.Kind, string(r.ID), strconv.FormatInt(r.Version, 10), flag(w.Delete))
		if w.Delete {
			continue
		}
		args = append(args, string(r.Value), 2*len(r.Index))
		for name, value := range r.Index {
			args = append(args, name, value)
		}
	}
	return args
}

// Get implements [jobs.Records].
func (r records) Get(ctx context.Context, kind string, id jobs.ID) (jobs.Record, error) {
	if err := r.e.begin(ctx); err != nil {
		return jobs.Record{}, err
	}
	missing := fmt.Errorf("record: %w", jobs.ErrNotFound)
	if !named(kind, id) {
		return jobs.Record{}, missing
	}
	fields, err := r.e.reads.HGetAll(ctx, r.key(kind, id)).Result()
	if err != nil {
		return jobs.Record{}, r.e.readError(ctx, err)
	}
	if len(fields) == 0 {
		return jobs.Record{}, missing
	}
	return recordOf(kind, id, fields), nil
}

// named reports whether a record could have that name.
func named(kind string, id jobs.ID) bool {
	return jobs.ID(kind).Validate() == nil && id.Validate() == nil
}

func (r records) key(kind string, id jobs.ID) string {
	return r.e.cfg.Prefix + "r:" + kind + ":" + string(id)
}

func recordOf(kind string, id jobs.ID, fields map[string]string) jobs.Record {
	rec := jobs.Record{
		Kind: kind, ID: id, Version: number(fields["v"]), Value: []byte(fields["b"]), UpdatedAt: millis(fields["u"]),
	}
	for name, value := range fields {
		if index, ok := strings.CutPrefix(name, "i:"); ok {
			if rec.Index == nil {
				rec.Index = make(map[string]string)
			}
			rec.Index[index] = value
		}
	}
	return rec
}

// Put implements [jobs.Records].
func (r records) Put(ctx context.Context, rec jobs.Record) (jobs.Record, error) {
	if err := rec.Validate(); err != nil {
		return jobs.Record{}, err
	}
	if err := r.e.begin(ctx); err != nil {
		return jobs.Record{}, err
	}
	now := r.e.clock.now()
	version, err := r.write(ctx, now.UnixMilli(), false, jobs.Write{Record: rec})
	if err != nil {
		return jobs.Record{}, err
	}
	put := jobs.Record{Kind: rec.Kind, ID: rec.ID, Version: version, Value: append([]byte(nil), rec.Value...), UpdatedAt: now}
	for name, value := range rec.Index {
		if put.Index == nil {
			put.Index = make(map[string]string, len(rec.Index))
		}
		put.Index[name] = value
	}
	return put, nil
}

// Delete implements [jobs.Records].
func (r records) Delete(ctx context.Context, kind string, id jobs.ID, version int64) error {
	if err := r.e.begin(ctx); err != nil {
		return err
	}
	if !named(kind, id) {
		return fmt.Errorf("record: %w", jobs.ErrNotFound)
	}
	w := jobs.Write{Record: jobs.Record{Kind: kind, ID: id, Version: version}, Delete: true}
	_, err := r.write(ctx, 0, true, w)
	return err
}

// write makes one write and answers the record's version. there says that the
// record has to exist.
func (r records) write(ctx context.Context, now int64, there bool, w jobs.Write) (int64, error) {
	args := append([]any{now, flag(there)}, writeArgs([]jobs.Write{w})...)
	reply, err := r.e.run(ctx, newCall(r.e.scripts.record, args...))
	if err != nil {
		return 0, err
	}
	list, _ := reply.([]any)
	version, ok := integer(list, 1)
	if !ok {
		return 0, malformed("record")
	}
	switch text(list, 0) {
	case "ok":
		return version, nil
	case "missing":
		return 0, fmt.Errorf("record: %w", jobs.ErrNotFound)
	case "conflict":
		return 0, fmt.Errorf("%w: the record has version %d, not %d", jobs.ErrConflict, version, w.Record.Version)
	default:
		return 0, malformed("record")
	}
}

// List implements [jobs.Records].
func (r records) List(ctx context.Context, q jobs.RecordQuery) ([]jobs.Record, error) {
	if err := r.e.begin(ctx); err != nil {
		return nil, err
	}
	q = q.WithDefaults()
	if jobs.ID(q.Kind).Validate() != nil {
		return nil, nil //nolint:nilerr // no record is of such a kind
	}
	key := r.e.cfg.Prefix + "rx:" + q.Kind
	if q.Index != "" {
		key = r.e.cfg.Prefix + "ri:" + q.Kind + ":" + q.Index + ":" + q.Value
	}
	var found []jobs.Record
	for after := q.After; len(found) < q.Limit; {
		ids, err := r.page(ctx, key, after, q.Limit-len(found))
		if err != nil || len(ids) == 0 {
			return found, err
		}
		// A record that changed since its ID was read may not belong here.
		if found, err = r.appendAll(ctx, found, q, ids); err != nil {
			return nil, err
		}
		after = ids[len(ids)-1]
	}
	return found, nil
}

// page reads the next IDs of an index.
func (r records) page(ctx context.Context, key string, after jobs.ID, limit int) ([]jobs.ID, error) {
	from := "-"
	if after != "" {
		from = "(" + string(after)
	}
	members, err := r.e.reads.ZRangeArgs(ctx, redis.ZRangeArgs{
		Key: key, Start: from, Stop: "+", ByLex: true, Count: int64(limit),
	}).Result()
	if err != nil {
		return nil, r.e.readError(ctx, err)
	}
	return idsOf(members), nil
}

func idsOf(members []string) []jobs.ID {
	ids := make([]jobs.ID, len(members))
	for i, m := range members {
		ids[i] = jobs.ID(m)
	}
	return ids
}

// appendAll reads records and keeps those that the query asks for.
func (r records) appendAll(ctx context.Context, found []jobs.Record, q jobs.RecordQuery, ids []jobs.ID) ([]jobs.Record, error) {
	p := r.e.reads.Pipeline()
	replies := make([]*redis.MapStringStringCmd, len(ids))
	for i, id := range ids {
		replies[i] = p.HGetAll(ctx, r.key(q.Kind, id))
	}
	if _, err := p.Exec(ctx); err != nil {
		return nil, r.e.readError(ctx, err)
	}
	for i, reply := range replies {
		if len(reply.Val()) == 0 {
			continue
		}
		rec := recordOf(q.Kind, ids[i], reply.Val())
		if value, indexed := rec.Index[q.Index]; q.Index == "" || indexed && value == q.Value {
			found = append(found, rec)
		}
	}
	return found, nil
}
