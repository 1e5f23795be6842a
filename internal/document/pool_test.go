package document_test

import (
	"context"
	"errors"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/sluicehq/sluice/internal/document"
)

// badPool is a pool of children that misbehave as mode says.
func badPool(t *testing.T, e childEvents, mode string, change func(*document.Config), args ...string) *document.Pool {
	return newPool(t, func(c *document.Config) {
		c.Command = badChild(mode, args...)
		c.Events = e.events()
		c.Limits.MaxMemory = 0 // they hold no PDFium
		if change != nil {
			change(c)
		}
	})
}

func parseClass(t *testing.T, pool *document.Pool) string {
	t.Helper()
	_, err := pool.Parse(t.Context(), smallPDF())
	return classOf(t, err)
}

// next receives from a channel of events that must come.
func next[T any](t *testing.T, events <-chan T) T {
	t.Helper()
	select {
	case e := <-events:
		return e
	case <-time.After(time.Minute):
		t.Fatal("the event did not come within a minute")
		panic("unreachable")
	}
}

func TestADocumentThatKillsTwoChildrenIsCorrupt(t *testing.T) {
	t.Parallel()
	e := newChildEvents()
	pool := badPool(t, e, "dies", nil)
	if got := parseClass(t, pool); got != document.ClassCorrupt {
		t.Errorf("got class %q, want corrupt", got)
	}
	if got := []string{next(t, e.ended), next(t, e.ended)}; !slices.Equal(got, []string{"died", "died"}) {
		t.Errorf("children ended by %v, want died twice", got)
	}
	if n := len(e.ended) + len(e.started) - 2; n != 0 {
		t.Errorf("got %d events more than those of two children", n)
	}
}

func TestADocumentGetsASecondChildWhenTheFirstDies(t *testing.T) {
	t.Parallel()
	e := newChildEvents()
	pool := badPool(t, e, "dies-first", nil, filepath.Join(t.TempDir(), "marker"))
	if got := parseClass(t, pool); got != "" {
		t.Errorf("got class %q, want a text", got)
	}
	if got := len(e.started); got != 2 {
		t.Errorf("got %d children, want 2", got)
	}
}

func TestNonsenseFromAChildCountsAsItsDeath(t *testing.T) {
	t.Parallel()
	for _, mode := range []string{"talks-nonsense", "announces-4-GiB"} {
		t.Run(mode, func(t *testing.T) {
			t.Parallel()
			pool := badPool(t, newChildEvents(), mode, nil)
			if got := parseClass(t, pool); got != document.ClassCorrupt {
				t.Errorf("got class %q, want corrupt", got)
			}
		})
	}
}

func TestADocumentThatTakesTooLongIsTimedOut(t *testing.T) {
	t.Parallel()
	e := newChildEvents()
	pool := badPool(t, e, "hangs", func(c *document.Config) { c.Limits.Timeout = 50 * time.Millisecond })
	if got := parseClass(t, pool); got != document.ClassTimeout {
		t.Errorf("got class %q, want timeout", got)
	}
	if got := next(t, e.ended); got != "timeout" || len(e.started) != 1 {
		t.Errorf("got %d children ended by %q, want one by timeout", len(e.started), got)
	}
}

func TestADocumentThatTakesTooMuchMemoryIsTooLarge(t *testing.T) {
	t.Parallel()
	e := newChildEvents()
	pool := badPool(t, e, "hogs", nil)
	if got := parseClass(t, pool); got != document.ClassTooLarge {
		t.Errorf("got class %q, want too_large", got)
	}
	if got := next(t, e.ended); got != "memory" || len(e.started) != 1 {
		t.Errorf("got %d children ended by %q, want one by memory", len(e.started), got)
	}
}

func TestMemoryOfEarlierDocumentsIsNotHeldAgainstOne(t *testing.T) {
	t.Parallel()
	e := newChildEvents()
	pool := badPool(t, e, "hogs-second", func(c *document.Config) { c.Children = 1 })
	for range 2 {
		if got := parseClass(t, pool); got != "" {
			t.Errorf("got class %q, want a text", got)
		}
	}
	if got := len(e.started); got != 2 {
		t.Errorf("got %d children, want 2: the second took over the second document", got)
	}
}

