package sqlitejobs

import (
	"context"
	"fmt"
	"slices"
	"time"

	"github.com/sluicehq/sluice/pkg/jobs"
)

// intake is one submission on its way through the writer.
type intake struct {
	sub     jobs.Submission
	spec    string
	decoded *spec  // what spec says, for the loan; nil when that is too large to keep
	file    string // of a large document, written before
	// The answer. made is the job's row, which nobody changes any more, and of
	// it only the job when it is new.
	status jobs.AcceptStatus
	made   *row
}

// Accept implements [jobs.Engine].
func (e *Engine) Accept(ctx context.Context, subs []jobs.Submission) ([]jobs.Acceptance, error) {
	for _, s := range subs {
		if err := s.Validate(); err != nil {
			return nil, err
		}
	}
	if err := e.begin(ctx); err != nil || len(subs) == 0 {
		return nil, err
	}
	ins, size, err := e.prepare(ctx, subs)
	if err != nil {
		e.dropFiles(ins)
		return nil, err
	}
	c := newCall(size, func(t *tx) error {
		for i := range ins {
			if err := t.accept(&ins[i]); err != nil {
				return err
			}
		}
		return nil
	})
	err = e.hand(ctx, c)
	e.letGo(c, ins)
	if err != nil {
		return nil, err
	}
	return acceptances(ins)
}

// prepare does what needs no order: it encodes, and writes large documents.
func (e *Engine) prepare(ctx context.Context, subs []jobs.Submission) (ins []intake, size int, err error) {
	ins = make([]intake, len(subs))
	for i, s := range subs {
		in := &ins[i]
		in.sub = s
		of := specOf(s)
		if in.spec, err = encode(of); err != nil {
			return ins, 0, fmt.Errorf("submission %d: %w", i, err)
		}
		in.decoded = forFresh(of, in.spec)
		size += len(in.spec)
		if len(s.Body) <= e.cfg.BlobThreshold {
			size += len(s.Body)
			continue
		}
		if err := ctx.Err(); err != nil {
			return ins, 0, err
		}
		if in.file, err = e.blobs.write(s.Body); err != nil {
			return ins, 0, fmt.Errorf("%w: write document: %w", jobs.ErrUnavailable, err)
		}
	}
	return ins, size, nil
}

func (e *Engine) dropFiles(ins []intake) {
	for _, in := range ins {
		if in.file != "" {
			e.blobs.remove(in.file)
		}
	}
}

// letGo lets go of the files of a call that the caller waits for no more: those
// that no job needs are removed as soon as that is known.
func (e *Engine) letGo(c *call, ins []intake) {
	if !slices.ContainsFunc(ins, func(in intake) bool { return in.file != "" }) {
		return
	}
	if c.fate.Load() != taken {
		e.dropFiles(ins) // nobody has begun it, and nobody will
		return
	}
	select {
	case <-c.done:
		e.settleFiles(c, ins)
	default: // its caller has left
		e.late.do(func() {
			<-c.done
			e.settleFiles(c, ins)
		})
	}
}

// settleFiles is letGo for a call that was answered.
func (e *Engine) settleFiles(c *call, ins []intake) {
	if c.err != nil && !c.tried {
		e.dropFiles(ins)
		return
	}
	for _, in := range ins {
		switch {
		case in.file == "":
		case c.err != nil:
			e.blobs.doubt(in.file)
		case in.status == jobs.Created:
			e.blobs.settle(in.file)
		default:
			e.blobs.remove(in.file)
		}
	}
}

// acceptances are the answers.
func acceptances(ins []intake) ([]jobs.Acceptance, error) {
	answers := make([]jobs.Acceptance, len(ins))
	for i := range ins {
		in := &ins[i]
		answers[i].Status = in.status
		var err error
		switch in.status {
		case jobs.Created:
			s := specOf(in.sub)
			answers[i].Job, err = in.made.with(&s)
		case jobs.Existing:
			answers[i].Job, err = in.made.whole()
		case jobs.KeyReused, jobs.TenantFull, jobs.EngineFull:
		}
		if err != nil {
			return nil, unavailable(err)
		}
	}
	return answers, nil
}

