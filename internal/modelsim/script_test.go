package modelsim_test

import (
	"fmt"
	"math/rand/v2"
	"net/http"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"

	"github.com/sluicehq/sluice/internal/modelsim"
)

// call is one request of a script test.
type call struct{ model, tenant, text string }

// answers sends calls in order and returns the kinds of their answers, by
// sequence. It goes around HTTP: scripts do not care.
func answers(s *modelsim.Server, calls ...call) []string {
	seen := len(s.Calls())
	for _, c := range calls {
		send(s, c)
	}
	var kinds []string
	for _, c := range s.Calls()[seen:] {
		kinds = append(kinds, c.Answer)
	}
	return kinds
}

func send(s *modelsim.Server, c call) {
	body := fmt.Sprintf(`{"model":%q,"user":%q,"messages":[{"role":"user","content":%q}]}`, c.model, c.tenant, c.text)
	r, err := http.NewRequest(http.MethodPost, "/v1/chat/completions", strings.NewReader(body))
	if err != nil {
		panic(err)
	}
	s.ServeHTTP(discard{}, r)
}

// discard is a response that nobody reads.
type discard struct{}

func (discard) Header() http.Header         { return http.Header{} }
func (discard) Write(b []byte) (int, error) { return len(b), nil }
func (discard) WriteHeader(int)             {}

func TestTheFirstRuleThatMatchesDecides(t *testing.T) {
	t.Parallel()
	s := modelsim.New(modelsim.Config{Rules: []modelsim.Rule{
		modelsim.Always(modelsim.Match{Model: "large", To: 2}, modelsim.Overloaded()),
		modelsim.Always(modelsim.Match{Tenant: "acme"}, modelsim.BadJSON()),
		modelsim.Always(modelsim.Match{Document: modelsim.DocumentHash("poison")}, modelsim.ServerError()),
		modelsim.Always(modelsim.Match{Contains: "rare word"}, modelsim.Refusal()),
		modelsim.Always(modelsim.Match{Model: "small", ModelFrom: 3}, modelsim.Quota("insufficient_quota")),
	}})
	got := answers(s,
		call{"large", "", "a"}, call{"large", "", "a"}, call{"large", "", "a"}, // call numbers 1, 2, 3
		call{"large", "", "b"},     // another document starts at 1
		call{"large", "acme", "a"}, // and so does another tenant
		call{"small", "acme", "a"},
		call{"small", "", "poison"},
		call{"other", "", "a rare word"},
		call{"small", "", "c"}, // the third call to small
		call{"other", "", "c"},
	)
	want := []string{
		"overloaded", "overloaded", "good", "overloaded", "overloaded",
		"bad_json", "server_error", "refusal", "quota", "good",
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("answers (-want +got):\n%s", diff)
	}
}

func TestTheTenantHeaderGoesBeforeTheUserField(t *testing.T) {
	t.Parallel()
	s := modelsim.New(modelsim.Config{TenantHeader: "X-Who"})
	r, err := http.NewRequest(http.MethodPost, "/v1/chat/completions",
		strings.NewReader(`{"model":"m","user":"field","messages":[{"role":"user","content":"x"}]}`))
	if err != nil {
		t.Fatal(err)
	}
	r.Header.Set("X-Who", "header")
	s.ServeHTTP(discard{}, r)
	if got := s.Calls()[0].Tenant; got != "header" {
		t.Errorf("tenant is %q", got)
	}
}

func TestARetryOrRepairOfOneDocumentCountsOn(t *testing.T) {
	t.Parallel()
	s := modelsim.New(modelsim.Config{})
	first := `{"role":"user","content":[{"type":"text","text":"doc"}]}`
	for _, rest := range []string{"", `,{"role":"assistant","content":null},{"role":"user","content":"mend it"}`} {
		r, err := http.NewRequest(http.MethodPost, "/v1/chat/completions",
			strings.NewReader(`{"model":"m","messages":[{"role":"system","content":"s"},`+first+rest+`]}`))
		if err != nil {
			t.Fatal(err)
		}
		s.ServeHTTP(discard{}, r)
	}
	calls := s.Calls()
	if calls[1].Number != 2 || calls[1].Document != modelsim.DocumentHash("doc") {
		t.Errorf("second call is %+v", calls[1])
	}
}

