//go:build linux

package child_test

import (
	"context"
	"errors"
	"os"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/sluicehq/sluice/bench/internal/child"
	"github.com/sluicehq/sluice/bench/internal/queue"
	"github.com/sluicehq/sluice/bench/internal/service"
)

func TestMain(m *testing.M) {
	if code, isChild := child.Main(context.Background(), os.Args); isChild {
		os.Exit(code)
	}
	os.Exit(m.Run())
}

// server starts a redis-server that syncs every write.
func server(t *testing.T) *service.RedisServer {
	t.Helper()
	paths, err := service.Finder{}.Find(t.Context(), service.Redis())
	if err != nil {
		t.Fatalf("this test needs redis-server: %v", err)
	}
	s, err := service.StartRedis(t.Context(), paths[0], t.TempDir(), "always")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := s.Stop(); err != nil {
			t.Error(err)
		}
	})
	return s
}

// put puts n jobs at once.
func put(t *testing.T, q queue.Queue, n int) {
	t.Helper()
	var all sync.WaitGroup
	for range n {
		all.Go(func() {
			if err := q.Put(t.Context()); err != nil {
				t.Error(err)
			}
		})
	}
	all.Wait()
}

func TestACrewDoesEachJobOnceInItsOwnProcesses(t *testing.T) {
	t.Parallel()
	open := map[child.System]func(s *service.RedisServer) (queue.Queue, error){
		child.Shared: func(s *service.RedisServer) (queue.Queue, error) {
			return queue.OpenShared(t.Context(), queue.SharedConfig{Addr: s.Addr, PID: s.PID(), Tenants: 3})
		},
		child.Asynq: func(s *service.RedisServer) (queue.Queue, error) { return queue.OpenAsynq(s.Addr, s.PID(), 2) },
	}
	for system, open := range open {
		t.Run(string(system), func(t *testing.T) {
			t.Parallel()
			s := server(t)
			q, err := open(s)
			if err != nil {
				t.Fatal(err)
			}
			const n = 40
			begins := make(chan time.Time, 2*n)
			crew := child.NewCrew(q, child.Work{System: system, Addr: s.Addr, Servers: 2, Slots: 4, Takes: 3 * time.Millisecond, Starts: true}, 2,
				func(at time.Time) { begins <- at })
			counted := &queue.Counted{Queue: crew}
			for round := range 2 {
				began := time.Now()
				finished := make(chan struct{}, 2*n)
				stop, err := counted.Work(t.Context(), func() { finished <- struct{}{} })
				if err != nil {
					t.Fatal(err)
				}
				put(t, counted, n)
				for range n {
					<-finished
					if at := <-begins; at.Before(began) || at.After(time.Now()) {
						t.Errorf("round %d: a handler began at %s, the round at %s", round, at, began)
					}
				}
				if cpu, err := crew.CPU(); err != nil || cpu <= 0 {
					t.Errorf("processor time is %s, error %v", cpu, err)
				}
				if err := errors.Join(stop(), counted.Settled(t.Context())); err != nil {
					t.Fatal(err)
				}
			}
			if put, done := counted.Counts(); put != 2*n || done != 2*n {
				t.Errorf("%d put and %d done, want %d", put, done, 2*n)
			}
			if err := crew.Close(); err != nil {
				t.Error(err)
			}
		})
	}
}

func TestACrewThatCannotBeginSaysWhy(t *testing.T) {
	t.Parallel()
	for want, w := range map[string]child.Work{
		"unknown system":   {System: "none", Addr: "127.0.0.1:1"},
		"connection refus": {System: child.Asynq, Addr: "127.0.0.1:1", Servers: 1, Slots: 1},
	} {
		_, err := child.NewCrew(nil, w, 1, nil).Work(t.Context(), func() {})
		if err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%+v: error is %v, want %q in it", w, err, want)
		}
	}
}
