package modelsim_test

import (
	"fmt"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/sluicehq/sluice/internal/modelsim"
)

func TestEveryArrivalIsRecorded(t *testing.T) {
	t.Parallel()
	now := time.Date(2026, 3, 14, 9, 0, 0, 0, time.UTC)
	s, e := listen(t, modelsim.Config{
		Now:    func() time.Time { return now },
		Models: []modelsim.Model{{Name: "large", InputPrice: 2_000_000, OutputPrice: 10_000_000}, {Name: "small"}},
		Rules:  []modelsim.Rule{modelsim.Always(modelsim.Match{Model: "small"}, modelsim.Overloaded())},
	})
	_, r := mustPost(t, e, prompt("large", sample))
	mustPost(t, e, prompt("small", sample))

	calls := s.Calls()
	want := modelsim.Bill{
		InputTokens: r.Usage.Prompt, OutputTokens: r.Usage.Completion,
		CostMicroUSD: int64(2*r.Usage.Prompt + 10*r.Usage.Completion),
	}
	if diff := cmp.Diff(want, calls[0].Bill); diff != "" {
		t.Errorf("bill (-want +got):\n%s", diff)
	}
	for i, c := range calls {
		if c.Seq != i+1 || !c.At.Equal(now) || c.Open || c.BytesIn < len(sample) || c.BytesOut == 0 || c.Document != modelsim.DocumentHash(sample) {
			t.Errorf("call %d is %+v", i, c)
		}
	}
	if s.Count("large") != 1 || s.Count("small") != 1 || s.Count("") != 2 || s.Count("none") != 0 {
		t.Errorf("counts are %d, %d, %d, %d", s.Count("large"), s.Count("small"), s.Count(""), s.Count("none"))
	}
	if s.Bill("") != want || s.Bill("large") != want || s.Bill("small") != (modelsim.Bill{}) {
		t.Errorf("bills are %+v, %+v, %+v", s.Bill(""), s.Bill("large"), s.Bill("small"))
	}

	s.Reset()
	if len(s.Calls()) != 0 || s.Count("") != 0 || s.Bill("") != (modelsim.Bill{}) {
		t.Errorf("after Reset: %v, %d, %+v", s.Calls(), s.Count(""), s.Bill(""))
	}
	mustPost(t, e, prompt("large", sample))
	if c := s.Calls()[0]; c.Seq != 1 || c.Number != 1 {
		t.Errorf("first call after Reset is %+v", c)
	}
}

func TestOnlyTheLatestCallsAreKeptButAllAreCounted(t *testing.T) {
	t.Parallel()
	s := modelsim.New(modelsim.Config{KeepCalls: 3})
	for i := range 8 {
		send(s, call{"m", "", fmt.Sprint(i)})
	}
	var seqs []int
	for _, c := range s.Calls() {
		seqs = append(seqs, c.Seq)
	}
	if diff := cmp.Diff([]int{6, 7, 8}, seqs); diff != "" || s.Count("m") != 8 {
		t.Errorf("count %d, kept (-want +got):\n%s", s.Count("m"), diff)
	}
}

func TestNamesThatCallersInventAreBounded(t *testing.T) {
	t.Parallel()
	s := modelsim.New(modelsim.Config{})
	for i := range 1100 {
		send(s, call{fmt.Sprint("model-", i), strings.Repeat("t", 300), "x"})
	}
	if s.Count("") != 1100 || s.Count("model-0") != 1 || s.Count("model-1099") != 0 {
		t.Errorf("counts are %d, %d, %d", s.Count(""), s.Count("model-0"), s.Count("model-1099"))
	}
	if got := len(s.Calls()[0].Tenant); got != 256 {
		t.Errorf("tenant of %d bytes kept", got)
	}
}

func TestConcurrentCallsAreEachCountedOnce(t *testing.T) {
	t.Parallel()
	s, e := listen(t, modelsim.Config{})
	var wg sync.WaitGroup
	for i := range 50 {
		wg.Go(func() {
			if _, _, err := post(t.Context(), e, prompt("m", fmt.Sprint(sample, i%10))); err != nil {
				t.Error(err)
			}
		})
	}
	wg.Wait()
	numbers := map[int]int{}
	for _, c := range s.Calls() {
		numbers[c.Number]++
	}
	want := map[int]int{1: 10, 2: 10, 3: 10, 4: 10, 5: 10}
	if diff := cmp.Diff(want, numbers); diff != "" {
		t.Errorf("call numbers (-want +got):\n%s", diff)
	}
}