func TestARuleHoldsDuringItsTime(t *testing.T) {
	t.Parallel()
	now := time.Date(2026, 3, 14, 9, 0, 0, 0, time.UTC)
	outage := modelsim.Match{During: modelsim.During{From: 10 * time.Second, Until: 20 * time.Second, Every: time.Minute}}
	s := modelsim.New(modelsim.Config{
		Now:   func() time.Time { return now },
		Rules: []modelsim.Rule{modelsim.Always(outage, modelsim.Overloaded())},
	})
	start := now
	got := map[int]string{}
	for _, second := range []int{0, 9, 10, 19, 20, 69, 70, 80} {
		now = start.Add(time.Duration(second) * time.Second)
		got[second] = answers(s, call{"m", "", "x"})[0]
	}
	want := map[int]string{0: "good", 9: "good", 10: "overloaded", 19: "overloaded", 20: "good", 69: "good", 70: "overloaded", 80: "good"}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("answers by second (-want +got):\n%s", diff)
	}
	s.Reset()
	if k := answers(s, call{"m", "", "x"})[0]; k != "good" {
		t.Errorf("right after Reset: %s", k)
	}
}

func TestSetRulesReplacesTheScript(t *testing.T) {
	t.Parallel()
	s := modelsim.New(always(modelsim.Overloaded()))
	before := answers(s, call{"m", "", "x"})
	s.SetRules()
	after := answers(s, call{"m", "", "x"})
	if diff := cmp.Diff([]string{"overloaded", "good"}, append(before, after...)); diff != "" {
		t.Error(diff)
	}
	if n := s.Calls()[1].Number; n != 2 {
		t.Errorf("the call number is %d after SetRules, want 2", n)
	}
}

func TestAMixIsDrawnByItsShares(t *testing.T) {
	t.Parallel()
	mix := modelsim.FaultMix{{Share: 0.2, Reply: modelsim.Overloaded()}, {Share: -1, Reply: modelsim.Refusal()}, {Share: 0.3, Reply: modelsim.BadJSON()}}
	s := modelsim.New(modelsim.Config{Seed: 7, Rules: []modelsim.Rule{
		{Match: modelsim.Match{}, Faults: mix},
		modelsim.Sometimes(modelsim.Match{}, 0.5, modelsim.ServerError()),
	}})
	const n = 4000
	counts := map[string]int{}
	for i := range n {
		send(s, call{"m", "", fmt.Sprint(i)})
	}
	for _, c := range s.Calls() {
		counts[c.Answer]++
	}
	for kind, share := range map[string]float64{"overloaded": 0.2, "bad_json": 0.3, "server_error": 0.25, "good": 0.25, "refusal": 0} {
		if got := float64(counts[kind]) / n; got < share-0.03 || got > share+0.03 {
			t.Errorf("%s: share %.3f, want %.2f", kind, got, share)
		}
	}
}

func TestAPerDocumentFaultHitsADocumentAlwaysOrNever(t *testing.T) {
	t.Parallel()
	s := modelsim.New(modelsim.Config{Rules: []modelsim.Rule{
		{Faults: modelsim.FaultMix{{Share: 0.3, Reply: modelsim.ServerError()}}, PerDocument: true},
	}})
	hit := 0
	for i := range 100 {
		text := fmt.Sprint("document ", i)
		got := answers(s, call{"large", "a", text}, call{"large", "a", text}, call{"small", "b", text})
		if got[0] != got[1] || got[0] != got[2] {
			t.Fatalf("%s: %v", text, got)
		}
		if got[0] == "server_error" {
			hit++
		}
	}
	if hit < 15 || hit > 45 {
		t.Errorf("%d of 100 documents hit, want about 30", hit)
	}
}

