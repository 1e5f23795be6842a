package asynqjobs

import (
	"encoding/binary"
	"math"

	"github.com/sluicehq/sluice/pkg/jobs"
	"github.com/sluicehq/sluice/pkg/priority"
)

// packScheduler writes a valid configuration the way lua/sched.lua reads it:
// doubles in little-endian order.
func packScheduler(c priority.Config) string {
	c = c.WithDefaults()
	var b []byte
	put := func(n int64) { b = binary.LittleEndian.AppendUint64(b, math.Float64bits(float64(n))) }
	for i := range jobs.NumLanes {
		put(int64(c.LaneWeights[i]))
	}
	for i := range jobs.NumLanes {
		put(int64(c.LaneCaps[i]))
	}
	for i := range jobs.NumLanes {
		put(c.Objectives[i].Milliseconds())
	}
	put(int64(c.OverdueEvery))
	put(int64(c.ReserveFrom))
	put(int64(c.DefaultTenant.Weight))
	put(int64(c.DefaultTenant.MaxRunning))
	put(flag(c.DefaultTenant.Paused))
	return string(b)
}

// flag is how scripts hold a truth.
func flag(b bool) int64 {
	if b {
		return 1
	}
	return 0
}
