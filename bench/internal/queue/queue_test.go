//go:build linux

package queue_test

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"sync"
	"sync/atomic"
	"testing"

	"github.com/sluicehq/sluice/bench/internal/queue"
	"github.com/sluicehq/sluice/bench/internal/service"
)

// dir is a directory that other users can pass through, as PostgreSQL needs.
func dir(t *testing.T) string {
	t.Helper()
	d, err := os.MkdirTemp("", "queue")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := os.RemoveAll(d); err != nil {
			t.Error(err)
		}
	})
	if err := os.Chmod(d, 0o711); err != nil {
		t.Fatal(err)
	}
	return d
}

func binaries(t *testing.T, p service.Program) []string {
	t.Helper()
	paths, err := service.Finder{}.Find(t.Context(), p)
	if err != nil {
		t.Fatalf("this test needs %s: %v", p.Name, err)
	}
	return paths
}

func closing(t *testing.T, what string, end func() error) {
	t.Helper()
	t.Cleanup(func() {
		if err := end(); err != nil {
			t.Errorf("%s: %v", what, err)
		}
	})
}

// systems open every system that is compared.
func systems() map[string]func(t *testing.T) queue.Queue {
	return map[string]func(t *testing.T) queue.Queue{
		"sluice": func(t *testing.T) queue.Queue {
			s, err := queue.OpenSluice(t.Context(), dir(t), 7, 0)
			if err != nil {
				t.Fatal(err)
			}
			closing(t, "verify", func() error { return errors.Join(s.Verify(context.WithoutCancel(t.Context())), s.Close()) })
			return s
		},
		"raw": func(t *testing.T) queue.Queue {
			r, err := queue.OpenRawSQLite(t.Context(), dir(t), dir(t))
			if err != nil {
				t.Fatal(err)
			}
			closing(t, "close", r.Close)
			return r
		},
		"asynq": func(t *testing.T) queue.Queue {
			s, err := service.StartRedis(t.Context(), binaries(t, service.Redis())[0], dir(t), "everysec")
			if err != nil {
				t.Fatal(err)
			}
			closing(t, "redis", s.Stop)
			a, err := queue.OpenAsynq(s.Addr, s.PID(), 4)
			if err != nil {
				t.Fatal(err)
			}
			closing(t, "close", a.Close)
			return a
		},
		"shared": func(t *testing.T) queue.Queue {
			s, err := service.StartRedis(t.Context(), binaries(t, service.Redis())[0], dir(t), "always")
			if err != nil {
				t.Fatal(err)
			}
			closing(t, "redis", s.Stop)
			e, err := queue.OpenShared(t.Context(), queue.SharedConfig{Addr: s.Addr, PID: s.PID(), Tenants: 7})
			if err != nil {
				t.Fatal(err)
			}
			closing(t, "close", e.Close)
			return e
		},
		"river": func(t *testing.T) queue.Queue {
			s, err := service.StartPostgres(t.Context(), binaries(t, service.Postgres()), dir(t))
			if err != nil {
				t.Fatal(err)
			}
			closing(t, "postgres", s.Stop)
			r, err := queue.OpenRiver(t.Context(), s.URL, s.PID())
			if err != nil {
				t.Fatal(err)
			}
			closing(t, "close", r.Close)
			return r
		},
	}
}

func put(t *testing.T, q queue.Queue, n int) {
	t.Helper()
	var all sync.WaitGroup
	var left atomic.Int64
	left.Store(int64(n))
	for range 8 {
		all.Go(func() {
			for left.Add(-1) >= 0 {
				if err := q.Put(t.Context()); err != nil {
					t.Error(err)
					return
				}
			}
		})
	}
	all.Wait()
}

func TestEverySystemTakesEachJobFromPutToDoneOnce(t *testing.T) {
	t.Parallel()
	for name, open := range systems() {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			q := &queue.Counted{Queue: open(t)}
			if err := q.Settled(t.Context()); err != nil {
				t.Fatalf("before the first job: %v", err)
			}
			put(t, q, 100)
			if err := q.Settled(t.Context()); err != nil {
				t.Fatalf("with 100 jobs waiting: %v", err)
			}
			for round := range 2 {
				finished := make(chan struct{}, 1000)
				stop, err := q.Work(t.Context(), func() { finished <- struct{}{} })
				if err != nil {
					t.Fatal(err)
				}
				put(t, q, 50)
				for range []int{150, 50}[round] {
					<-finished
				}
				if err := stop(); err != nil {
					t.Fatal(err)
				}
				if err := q.Settled(t.Context()); err != nil {
					t.Fatal(err)
				}
			}
			if put, done := q.Counts(); put != 200 || done != 200 {
				t.Errorf("%d put and %d done", put, done)
			}
			if q.Check(t.Context(), 201, 200) == nil || q.Check(t.Context(), 200, 199) == nil {
				t.Error("a wrong count is not noticed")
			}
		})
	}
}

func TestTheEngineForManyMachinesRefusesAServerThatCouldLoseJobs(t *testing.T) {
	t.Parallel()
	s, err := service.StartRedis(t.Context(), binaries(t, service.Redis())[0], dir(t), "everysec")
	if err != nil {
		t.Fatal(err)
	}
	closing(t, "redis", s.Stop)
	e, err := queue.OpenShared(t.Context(), queue.SharedConfig{Addr: s.Addr, PID: s.PID(), Tenants: 1})
	if err == nil {
		t.Error("it was opened", e.Close())
	}
}

func TestTheDocumentHas2KiB(t *testing.T) {
	t.Parallel()
	if n := len(queue.Payload()); n != 2<<10 {
		t.Errorf("the document has %d bytes", n)
	}
}

// size is what the database files in dir take.
func size(t *testing.T, d string) int64 {
	t.Helper()
	files, err := filepath.Glob(filepath.Join(d, "*.db*"))
	if err != nil {
		t.Fatal(err)
	}
	var sum int64
	for _, f := range files {
		info, err := os.Stat(f)
		if err != nil {
			t.Fatal(err)
		}
		sum += info.Size()
	}
	return sum
}

func TestTheLimitWritesAsManyBytesAsTheEngine(t *testing.T) {
	t.Parallel()
	const n = 3000
	ours, theirs := dir(t), dir(t)
	s, err := queue.OpenSluice(t.Context(), ours, 1, 0)
	if err != nil {
		t.Fatal(err)
	}
	r, err := queue.OpenRawSQLite(t.Context(), theirs, dir(t))
	if err != nil {
		t.Fatal(err)
	}
	for _, q := range []queue.Queue{s, r} {
		put(t, q, n)
		finished := make(chan struct{}, n)
		stop, err := q.Work(t.Context(), func() { finished <- struct{}{} })
		if err != nil {
			t.Fatal(err)
		}
		for range n {
			<-finished
		}
		if err := errors.Join(stop(), q.Close()); err != nil {
			t.Fatal(err)
		}
	}
	// The limit's database has no head start: the engine's has tables, too.
	share := float64(size(t, theirs)) / float64(size(t, ours))
	t.Logf("the limit writes %.2f of the engine's bytes", share)
	if share < 0.85 || share > 1.1 {
		t.Errorf("the limit writes %.2f of the engine's bytes", share)
	}
}
