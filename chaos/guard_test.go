package chaos_test

import (
	"io"
	"os"
	"os/exec"
	"os/signal"
	"path/filepath"
	"testing"
)

// guardRole is the variable that makes this test binary watch over the mounts
// below the directory that it holds.
const guardRole = "SLUICE_CHAOS_GUARD"

// guardMounts sees to it that what the test mounts below its temporary
// directories is unmounted even when the process of the test dies of a panic or
// a timeout, which run no cleanup.
func guardMounts(t *testing.T) {
	t.Helper()
	cmd := exec.Command(os.Args[0])
	cmd.Env = append(os.Environ(), guardRole+"="+filepath.Dir(t.TempDir()))
	cmd.Stderr = os.Stderr
	stdin, err := cmd.StdinPipe()
	must(t, err)
	must(t, cmd.Start())
	t.Cleanup(func() {
		_ = stdin.Close()
		if err := cmd.Wait(); err != nil {
			t.Errorf("guard of mounts: %v", err)
		}
	})
}

// runGuard is the main function of the role. Its input ends with the test.
func runGuard(root string) int {
	signal.Ignore(os.Interrupt) // which a terminal sends to both
	_, _ = io.Copy(io.Discard, os.Stdin)
	return unmountBelow(root)
}
