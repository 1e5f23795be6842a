package chaos_test

import (
	"bufio"
	"encoding/json"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"time"

	"github.com/sluicehq/sluice/chaos/powerfs"
	"github.com/sluicehq/sluice/internal/processtest"
	"github.com/sluicehq/sluice/pkg/jobs"
)

// running is the process of an engine under load.
type running struct {
	config loadConfig
	kill   func()        // ends it, and waits until all its notes are read
	ready  chan struct{} // closed when it has opened
	ended  chan struct{} // closed when it has ended

	// Read these after kill.
	unexcused []string // what failed while the disk worked
	refused   bool     // it refused something because an fsync had failed
	wentOn    bool     // and answered again
}

// start starts an engine on the disk that is mounted on dir.
func (p *power) start(dir string) *running {
	p.t.Helper()
	e := &running{
		config: loadConfig{Dir: filepath.Join(dir, "data"), Unsafe: p.unsafe, Seed: p.random.Uint64(), First: p.next},
		ready:  make(chan struct{}), ended: make(chan struct{}),
	}
	config, err := json.Marshal(e.config)
	if err != nil {
		p.t.Fatal(err)
	}
	cmd := exec.Command(os.Args[0])
	cmd.Env = append(os.Environ(), loadRole+"="+string(config))
	stderr := &processtest.Output{}
	cmd.Stderr = stderr
	stdin, err := cmd.StdinPipe() // closed by the kernel when this process dies
	if err != nil {
		p.t.Fatal(err)
	}
	stdout, err := cmd.StdoutPipe()
	if err != nil {
		p.t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		p.t.Fatal(err)
	}
	p.starts++
	disk, mount, ledger, killed := p.disk, p.mount, p.ledger, make(chan struct{})
	go func() {
		defer close(e.ended)
		for lines := bufio.NewScanner(stdout); lines.Scan(); {
			e.read(lines.Bytes(), disk, ledger)
		}
		_ = cmd.Wait() // it was killed, or said why it ended
		// Without the disk the mapped files are gone, which may end a process.
		if !isClosed(killed) && !isClosed(disk.Off()) && !e.refused {
			e.unexcused = append(e.unexcused, "the engine's process ended: "+stderr.Tail(2000))
		}
	}()
	e.kill = func() {
		close(killed)
		_ = cmd.Process.Kill()
		// A dead process may still wait for the disk.
		stuck := time.AfterFunc(20*time.Second, func() { _ = mount.Unmount() })
		<-e.ended
		stuck.Stop()
		_ = stdin.Close()
	}
	p.t.Cleanup(func() { _ = cmd.Process.Kill() }) // when the test ends early
	return e
}

// read takes a note in.
func (e *running) read(line []byte, disk *powerfs.Disk, l *ledger) {
	var n note
	if err := json.Unmarshal(line, &n); err != nil {
		e.unexcused = append(e.unexcused, fmt.Sprintf("note %q: %v", line, err))
		return
	}
	switch {
	case n.Opened:
		close(e.ready)
	case n.Failed == "":
		l.add(n)
		e.wentOn = e.wentOn || e.refused
	case isClosed(disk.Off()):
	case disk.SyncFailed() && (strings.Contains(n.Failed, jobs.ErrUnavailable.Error()) || !isClosed(e.ready)):
		e.refused = true
	default:
		e.unexcused = append(e.unexcused, "while the disk worked: "+n.Failed)
	}
}

func isClosed(c <-chan struct{}) bool {
	select {
	case <-c:
		return true
	default:
		return false
	}
}
