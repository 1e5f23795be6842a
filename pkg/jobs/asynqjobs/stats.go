package asynqjobs

import (
	"cmp"
	"context"
	"encoding/binary"
	"math"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/sluicehq/sluice/pkg/jobs"
)

// Stats implements [jobs.Engine].
func (e *Engine) Stats(ctx context.Context) (jobs.Stats, error) {
	if err := e.begin(ctx); err != nil {
		return jobs.Stats{}, err
	}
	list, err := e.scripts.stats.Run(ctx, e.reads, []string{e.cfg.Prefix}, e.clock.arg()).Slice()
	if err != nil {
		return jobs.Stats{}, e.readError(ctx, err)
	}
	slots, ok := integer(list, 1)
	workers, ok2 := integer(list, 2)
	if !ok || !ok2 {
		return jobs.Stats{}, malformed("stats")
	}
	counts := pairs(sublist(list, 3))
	s := jobs.Stats{
		At: millis(text(list, 0)), States: make(map[jobs.State]int64), Removed: make(map[jobs.State]int64),
		Slots: int(slots), Workers: int(workers),
	}
	for _, state := range jobs.States() {
		if n := number(counts[letter(state)]); n > 0 {
			s.States[state] = n
			s.Accepted += n
		}
		if n := number(counts["-"+letter(state)]); n > 0 {
			s.Removed[state] = n
		}
	}
	s.Queues = queueStats(pairs(sublist(list, 4)), pairs(sublist(list, 5)))
	return s, nil
}

func number(text string) int64 {
	n, _ := strconv.ParseInt(text, 10, 64) // absent is 0
	return n
}

// The scheduler keeps a tenant as doubles: these are the places of those that
// counts are made of, in each of its four flows. lua/sched.lua packs them.
const (
	tenantHeader = 5
	flowNumbers  = 9
	flowRunning  = 3
	flowQueued   = 4
	flowParked   = 5
	flowHead     = 6
)

// queueStats makes the rows of queues out of what the scheduler knows.
func queueStats(tenants, served map[string]string) []jobs.QueueStats {
	var all []jobs.QueueStats
	for name, packed := range tenants {
		for _, l := range jobs.Lanes() {
			at := func(i int) int64 { return double(packed, tenantHeader+int(l)*flowNumbers+i) }
			q := jobs.QueueStats{
				Lane: l, Tenant: name, Queued: int(at(flowQueued)), Running: int(at(flowRunning)), Parked: int(at(flowParked)),
			}
			if q.Queued+q.Running+q.Parked == 0 {
				continue
			}
			if q.Queued > 0 {
				q.OldestAt = time.UnixMilli(at(flowHead)).UTC()
			}
			q.Service = meanOf(served[strconv.Itoa(int(l))+":"+name])
			all = append(all, q)
		}
	}
	slices.SortFunc(all, func(a, b jobs.QueueStats) int {
		return cmp.Or(cmp.Compare(a.Lane, b.Lane), strings.Compare(a.Tenant, b.Tenant))
	})
	return all
}

// double reads the i-th of doubles in little-endian order; 0 beyond their end.
func double(packed string, i int) int64 {
	if len(packed) < 8*(i+1) {
		return 0
	}
	return int64(math.Float64frombits(binary.LittleEndian.Uint64([]byte(packed[8*i : 8*i+8]))))
}

// meanOf reads a mean service time, kept as "count sum"; see
// [jobs.ServiceMean].
func meanOf(kept string) time.Duration {
	count, sum, _ := strings.Cut(kept, " ")
	n := number(count)
	if n == 0 {
		return 0
	}
	return time.Duration(number(sum)/n) * time.Millisecond
}
