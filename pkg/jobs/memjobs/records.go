package memjobs

import (
	"bytes"
	"cmp"
	"context"
	"fmt"
	"maps"
	"slices"
	"time"

	"github.com/sluicehq/sluice/pkg/jobs"
)

// Records implements [jobs.Engine].
func (e *Engine) Records() jobs.Records { return records{e} }

// records is the engine seen as a keeper of records.
type records struct{ e *Engine }

func (r records) Get(ctx context.Context, kind string, id jobs.ID) (jobs.Record, error) {
	if err := r.e.begin(ctx); err != nil {
		return jobs.Record{}, err
	}
	defer r.e.end()
	rec, ok := r.e.store.records[kind][id]
	if !ok {
		return jobs.Record{}, fmt.Errorf("record: %w", jobs.ErrNotFound)
	}
	return cloneRecord(rec), nil
}

func (r records) Put(ctx context.Context, rec jobs.Record) (jobs.Record, error) {
	if err := rec.Validate(); err != nil {
		return jobs.Record{}, err
	}
	if err := r.e.begin(ctx); err != nil {
		return jobs.Record{}, err
	}
	defer r.e.end()
	if err := r.e.write([]jobs.Write{{Record: rec}}, r.e.now()); err != nil {
		return jobs.Record{}, err
	}
	return cloneRecord(r.e.store.records[rec.Kind][rec.ID]), nil
}

func (r records) Delete(ctx context.Context, kind string, id jobs.ID, version int64) error {
	if err := r.e.begin(ctx); err != nil {
		return err
	}
	defer r.e.end()
	if _, ok := r.e.store.records[kind][id]; !ok {
		return fmt.Errorf("record: %w", jobs.ErrNotFound)
	}
	w := jobs.Write{Record: jobs.Record{Kind: kind, ID: id, Version: version}, Delete: true}
	return r.e.write([]jobs.Write{w}, r.e.now())
}

func (r records) List(ctx context.Context, q jobs.RecordQuery) ([]jobs.Record, error) {
	if err := r.e.begin(ctx); err != nil {
		return nil, err
	}
	defer r.e.end()
	q = q.WithDefaults()
	var found []jobs.Record
	for id, rec := range r.e.store.records[q.Kind] {
		value, indexed := rec.Index[q.Index]
		if id > q.After && (q.Index == "" || indexed && value == q.Value) {
			found = append(found, cloneRecord(rec))
		}
	}
	slices.SortFunc(found, func(a, b jobs.Record) int { return cmp.Compare(a.ID, b.ID) })
	return found[:min(len(found), q.Limit)], nil
}

// write does all of ws in order, or nothing when a version does not fit.
func (e *Engine) write(ws []jobs.Write, now time.Time) error {
	undo := make([]func(), 0, len(ws))
	for _, w := range ws {
		kind, id := w.Record.Kind, w.Record.ID
		of := e.store.records[kind]
		if of == nil {
			of = make(map[jobs.ID]jobs.Record)
			e.store.records[kind] = of
		}
		old, there := of[id]
		if w.Record.Version != jobs.AnyVersion && w.Record.Version != old.Version {
			for _, back := range slices.Backward(undo) {
				back()
			}
			return fmt.Errorf("%w: the record has version %d, not %d", jobs.ErrConflict, old.Version, w.Record.Version)
		}
		undo = append(undo, func() {
			if delete(of, id); there {
				of[id] = old
			}
		})
		if w.Delete {
			delete(of, id)
			continue
		}
		rec := cloneRecord(w.Record)
		rec.Version, rec.UpdatedAt = old.Version+1, now
		of[id] = rec
	}
	return nil
}

func cloneRecord(r jobs.Record) jobs.Record {
	r.Index = maps.Clone(r.Index)
	r.Value = bytes.Clone(r.Value)
	return r
}
