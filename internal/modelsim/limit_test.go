package modelsim_test

import (
	"fmt"
	"net/http"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/sluicehq/sluice/internal/modelsim"
)

func TestCallsAboveTheLimitOfAMinuteAreSentAwayUntilTheyFit(t *testing.T) {
	t.Parallel()
	for name, model := range map[string]modelsim.Model{
		"requests": {Name: "m", RequestsPerMinute: 3},
		"tokens":   {Name: "m", TokensPerMinute: 400}, // three prompts of about 130
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			now := time.Date(2026, 3, 14, 9, 0, 0, 0, time.UTC)
			_, e := listen(t, modelsim.Config{Models: []modelsim.Model{model}, Now: func() time.Time { return now }})
			p := prompt("m", sample)
			if name == "tokens" {
				p["max_tokens"] = 60
			}
			var got []string
			for range 6 {
				res, _, err := post(t.Context(), e, p)
				if err != nil {
					t.Fatal(err)
				}
				got = append(got, fmt.Sprint(res.StatusCode, " ", res.Header.Get("Retry-After"), " ", res.Header.Get("X-Ratelimit-Reset-Requests"), " ", res.Header.Get("Anthropic-Ratelimit-Requests-Reset")))
				now = now.Add(15 * time.Second)
			}
			want := []string{
				"200   ", "200   ", "200   ",
				"429 15 15.000s 2026-03-14T09:01:00Z",
				"200   ", "200   ", // the first and the second have left the window
			}
			if diff := cmp.Diff(want, got); diff != "" {
				t.Errorf("answers (-want +got):\n%s", diff)
			}
		})
	}
}

func TestACallThatNeverFitsIsSentAwayForAMinute(t *testing.T) {
	t.Parallel()
	s, e := listen(t, modelsim.Config{Models: []modelsim.Model{{Name: "m", TokensPerMinute: 10}}})
	res, _ := mustPost(t, e, prompt("m", sample))
	if res.StatusCode != http.StatusTooManyRequests || res.Header.Get("Retry-After") != "60" || s.Calls()[0].Answer != "over_limit" {
		t.Errorf("status %d, Retry-After %q, %+v", res.StatusCode, res.Header.Get("Retry-After"), s.Calls()[0])
	}
}

func TestCallsAtOnceAreBounded(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		s := modelsim.New(modelsim.Config{Models: []modelsim.Model{{Name: "m", MaxInFlight: 2, Latency: time.Minute}}})
		e := s.Pipe()
		defer func() { _ = e.Close() }()
		statuses := make(chan int, 5)
		for range 3 {
			go func() {
				res, _, err := post(t.Context(), e, prompt("m", sample))
				if err != nil {
					t.Error(err)
					return
				}
				statuses <- res.StatusCode
			}()
		}
		if got := <-statuses; got != 429 {
			t.Errorf("the first to come back has status %d, want 429", got)
		}
		<-statuses
		<-statuses
		if res, _, err := post(t.Context(), e, prompt("m", sample)); err != nil || res.StatusCode != http.StatusOK {
			t.Errorf("after the others left: %v, %v", res, err)
		}
	})
}
