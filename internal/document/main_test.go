package document_test

import (
	"context"
	"fmt"
	"os"
	"strings"
	"testing"
	"time"

	"go.uber.org/goleak"

	"github.com/sluicehq/sluice/internal/document"
	"github.com/sluicehq/sluice/internal/document/pdftest"
)

// cacheDir holds compiled PDFium for all tests, and the next run of them.
var cacheDir string

func TestMain(m *testing.M) {
	if len(os.Args) == 2 && os.Args[1] == document.ChildArg {
		os.Exit(document.RunChild(context.Background(), os.Stdin, os.Stdout))
	}
	if len(os.Args) >= 2 && strings.HasPrefix(os.Args[1], badChildArg) {
		os.Exit(runBadChild(strings.TrimPrefix(os.Args[1], badChildArg), os.Args[2:]))
	}
	dir, err := pdftest.CacheDir()
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
	cacheDir = dir
	goleak.VerifyTestMain(m)
}

// childEvents records what happens to children.
type childEvents struct {
	started chan int
	ended   chan string
}

func newChildEvents() childEvents {
	return childEvents{started: make(chan int, 1000), ended: make(chan string, 1000)}
}

func (e childEvents) events() document.Events {
	return document.Events{
		ChildStarted: func(pid int, _ time.Duration) { e.started <- pid },
		ChildEnded:   func(_ int, reason string) { e.ended <- reason },
	}
}

// newPool starts a pool of real children that the test closes.
func newPool(t testing.TB, change func(*document.Config)) *document.Pool {
	t.Helper()
	config := document.Config{CacheDir: cacheDir, StartTimeout: 5 * time.Minute, Limits: testLimits()}
	if change != nil {
		change(&config)
	}
	pool, err := document.NewPool(config)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(pool.Close)
	return pool
}

func badChild(mode string, args ...string) []string {
	return append([]string{os.Args[0], badChildArg + mode}, args...)
}

// testLimits are the default limits with more time, and with more memory under
// the race detector, which shadows every byte.
func testLimits() document.Limits {
	limits := document.Limits{Timeout: time.Minute}
	if raceDetector {
		limits.MaxMemory = 2 << 30
	}
	return limits
}

// mkdirForAll makes a directory that everybody may write to, whatever the umask.
func mkdirForAll(name string) error {
	if err := os.Mkdir(name, 0o777); err != nil {
		return err
	}
	return os.Chmod(name, 0o777)
}
