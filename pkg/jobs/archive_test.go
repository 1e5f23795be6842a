package jobs_test

import (
	"math"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"

	"github.com/sluicehq/sluice/pkg/jobs"
)

func TestAGroupIsOfDeadLettersAndReviews(t *testing.T) {
	for _, state := range []string{"queued", "running", "parked", "succeeded", "cancelled", "erased"} {
		if g, ok := jobs.GroupOf(reach(t, state)); ok {
			t.Errorf("a job that is %s is in %+v", state, g)
		}
	}
	for state, want := range map[string]jobs.Group{
		"failed":    {Fingerprint: "failed:corrupt::1:invoice@1", State: jobs.Failed, Class: "corrupt", Tier: 1},
		"expired":   {Fingerprint: "expired:deadline::0:invoice@1", State: jobs.Expired, Class: jobs.ClassDeadline},
		"in_review": {Fingerprint: "in_review:all_tiers_failed::3:invoice@1", State: jobs.InReview, Class: "all_tiers_failed", Tier: 3},
	} {
		want.Schema, want.Count, want.FirstAt, want.LastAt, want.Sample = "invoice@1", 1, noon, noon, "job_1"
		got, ok := jobs.GroupOf(reach(t, state))
		if diff := cmp.Diff(want, got); diff != "" || !ok {
			t.Errorf("%s (-want +got):\n%s", state, diff)
		}
	}
}

func TestAGroupIsTheSameInWhateverOrderItIsJoined(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		var parts []jobs.Group
		want := jobs.Group{FirstAt: noon.Add(time.Hour)}
		for i := range rapid.IntRange(1, 6).Draw(t, "jobs") {
			at := noon.Add(time.Duration(rapid.IntRange(0, 3).Draw(t, "minute")) * time.Minute)
			g := jobs.Group{Count: 1, FirstAt: at, LastAt: at, Sample: jobs.ID("job_" + string(rune('a'+i)))}
			parts = append(parts, g)
			want.Count++
			if at.Before(want.FirstAt) {
				want.FirstAt = at
			}
			if !at.Before(want.LastAt) { // of those at one moment the greatest comes last here
				want.LastAt, want.Sample = at, g.Sample
			}
		}
		parts = rapid.Permutation(parts).Draw(t, "order")
		cut := rapid.IntRange(0, len(parts)).Draw(t, "cut")
		var left, right jobs.Group
		for _, g := range parts[:cut] {
			left = left.Join(g)
		}
		for _, g := range parts[cut:] {
			right = right.Join(g)
		}
		if diff := cmp.Diff(want, left.Join(right)); diff != "" {
			t.Fatalf("(-want +got):\n%s", diff)
		}
	})
}

func TestAGroupKeepsToTheTimeOfItsState(t *testing.T) {
	j := claimed(t)
	apply(t, &j, jobs.Command{Kind: jobs.Draft, Actor: "ada", Draft: []byte(`1`)}, noon.Add(time.Minute))
	if g, _ := jobs.GroupOf(j); !g.LastAt.Equal(noon) || !j.UpdatedAt.Equal(noon.Add(time.Minute)) {
		t.Errorf("a draft moved the group to %s", g.LastAt)
	}
}

func TestGroupsDifferWhenTheirWordsDo(t *testing.T) {
	words := rapid.StringOfN(rapid.RuneFrom([]rune("a:%3A+ é")), 0, 5, -1)
	draw := func(rt *rapid.T) (j jobs.Job) {
		j.State, j.Tier = jobs.Failed, rapid.IntRange(0, 1).Draw(rt, "tier")
		j.Failure = &jobs.Failure{Class: jobs.Class(words.Draw(rt, "class")), Provider: words.Draw(rt, "provider")}
		j.Spec.Schema = words.Draw(rt, "schema")
		return j
	}
	rapid.Check(t, func(rt *rapid.T) {
		a, b := draw(rt), draw(rt)
		same := a.Tier == b.Tier && a.Spec.Schema == b.Spec.Schema && *a.Failure == *b.Failure
		ga, _ := jobs.GroupOf(a)
		gb, _ := jobs.GroupOf(b)
		if (ga.Fingerprint == gb.Fingerprint) != same {
			rt.Fatalf("%q and %q", ga.Fingerprint, gb.Fingerprint)
		}
	})
}

func TestRetentionsAreValidated(t *testing.T) {
	byAge := func(s jobs.State, d time.Duration) jobs.Retention {
		return jobs.Retention{MaxAge: map[jobs.State]time.Duration{s: d}}
	}
	byCount := func(s jobs.State, n int64) jobs.Retention {
		return jobs.Retention{MaxCount: map[jobs.State]int64{s: n}}
	}
	judge(t, jobs.Retention.Validate, map[string]jobs.Retention{
		"ok everything":  {},
		"ok age":         byAge(jobs.Erased, 1),
		"ok long age":    byAge(jobs.Succeeded, math.MaxInt64),
		"no age":         byAge(jobs.Failed, 0),
		"negative age":   byAge(jobs.Failed, -1),
		"age of live":    byAge(jobs.InReview, 1),
		"age of none":    byAge(jobs.State(text(1000)), 1),
		"ok none":        byCount(jobs.Cancelled, 0),
		"ok most":        byCount(jobs.Expired, math.MaxInt64),
		"negative count": byCount(jobs.Expired, -1),
		"count of live":  byCount(jobs.Parked, 1),
		"count of none":  byCount("", 1),
	})
}

func TestAServiceMeanIsPlainAtFirstAndThenForgets(t *testing.T) {
	var m jobs.ServiceMean
	if m.Mean() != 0 {
		t.Errorf("the mean of nothing is %s", m.Mean())
	}
	add := func(n int, d, want time.Duration) {
		t.Helper()
		for range n {
			m.Add(d)
		}
		if got := m.Mean(); got != want {
			t.Errorf("after %d of %s: got %s, want %s", n, d, got, want)
		}
	}
	add(3, 0, 0)
	add(1, -time.Second, 0)
	add(1, time.Microsecond, time.Millisecond)
	add(1, 4*time.Millisecond+999*time.Microsecond, 2*time.Millisecond) // (1+4)/2, rounded down
	m = jobs.ServiceMean{}
	add(10, time.Second, time.Second)
	add(10, 3*time.Second, 2*time.Second)
	add(1, 42*time.Second, 4*time.Second) // a twentieth of the way
	add(0, time.Second, 4*time.Second)
	add(1000, time.Second, time.Second)
	add(1000, 7*time.Second, 7*time.Second) // no rounding keeps it from what it nears
	m = jobs.ServiceMean{}
	add(100, math.MaxInt64, math.MaxInt32*time.Millisecond) // and none overflows
}

func TestAServiceMeanLiesAmongTheTimes(t *testing.T) {
	rapid.Check(t, func(rt *rapid.T) {
		var m jobs.ServiceMean
		times := rapid.SliceOfN(rapid.Int64Range(1, 1<<40), 1, 60).Draw(rt, "ms")
		low, high := int64(math.MaxInt32), int64(1)
		for _, ms := range times {
			m.Add(time.Duration(ms) * time.Millisecond)
			low, high = min(low, ms), max(high, min(ms, math.MaxInt32))
		}
		if got := m.Mean().Milliseconds(); got < low || got > high {
			rt.Fatalf("the mean of %v is %d", times, got)
		}
	})
}
