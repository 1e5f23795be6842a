package asynqjobs

import (
	"context"
	"errors"
	"testing"
	"time"

	"github.com/redis/go-redis/v9"

	"github.com/sluicehq/sluice/pkg/jobs"
	"github.com/sluicehq/sluice/pkg/jobs/asynqjobs/redistest"
)

// between does something once, between the first and the second command of a
// pipeline that is not one transaction. The server may do so with the command of
// any other process.
type between struct{ do func() }

var _ redis.Hook = (*between)(nil)

// DialHook implements [redis.Hook].
func (*between) DialHook(next redis.DialHook) redis.DialHook { return next }

// ProcessHook implements [redis.Hook].
func (*between) ProcessHook(next redis.ProcessHook) redis.ProcessHook { return next }

// ProcessPipelineHook implements [redis.Hook].
func (b *between) ProcessPipelineHook(next redis.ProcessPipelineHook) redis.ProcessPipelineHook {
	return func(ctx context.Context, cmds []redis.Cmder) error {
		do := b.do
		b.do = nil
		if do == nil {
			return next(ctx, cmds)
		}
		if cmds[0].Name() == "multi" {
			err := next(ctx, cmds)
			do()
			return err
		}
		first := next(ctx, cmds[:1])
		do()
		return errors.Join(first, next(ctx, cmds[1:]))
	}
}

func TestADocumentThatIsErasedMeanwhileIsNotEmpty(t *testing.T) {
	t.Parallel()
	r := redistest.Start(t, redistest.Settings{})
	e, err := Open(t.Context(), Config{URL: r.URL()})
	if err != nil {
		t.Fatal(err)
	}
	defer func() {
		if err := e.Close(); err != nil {
			t.Error(err)
		}
	}()
	s := jobs.Submission{
		ID: "job_1", Tenant: "acme", Spec: jobs.Spec{Schema: "invoice"}, Fingerprint: "p", DeadlineAt: time.Now().Add(time.Hour),
		Document: jobs.Document{Size: 4}, Body: []byte("text"),
	}
	if _, err := e.Accept(t.Context(), []jobs.Submission{s}); err != nil {
		t.Fatal(err)
	}
	if _, err := e.Apply(t.Context(), jobs.Command{Kind: jobs.Cancel, Job: s.ID}); err != nil {
		t.Fatal(err)
	}
	e.reads.AddHook(&between{do: func() {
		if _, err := e.Apply(t.Context(), jobs.Command{Kind: jobs.Erase, Job: s.ID}); err != nil {
			t.Error(err)
		}
	}})
	if body, err := e.Document(t.Context(), "acme", s.ID); err != nil && !errors.Is(err, jobs.ErrNotFound) || err == nil && string(body) != "text" {
		t.Errorf("got %q, %v", body, err)
	}
	if body, err := e.Document(t.Context(), "acme", s.ID); !errors.Is(err, jobs.ErrNotFound) {
		t.Errorf("erased: got %q, %v", body, err)
	}
}
