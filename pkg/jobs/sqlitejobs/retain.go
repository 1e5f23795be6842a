package sqlitejobs

import (
	"context"
	"database/sql/driver"
	"time"

	"github.com/sluicehq/sluice/pkg/jobs"
)

// Retain implements [jobs.Archive].
func (e *Engine) Retain(ctx context.Context, keep jobs.Retention) (jobs.Retained, error) {
	if err := keep.Validate(); err != nil {
		return jobs.Retained{}, err
	}
	if err := e.begin(ctx); err != nil {
		return jobs.Retained{}, err
	}
	var done jobs.Retained
	err := e.submit(ctx, 0, func(t *tx) error {
		done = jobs.Retained{Removed: make(map[jobs.State]int64)}
		now := t.now()
		left := jobs.MaxSweep
		for _, s := range jobs.States() {
			removed, more, err := t.retain(s, keep, now, left)
			if err != nil {
				return err
			}
			done.More = done.More || more
			if left -= removed; removed > 0 {
				done.Removed[s] = int64(removed)
			}
		}
		return nil
	})
	if err != nil {
		return jobs.Retained{}, err
	}
	return done, nil
}

// old is an ended job that may be removed.
type old struct{ num, group, ended int64 }

// retain removes up to most of the jobs of a state that are not kept.
func (t *tx) retain(s jobs.State, keep jobs.Retention, now time.Time, most int) (removed int, more bool, err error) {
	age, byAge := keep.MaxAge[s]
	count, byCount := keep.MaxCount[s]
	if !byAge && !byCount {
		return 0, false, nil
	}
	surplus := int64(0)
	if byCount {
		surplus = max(0, t.counts[codeOf(s)]-count)
	}
	var all []old
	err = t.st.oldest.each(context.Background(), func(v []driver.Value) error {
		all = append(all, old{integer(v[0]), integer(v[1]), integer(v[2])})
		return nil
	}, int64(codeOf(s)), int64(most+1))
	if err != nil {
		return 0, false, failed(err)
	}
	until := millis(now.Add(-age))
	for i, o := range all {
		if int64(i) >= surplus && (!byAge || o.ended > until) {
			break
		}
		if removed == most {
			return removed, true, nil
		}
		if err := t.remove(s, o); err != nil {
			return 0, false, err
		}
		removed++
	}
	return removed, false, nil
}

// remove forgets a job with all that belongs to it, but for what it cost.
func (t *tx) remove(s jobs.State, o old) error {
	if err := t.dropFile(o.num); err != nil {
		return err
	}
	if err := t.ungroup(&row{group: o.group}); err != nil {
		return err
	}
	for _, st := range t.st.forget {
		if _, err := t.write(st, o.num); err != nil {
			return err
		}
	}
	t.count(s, -1)
	t.removed[codeOf(s)]++
	return nil
}
