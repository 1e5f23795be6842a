package chaos_test

import (
	"bytes"
	"fmt"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/sluicehq/sluice/chaos/link"
	"github.com/sluicehq/sluice/internal/modelsim"
	"github.com/sluicehq/sluice/pkg/jobs"
)

// boundary is a moment in the life of a job at which its worker dies, and what
// there is to see of it afterwards.
type boundary struct {
	name string
	// model says that the moment is one of the link to the model, not of that
	// to Redis.
	model bool
	// asks must be in a request; empty takes any.
	asks string
	// answered lets the request go on, and the worker dies before it hears the
	// answer. Else the request is lost with it.
	answered bool

	paid int // calls of the dead worker that the provider saw
	rows int // calls in the ledger in the end
	lost int // loans that ended because nobody extended them
}

// boundaries are in the order of a job's life. Only the calls that were made
// and whose outcome was not yet committed are made again.
func boundaries() []boundary {
	return []boundary{
		{name: "lent, and the worker does not know it yet", answered: true, paid: 0, rows: 1, lost: 1},
		{name: "before it reads the document", asks: "b:job_", paid: 0, rows: 1, lost: 1},
		{name: "before the attempt is in the ledger", asks: `"kind":"call"`, paid: 0, rows: 1, lost: 1},
		{name: "the attempt is in the ledger, and the worker does not know it yet", asks: `"kind":"call"`, answered: true, paid: 0, rows: 2, lost: 1},
		{name: "before the call goes out", model: true, paid: 0, rows: 2, lost: 1},
		{name: "before the answer of the model arrives", model: true, answered: true, paid: 1, rows: 2, lost: 1},
		{name: "before the outcome is written", asks: `"e":"succeeded"`, paid: 1, rows: 2, lost: 1},
		{name: "the outcome is written, and the worker does not know it yet", asks: `"e":"succeeded"`, answered: true, paid: 1, rows: 1, lost: 0},
	}
}

// trap kills a worker at a boundary.
type trap struct {
	boundary
	worker *worker
	name   string        // of the worker, as events have it
	fired  chan struct{} // closed when the worker was killed

	mu   sync.Mutex
	conn int // on which the request went out
}

// set begins to watch. The worker must run.
func (p *trap) set() {
	process := p.worker.cmd.Process
	p.name = fmt.Sprintf("-%d", process.Pid)
	k := p.worker.redis
	if p.model {
		k = p.worker.model
	}
	k.Watch(func(c link.Chunk) bool {
		p.mu.Lock()
		defer p.mu.Unlock()
		if !p.springs(c) {
			return true
		}
		_ = process.Kill() // reaped by whoever waits for fired
		if !isClosed(p.fired) {
			close(p.fired)
		}
		return false
	})
}

// springs reports whether this is the moment. p.mu is held.
func (p *trap) springs(c link.Chunk) bool {
	if c.Direction == link.Answer {
		if p.asks == "" && !p.model {
			return bytes.Contains(c.Data, []byte("job_")) // the answer of the loan is the first that names a job
		}
		return c.Conn == p.conn
	}
	if p.asks == "" && !p.model || !bytes.Contains(c.Data, []byte(p.asks)) {
		return false
	}
	if p.answered {
		p.conn = c.Conn
	}
	return !p.answered
}

// TestAWorkerMayDieBetweenAnyTwoSteps kills a worker at every boundary between
// two steps of a job: each has one worker and one job of its own.
func TestAWorkerMayDieBetweenAnyTwoSteps(t *testing.T) {
	for range rounds(1, 10) {
		c := newCluster(t, modelsim.Config{}, 1, 1)
		warm := c.workers[0]
		c.load.post(t, 1) // so that Redis knows the scripts
		until(t, 20*time.Second, "the first job is done", func() bool { return warm.logged(settledLine) == 1 })
		must(t, warm.terminate(20*time.Second))
		var traps []*trap
		for _, b := range boundaries() {
			traps = append(traps, &trap{boundary: b, worker: c.addWorker("SLUICE_SLOTS=1"), fired: make(chan struct{})})
		}
		for _, p := range traps {
			p.worker.launch()
		}
		for _, p := range traps {
			p.worker.await()
			p.set()
		}
		c.load.post(t, len(traps))
		for _, p := range traps {
			select {
			case <-p.fired:
			case <-time.After(30 * time.Second):
				t.Fatalf("never came: %s", p.boundary.name)
			}
			p.worker.kill()
		}
		heir := c.addWorker()
		heir.start()
		f := c.judge(60 * time.Second)
		t.Logf("%d boundaries: %s", len(traps), f)
		c.judgeTraps(traps)
	}
}

// judgeTraps compares what is left of each job with what its boundary says.
func (c *cluster) judgeTraps(traps []*trap) {
	e := c.engine()
	for _, p := range traps {
		seen := 0
		for _, id := range c.load.writer.ids {
			events, err := e.History(c.t.Context(), "", jobs.ID(id), 0)
			must(c.t, err)
			if !strings.HasSuffix(events[1].Actor, p.name) {
				continue
			}
			seen++
			var f figures
			rows := c.judgeJob(e, jobs.ID(id), &f)
			if paid := len(c.calls(p.worker)); paid != p.paid || rows != p.rows || f.lost != p.lost {
				c.t.Errorf("%s: the dead worker made %d calls, the ledger has %d, %d loans ended unextended; want %d, %d and %d",
					p.boundary.name, paid, rows, f.lost, p.paid, p.rows, p.lost)
			}
		}
		if seen != 1 {
			c.t.Errorf("%s: its worker had %d jobs, want 1", p.boundary.name, seen)
		}
	}
}
