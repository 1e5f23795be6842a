//go:build unix

package chaos_test

import (
	"os"
	"syscall"
)

// pause stops the process where it stands, and resume lets it go on.
func (p *program) pause()  { p.signal(syscall.SIGSTOP) }
func (p *program) resume() { p.signal(syscall.SIGCONT) }

// signal sends a signal to the process.
func (p *program) signal(s os.Signal) {
	p.t.Helper()
	if err := p.cmd.Process.Signal(s); err != nil {
		p.t.Fatal(err)
	}
}