// accept answers one submission.
func (t *tx) accept(in *intake) error {
	s := &in.sub
	now := t.now()
	tenant, err := t.tenant(s.Tenant)
	if err != nil {
		return err
	}
	r, err := t.byKey(tenant, s.Key, now)
	if err != nil {
		return err
	}
	full := t.full(s)
	if r == nil && full != "" {
		// An ID that is known is answered before the limits; without a limit
		// the insertion itself finds out.
		if r, err = t.find(s.ID); err != nil {
			return err
		}
	}
	switch {
	case r != nil:
		t.replay(in, r)
		return nil
	case full != "":
		in.status = full
		return nil
	}
	return t.create(in, tenant, now)
}

// full names the limit that s would exceed, or nothing.
func (t *tx) full(s *jobs.Submission) jobs.AcceptStatus {
	switch {
	case s.MaxQueued > 0 && t.waiting(s.Tenant) >= s.MaxQueued:
		return jobs.TenantFull
	case t.waitingAll() >= t.policy.MaxWaiting:
		return jobs.EngineFull
	}
	return ""
}

// replay answers a submission whose key or ID is in use.
func (t *tx) replay(in *intake, r *row) {
	if r.job.Tenant != in.sub.Tenant || r.job.Fingerprint != in.sub.Fingerprint {
		in.status = jobs.KeyReused
		return
	}
	in.status, in.made = jobs.Existing, t.kept(r)
}

func (t *tx) create(in *intake, tenant int64, now time.Time) error {
	s := &in.sub
	j, ev := jobs.NewJob(*s, t.seq+1, now)
	n, err := t.write(t.st.insertJob, j.Seq, tenant, int64(j.Lane), millis(j.AcceptedAt), millis(j.DeadlineAt),
		j.Cost.Milliseconds(), string(j.ID), orNull(j.Key), orNull(j.Spec.Schema), orNull(j.Batch), []byte(j.Fingerprint), in.spec)
	if err != nil {
		return err
	}
	if n == 0 { // the ID is in use
		r, err := t.find(s.ID)
		if err != nil {
			return err
		}
		if r == nil {
			return damaged("an ID is in use by no job")
		}
		t.replay(in, r)
		return nil
	}
	if in.file != "" {
		err = t.writeOne(t.st.insertDocument, j.Seq, in.file, nil)
	} else {
		err = t.writeOne(t.st.insertDocument, j.Seq, nil, notNil(s.Body))
	}
	if err != nil {
		return err
	}
	in.status, in.made = jobs.Created, &row{num: j.Seq, job: j}
	t.born(&in.made.job)
	t.fresh.keep(in.made, in.decoded, in.spec)
	t.events = append(t.events, ev)
	return nil
}

// notNil is b, which SQLite would take for NULL when it is nil.
func notNil(b []byte) []byte {
	if b == nil {
		return []byte{}
	}
	return b
}

// tenant is the tenant's number, given now if it has none.
func (t *tx) tenant(name string) (int64, error) {
	if n := t.names.num(name); n != 0 {
		return n, nil
	}
	n := int64(t.names.len() + 1)
	if err := t.writeOne(t.st.insertTenant, n, name); err != nil {
		return 0, err
	}
	t.names.add(n, name)
	return n, nil
}

// byKey reads the job that a key stands for; nil when there is none or the key
// is no longer kept.
func (t *tx) byKey(tenant int64, key string, now time.Time) (*row, error) {
	if key == "" {
		return nil, nil
	}
	v, err := t.st.jobByKey.one(tenant, key)
	if err != nil || v == nil {
		return nil, failed(err)
	}
	num, first := integer(v[0]), moment(integer(v[1]))
	if !now.Before(first.Add(t.policy.KeyTTL)) {
		return nil, nil
	}
	return t.byNum(num)
}

// byNum reads a job that exists, running or not.
func (t *tx) byNum(num int64) (*row, error) {
	r, err := t.load(num)
	if err != nil {
		return nil, err
	}
	if r == nil {
		return nil, damaged("job %d is not there", num)
	}
	if l := t.running[r.job.ID]; l != nil {
		return &l.row, nil
	}
	return r, nil
}
