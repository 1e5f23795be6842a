package scenarios_test

import (
	"slices"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/sluicehq/sluice/internal/modelsim"
	"github.com/sluicehq/sluice/pkg/jobs"
	"github.com/sluicehq/sluice/pkg/tiers"
)

var (
	onLarge = modelsim.Match{Model: large}
	onSmall = modelsim.Match{Model: small}
	onBoth  = modelsim.Match{}
)

// first limits a match to the first n calls of a document.
func first(n int, m modelsim.Match) modelsim.Match {
	m.To = n
	return m
}

// TestOneJobMeetsOneFault says for each fault what becomes of a single job and
// how many calls reached each model.
func TestOneJobMeetsOneFault(t *testing.T) {
	t.Parallel()
	one := func(m modelsim.Match, r modelsim.Reply) []modelsim.Rule {
		return []modelsim.Rule{modelsim.Always(m, r)}
	}
	type rules = []modelsim.Rule
	for name, tc := range map[string]struct {
		rules rules
		job   job
		want  string
	}{
		"none":                        {nil, job{}, "succeeded tier=1 large=1 small=0"},
		"503 twice, then fine":        {one(first(2, onLarge), modelsim.Overloaded()), job{}, "succeeded tier=1 large=3 small=0"},
		"503 for ever":                {one(onLarge, modelsim.Overloaded()), job{}, "succeeded tier=2 large=4 small=1 degraded [overload]"},
		"500 for ever":                {one(onLarge, modelsim.ServerError()), job{}, "succeeded tier=2 large=4 small=1 degraded [srv]"},
		"529 to an interactive job":   {one(onLarge, modelsim.Overloaded529()), job{lane: jobs.Interactive}, "succeeded tier=2 large=1 small=1 degraded [overload]"},
		"rate limit, short":           {one(first(1, onLarge), modelsim.RateLimit(2*time.Second)), job{}, "succeeded tier=1 large=2 small=0"},
		"rate limit, 5 minutes":       {one(first(1, onLarge), modelsim.RateLimit(5*time.Minute)), job{}, "succeeded tier=1 large=2 small=0"},
		"the same, interactive":       {one(first(1, onLarge), modelsim.RateLimit(5*time.Minute)), job{lane: jobs.Interactive}, "succeeded tier=2 large=1 small=1 degraded [wait_too_long rate]"},
		"quota":                       {one(onLarge, modelsim.Quota("insufficient_quota")), job{}, "succeeded tier=2 large=1 small=1 degraded [quota]"},
		"spend limit":                 {one(onLarge, modelsim.SpendLimit()), job{}, "succeeded tier=2 large=1 small=1 degraded [billing]"},
		"bad key":                     {one(onLarge, modelsim.BadKey()), job{}, "succeeded tier=2 large=1 small=1 degraded [auth]"},
		"no such model":               {one(onLarge, modelsim.NoModel()), job{}, "succeeded tier=2 large=1 small=1 degraded [no_model]"},
		"bad request":                 {one(onLarge, modelsim.BadRequest()), job{}, "succeeded tier=2 large=1 small=1 degraded [bad_request]"},
		"never an answer":             {one(onLarge, modelsim.Hang()), job{}, "succeeded tier=2 large=2 small=1 degraded [net_ambiguous]"},
		"headers, then nothing":       {one(onLarge, modelsim.Stall()), job{}, "succeeded tier=2 large=2 small=1 degraded [net_cut]"},
		"cut in the middle":           {one(onLarge, modelsim.Cut()), job{}, "succeeded tier=2 large=2 small=1 degraded [net_cut]"},
		"502":                         {one(onLarge, modelsim.BadGateway()), job{}, "succeeded tier=2 large=2 small=1 degraded [gw_ambiguous]"},
		"login page":                  {one(onLarge, modelsim.HTMLPage()), job{}, "succeeded tier=2 large=1 small=1 degraded [not_api]"},
		"empty body":                  {one(onLarge, modelsim.EmptyBody()), job{}, "succeeded tier=2 large=2 small=1 degraded [empty]"},
		"no choices":                  {one(onLarge, modelsim.NoChoices()), job{}, "succeeded tier=2 large=2 small=1 degraded [empty]"},
		"too long, vLLM":              {one(onLarge, modelsim.TooLongFlat()), job{}, "in_review tier=4 large=1 small=0 review all_tiers_failed"},
		"too long, Together":          {one(onLarge, modelsim.TooLongTogether()), job{text: simple(1)}, "succeeded tier=3 large=1 small=0 degraded [too_long]"},
		"too big, page of a CDN":      {one(onLarge, modelsim.TooBig()), job{text: simple(1)}, "succeeded tier=3 large=1 small=0 degraded [too_big]"},
		"truncated once":              {one(first(1, onLarge), modelsim.Truncated()), job{}, "succeeded tier=1 large=2 small=0"},
		"truncated for ever":          {one(onLarge, modelsim.Truncated()), job{}, "succeeded tier=2 large=2 small=1 degraded [truncated]"},
		"fenced":                      {one(onLarge, modelsim.Fenced()), job{}, "succeeded tier=1 large=1 small=0"},
		"bad JSON once":               {one(first(1, onLarge), modelsim.BadJSON()), job{}, "succeeded tier=1 large=2 small=0"},
		"bad JSON for ever":           {one(onLarge, modelsim.BadJSON()), job{}, "succeeded tier=2 large=2 small=1 degraded [bad_json]"},
		"wrong schema, then cut":      {one(onLarge, modelsim.WrongSchema()), job{}, "succeeded tier=2 large=2 small=1 degraded [bad_schema]"},
		"ungrounded":                  {one(onLarge, modelsim.Ungrounded()), job{}, "succeeded tier=2 large=2 small=1 degraded [ungrounded]"},
		"instructions in the text":    {one(onBoth, modelsim.Wrong(map[string]any{"total": 0})), job{}, "in_review tier=4 large=2 small=2 review all_tiers_failed"},
		"one optional value invented": {one(onLarge, modelsim.Wrong(map[string]any{"due_date": "2031-01-02"})), job{}, "succeeded tier=1 large=2 small=0 degraded [ungrounded]"},
		"refusal":                     {one(onLarge, modelsim.Refusal()), job{}, "in_review tier=4 large=1 small=0 review refusal"},
		"refusal in prose":            {one(onLarge, modelsim.ProseRefusal()), job{}, "in_review tier=4 large=1 small=0 review refusal"},
		"content filter":              {one(onLarge, modelsim.Filtered()), job{}, "in_review tier=4 large=1 small=0 review policy"},
		"refusal of the smaller one":  {[]modelsim.Rule{modelsim.Always(onLarge, modelsim.BadKey()), modelsim.Always(onSmall, modelsim.Refusal())}, job{}, "in_review tier=4 large=1 small=1 review refusal"},
		"poison document":             {one(onBoth, modelsim.ServerError()), job{}, "in_review tier=4 large=4 small=2 review all_tiers_failed"},
		"everything down, simple":     {one(onBoth, modelsim.ServerError()), job{text: simple(1)}, "succeeded tier=3 large=4 small=2 degraded [srv]"},
		"absurd usage":                {one(onLarge, modelsim.AbsurdUsage()), job{}, "succeeded tier=1 large=1 small=0"},
		"another model answered":      {one(onLarge, modelsim.Swapped("mini")), job{}, "succeeded tier=1 large=1 small=0"},
		"reset":                       {one(onLarge, modelsim.Reset()), job{}, "succeeded tier=2 large=2 small=1 degraded [net_ambiguous]"},
		"a byte in ten seconds":       {one(onLarge, modelsim.Drip(10*time.Second)), job{}, "succeeded tier=2 large=2 small=1 degraded [net_cut]"},
		"error inside a 200":          {one(onLarge, modelsim.ErrorIn200()), job{}, "succeeded tier=2 large=4 small=1 degraded [overload]"},
		"null content":                {one(onLarge, modelsim.NullContent()), job{}, "succeeded tier=2 large=2 small=1 degraded [empty]"},
		"504":                         {one(onLarge, modelsim.GatewayTimeout()), job{}, "succeeded tier=2 large=2 small=1 degraded [gw_ambiguous]"},
		"page with a 502":             {one(onLarge, modelsim.HTMLError(502)), job{}, "succeeded tier=2 large=2 small=1 degraded [gw_ambiguous]"},
		"too long, SGLang":            {one(onLarge, modelsim.TooLongSGLang()), job{}, "in_review tier=4 large=1 small=0 review all_tiers_failed"},
		"more than a minute's tokens": {one(onLarge, modelsim.TooLargeForRate()), job{}, "succeeded tier=2 large=1 small=1 degraded [too_big_tpm]"},
		"slow down, once":             {one(first(1, onLarge), modelsim.SlowDown()), job{}, "succeeded tier=1 large=2 small=0"},
		"wait that is no number":      {one(first(1, onLarge), modelsim.RateLimitHeader("Retry-After", "soon")), job{}, "succeeded tier=1 large=2 small=0"},
		"wait below zero":             {one(first(1, onLarge), modelsim.RateLimitHeader("Retry-After", "-7")), job{}, "succeeded tier=1 large=2 small=0"},
		"wait beyond all bounds":      {one(first(1, onLarge), modelsim.RateLimitHeader("Retry-After", "1e12")), job{}, "succeeded tier=2 large=1 small=1 degraded [wait_too_long rate]"},
		"wait in milliseconds":        {one(first(1, onLarge), modelsim.RateLimitHeader("Retry-After-Ms", "1500")), job{}, "succeeded tier=1 large=2 small=0"},
		"no usage":                    {one(onLarge, modelsim.NoUsage()), job{}, "succeeded tier=1 large=1 small=0"},
		"prose around":                {one(onLarge, modelsim.Prose()), job{}, "succeeded tier=1 large=1 small=0"},
		"not a number":                {one(onLarge, modelsim.Spoiled(modelsim.SpoilNaN)), job{}, "succeeded tier=2 large=2 small=1 degraded [bad_json]"},
		"a key twice":                 {one(onLarge, modelsim.Spoiled(modelsim.SpoilDuplicateKeys)), job{}, "succeeded tier=2 large=2 small=1 degraded [bad_json]"},
		"byte order mark":             {one(onLarge, modelsim.Spoiled(modelsim.SpoilBOM)), job{}, "succeeded tier=1 large=1 small=0"},
		"ten megabytes":               {one(onLarge, modelsim.Spoiled(modelsim.SpoilHuge)), job{}, "succeeded tier=2 large=2 small=1 degraded [truncated]"},
		"deep nesting":                {one(onLarge, modelsim.Spoiled(modelsim.SpoilDeep)), job{}, "succeeded tier=2 large=2 small=1 degraded [truncated]"},
		"no word on why it stopped":   {one(onLarge, modelsim.OddStop("null")), job{}, "succeeded tier=2 large=2 small=1 degraded [odd_stop]"},
		"high risk, primary down":     {one(onLarge, modelsim.BadKey()), job{spec: jobs.Spec{Risk: jobs.RiskHigh}}, "in_review tier=4 large=1 small=0 review high_risk"},
	} {
		if tc.job.text == "" {
			tc.job.text = hard(1)
		}
		if tc.job.lane == 0 {
			tc.job.lane = jobs.Standard
		}
		t.Run(name, func(t *testing.T) {
			run(t, setup{rules: tc.rules}, func(t *testing.T, s *stack) {
				id := s.submit(tc.job)[0]
				if diff := cmp.Diff(tc.want, s.outcome(id)); diff != "" {
					_, rows := s.settled(id)
					t.Errorf("outcome (-want +got):\n%s\n%+v", diff, rows)
				}
				s.checkBill(t, id)
			})
		})
	}
}

// checkBill compares what the ledger says of the money with what the provider
// charged: never less than half, and no more than four times as much (both sides
// estimate) unless a call may have been billed or broke off, which counts in full.
func (s *stack) checkBill(t *testing.T, id jobs.ID) {
	t.Helper()
	_, rows := s.settled(id)
	var sum jobs.Usage
	for _, a := range rows {
		sum = sum.Add(a.Usage)
	}
	charged := s.sim.Bill("").CostMicroUSD
	maybe := slices.ContainsFunc(rows, func(a jobs.Attempt) bool { return a.Billed == jobs.BilledMaybe || a.Class == tiers.ClassNetCut })
	if sum.CostMicroUSD < charged/2 || !maybe && (sum.CostMicroUSD > charged*4 || charged == 0 != (sum.CostMicroUSD == 0)) {
		t.Errorf("the ledger says %d millionths of a dollar, the provider %d", sum.CostMicroUSD, charged)
	}
}