func TestAPerCallFaultIsDrawnAnewForEachCall(t *testing.T) {
	t.Parallel()
	s := modelsim.New(modelsim.Config{Rules: []modelsim.Rule{
		modelsim.Sometimes(modelsim.Match{}, 0.5, modelsim.ServerError()),
	}})
	for name, vary := range map[string]func(i int) call{
		"call number": func(int) call { return call{"m", "a", "x"} },
		"model":       func(i int) call { return call{fmt.Sprint("m", i), "b", "x"} },
		"tenant":      func(i int) call { return call{"m", fmt.Sprint("c", i), "x"} },
	} {
		kinds := map[string]int{}
		for i := range 40 {
			kinds[answers(s, vary(i))[0]]++
		}
		if kinds["good"] < 8 || kinds["server_error"] < 8 {
			t.Errorf("40 calls that differ in %s: %v", name, kinds)
		}
	}
}

// The same calls in another order, even at once, get the same answers.
func TestAnswersDoNotDependOnHowCallsInterleave(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		seed := rapid.Uint64().Draw(t, "seed")
		calls := rapid.SliceOfN(rapid.Custom(func(t *rapid.T) call {
			return call{
				rapid.SampledFrom([]string{"large", "small"}).Draw(t, "model"),
				rapid.SampledFrom([]string{"", "acme"}).Draw(t, "tenant"),
				rapid.SampledFrom([]string{"a", "b", "c"}).Draw(t, "text"),
			}
		}), 1, 40).Draw(t, "calls")
		cfg := modelsim.Config{Seed: seed, Rules: []modelsim.Rule{
			modelsim.Sometimes(modelsim.Match{}, 0.4, modelsim.Overloaded()),
			modelsim.Sometimes(modelsim.Match{Model: "small"}, 0.4, modelsim.BadJSON()),
		}}
		inOrder, shuffled, atOnce := modelsim.New(cfg), modelsim.New(cfg), modelsim.New(cfg)
		for _, c := range calls {
			send(inOrder, c)
		}
		mixed := append([]call(nil), calls...)
		rand.New(rand.NewPCG(seed, 1)).Shuffle(len(mixed), func(i, j int) { mixed[i], mixed[j] = mixed[j], mixed[i] })
		var wg sync.WaitGroup
		for _, c := range mixed {
			send(shuffled, c)
			wg.Go(func() { send(atOnce, c) })
		}
		wg.Wait()
		want := byKey(inOrder)
		if diff := cmp.Diff(want, byKey(shuffled)); diff != "" {
			t.Fatalf("shuffled (-want +got):\n%s", diff)
		}
		if diff := cmp.Diff(want, byKey(atOnce)); diff != "" {
			t.Fatalf("at once (-want +got):\n%s", diff)
		}
	})
}

// byKey maps each call's key and number to its answer.
func byKey(s *modelsim.Server) map[string]string {
	out := map[string]string{}
	for _, c := range s.Calls() {
		out[fmt.Sprint(c.Model, c.Tenant, c.Document, c.Number)] = c.Answer
	}
	return out
}

func TestAnotherSeedIsAnotherRun(t *testing.T) {
	t.Parallel()
	run := func(seed uint64) []string {
		s := modelsim.New(modelsim.Config{Seed: seed, Rules: []modelsim.Rule{
			modelsim.Sometimes(modelsim.Match{}, 0.5, modelsim.Overloaded()),
		}})
		var calls []call
		for i := range 64 {
			calls = append(calls, call{"m", "", fmt.Sprint(i)})
		}
		return answers(s, calls...)
	}
	if cmp.Equal(run(1), run(2)) {
		t.Error("seeds 1 and 2 give the same run")
	}
	if diff := cmp.Diff(run(1), run(1)); diff != "" {
		t.Errorf("seed 1 twice:\n%s", diff)
	}
}
