package main

import (
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/sluicehq/sluice/pkg/client"
)

// steps is a server that answers requests about an operation one after another;
// the last answer stays. An answer is a state with counts, a status, or away.
func steps(t *testing.T, answers ...string) string {
	t.Helper()
	var asked atomic.Int64
	srv := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		answer := answers[min(int(asked.Add(1))-1, len(answers)-1)]
		var state string
		var done, failed, status int
		switch n, _ := fmt.Sscanf(answer, "%s %d %d", &state, &done, &failed); {
		case answer == "away":
			panic(http.ErrAbortHandler) // the connection breaks
		case n == 3:
			_, _ = fmt.Fprintf(w, `{"id":"op_1","action":"requeue","state":%q,"why":"no_job_changed","counts":{"total":100,"done":%d,"applied":%d,"failed":%d}}`,
				state, done, done-failed, failed)
		default:
			_, _ = fmt.Sscanf(answer, "%d", &status)
			w.Header().Set("Content-Type", "application/problem+json")
			w.WriteHeader(status)
			_, _ = io.WriteString(w, `{"code":"operation_not_found","title":"There is no such operation"}`)
		}
	}))
	t.Cleanup(srv.Close)
	return srv.URL
}

func TestAWatcherOutlivesAServerThatIsAway(t *testing.T) {
	t.Parallel()
	r := dlqctl(t, steps(t, "running 10 0", "away", "503", "429", "running 50 0", "succeeded 100 0"), false, "ops", "watch", "op_1", "-o", "name")
	if r.code != exitOK || r.out != "op_1\n" {
		t.Errorf("code %d: %q %q", r.code, r.out, r.err)
	}
	if r = dlqctl(t, steps(t, "running 10 0", "404"), false, "ops", "watch", "op_1"); r.code != exitNotFound || !strings.Contains(r.err, "404 operation_not_found") {
		t.Errorf("an operation that was removed: code %d: %q", r.code, r.err)
	}
	if r = dlqctl(t, steps(t, "away"), false, "ops", "watch", "op_1"); r.code != exitUnavailable {
		t.Errorf("a server that is away from the first: code %d: %q", r.code, r.err)
	}
}

func TestTheExitCodeSaysHowAnOperationEnded(t *testing.T) {
	t.Parallel()
	for end, want := range map[string]struct {
		code int
		err  string
	}{
		"succeeded 100 0": {exitOK, ""}, "succeeded 100 2": {exitPartial, "Which failed: dlqctl ops audit op_1 --failed"},
		"failed 100 100": {exitConflict, "No job could be changed"}, "stopped 60 40": {exitPartial, "Go on with dlqctl ops resume op_1"},
		"paused 60 0": {exitPartial, "It is paused"}, "cancelled 60 0": {exitPartial, "What was changed stays changed"},
		"draft 0 0": {exitPartial, "dlqctl ops start op_1"},
	} {
		r := dlqctl(t, steps(t, "running 10 0", "running 50 0", end), false, "ops", "watch", "op_1")
		if r.code != want.code || !strings.Contains(r.err, want.err) || want.err == "" && r.err != "" {
			t.Errorf("%s: code %d, want %d; %q should hold %q", end, r.code, want.code, r.err, want.err)
		}
	}
}

func TestProgressIsALineThatFits(t *testing.T) {
	t.Parallel()
	now := morning()
	a := &app{invocation: invocation{now: func() time.Time { return now }}}
	p := &progress{app: a, began: now.Add(-10 * time.Second), from: 50}
	for _, tc := range []struct {
		counts client.OperationCounts
		width  int
		want   string
	}{
		{client.OperationCounts{Total: 400, Done: 100, Failed: 3}, 100, "requeue 100/400 [██████··················] 25%, 3 failed, about 60s left"},
		{client.OperationCounts{Total: 400, Done: 100}, 60, "requeue 100/400 25%, about 60s left"},
		{client.OperationCounts{Total: 400, Done: 50}, 0, "requeue 50/400 12%"},
		{client.OperationCounts{Total: 400, Done: 400}, 100, "requeue 400/400 [████████████████████████] 100%"},
		{client.OperationCounts{}, 100, "requeue 0/0"},
		{client.OperationCounts{Total: 1, Done: 9}, 100, "requeue 9/1 [████████████████████████] 100%"},
		{client.OperationCounts{Total: -1, Done: -9}, 100, "requeue -9/-1"},
	} {
		if got := p.line(client.Operation{Action: client.RequeueJobs, Counts: tc.counts}, tc.width); got != tc.want {
			t.Errorf("%+v in %d cells: %q, want %q", tc.counts, tc.width, got, tc.want)
		}
	}
}

