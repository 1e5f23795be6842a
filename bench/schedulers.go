//go:build linux

package main

import (
	"fmt"
	"runtime"

	"github.com/sluicehq/sluice/bench/internal/figures"
	"github.com/sluicehq/sluice/pkg/jobs"
	"github.com/sluicehq/sluice/pkg/priority"
)

// schedulers measures the memory of the scheduler alone, which all engines
// share.
func (b *bench) schedulers() error {
	t := figures.Table{Title: "Memory of the scheduler", Head: []string{"tenants", "bytes a queued job"}}
	worst := 0.0
	for _, tenants := range []int{1, 100, manyTenants} {
		bytes, err := schedulerBytes(manyQueued, tenants)
		if err != nil {
			return err
		}
		t.Add(figures.Count(tenants), figures.Number(bytes))
		worst = max(worst, bytes)
	}
	t.Notes = append(t.Notes, figures.Count(manyQueued)+" jobs are queued, spread evenly over tenants and lanes.")
	b.tables = append(b.tables, t)
	b.reached(schedulerMemory, worst <= 64, "%s B at most", figures.Number(worst))
	return nil
}

// schedulerBytes is what each of n queued jobs takes in a scheduler.
func schedulerBytes(n, tenants int) (float64, error) {
	before := heap()
	s, err := priority.New(priority.Config{})
	if err != nil {
		return 0, err
	}
	for i := range n {
		s.Enqueue(jobs.Lanes()[i/tenants%jobs.NumLanes], fmt.Sprintf("tenant_%05d", i%tenants), priority.Entry{Seq: int64(i), Cost: 1000})
	}
	after := heap()
	if s.Len() != n {
		return 0, fmt.Errorf("the scheduler holds %d jobs, want %d", s.Len(), n)
	}
	return float64(after-before) / float64(n), nil
}

// heap is the size of the live data.
func heap() int64 {
	runtime.GC()
	runtime.GC() // what the first one's finalizers let go
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	return int64(m.HeapAlloc) //nolint:gosec // no heap is that large
}