func TestTroubleOfOursIsNoFault(t *testing.T) {
	t.Parallel()
	tests := []struct {
		name   string
		change func(*document.Config)
	}{
		{"no such program", func(c *document.Config) { c.Command = []string{"/nonexistent/program"} }},
		{"child exits at once", func(c *document.Config) { c.Command = badChild("exits") }},
		{"child never gets ready", func(c *document.Config) {
			c.Command = badChild("never-ready")
			c.StartTimeout = 50 * time.Millisecond
		}},
		{"child cannot start PDFium", func(c *document.Config) { c.Command = badChild("unable") }},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			_, err := newPool(t, tt.change).Parse(t.Context(), smallPDF())
			if _, isFault := errors.AsType[*document.Fault](err); isFault || !errors.Is(err, document.ErrChild) {
				t.Errorf("got %v, want an error of the child and no fault", err)
			}
		})
	}
}

func TestACancelledCallEndsItsChildAndIsNoFault(t *testing.T) {
	t.Parallel()
	e := newChildEvents()
	pool := badPool(t, e, "hangs", nil)
	ctx, cancel := context.WithCancel(t.Context())
	go func() {
		<-e.started
		cancel()
	}()
	if _, err := pool.Parse(ctx, smallPDF()); !errors.Is(err, context.Canceled) {
		t.Errorf("got %v, want context.Canceled", err)
	}
	if got := next(t, e.ended); got != "cancelled" {
		t.Errorf("the child ended by %q, want cancelled", got)
	}
}

func TestCallersBeyondTheQueueAreTurnedAway(t *testing.T) {
	t.Parallel()
	pool := badPool(t, newChildEvents(), "hangs", func(c *document.Config) { c.Children, c.MaxWaiting = 1, 1 })
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	results := make(chan error, 3)
	var calls sync.WaitGroup
	for range 3 {
		calls.Go(func() {
			_, err := pool.Parse(ctx, smallPDF())
			results <- err
		})
	}
	if err := next(t, results); !errors.Is(err, document.ErrBusy) {
		t.Errorf("the first to return got %v, want ErrBusy", err)
	}
	cancel()
	calls.Wait()
	for range 2 {
		if err := next(t, results); !errors.Is(err, context.Canceled) {
			t.Errorf("got %v, want context.Canceled", err)
		}
	}
}

func TestCloseEndsCallsInFlight(t *testing.T) {
	t.Parallel()
	e := newChildEvents()
	pool := badPool(t, e, "hangs", func(c *document.Config) { c.Children = 1 })
	results := make(chan error, 2)
	for range 2 { // one at work, one waiting
		go func() {
			_, err := pool.Parse(context.Background(), smallPDF())
			results <- err
		}()
	}
	next(t, e.started)
	pool.Close()
	for range 2 {
		if err := next(t, results); !errors.Is(err, document.ErrClosed) {
			t.Errorf("got %v, want ErrClosed", err)
		}
	}
	pool.Close()
	if _, err := pool.Parse(t.Context(), smallPDF()); !errors.Is(err, document.ErrClosed) {
		t.Errorf("after Close got %v, want ErrClosed", err)
	}
}

func TestIdleChildrenEnd(t *testing.T) {
	t.Parallel()
	e := newChildEvents()
	pool := badPool(t, e, "good", func(c *document.Config) { c.IdleTimeout = time.Millisecond })
	if got := parseClass(t, pool); got != "" {
		t.Errorf("got class %q, want a text", got)
	}
	if got := next(t, e.ended); got != "idle" {
		t.Errorf("the child ended by %q, want idle", got)
	}
	if got := parseClass(t, pool); got != "" {
		t.Errorf("afterwards got class %q, want a text", got)
	}
}