func TestProgressIsToldNowAndThenWhereNothingIsRedrawn(t *testing.T) {
	t.Parallel()
	url := steps(t, "running 10 0", "running 20 0", "running 30 0", "running 40 0", "running 50 0", "succeeded 100 0")
	var out, messages strings.Builder
	clock := morning()
	inv := invocation{
		args: []string{"ops", "watch", "op_1", "-o", "name"}, pulse: time.Millisecond, stdin: strings.NewReader(""), stdout: &out, stderr: &messages,
		env: func(name string) string { return map[string]string{"SLUICE_SERVER": url}[name] },
		now: func() time.Time { clock = clock.Add(time.Second); return clock }, // asked more than once a round
	}
	code := run(t.Context(), inv)
	lines := strings.Count(messages.String(), "\n")
	if code != exitOK || lines == 0 || lines > 4 || strings.ContainsAny(messages.String(), "\r\x1b") || !strings.HasPrefix(messages.String(), "requeue ") {
		t.Errorf("code %d: %q", code, messages.String())
	}
}

func TestRatesAndSharesAreReadExactly(t *testing.T) {
	t.Parallel()
	for text, want := range map[string]float64{"": 0, "20": 20, "20/s": 20, "90/m": 1.5, "36/h": 0.01, "10000/s": 10_000, "0.5": 0.5} {
		if got, err := rateOf(text); err != nil || got != want {
			t.Errorf("rate %q reads as %g, error %v", text, got, err)
		}
	}
	for rate, want := range map[float64]string{20: "20/s", 1.5: "1.5/s", 0.5: "30/m", 0.01: "36/h"} {
		if got := rateText(rate); got != want {
			t.Errorf("rate %g is written as %s, want %s", rate, got, want)
		}
	}
	for text, want := range map[string]float64{"": 0, "30%": 0.3, "0.3": 0.3, "100%": 1, "1": 1, "0.1%": 0.001} {
		if got, err := shareOf(text); err != nil || got != want {
			t.Errorf("share %q reads as %g, error %v", text, got, err)
		}
	}
	for text, want := range map[string]int64{"0": 0, "65536": 65536, "512KiB": 512 << 10, "10 MiB": 10 << 20, "1024GiB": 1 << 40} {
		if got, ok := bytesOf(text); !ok || got != want {
			t.Errorf("%q reads as %d bytes", text, got)
		}
	}
	for _, text := range []string{"", "-1", "1025GiB", "4MB", "1.5MiB", "9223372036854775807KiB"} {
		if got, ok := bytesOf(text); ok {
			t.Errorf("%q reads as %d bytes", text, got)
		}
	}
}

// FuzzFlags reads texts of flags, which must never be read as something
// dangerous: a negative or endless number.
func FuzzFlags(f *testing.F) {
	for _, seed := range []string{"20/s", "30%", "2h", "7d", "10MiB", "1e400", "NaN", "-5", "0x10p2", "", "2026-11-22T10:00:00Z"} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, text string) {
		if rate, err := rateOf(text); err == nil && text != "" && !(rate >= 0.001 && rate <= 10_000) {
			t.Errorf("rate %q reads as %g", text, rate)
		}
		if share, err := shareOf(text); err == nil && text != "" && !(share >= 0.001 && share <= 1) {
			t.Errorf("share %q reads as %g", text, share)
		}
		if n, ok := bytesOf(text); ok && (n < 0 || n > 1<<40) {
			t.Errorf("%q reads as %d bytes", text, n)
		}
		if d, ok := spanOf(text); ok && (d < 0 || d > 101*365*24*time.Hour) {
			t.Errorf("span %q reads as %s", text, d)
		}
		_, _ = moment("since", text, morning())
	})
}
