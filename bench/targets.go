//go:build linux

package main

import (
	"fmt"

	"github.com/sluicehq/sluice/bench/internal/figures"
)

// target names one of the targets.
type target int

// The targets, in the order of the report.
const (
	intakeHTTP target = iota
	wholeOne
	wholeBest
	flatBacklog
	flatTenants
	schedulerMemory
	restart
	calmTenant
	sharedOne
	sharedBest
	sharedDelay
	sharedSecond
	idleMemory
	idleCPU
	idleReady
	numTargets
)

// targets are all of them, not measured yet.
func targets() []figures.Verdict {
	all := make([]figures.Verdict, numTargets)
	for t, v := range map[target][2]string{
		intakeHTTP:      {"durable intake over HTTP, against the slower of raw group commit and the same route without a store", "≥ 0.8 ×"},
		wholeOne:        {"whole jobs, against one asynq server, appendfsync always", "≥ 5 ×"},
		wholeBest:       {"whole jobs, against the better of 4 and 16 asynq servers, appendfsync always", "≥ 2 ×"},
		flatBacklog:     {"lend and outcome, slowest backlog from 10³ to 10⁶ against the fastest", "within 1.5 ×"},
		flatTenants:     {"lend and outcome, 10,000 tenants against 10", "within 1.5 ×"},
		schedulerMemory: {"memory of the scheduler for each queued job", "≤ 64 B"},
		restart:         {"restart with 10⁶ queued jobs, from the start of the process to the first loan", "≤ 5 s"},
		calmTenant:      {"wait of a calm tenant beside one with 10⁵ queued", "≤ wait alone + 12 × service ÷ slots"},
		sharedOne:       {"engine on Redis: whole jobs, against one asynq server on the same settings", "≥ 0.7 ×"},
		sharedBest:      {"engine on Redis: whole jobs, against the best of 1, 4 and 16 asynq servers", "≥ 0.7 ×"},
		sharedDelay:     {"engine on Redis: from the durable answer to the start of the handler, when idle", "≤ 50 ms"},
		sharedSecond:    {"engine on Redis: two worker processes against one", "≥ 1.5 ×"},
		idleMemory:      {"idle process, memory", "≤ 60 MB"},
		idleCPU:         {"idle process, processor", "≤ 1 %"},
		idleReady:       {"start of a process, until it is ready", "≤ 1 s"},
	} {
		all[t] = figures.Verdict{What: v[0], Target: v[1], Unknown: "its section was left out by -only"}
	}
	return all
}

// reached notes what was measured for a target.
func (b *bench) reached(t target, met bool, format string, args ...any) {
	v := &b.verdicts[t]
	v.Measured, v.Met, v.Unknown = fmt.Sprintf(format, args...), met, ""
}

// unknown notes why a target was not measured.
func (b *bench) unknown(t target, format string, args ...any) {
	b.verdicts[t].Unknown = fmt.Sprintf(format, args...)
}
