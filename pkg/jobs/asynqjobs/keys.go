package asynqjobs

import (
	"strconv"

	"github.com/sluicehq/sluice/pkg/jobs"
)

// letter is how scripts and keys hold a state; empty for an unknown one.
func letter(s jobs.State) string {
	switch s {
	case jobs.Queued:
		return "Q"
	case jobs.Running:
		return "R"
	case jobs.Parked:
		return "P"
	case jobs.InReview:
		return "I"
	case jobs.Succeeded:
		return "S"
	case jobs.Failed:
		return "F"
	case jobs.Cancelled:
		return "C"
	case jobs.Expired:
		return "X"
	case jobs.Erased:
		return "E"
	default:
		return ""
	}
}

// The indexes of lists. Each holds the IDs of jobs in one state; every job is
// in the one of its state alone, and in one more for each property that is
// indexed for its state. lua/lend.lua moves jobs among those of live states.
func indexState(s jobs.State) string { return "x:" + letter(s) }

func indexTenant(s jobs.State, tenant string) string { return indexState(s) + ":t:" + tenant }

func indexLane(s jobs.State, l jobs.Lane) string { return indexState(s) + ":l:" + strconv.Itoa(int(l)) }

func indexBatch(s jobs.State, batch jobs.ID) string { return indexState(s) + ":b:" + string(batch) }

func indexClass(s jobs.State, c jobs.Class) string { return indexState(s) + ":c:" + string(c) }

func indexProvider(s jobs.State, p string) string { return indexState(s) + ":p:" + p }

func indexSchema(s jobs.State, schema string) string { return indexState(s) + ":m:" + schema }

// handled reports whether jobs in the state wait for an operator or a person,
// who searches them by everything.
func handled(s jobs.State) bool { return s.DeadLetter() || s == jobs.InReview }

// byLane reports whether jobs in the state are indexed by lane.
func byLane(s jobs.State) bool { return !s.Terminal() || s.DeadLetter() }

// indexes are the indexes that a job is in.
func indexes(j *jobs.Job) []string {
	all := []string{indexState(j.State), indexTenant(j.State, j.Tenant)}
	if byLane(j.State) {
		all = append(all, indexLane(j.State, j.Lane))
	}
	if j.Batch != "" {
		all = append(all, indexBatch(j.State, j.Batch))
	}
	if !handled(j.State) {
		return all
	}
	all = append(all, indexSchema(j.State, j.Spec.Schema))
	if j.Failure != nil {
		all = append(all, indexClass(j.State, j.Failure.Class), indexProvider(j.State, j.Failure.Provider))
	}
	return all
}

// groupKey names the group of a tenant's job, with when it came there; empty
// for a job that is in none.
func groupKey(j *jobs.Job) (key string, at int64) {
	g, ok := jobs.GroupOf(*j)
	if !ok {
		return "", 0
	}
	return j.Tenant + ":" + g.Fingerprint, g.LastAt.UnixMilli()
}

// ended is the letter of a terminal state, empty for any other.
func ended(s jobs.State) string {
	if !s.Terminal() {
		return ""
	}
	return letter(s)
}
