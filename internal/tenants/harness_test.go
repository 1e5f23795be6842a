package tenants_test

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"testing"
	"time"

	"go.uber.org/goleak"

	"github.com/sluicehq/sluice/internal/tenants"
	"github.com/sluicehq/sluice/pkg/jobs"
	"github.com/sluicehq/sluice/pkg/jobs/memjobs"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// purse says what tenants have spent.
type purse struct {
	mu    sync.Mutex
	micro map[string]int64 // by tenant and day
	err   error
	asked int
}

func (p *purse) Spent(ctx context.Context, tenant string, day time.Time) (int64, error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.asked++
	if err := errors.Join(p.err, ctx.Err()); err != nil {
		return 0, err
	}
	return p.micro[tenant+day.Format(" 2006-01-02")], nil
}

func (p *purse) set(tenant, day string, micro int64) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.micro == nil {
		p.micro = map[string]int64{}
	}
	p.micro[tenant+" "+day] = micro
}

func (p *purse) fail(err error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.err = err
}

func (p *purse) questions() int {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.asked
}

func newEngine(t *testing.T) *memjobs.Engine {
	t.Helper()
	e, err := memjobs.New(memjobs.Config{})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = e.Close() })
	return e
}

// open opens a directory. What it is not given, it gets.
func open(t *testing.T, cfg tenants.Config) *tenants.Directory {
	t.Helper()
	if cfg.Engine == nil {
		cfg.Engine = newEngine(t)
	}
	if cfg.Spender == nil {
		cfg.Spender = &purse{}
	}
	d, err := tenants.Open(t.Context(), cfg)
	if err != nil {
		t.Fatal(err)
	}
	return d
}

// running runs the directory until the test ends.
func running(t *testing.T, d *tenants.Directory) {
	t.Helper()
	ctx, cancel := context.WithCancel(t.Context())
	var wg sync.WaitGroup
	wg.Go(func() { d.Run(ctx) })
	t.Cleanup(func() {
		cancel()
		wg.Wait()
	})
}

func seed(name string, l tenants.Limits) []tenants.Seed {
	return []tenants.Seed{{Name: name, Limits: l}}
}

// submit puts a job of the tenant's into the engine.
func submit(t *testing.T, e jobs.Engine, tenant string, n int) {
	t.Helper()
	a, err := e.Accept(t.Context(), []jobs.Submission{{
		ID: jobs.ID(fmt.Sprintf("job_%s_%d", tenant, n)), Tenant: tenant, Lane: jobs.Standard, Spec: jobs.Spec{Schema: "invoice"},
		Fingerprint: "f", DeadlineAt: time.Now().Add(100 * time.Hour),
	}})
	if err != nil || a[0].Status != jobs.Created {
		t.Fatalf("accept: %+v, error %v", a, err)
	}
}

// lent is how many jobs the engine lends.
func lent(t *testing.T, e jobs.Engine) int {
	t.Helper()
	loans, err := e.Lend(t.Context(), jobs.LendRequest{Worker: "w", Max: 10, Slots: 10})
	if err != nil {
		t.Fatal(err)
	}
	return len(loans)
}

func must[T any](t *testing.T) func(v T, err error) T {
	return func(v T, err error) T {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
		return v
	}
}
