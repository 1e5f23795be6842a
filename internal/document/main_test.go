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
)

// cacheDir holds compiled PDFium for all tests: compiling takes seconds.
var cacheDir string

func TestMain(m *testing.M) {
	if len(os.Args) == 2 && os.Args[1] == document.ChildArg {
		os.Exit(document.RunChild(context.Background(), os.Stdin, os.Stdout))
	}
	if len(os.Args) >= 2 && strings.HasPrefix(os.Args[1], badChildArg) {
		os.Exit(runBadChild(strings.TrimPrefix(os.Args[1], badChildArg), os.Args[2:]))
	}
	dir, err := os.MkdirTemp("", "sluice-document-test-*")
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
	cacheDir = dir
	goleak.VerifyTestMain(m, goleak.Cleanup(func(code int) {
		os.RemoveAll(dir)
		os.Exit(code)
	}))
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
	config := document.Config{CacheDir: cacheDir, StartTimeout: 5 * time.Minute}
	config.Limits.Timeout = time.Minute
	if raceDetector {
		config.Limits.MaxMemory = 2 << 30 // the detector shadows every byte
	}
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