func TestAnIdleChildThatDiedIsReplaced(t *testing.T) {
	t.Parallel()
	e := newChildEvents()
	pool := badPool(t, e, "good", func(c *document.Config) { c.Children = 1 })
	if got := parseClass(t, pool); got != "" {
		t.Errorf("got class %q, want a text", got)
	}
	if err := syscall.Kill(next(t, e.started), syscall.SIGKILL); err != nil {
		t.Fatal(err)
	}
	if got := next(t, e.ended); got != "died" {
		t.Errorf("the child ended by %q, want died", got)
	}
	if got := parseClass(t, pool); got != "" {
		t.Errorf("afterwards got class %q, want a text", got)
	}
}

func TestChildrenAreReplacedWhenTheyHaveServed(t *testing.T) {
	t.Parallel()
	tests := []struct {
		name   string
		change func(*document.Config)
		want   int // children for four documents
	}{
		{"by documents", func(c *document.Config) { c.RecycleDocuments = 2 }, 2},
		{"by bytes", func(c *document.Config) { c.RecycleBytes = int64(len(smallPDF())) + 1 }, 2},
		{"not yet", func(*document.Config) {}, 1},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			e := newChildEvents()
			pool := badPool(t, e, "good", func(c *document.Config) { c.Children = 1; tt.change(c) })
			for range 4 {
				if got := parseClass(t, pool); got != "" {
					t.Errorf("got class %q, want a text", got)
				}
			}
			if got := len(e.started); got != tt.want {
				t.Errorf("got %d children, want %d", got, tt.want)
			}
		})
	}
}

func TestNeverMoreChildrenThanAllowed(t *testing.T) {
	t.Parallel()
	e := newChildEvents()
	var mu sync.Mutex
	now, most := 0, 0
	pool := badPool(t, e, "good", func(c *document.Config) {
		c.Children = 2
		c.Events.ChildStarted = func(int, time.Duration) {
			mu.Lock()
			defer mu.Unlock()
			now++
			most = max(most, now)
		}
		c.Events.ChildEnded = func(int, string) {
			mu.Lock()
			defer mu.Unlock()
			now--
		}
	})
	var calls sync.WaitGroup
	for range 20 {
		calls.Go(func() {
			if _, err := pool.Parse(t.Context(), smallPDF()); err != nil {
				t.Errorf("got %v", err)
			}
		})
	}
	calls.Wait()
	if most > 2 {
		t.Errorf("got %d children at once, want at most 2", most)
	}
}

func TestChildrenGetNoEnvironmentOfOurs(t *testing.T) {
	t.Setenv("SLUICE_MODEL_API_KEY", "secret")
	pool := badPool(t, newChildEvents(), "shows-environment", nil)
	text, err := pool.Parse(t.Context(), smallPDF())
	if err != nil {
		t.Fatal(err)
	}
	var names []string
	for _, p := range text.Pages {
		name, _, _ := strings.Cut(p.Text, "=")
		names = append(names, name)
	}
	if diff := cmp.Diff([]string{"GOMAXPROCS", "GOMEMLIMIT", "GOTRACEBACK"}, names); diff != "" {
		t.Errorf("environment differs (-want +got):\n%s", diff)
	}
}

func TestNewPoolRefusesBadConfiguration(t *testing.T) {
	t.Parallel()
	open := filepath.Join(t.TempDir(), "open")
	if err := mkdirForAll(open); err != nil {
		t.Fatal(err)
	}
	for want, config := range map[string]document.Config{
		"Children":    {Children: -1},
		"MaxBytes":    {Limits: document.Limits{MaxBytes: -1}},
		"MaxMemory":   {Limits: document.Limits{MaxMemory: 1 << 20}},
		"IdleTimeout": {IdleTimeout: 1},
		"everybody":   {CacheDir: open},
	} {
		pool, err := document.NewPool(config)
		if err == nil {
			pool.Close()
		}
		if err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("got %v, want an error that says %q", err, want)
		}
	}
}
