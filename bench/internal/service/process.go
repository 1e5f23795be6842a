//go:build linux

package service

import (
	"bytes"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"sync"
	"syscall"
	"time"
)

// Process is a program that this one started. It ends when it is stopped, and
// with this program whatever happens to that.
type Process struct {
	name   string
	cmd    *exec.Cmd
	signal os.Signal // asks it to end
	output *output
	ended  chan struct{}
	err    error // how it ended; read after ended is closed
	stop   func() error
}

// Start runs a command. signal asks it to end; one that has not done so after
// patience is killed.
func Start(cmd *exec.Cmd, signal os.Signal, patience time.Duration) (*Process, error) {
	p := &Process{name: cmd.Args[0], cmd: cmd, signal: signal, output: &output{}, ended: make(chan struct{})}
	if cmd.Stdout == nil {
		cmd.Stdout = p.output
	}
	cmd.Stderr = p.output
	if cmd.SysProcAttr == nil {
		cmd.SysProcAttr = &syscall.SysProcAttr{}
	}
	// A signal from the terminal is for us; we stop the rest in order.
	cmd.SysProcAttr.Setpgid = true
	cmd.SysProcAttr.Pdeathsig = syscall.SIGKILL
	if err := cmd.Start(); err != nil {
		return nil, fmt.Errorf("start %s: %w", p.name, err)
	}
	go func() {
		p.err = cmd.Wait()
		close(p.ended)
	}()
	p.stop = sync.OnceValue(func() error { return p.end(patience) })
	return p, nil
}

// PID is the process id.
func (p *Process) PID() int { return p.cmd.Process.Pid }

// Ended is closed when the process has ended.
func (p *Process) Ended() <-chan struct{} { return p.ended }

// Stop ends the process and waits for it. It is safe to call twice. An error
// means that it had ended before, had to be killed or ended with an error.
func (p *Process) Stop() error { return p.stop() }

func (p *Process) end(patience time.Duration) error {
	if err := p.cmd.Process.Signal(p.signal); err != nil && !errors.Is(err, os.ErrProcessDone) {
		return fmt.Errorf("stop %s: %w", p.name, err)
	}
	timer := time.NewTimer(patience)
	defer timer.Stop()
	select {
	case <-p.ended:
	case <-timer.C:
		err := p.cmd.Process.Kill()
		<-p.ended
		return errors.Join(fmt.Errorf("%s did not end within %s and was killed\n%s", p.name, patience, p.output.tail()), err)
	}
	if p.err != nil {
		return fmt.Errorf("%s ended: %w\n%s", p.name, p.err, p.output.tail())
	}
	return nil
}

// maxOutput is how much of a program's output is kept, in bytes.
const maxOutput = 16 << 10

// output keeps the end of what a program wrote.
type output struct {
	mu  sync.Mutex
	buf []byte
}

// Write implements io.Writer.
func (o *output) Write(p []byte) (int, error) {
	o.mu.Lock()
	defer o.mu.Unlock()
	o.buf = append(o.buf, p...)
	if over := len(o.buf) - maxOutput; over > 0 {
		o.buf = append(o.buf[:0], o.buf[over:]...)
	}
	return len(p), nil
}

func (o *output) tail() string {
	o.mu.Lock()
	defer o.mu.Unlock()
	return string(bytes.TrimSpace(o.buf))
}
