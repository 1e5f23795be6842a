package document_test

import (
	"bufio"
	"fmt"
	"os/exec"
	"runtime"
	"sync"
	"syscall"
	"testing"

	"github.com/sluicehq/sluice/internal/document"
)

// TestAPoolThatClosesEndsNoProcessOfOthers has processes that die with the
// thread that started them, as the children of a pool do. Which thread a pool
// takes is Go's choice, so it must not end one that others have used.
func TestAPoolThatClosesEndsNoProcessOfOthers(t *testing.T) {
	t.Parallel()
	const threads = 8
	echoes := make([]func() error, threads)
	var users sync.WaitGroup
	for i := range echoes {
		users.Go(func() {
			// Both locks count: the thread is free again after both unlocks.
			runtime.LockOSThread()
			defer runtime.UnlockOSThread()
			echoes[i] = echo(t)
			document.Spawn()
		})
	}
	users.Wait()
	for range 100 {
		for _, ask := range echoes {
			if err := ask(); err != nil {
				t.Fatal(err)
			}
		}
	}
}

// echo starts a process that dies with this thread, and returns what asks it
// for a sign of life.
func echo(t *testing.T) func() error {
	cmd := exec.CommandContext(t.Context(), "cat")
	cmd.SysProcAttr = &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL}
	in, err := cmd.StdinPipe()
	if err != nil {
		t.Error(err)
	}
	out, err := cmd.StdoutPipe()
	if err != nil {
		t.Error(err)
	}
	if err := cmd.Start(); err != nil {
		t.Error(err)
	}
	t.Cleanup(func() {
		_ = in.Close()
		_ = cmd.Wait() // the test has asked it until now
	})
	lines := bufio.NewReader(out)
	return func() error {
		if _, err := fmt.Fprintln(in, "here?"); err != nil {
			return err
		}
		_, err := lines.ReadString('\n')
		return err
	}
}
