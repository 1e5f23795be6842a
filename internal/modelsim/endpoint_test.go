package modelsim_test

import (
	"context"
	"errors"
	"net"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/sluicehq/sluice/internal/modelsim"
)

func TestInABubbleTimeJumpsOverDelays(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		s := modelsim.New(modelsim.Config{
			Models: []modelsim.Model{{Name: "m", Latency: time.Second}},
			Rules: []modelsim.Rule{
				modelsim.Always(modelsim.Match{To: 1}, modelsim.Slow(time.Hour)),
				modelsim.Always(modelsim.Match{From: 2, To: 2}, modelsim.Hang()),
				modelsim.Always(modelsim.Match{From: 3, To: 3}, modelsim.Drip(time.Minute)),
			},
		})
		e := s.Pipe()
		defer e.Close()
		if !strings.HasSuffix(e.URL(), "/v1") {
			t.Errorf("URL is %s", e.URL())
		}

		start := time.Now()
		if _, _, err := post(t.Context(), e, prompt("m", sample)); err != nil {
			t.Fatal(err)
		}
		if took := time.Since(start); took != time.Hour+time.Second {
			t.Errorf("the slow call took %s", took)
		}

		ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
		defer cancel()
		start = time.Now()
		_, _, err := post(ctx, e, prompt("m", sample))
		if took := time.Since(start); took != time.Minute || !errors.Is(err, context.DeadlineExceeded) {
			t.Errorf("the hanging call took %s: %v", took, err)
		}

		start = time.Now()
		_, body, err := post(t.Context(), e, prompt("m", sample))
		if took := time.Since(start); err != nil || took != time.Second+time.Duration(len(body)-1)*time.Minute {
			t.Errorf("the dripping call took %s for %d bytes: %v", took, len(body), err)
		}

		synctest.Wait()
		calls := s.Calls()
		if !calls[1].ClientGone || calls[1].Took != time.Minute || calls[0].ClientGone || calls[2].ClientGone {
			t.Errorf("records are %+v", calls)
		}
	})
}

func TestACallerThatLeavesADripIsSeen(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		s := modelsim.New(always(modelsim.Drip(time.Second)))
		e := s.Pipe()
		defer e.Close()
		ctx, cancel := context.WithTimeout(t.Context(), 10*time.Second+time.Millisecond)
		defer cancel()
		_, body, err := post(ctx, e, prompt("m", sample))
		if !errors.Is(err, context.DeadlineExceeded) || len(body) < 9 || len(body) > 12 {
			t.Errorf("got %q, %v", body, err)
		}
		synctest.Wait()
		if c := s.Calls()[0]; !c.ClientGone || c.BytesOut < 10 || c.BytesOut > 12 {
			t.Errorf("record is %+v", c)
		}
	})
}

func TestCloseEndsHangingCalls(t *testing.T) {
	t.Parallel()
	for name, open := range map[string]func(*modelsim.Server) (*modelsim.Endpoint, error){
		"socket": func(s *modelsim.Server) (*modelsim.Endpoint, error) { return s.Listen("") },
		"pipe":   func(s *modelsim.Server) (*modelsim.Endpoint, error) { return s.Pipe(), nil },
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			arrived := make(chan struct{}, 8)
			cfg := always(modelsim.Hang())
			cfg.Events.Arrived = func(modelsim.Call) { arrived <- struct{}{} }
			s := modelsim.New(cfg)
			e, err := open(s)
			if err != nil {
				t.Fatal(err)
			}
			ended := make(chan error)
			for range 4 {
				go func() {
					_, _, err := post(t.Context(), e, prompt("m", sample))
					ended <- err
				}()
			}
			for range 4 {
				<-arrived
			}
			if err := errors.Join(e.Close(), e.Close()); err != nil {
				t.Error(err)
			}
			for _, c := range s.Calls() {
				if c.Open {
					t.Errorf("still open after Close: %+v", c)
				}
			}
			for range 4 {
				if err := <-ended; err == nil {
					t.Error("a call ended without an error")
				}
			}
			if c, err := e.Dial(t.Context(), "", ""); err == nil {
				_ = c.Close()
				t.Error("Dial works after Close")
			}
		})
	}
}

func TestAnAddressInUseIsAnError(t *testing.T) {
	t.Parallel()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	if _, err := modelsim.New(modelsim.Config{}).Listen(l.Addr().String()); err == nil || !strings.Contains(err.Error(), l.Addr().String()) {
		t.Errorf("got %v", err)
	}
}
