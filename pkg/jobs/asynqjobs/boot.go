package asynqjobs

import (
	"context"
	"fmt"
	"sync"
	"time"

	"github.com/redis/go-redis/v9"

	"github.com/sluicehq/sluice/pkg/jobs"
)

// boots notices when the server is another one than before: it was started
// again, or a replica took over. It asks on every new connection for writes,
// before anything else goes out on it, so no write reaches a server whose start
// nobody has dealt with.
type boots struct {
	prefix  string
	period  time.Duration
	config  string // of the scheduler
	scripts *scripts
	clock   *serverClock

	mu        sync.Mutex
	number    int64                    // of the boot seen last; 0 before the first
	bulkheads map[string]jobs.Bulkhead // set by this engine
}

// connected deals with a new connection.
func (b *boots) connected(ctx context.Context, c *redis.Conn) error {
	info, err := c.Info(ctx, "server").Result()
	if err != nil {
		return unavailable(err)
	}
	about := infoFields(info)
	if about["redis_mode"] == "sentinel" {
		return nil // asked for the primary, and for nothing else
	}
	run := about["run_id"]
	if run == "" {
		return fmt.Errorf("%w: the server does not name its run", jobs.ErrUnavailable)
	}
	if err := b.scripts.load(ctx, c); err != nil {
		return unavailable(err)
	}
	b.mu.Lock()
	defer b.mu.Unlock()
	asked := time.Now()
	reply, err := b.scripts.boot.Run(ctx, c, []string{b.prefix},
		run, flag(b.number == 0), b.clock.arg(), b.period.Milliseconds(), b.config).Slice()
	if err != nil {
		return unavailable(err)
	}
	number, ok := integer(reply, 0)
	server, ok2 := integer(reply, 1)
	if !ok || !ok2 {
		return fmt.Errorf("%w: a script gave a strange answer", jobs.ErrUnavailable)
	}
	b.clock.follow(asked, server)
	if b.number != 0 && b.number != number {
		// Another process may have started the scheduler anew.
		if err := b.scripts.tenants.Run(ctx, c, []string{b.prefix}, b.tenantArgs()...).Err(); err != nil {
			return unavailable(err)
		}
	}
	b.number = number
	return nil
}

// remember keeps bulkheads for when the server has to be told again.
func (b *boots) remember(bs []jobs.Bulkhead) {
	b.mu.Lock()
	defer b.mu.Unlock()
	for _, one := range bs {
		b.bulkheads[one.Tenant] = one
	}
}

func (b *boots) tenantArgs() []any {
	all := make([]jobs.Bulkhead, 0, len(b.bulkheads))
	for _, one := range b.bulkheads {
		all = append(all, one)
	}
	return tenantArgs(all)
}

func tenantArgs(bs []jobs.Bulkhead) []any {
	args := []any{len(bs)}
	for _, b := range bs {
		args = append(args, b.Tenant, b.Weight, b.MaxRunning, flag(b.Paused))
	}
	return args
}
