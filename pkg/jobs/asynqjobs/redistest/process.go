package redistest

import (
	"bytes"
	"fmt"
	"io"
	"net"
	"os"
	"os/exec"
	"sync"
	"testing"
	"time"

	"github.com/sluicehq/sluice/internal/processtest"
)

// patience bounds every wait for a server; only a failure reaches it. A sentinel
// that was held up does nothing for 30 s.
const patience = 90 * time.Second

// look is how often a server that starts is asked whether it is ready.
const look = 5 * time.Millisecond

// Process is a server that a test started. Its methods are for one goroutine at
// a time.
type Process struct {
	name  string
	addr  string
	cmd   func() *exec.Cmd // makes the command anew for each start
	ready func(net.Conn) error

	password string

	running *run // nil while the server is down
}

// run is one life of a process.
type run struct {
	cmd    *exec.Cmd
	output *tail
	ended  chan struct{}
}

// start runs the process and waits until it answers. With an error it is down.
func (p *Process) start() error {
	r := &run{cmd: p.cmd(), output: &tail{}, ended: make(chan struct{})}
	r.cmd.Stdout, r.cmd.Stderr = r.output, r.output
	endWithParent(r.cmd)
	if err := r.cmd.Start(); err != nil {
		return fmt.Errorf("start %s: %w", p.name, err)
	}
	go func() {
		_ = r.cmd.Wait() // how it ended is in the output
		close(r.ended)
	}()
	p.running = r
	if err := p.await(r); err != nil {
		p.kill()
		return err
	}
	return nil
}

// await asks until the server answers.
func (p *Process) await(r *run) error {
	deadline := time.NewTimer(patience)
	defer deadline.Stop()
	ticker := time.NewTicker(look)
	defer ticker.Stop()
	for {
		err := p.probe()
		if err == nil {
			return nil
		}
		select {
		case <-r.ended:
			return fmt.Errorf("%s ended at once: %s", p.name, r.output)
		case <-deadline.C:
			return fmt.Errorf("%s at %s is not ready after %s: %w\n%s", p.name, p.addr, patience, err, r.output)
		case <-ticker.C:
		}
	}
}

func (p *Process) probe() error {
	conn, err := net.DialTimeout("tcp", p.addr, time.Second)
	if err != nil {
		return err
	}
	defer func() { _ = conn.Close() }()
	if err := conn.SetDeadline(time.Now().Add(time.Second)); err != nil {
		return err
	}
	return p.ready(conn)
}

// kill ends the process at once and waits for it. Nothing happens when it is
// down.
func (p *Process) kill() {
	if p.running == nil {
		return
	}
	_ = p.running.cmd.Process.Kill() // it may have ended by itself
	<-p.running.ended
	p.running = nil
}

// Addr is where the server listens, as "host:port". It stays the same over
// restarts.
func (p *Process) Addr() string { return p.addr }

// Kill ends the server as kill -9 does and waits until it is gone.
func (p *Process) Kill(tb testing.TB) {
	tb.Helper()
	if p.running == nil {
		tb.Fatalf("%s is down already", p.name)
	}
	p.kill()
}

// Restart starts a killed server again, on the same port and directory, and
// waits until it answers. A running one is killed first.
func (p *Process) Restart(tb testing.TB) {
	tb.Helper()
	p.kill()
	if err := p.start(); err != nil {
		tb.Fatal(err)
	}
}

// Pause stops the server where it stands (SIGSTOP): connections stay open and
// nothing answers.
func (p *Process) Pause(tb testing.TB) { tb.Helper(); p.signal(tb, pause) }

// Continue lets a paused server go on (SIGCONT).
func (p *Process) Continue(tb testing.TB) { tb.Helper(); p.signal(tb, resume) }

func (p *Process) signal(tb testing.TB, send func(*os.Process) error) {
	tb.Helper()
	if p.running == nil {
		tb.Fatalf("%s is down", p.name)
	}
	if err := send(p.running.cmd.Process); err != nil {
		tb.Fatalf("signal %s: %v", p.name, err)
	}
}

// PID is the process id of a running server, 0 of one that is down.
func (p *Process) PID() int {
	if p.running == nil {
		return 0
	}
	return p.running.cmd.Process.Pid
}

// Output is the end of what the server has written since it was started last.
func (p *Process) Output() string {
	if p.running == nil {
		return ""
	}
	return p.running.output.String()
}

// launch starts a server on a free port. prepare makes it for an address.
func launch(tb testing.TB, prepare func(addr string) *Process) *Process {
	tb.Helper()
	p := prepare(processtest.FreeAddress(tb))
	if err := p.start(); err != nil {
		tb.Fatal(err)
	}
	tb.Cleanup(p.kill)
	return p
}

// maxOutput is how much of a server's output is kept, in bytes.
const maxOutput = 8 << 10

// tail keeps the end of what is written to it.
type tail struct {
	mu  sync.Mutex
	buf []byte
}

var _ io.Writer = (*tail)(nil)

// Write implements io.Writer.
func (t *tail) Write(p []byte) (int, error) {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.buf = append(t.buf, p...)
	if over := len(t.buf) - maxOutput; over > 0 {
		t.buf = append(t.buf[:0], t.buf[over:]...)
	}
	return len(p), nil
}

// String is what was written last.
func (t *tail) String() string {
	t.mu.Lock()
	defer t.mu.Unlock()
	return string(bytes.TrimSpace(t.buf))
}
