package chaos_test

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"testing"
	"time"

	"github.com/sluicehq/sluice/internal/modelsim"
)

// leave asks a worker to stop and wants it to do so cleanly, with all its jobs
// finished.
func (c *cluster) leave(p *program) {
	c.t.Helper()
	if err := p.terminate(40 * time.Second); err != nil {
		c.t.Errorf("%s left: %v", filepath.Base(p.binary), err)
	}
}

// TestWorkersJoinDrainAndLeaveWhileJobsFlow lets the oldest of two workers
// leave again and again after another has joined: every job is called for
// once.
func TestWorkersJoinDrainAndLeaveWhileJobsFlow(t *testing.T) {
	c := newCluster(t, modelsim.Config{}, 1, 2)
	c.load.begin(t)
	changes := rounds(3, 30)
	for i := range changes {
		joined := c.addWorker()
		joined.start()
		until(t, 20*time.Second, "the new worker works", func() bool { return len(c.calls(joined)) > 0 })
		old := c.workers[i]
		c.leave(old.program)
		if old.logged(`"message":"draining"`) != 1 || old.logged(`"message":"stopped"`) != 1 {
			t.Error("the worker does not say how it stopped")
		}
		made := len(c.calls(old))
		pass(300 * time.Millisecond)
		if n := len(c.calls(old)); n != made {
			t.Errorf("%d calls after the worker had left", n-made)
		}
	}
	f := c.judge(60 * time.Second)
	t.Logf("%d workers joined and left: %s", changes, f)
	f.want(t, 0, 0)
	if f.lost+f.released > 0 {
		t.Errorf("%d loans were lost and %d given back, want none: all had time to finish", f.lost, f.released)
	}
}

// nextVersion is the version of the programs that a rolling upgrade brings.
const nextVersion = "next"

// buildNext builds the programs as another version.
func buildNext(t *testing.T) (dir string) {
	t.Helper()
	dir = t.TempDir()
	build := exec.CommandContext(t.Context(), "go", "build", "-ldflags", "-X main.version="+nextVersion, "-o", dir+"/", "../cmd/api", "../cmd/worker")
	build.Stdout, build.Stderr = os.Stderr, os.Stderr
	must(t, build.Run())
	return dir
}

// TestARollingUpgradeFinishesTheJobsOfThePreviousVersion replaces a fleet
// process by process while jobs flow and others wait that the previous version
// has accepted, begun and given back.
func TestARollingUpgradeFinishesTheJobsOfThePreviousVersion(t *testing.T) {
	next := buildNext(t)
	c := newCluster(t, modelsim.Config{}, 2, 2)
	c.load.begin(t)
	pass(time.Second)
	for _, w := range c.workers {
		w.kill() // leaves jobs begun, whose leases end
	}
	pass(time.Second) // jobs gather
	waiting := c.load.accepted()
	for _, p := range c.programs() {
		if p.cmd != nil {
			c.leave(p)
		}
		p.binary = filepath.Join(next, filepath.Base(p.binary))
		p.start()
		pass(500 * time.Millisecond)
	}
	f := c.judge(60 * time.Second)
	t.Logf("upgrade with %d jobs accepted before: %s", waiting, f)
	for _, p := range c.programs() {
		if p.logged(fmt.Sprintf(`"version":%q`, nextVersion)) != 1 {
			t.Errorf("%s is not of the next version", filepath.Base(p.binary))
		}
	}
	f.want(t, 2*clusterSlots, f.accepted)
}
