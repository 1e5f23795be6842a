package chaos_test

import (
	"fmt"
	"maps"
	"math"
	"math/rand/v2"
	"os"
	"path"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/sluicehq/sluice/chaos/powerfs"
)

// TestPowerCutLosesNoAcceptedJob cuts the power of a disk again and again, at
// any write, fsync or new name, while the default engine takes jobs, lends and
// settles them; also while it starts on what the cut before has left. What it
// answered must be there ever after.
func TestPowerCutLosesNoAcceptedJob(t *testing.T) {
	cuts := rounds(5, 200)
	p := newPower(t, false)
	for p.cuts < cuts && !t.Failed() {
		if p.cuts%10 == 0 || len(p.ledger.accepted) > 800 {
			p.replaceDisk() // looking for all that was answered takes longer with each cut
		}
		p.judgeCut()
	}
	t.Log(p.report())
}

// TestPowerCutLosesJobsWithoutFsync proves that the harness can see a loss: the
// same cuts with an engine that never fsyncs.
func TestPowerCutLosesJobsWithoutFsync(t *testing.T) {
	const enough = 20
	p := newPower(t, true)
	harmed := 0
	var example string
	for p.cuts < enough && (long() || harmed == 0) {
		p.replaceDisk()
		if faults := p.cut(); len(faults) > 0 {
			harmed++
			example = faults[0]
		}
	}
	t.Logf("%s\n%d of them lost or corrupted something, such as: %s", p.report(), harmed, example)
	if harmed == 0 {
		t.Error("no cut harmed an engine that never fsyncs: the harness does not see losses")
	}
}

// TestAFailedFsyncLosesNothingThatWasAnswered lets one fsync fail, after which
// the disk does not hold what was to be kept and nothing says so again. The
// engine may refuse for a while, and must go on without having lost anything.
func TestAFailedFsyncLosesNothingThatWasAnswered(t *testing.T) {
	cuts := rounds(3, 50)
	p := newPower(t, false)
	p.badSync = true
	for (p.cuts < cuts || p.wentOn == 0 && p.cuts < 50) && !t.Failed() {
		p.replaceDisk()
		p.judgeCut()
	}
	t.Logf("%s\n  an fsync failed in %d cuts; in %d of them the engine answered again before the power went", p.report(), p.syncsFailed, p.wentOn)
	if p.wentOn == 0 {
		t.Error("no engine went on after an fsync had failed")
	}
}

// power is a disk, the engines that run on it one after the other, and a tally
// of what happened to it.
type power struct {
	t      *testing.T
	unsafe bool
	seed   uint64
	random *rand.Rand
	disk   *powerfs.Disk
	ledger *ledger
	next   int // the number from which the next engine's jobs count
	began  time.Time
	mount  *powerfs.Mount

	// badSync lets one fsync fail before each cut.
	badSync             bool
	syncsFailed, wentOn int

	cuts, kills, starts, unopened int
	accepted, answers, checks     int
	entries, entriesLost          int
	files                         map[string]*powerfs.FileLosses // by kind of file
	hit                           map[string]int                 // cuts in which a kind had something at stake
}

func newPower(t *testing.T, unsafe bool) *power {
	t.Helper()
	guardMounts(t)
	seed := uint64(time.Now().UnixNano())
	t.Logf("seed %d", seed)
	p := &power{
		t: t, unsafe: unsafe, seed: seed, random: rand.New(rand.NewPCG(seed, 0)), next: 1, began: time.Now(),
		files: make(map[string]*powerfs.FileLosses), hit: make(map[string]int),
	}
	p.replaceDisk()
	return p
}

// replaceDisk begins anew with an empty disk.
func (p *power) replaceDisk() {
	p.settle()
	p.disk, p.ledger = powerfs.New(), newLedger()
}

// settle counts what was answered on the disk.
func (p *power) settle() {
	if p.ledger != nil {
		p.accepted += len(p.ledger.accepted)
		p.answers += p.ledger.answers
		p.ledger = nil
	}
}

// judgeCut fails the test with what is wrong after a cut, and keeps the disk
// that shows it.
func (p *power) judgeCut() {
	p.t.Helper()
	faults := p.cut()
	if len(faults) == 0 {
		return
	}
	for _, fault := range faults[:min(len(faults), 20)] {
		p.t.Errorf("cut %d: %s", p.cuts, fault)
	}
	dir := p.t.ArtifactDir()
	if err := p.disk.WriteTo(dir); err != nil {
		p.t.Error(err)
	}
	p.t.Errorf("%d faults; the disk as it was found is in %s, and stays there with -artifacts", len(faults), dir)
}

// cut runs the engine until the power goes, turns it on again, and returns
// what is wrong then.
func (p *power) cut() []string {
	faults := p.outage()
	p.cuts++
	after, losses := p.disk.Cut(p.random.Uint64())
	p.disk = after
	p.count(losses)
	plain := p.t.TempDir()
	if err := after.WriteTo(plain); err != nil {
		p.t.Fatal(err)
	}
	faults = append(faults, p.ledger.judge(p.t, filepath.Join(plain, "data"))...)
	if err := os.RemoveAll(plain); err != nil {
		p.t.Fatal(err)
	}
	return faults
}

