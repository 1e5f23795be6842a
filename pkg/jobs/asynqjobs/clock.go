package asynqjobs

import (
	"strconv"
	"sync/atomic"
	"time"

	"github.com/sluicehq/sluice/pkg/jobs"
)

// serverClock follows the clock of the Redis server.
type serverClock struct {
	injected func() time.Time // nil outside of tests
	offset   atomic.Int64     // ns that the server's clock is ahead of ours
}

// now is the time as jobs carry it.
func (c *serverClock) now() time.Time {
	if c.injected != nil {
		return jobs.Stamp(c.injected())
	}
	return jobs.Stamp(time.Now().Add(time.Duration(c.offset.Load())))
}

// arg is the time as scripts take it: empty lets them read the server's clock,
// which no pause of this process can make stale.
func (c *serverClock) arg() string {
	if c.injected == nil {
		return ""
	}
	return strconv.FormatInt(c.now().UnixMilli(), 10)
}

// notBefore is now, or the time of the job's last event if that is later: the
// processes that move a job follow the server's clock each for itself, and are
// some milliseconds apart.
func notBefore(j *jobs.Job, now time.Time) time.Time {
	if now.Before(j.UpdatedAt) {
		return j.UpdatedAt
	}
	return now
}

// follow takes in what the server's clock read, in unix ms, in an answer to a
// question asked at that time. One that took long says little.
func (c *serverClock) follow(asked time.Time, server int64) {
	took := time.Since(asked)
	if took > 200*time.Millisecond && c.offset.Load() != 0 {
		return
	}
	c.offset.Store(int64(time.UnixMilli(server).Sub(asked.Add(took / 2))))
}
