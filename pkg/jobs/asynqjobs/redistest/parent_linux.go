package redistest

import (
	"os/exec"
	"syscall"
)

// endWithParent lets the kernel end the command when the test program dies
// without cleaning up, as it does in a panic or a timeout.
func endWithParent(c *exec.Cmd) {
	c.SysProcAttr = &syscall.SysProcAttr{Setpgid: true, Pdeathsig: syscall.SIGKILL}
}
