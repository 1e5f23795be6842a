package sqlitejobs

import (
	"context"
	"encoding/json"
	"fmt"

	"github.com/sluicehq/sluice/pkg/jobs"
)

// Apply implements [jobs.Engine].
func (e *Engine) Apply(ctx context.Context, c jobs.Command) (jobs.Job, error) {
	if err := c.Validate(); err != nil {
		return jobs.Job{}, err
	}
	if err := e.begin(ctx); err != nil {
		return jobs.Job{}, err
	}
	result := ""
	if c.Kind == jobs.Complete {
		var err error
		if result, err = encodeResult(c.Result); err != nil {
			return jobs.Job{}, fmt.Errorf("result: %w", err)
		}
	}
	var after row
	err := e.submit(ctx, len(result), func(t *tx) (err error) {
		after, err = t.apply(c, result)
		return err
	})
	if err != nil {
		return jobs.Job{}, err
	}
	j, err := after.whole()
	if err != nil {
		return jobs.Job{}, unavailable(err)
	}
	return j, nil
}

func (t *tx) apply(c jobs.Command, result string) (row, error) {
	r, err := t.find(c.Job)
	if err != nil {
		return row{}, err
	}
	if r == nil || c.Tenant != "" && r.job.Tenant != c.Tenant {
		return row{}, fmt.Errorf("job: %w", jobs.ErrNotFound)
	}
	after := *r
	ev, changed, err := after.job.Apply(c, t.seq+1, t.now())
	if err != nil || !changed {
		return after, err
	}
	if l := t.running[c.Job]; l != nil {
		return after, t.note(l, after.job, ev)
	}
	if after.job.Result != nil {
		after.result, after.given = result, after.job.Result
	}
	if c.Kind == jobs.Draft {
		after.draft = string(c.Draft)
	}
	if after.job.State == jobs.Erased {
		if err := t.erase(&after); err != nil {
			return row{}, err
		}
	}
	err = t.save(r.job, &after, ev, nil, nil, 0)
	return after, err
}

// note writes a change of a job that runs on: it was told to stop.
func (t *tx) note(l *loan, after jobs.Job, ev jobs.Event) error {
	if after.State != jobs.Running {
		return damaged("a command took job %s from its holder", after.ID)
	}
	line := appendEvent(nil, ev)
	err := t.writeOne(t.st.cancelLoan, after.Version, millis(after.UpdatedAt), after.CancelReason,
		orNull(after.Operation), string(line), l.num)
	if err != nil {
		return err
	}
	l.job = after
	l.history = append(l.history, line...)
	t.events = append(t.events, ev)
	return nil
}

// erase removes a job's document and what its spec tells of it.
func (t *tx) erase(r *row) error {
	var s spec
	if err := json.Unmarshal(r.spec, &s); err != nil {
		return damaged("spec of job %s: %w", r.job.ID, err)
	}
	s.Labels, s.Spec.SchemaJSON, s.Document = nil, nil, jobs.Document{}
	bare, err := encode(s)
	if err != nil {
		return damaged("spec of job %s: %w", r.job.ID, err)
	}
	r.spec = []byte(bare)
	if err := t.writeOne(t.st.eraseSpec, bare, r.num); err != nil {
		return err
	}
	if err := t.dropFile(r.num); err != nil {
		return err
	}
	return t.writeOne(t.st.eraseDocument, r.num)
}

// dropFile lets a document's file, if it has one, go after the commit.
func (t *tx) dropFile(num int64) error {
	v, err := t.st.documentFile.one(num)
	if err != nil {
		return failed(err)
	}
	if v != nil && v[0] != nil {
		t.files = append(t.files, text(v[0]))
	}
	return nil
}
