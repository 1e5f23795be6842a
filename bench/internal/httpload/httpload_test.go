//go:build linux

package httpload_test

import (
	"context"
	"errors"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/sluicehq/sluice/bench/internal/child"
	"github.com/sluicehq/sluice/bench/internal/httpload"
	"github.com/sluicehq/sluice/bench/internal/queue"
	"github.com/sluicehq/sluice/pkg/jobs"
	"github.com/sluicehq/sluice/pkg/jobs/sqlitejobs"
)

func TestMain(m *testing.M) {
	if code, isChild := child.Main(context.Background(), os.Args); isChild {
		os.Exit(code)
	}
	os.Exit(m.Run())
}

func TestTheClientKeepsItsConnectionsAndReadsAnswers(t *testing.T) {
	t.Parallel()
	long := strings.Repeat("an answer in chunks ", 500)
	var conns, requests atomic.Int64
	srv := httptest.NewUnstartedServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		requests.Add(1)
		body, err := io.ReadAll(r.Body)
		if err != nil || r.Method != http.MethodPost || r.URL.Path != "/v1/jobs" || r.Header.Get("Authorization") != "Bearer sl_key" ||
			r.Header.Get("Prefer") != "wait=2" || string(body) != `{"document":{"text":"a \"text\""},"schema":"invoice"}` {
			t.Errorf("request %v with %s, error %v", r.Header, body, err)
		}
		w.WriteHeader(http.StatusTeapot)
		if requests.Load()%2 == 0 {
			_, _ = io.WriteString(w, long) // in chunks, the other in one piece
		} else {
			_, _ = io.WriteString(w, "an answer")
		}
	}))
	srv.Config.ConnState = func(_ net.Conn, s http.ConnState) {
		if s == http.StateNew {
			conns.Add(1)
		}
	}
	srv.Start()
	defer srv.Close()
	c, err := httpload.New(httpload.Request{
		Addr: strings.TrimPrefix(srv.URL, "http://"), Key: "sl_key", Document: `a "text"`, Wait: 2 * time.Second,
	})
	if err != nil {
		t.Fatal(err)
	}
	for i := range 10 {
		status, body, err := c.Do(t.Context())
		if want := []string{"an answer", long}[i%2]; err != nil || status != http.StatusTeapot || string(body) != want {
			t.Fatalf("answer %d %q, error %v", status, body, err)
		}
	}
	if err := c.Close(); err != nil {
		t.Error(err)
	}
	if requests.Load() != 10 || conns.Load() != 1 {
		t.Errorf("%d requests over %d connections, want 10 over 1", requests.Load(), conns.Load())
	}
}

func TestAnAnswerThatIsNoneIsAnError(t *testing.T) {
	t.Parallel()
	const chunks = "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n"
	for _, text := range []string{
		"", "hello\r\n\r\n", "HTTP/1.1 abc\r\n\r\n", "HTTP/1.1 200 OK\r\n\r\n", "HTTP/1.1 200 OK\r\nContent-Length: -1\r\n\r\n",
		"HTTP/1.1 200 OK\r\nContent-Length: 99999999\r\n\r\n", "HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nabc",
		"HTTP/1.1 200 OK\r\n" + strings.Repeat("x", 8<<10) + "\r\n", chunks + "5\r\nabc", chunks + "fffff\r\n", chunks + "x\r\n\r\n",
		chunks + "3\r\nabcd\r\n0\r\n\r\n", chunks + "3\r\nabc\r\n",
	} {
		if status, _, err := httpload.ReadAnswer(text); err == nil {
			t.Errorf("%.40q is read as %d", text, status)
		}
	}
}

// serve starts an API and puts n jobs through it.
func serve(t *testing.T, store child.Store, workers child.Workers, n int) (dir string) {
	t.Helper()
	dir = t.TempDir()
	s, err := httpload.Serve(httpload.Options{Store: store, Workers: workers, Dir: dir, Slots: 8, Document: queue.Payload()})
	if err != nil {
		t.Fatal(err)
	}
	q := &queue.Counted{Queue: s}
	var all sync.WaitGroup
	for range 8 {
		all.Go(func() {
			for range n / 8 {
				if err := q.Put(t.Context()); err != nil {
					t.Error(err)
					return
				}
			}
		})
	}
	all.Wait()
	if err := q.Settled(t.Context()); err != nil {
		t.Error(err)
	}
	if q.Check(t.Context(), int64(n)+1, 0) == nil {
		t.Error("a wrong count is not noticed")
	}
	if cpu, err := q.CPU(); err != nil || cpu <= 0 {
		t.Errorf("the server has used %s, error %v", cpu, err)
	}
	if err := s.Close(); err != nil {
		t.Error(err)
	}
	return filepath.Join(dir, "data")
}

func TestAServedAPIKeepsWhatItAcceptsAndFinishesItsJobs(t *testing.T) {
	t.Parallel()
	for _, tc := range []struct {
		workers child.Workers
		state   jobs.State
		tier    int
	}{
		{child.Nobody, jobs.Queued, 0}, {child.NoOp, jobs.Succeeded, 1}, {child.Rules, jobs.Succeeded, 3},
	} {
		t.Run(string(tc.workers), func(t *testing.T) {
			t.Parallel()
			const n = 80
			dir := serve(t, child.SQLite, tc.workers, n)
			e, err := sqlitejobs.Open(t.Context(), sqlitejobs.Config{Dir: dir})
			if err != nil {
				t.Fatal(err)
			}
			defer func() {
				if err := errors.Join(e.Verify(context.WithoutCancel(t.Context())), e.Close()); err != nil {
					t.Error(err)
				}
			}()
			all, err := e.List(t.Context(), jobs.Filter{}, jobs.Page{Limit: n + 1})
			if err != nil || len(all) != n {
				t.Fatalf("%d jobs are there, error %v, want %d", len(all), err, n)
			}
			for _, j := range all {
				if j.State != tc.state || j.Tier != tc.tier {
					t.Fatalf("job %s is %s by tier %d, want %s by %d", j.ID, j.State, j.Tier, tc.state, tc.tier)
				}
				rows, err := e.Attempts(t.Context(), "", j.ID)
				if err != nil || tc.workers == child.NoOp && (len(rows) != 1 || rows[0].Open()) {
					t.Fatalf("job %s has the attempts %+v, error %v", j.ID, rows, err)
				}
			}
		})
	}
}

func TestAnAPIWithoutAStoreAnswersAllTheSame(t *testing.T) {
	t.Parallel()
	serve(t, child.Nowhere, child.Nobody, 80)
}

func TestAnEngineIsOpenedAgainInAProcessOfItsOwn(t *testing.T) {
	t.Parallel()
	const n = 1000
	dir := t.TempDir()
	s, err := queue.OpenSluice(t.Context(), dir, 10, 0)
	if err != nil {
		t.Fatal(err)
	}
	if err := errors.Join(s.Fill(t.Context(), n), s.Close()); err != nil {
		t.Fatal(err)
	}
	for range 2 { // the job that was lent is given back
		r, err := child.Reopen(dir)
		if err != nil {
			t.Fatal(err)
		}
		if r.Queued != n-1 || r.Open <= 0 || r.FirstLoan < r.Open || r.Heap < 100<<10 || r.Resident < r.Heap || r.Peak < r.Resident {
			t.Errorf("reopened: %+v", r)
		}
	}
}
