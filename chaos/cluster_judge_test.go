package chaos_test

import (
	"fmt"
	"maps"
	"slices"
	"testing"
	"time"

	"github.com/sluicehq/sluice/pkg/jobs"
	"github.com/sluicehq/sluice/pkg/jobs/asynqjobs"
	"github.com/sluicehq/sluice/pkg/jobs/jobstest"
)

// figures are what a test has seen.
type figures struct {
	accepted int // jobs
	seen     int // paid calls that the provider counted
	known    int // paid calls that the ledgers know, made or not
	again    int // of those that the provider counted, the second and later ones for a document
	lost     int // loans that ended because nobody extended them
	released int // loans that were given back after their jobs had begun
	lower    int // jobs that ended below the first tier
}

func (f figures) String() string {
	return fmt.Sprintf("%d jobs accepted, 0 lost; the provider saw %d calls, %d of them for a document that had been asked before (the ledgers know %d calls); "+
		"%d loans ended unextended, %d were given back; %d jobs ended on a lower tier", f.accepted, f.seen, f.again, f.known, f.lost, f.released, f.lower)
}

// judge waits until every accepted job has succeeded, stops all processes, and
// looks at what Redis and the provider have. The servers must run and the links
// work.
//
// It wants: no accepted job lost, a history without fault for each, the answer
// of its own document, no work on a job that had its answer, no paid call that
// is in no ledger, and for each job no more paid calls than one, and one more
// for each of its loans that was lost or given back.
func (c *cluster) judge(within time.Duration) figures {
	c.t.Helper()
	c.load.stop()
	ids := c.load.writer.succeeded(within)
	c.stop()
	ids = append(ids, c.others...)
	engine := c.engine()
	jobstest.CheckHistories(c.t, engine, ids)
	f := figures{accepted: len(ids)}
	var ledgers []int
	for _, id := range ids {
		ledgers = append(ledgers, c.judgeJob(engine, id, &f))
	}
	c.judgeProvider(ledgers, &f)
	return f
}

// engine opens the store for the rest of the test.
func (c *cluster) engine() *asynqjobs.Engine {
	c.t.Helper()
	e, err := asynqjobs.Open(c.t.Context(), asynqjobs.Config{URL: c.redis.URL(), Directory: c.docs})
	must(c.t, err)
	c.t.Cleanup(func() { _ = e.Close() })
	return e
}

// judgeJob looks at one job and answers how many paid calls its ledger has.
func (c *cluster) judgeJob(e jobs.Engine, id jobs.ID, f *figures) int {
	events, err := e.History(c.t.Context(), "", id, 0)
	must(c.t, err)
	ended := 0
	for _, ev := range events {
		switch ev.Type {
		case jobs.EventLeaseEnded:
			f.lost++
			ended++
		case jobs.EventReleased:
			// A worker that leaves may still be lent jobs by a call that is
			// under way, and gives them back untouched.
			if ev.Reason != "lend_ended" {
				f.released++
				ended++
			}
		default:
		}
	}
	rows, calls := readLedger(c.t, e, id)
	if calls > 1+ended {
		c.t.Errorf("job %s has %d paid calls, and %d of its loans ended early: %+v", id, calls, ended, rows)
	}
	if len(rows) > 0 && rows[len(rows)-1].Tier > 1 {
		f.lower++
	}
	f.known += calls
	return calls
}

// judgeProvider compares the calls of each document with the ledgers. Both are
// sorted, since the provider knows documents by their text and not by job.
func (c *cluster) judgeProvider(ledgers []int, f *figures) {
	documents := map[string]int{}
	for _, call := range c.provider.Calls() {
		f.seen++
		documents[call.Document]++
	}
	f.again = f.seen - len(documents)
	counted := slices.Sorted(maps.Values(documents))
	slices.Sort(ledgers)
	if len(counted) > len(ledgers) {
		c.t.Errorf("the provider saw %d documents, there are %d jobs", len(counted), len(ledgers))
		return
	}
	ledgers = ledgers[len(ledgers)-len(counted):]
	for i, n := range counted {
		if n > ledgers[i] {
			c.t.Errorf("the provider saw more calls than the ledgers know: %v and %v", counted[i:], ledgers[i:])
			return
		}
	}
}

// want reports what a test allows.
func (f figures) want(t *testing.T, again, lower int) {
	t.Helper()
	if f.again > again {
		t.Errorf("%d paid calls were made again, want at most %d", f.again, again)
	}
	if f.lower > lower {
		t.Errorf("%d jobs ended on a lower tier, want at most %d", f.lower, lower)
	}
}
