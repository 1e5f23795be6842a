package asynqjobs

import (
	"context"
	"time"

	"github.com/sluicehq/sluice/pkg/jobs"
)

// intake is a submission on its way into the store.
type intake struct {
	sub  jobs.Submission
	job  jobs.Job
	file string // of its document; empty without one
	call *call
}

// Accept implements [jobs.Engine]. Each submission is a script of its own; all
// of them go out in one pipeline.
func (e *Engine) Accept(ctx context.Context, subs []jobs.Submission) ([]jobs.Acceptance, error) {
	size := 0
	for _, s := range subs {
		if err := s.Validate(); err != nil {
			return nil, err
		}
		size += len(s.Spec.SchemaJSON)
		if len(s.Body) <= blobThreshold {
			size += len(s.Body)
		}
	}
	if err := e.begin(ctx); err != nil {
		return nil, err
	}
	if err := e.guard.admit(len(subs), size); err != nil {
		return nil, err
	}
	all, err := e.intakes(subs)
	if err != nil {
		return nil, err
	}
	calls := make([]*call, len(all))
	for i := range all {
		calls[i] = all[i].call
	}
	if err := e.send(ctx, calls...); err != nil {
		return nil, err
	}
	return e.acceptances(all)
}

// intakes writes the files of large documents and prepares the calls.
func (e *Engine) intakes(subs []jobs.Submission) ([]intake, error) {
	now := e.clock.now()
	all := make([]intake, len(subs))
	for i, s := range subs {
		var err error
		if all[i].file, err = e.blobs.put(s.ID, s.Body); err == nil {
			all[i].sub = s
			err = e.prepare(&all[i], now)
		}
		if err != nil {
			for _, in := range all[:i+1] {
				e.blobs.remove(in.files()...)
			}
			return nil, err
		}
	}
	return all, nil
}

// files are the names of the document's file, if it has one.
func (in *intake) files() []string {
	if in.file == "" {
		return nil
	}
	return []string{in.file}
}

// prepare makes the call of one submission.
func (e *Engine) prepare(in *intake, now time.Time) error {
	job, ev := jobs.NewJob(in.sub, 0, now)
	row, err := encodeRow(&job)
	if err != nil {
		return err
	}
	event, err := encodeEvent(ev)
	if err != nil {
		return err
	}
	s, body := in.sub, ""
	if in.file == "" {
		body = string(s.Body)
	}
	args := []any{
		now.UnixMilli(), e.cfg.Policy.KeyTTL.Milliseconds(), e.cfg.Policy.MaxWaiting,
		string(s.ID), s.Tenant, int(s.Lane), s.Key, s.Fingerprint,
		s.MaxQueued, job.Cost.Milliseconds(), job.DeadlineAt.UnixMilli(), string(s.Batch), row, event, body, in.file,
	}
	args = appendList(args, indexes(&job))
	in.job = job
	in.call = newItem(e.scripts.accept, args...)
	in.call.heard = func(reply any) {
		list, _ := reply.([]any)
		if text(list, 0) == string(jobs.Created) {
			e.tell(ev)
			e.waker.TopUp()
		}
	}
	return nil
}

// appendList writes a list the way scripts read one.
func appendList(args []any, list []string) []any {
	args = append(args, len(list))
	for _, s := range list {
		args = append(args, s)
	}
	return args
}

// acceptances reads the answers. When one is an error, so is the whole: the
// caller repeats it and finds the others existing.
func (e *Engine) acceptances(all []intake) ([]jobs.Acceptance, error) {
	answers := make([]jobs.Acceptance, len(all))
	for i := range all {
		in := &all[i]
		if in.call.err != nil {
			return nil, in.call.err
		}
		list, _ := in.call.reply.([]any)
		answers[i].Status = jobs.AcceptStatus(text(list, 0))
		if answers[i].Status != jobs.Created {
			e.blobs.remove(in.files()...)
		}
		switch answers[i].Status {
		case jobs.Created:
			seq, ok := integer(list, 1)
			if !ok {
				return nil, malformed("accept")
			}
			answers[i].Job = in.job
			answers[i].Job.Seq = seq
		case jobs.Existing:
			s, ok := storedOf(sublist(list, 1))
			if !ok {
				return nil, malformed("accept")
			}
			var err error
			if answers[i].Job, err = s.job(); err != nil {
				return nil, err
			}
		case jobs.KeyReused, jobs.TenantFull, jobs.EngineFull:
		default:
			return nil, malformed("accept")
		}
	}
	return answers, nil
}