// outage mounts the disk and keeps an engine busy on it until the power goes:
// with one of the next changes or when time is up. Now and then the engine's process is killed before that and another
// one goes on, so that the second builds on what the first did not fsync.
func (p *power) outage() (faults []string) {
	dir := p.t.TempDir()
	m, err := p.disk.Mount(dir)
	if err != nil {
		p.t.Fatal(err)
	}
	p.t.Cleanup(func() { _ = m.Unmount() }) // reported below unless the test ends early
	p.mount = m
	p.aim()
	for lives := 0; !isClosed(p.disk.Off()) && len(faults) == 0; lives++ {
		e := p.start(dir)
		p.watch(e)
		e.kill()
		faults = append(faults, e.unexcused...)
		p.next = e.config.First + 1_000_000
		if !isClosed(e.ready) {
			p.unopened++
		}
		if e.wentOn {
			p.wentOn++
		}
		if lives > 20 {
			faults = append(faults, "engines end again and again")
		}
	}
	if p.disk.SyncFailed() {
		p.syncsFailed++
	}
	if err := m.Unmount(); err != nil {
		p.t.Fatalf("unmount: %v", err)
	}
	return faults
}

// watch waits until it is time to kill the engine.
func (p *power) watch(e *running) {
	var kill <-chan time.Time
	if p.random.IntN(4) == 0 {
		kill = p.within(5*time.Millisecond, 200*time.Millisecond)
	}
	ready, over := e.ready, time.After(20*time.Second)
	for {
		select {
		case <-ready:
			ready = nil
			over = p.within(0, time.Duration(rounds(1200, 3000))*time.Millisecond)
		case <-kill:
			p.kills++
			return
		case <-over:
			p.disk.PowerOff()
			return
		case <-e.ended:
			return
		case <-p.disk.Off():
			// Most engines learn of it, and must answer nothing that is lost.
			select {
			case <-e.ended:
			case <-p.within(0, 10*time.Millisecond):
			}
			return
		}
	}
}

// within fires at a random moment.
func (p *power) within(from, to time.Duration) <-chan time.Time {
	return time.After(from + time.Duration(p.random.Int64N(int64(to-from))))
}

// aim sets the change of the disk with which the power goes. An engine makes
// about 140 changes to start on an empty disk, and some hundreds to start on
// the long log that a long life left: every other cut aims at that. Some of the
// rest aim at what happens rarely: that files come, go and shrink.
func (p *power) aim() {
	between := func(low, high float64) int { return int(low * math.Pow(high/low, p.random.Float64())) }
	switch kind := p.random.IntN(3); {
	case p.badSync:
		p.disk.FailSyncAfter(between(1, float64(rounds(60, 400))))
	case p.cuts%2 == 1:
		p.disk.PowerOffAfter(1 + p.random.IntN(600))
	case kind == 0:
		kinds := []powerfs.Change{powerfs.Made, powerfs.Removed, powerfs.Removed, powerfs.Renamed, powerfs.Resized}
		p.disk.PowerOffAfter(between(1, 40), kinds[p.random.IntN(len(kinds))])
	default:
		p.disk.PowerOffAfter(between(200, float64(rounds(3000, 16000))))
	}
}

// count adds up what was at stake and what was lost.
func (p *power) count(l powerfs.Losses) {
	p.entries += l.Entries
	p.entriesLost += l.EntriesLost
	hit := make(map[string]bool)
	for _, f := range l.Files {
		kind := path.Base(f.Path)
		if strings.Contains(f.Path, "documents/") {
			kind = "documents"
		}
		sum := p.files[kind]
		if sum == nil {
			sum = new(powerfs.FileLosses)
			p.files[kind] = sum
		}
		hit[kind] = true
		sum.Sectors += f.Sectors
		sum.SectorsLost += f.SectorsLost
		sum.Writes += f.Writes
		sum.Torn += f.Torn
	}
	for kind := range hit {
		p.hit[kind]++
	}
	p.checks += p.ledger.answers
}

// report tells what happened.
func (p *power) report() string {
	p.settle()
	s := fmt.Sprintf("%d cuts and %d kills of %d engines (%d of them before they were ready) in %s\n"+
		"  answered: %d jobs accepted and %d changes, attempts and records; each was looked for after each later cut, %d looks\n"+
		"  names: %d were not fsynced, %d lost",
		p.cuts, p.kills, p.starts, p.unopened, time.Since(p.began).Round(time.Second),
		p.accepted, p.answers-p.accepted, p.checks, p.entries, p.entriesLost)
	for _, kind := range slices.Sorted(maps.Keys(p.files)) {
		f := p.files[kind]
		s += fmt.Sprintf("\n  %s at stake in %d cuts: of sectors %d were not fsynced, %d lost; of writes %d were not fsynced, %d torn",
			kind, p.hit[kind], f.Sectors, f.SectorsLost, f.Writes, f.Torn)
	}
	return s
}
