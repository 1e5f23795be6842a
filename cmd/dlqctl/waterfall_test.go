package main

import (
	"math"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"

	"github.com/sluicehq/sluice/pkg/client"
	"github.com/sluicehq/sluice/pkg/jobs"
)

// row is an attempt that starts at and takes some seconds.
func row(at, took, wait int) client.Attempt {
	start := morning().Add(time.Duration(at) * time.Second)
	return client.Attempt{MS: int64(took) * 1000, Attempt: jobs.Attempt{
		Outcome: jobs.AttemptError, StartedAt: start, EndedAt: start.Add(time.Duration(took) * time.Second), BackoffMS: int64(wait) * 1000,
	}}
}

func TestBarsShowWorkAndWaitToScale(t *testing.T) {
	t.Parallel()
	skipped := row(15, 0, 0)
	skipped.Outcome = jobs.AttemptSkipped
	rows := []client.Attempt{row(0, 4, 2), row(6, 0, 4), skipped, row(15, 5, 0), row(20, 0, 0)}
	x := newAxis(rows, 20)
	var got []string
	for _, r := range rows {
		got = append(got, x.bar(r))
	}
	want := []string{"████··", "      █···", "", "               █████", "                   █"}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
}

func TestAttemptsTellTheDeadlineOfTheirRun(t *testing.T) {
	t.Parallel()
	a := row(10, 30, 0)
	a.Generation, a.DeadlineLeftMS = 1, 50_000
	runs := runsOf(client.DeadLetter{Attempts: []client.Attempt{a}, Job: client.Job{Run: 2, DeadlineAt: morning().Add(time.Hour)}})
	var got []time.Time
	for _, r := range runs {
		got = append(got, r.deadline)
	}
	if diff := cmp.Diff([]time.Time{morning().Add(time.Minute), morning().Add(time.Hour)}, got); diff != "" {
		t.Errorf("deadlines (-want +got):\n%s", diff)
	}
}

// TestBarsStayOnTheAxisWhateverAServerSends draws times and spans of any size.
func TestBarsStayOnTheAxisWhateverAServerSends(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(rt *rapid.T) {
		number := rapid.Int64Range(math.MinInt64, math.MaxInt64)
		moment := rapid.Custom(func(rt *rapid.T) time.Time {
			return time.Unix(rapid.Int64Range(-1<<40, 1<<40).Draw(rt, "s"), rapid.Int64Range(0, 999_999_999).Draw(rt, "ns"))
		})
		var d client.DeadLetter
		for range rapid.IntRange(1, 6).Draw(rt, "rows") {
			d.Attempts = append(d.Attempts, client.Attempt{MS: number.Draw(rt, "ms"), Attempt: jobs.Attempt{
				Generation: rapid.IntRange(-1, 2).Draw(rt, "run"), StartedAt: moment.Draw(rt, "start"), EndedAt: moment.Draw(rt, "end"),
				BackoffMS: number.Draw(rt, "wait"), DeadlineLeftMS: number.Draw(rt, "left"), Usage: jobs.Usage{CostMicroUSD: number.Draw(rt, "cost")},
			}})
		}
		for _, r := range runsOf(d) {
			if len(r.rows) == 0 {
				continue
			}
			x := newAxis(r.rows, 20)
			for _, a := range r.rows {
				if bar := []rune(x.bar(a)); len(bar) > 20 || !strings.ContainsRune(string(bar), '█') {
					rt.Errorf("bar %q", string(bar))
				}
			}
			tab := r.table(100)
			_ = rendered(&tab, 100, true)
			_ = r.headline()
		}
	})
}
