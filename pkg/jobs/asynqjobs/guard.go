package asynqjobs

import (
	"context"
	"fmt"
	"sync/atomic"
	"time"

	"github.com/redis/go-redis/v9"

	"github.com/sluicehq/sluice/pkg/jobs"
)

// ErrMemory marks a submission that was refused because Redis holds as much as
// it may. It wraps [jobs.ErrUnavailable]: nothing was written, and the same
// call works again once jobs were settled and removed.
var ErrMemory = fmt.Errorf("%w: Redis holds as much as its memory budget allows", jobs.ErrUnavailable)

// Shares of memory that the budget takes when none is configured. The rest is
// for what cannot be refused: outcomes, ledgers, and the copies of pages that
// Redis makes while it rewrites its file.
const (
	shareOfLimit  = 0.8
	shareOfSystem = 0.6
)

// overhead is what a waiting job takes in Redis beside its document, in bytes:
// row, scheduler, events, indexes. Measured with 10,000 jobs; the next look
// corrects what it misses.
const overhead = 3 << 10

// How often the guard looks at memory, and how often at the settings, which an
// operator may change on a running server.
const (
	lookEvery     = time.Second
	settingsEvery = 30 * time.Second
)

// guardConfig says what the guard insists on.
type guardConfig struct {
	acceptLoss bool
	budget     int64 // bytes; 0 derives it from the server
	replicas   int   // every write must reach so many
	// risky is told what the server may lose whenever that changes; it may be
	// nil.
	risky func([]Risk)
}

// guard stands before intake: it refuses a server that would lose jobs, and
// new jobs that would not fit. Both can change while the engine runs: by
// CONFIG SET, by a failover to a server with other settings, by growth.
type guard struct {
	config guardConfig
	client redis.Cmdable

	run     string // the server that was checked last; used by one goroutine
	checked time.Time
	risks   []Risk

	unfit  atomic.Pointer[SettingsError] // nil while the settings are fit
	budget atomic.Int64
	used   atomic.Int64 // as last seen
	added  atomic.Int64 // let in since then
}

// newGuard looks at the server and refuses an unfit one.
func newGuard(ctx context.Context, c redis.Cmdable, config guardConfig) (*guard, error) {
	g := &guard{config: config, client: c}
	s, err := g.look(ctx)
	if err != nil {
		return nil, err
	}
	if unfit := g.unfit.Load(); unfit != nil {
		return nil, unfit
	}
	if s.replicas < config.replicas {
		return nil, fmt.Errorf("every write is to reach %d replicas, but this Redis has %d", config.replicas, s.replicas)
	}
	return g, nil
}

// watch looks again and again until ctx ends. A look that fails changes
// nothing: who cannot be asked takes no jobs either.
func (g *guard) watch(ctx context.Context) {
	ticker := time.NewTicker(lookEvery)
	defer ticker.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-ticker.C:
			_, _ = g.look(ctx)
		}
	}
}

// look takes in what the server says of itself.
func (g *guard) look(ctx context.Context) (server, error) {
	added := g.added.Load()
	s, err := inspect(ctx, g.client)
	if err != nil {
		return s, err
	}
	g.budget.Store(g.budgetOf(s))
	g.used.Store(s.used)
	g.added.Add(-added) // what came in while we asked may be in neither: keep it
	if s.run == g.run && time.Since(g.checked) < settingsEvery {
		return s, nil
	}
	found, err := risks(ctx, g.client, s)
	if err != nil {
		return s, err
	}
	g.judge(found)
	g.run, g.checked = s.run, time.Now()
	return s, nil
}

func (g *guard) judge(found []Risk) {
	changed := len(found) != len(g.risks)
	for i := range min(len(found), len(g.risks)) {
		changed = changed || found[i] != g.risks[i]
	}
	g.risks = found
	if changed && g.config.risky != nil {
		g.config.risky(found)
	}
	if len(found) == 0 || g.config.acceptLoss {
		g.unfit.Store(nil)
		return
	}
	g.unfit.Store(&SettingsError{found})
}

func (g *guard) budgetOf(s server) int64 {
	switch {
	case g.config.budget > 0:
		return g.config.budget
	case s.limit > 0:
		return int64(shareOfLimit * float64(s.limit))
	default:
		return int64(shareOfSystem * float64(s.system)) // 0, no budget, when unknown
	}
}

// admit answers whether jobs with so many bytes in all may come in; an error
// wraps [jobs.ErrUnavailable] and says why not. What it lets in it counts until
// it looks next.
func (g *guard) admit(count, bytes int) error {
	if unfit := g.unfit.Load(); unfit != nil {
		return fmt.Errorf("%w: %w", jobs.ErrUnavailable, unfit)
	}
	more := int64(bytes) + int64(count)*overhead
	budget := g.budget.Load()
	if budget > 0 && g.used.Load()+g.added.Load()+more > budget {
		return ErrMemory
	}
	g.added.Add(more)
	return nil
}
