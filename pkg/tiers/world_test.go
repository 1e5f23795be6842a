package tiers_test

import (
	"fmt"
	"io"
	"net/http"
	"strconv"
	"strings"
	"syscall"
	"time"

	"github.com/sluicehq/sluice/pkg/jobs"
	"github.com/sluicehq/sluice/pkg/tiers"
)

// world is an executor with simulated providers, a simulated clock and no I/O:
// what a real executor does with the steps, in its plainest form.
type world struct {
	classifier *tiers.Classifier
	policy     tiers.Policy
	job        jobs.Job
	document   tiers.Document
	routes     []tiers.Route
	ownRoutes  bool // the story names its routes
	rules      bool // the rule parser proves everything
	validated  bool // answers pass extra validations
	cached     tiers.Cached
	noMoney    bool
	jitter     func() float64
	reply      func(route string, repair bool) string

	start   time.Time // of the story; the log counts from here
	now     time.Time
	ledger  []jobs.Attempt
	hand    tiers.Hand
	grant   tiers.Grant
	gates   tiers.Gates
	budgets tiers.Budgets

	// crash is asked at each point where a process can die; nil never dies.
	crash   func(point string) bool
	crashes int

	calls []call // every call that left, in order
	log   strings.Builder
	end   *tiers.Step
}

// call is one call as the provider saw it.
type call struct {
	route   string
	tier    int
	repair  bool
	at      time.Time
	timeout time.Duration
	hint    time.Duration // what its answer asked for
	class   jobs.Class
	row     int
}

func (w *world) note(format string, args ...any) {
	fmt.Fprintf(&w.log, "%10s  %s\n", "+"+w.now.Sub(w.start).String(), fmt.Sprintf(format, args...))
}

func (w *world) input() tiers.Input {
	routes := make([]tiers.Route, len(w.routes))
	for i, r := range w.routes {
		r.Gate = w.gates.Of(r.Provider, r.Model, w.now)
		routes[i] = r
	}
	return tiers.Input{
		Job: w.job, Ledger: w.ledger, Document: w.document, Routes: routes,
		Hand: w.hand, Grant: w.grant, Cached: w.cached, NoMoney: w.noMoney, Policy: w.policy, Now: w.now,
	}
}

// run carries out steps until the job ends. It fails after a number of steps
// that no job can need.
func (w *world) run() error {
	for range 500 {
		if w.end != nil {
			return nil
		}
		w.step(tiers.Next(w.input()))
	}
	return fmt.Errorf("the job did not end; log:\n%s", w.log.String())
}

func (w *world) step(s tiers.Step) {
	if w.dies("before " + string(s.Kind)) {
		return
	}
	switch s.Kind {
	case tiers.StepCall, tiers.StepRepair:
		w.note("%s", s)
		w.call(s)
	case tiers.StepRules:
		w.note("%s", s)
		row := w.open(s)
		if w.dies("in rules") {
			return
		}
		row = tiers.CloseRules(row, w.rules, w.now)
		w.ledger[len(w.ledger)-1] = row
		w.hand = tiers.Hand{N: row.N, Validated: w.validated}
	case tiers.StepSkip:
		w.note("%s", s)
		w.open(s)
	case tiers.StepAsk:
		given := w.budgets.Take(s.Route(), tiers.PoolOf(w.job.Lane), s.Cost, s.Reserve.CostMicroUSD)
		w.grant = tiers.Grant{After: s.N, Given: given}
		w.note("%s given=%v", s, given)
	case tiers.StepWait:
		w.note("%s for=%v", s, s.Until.Sub(w.now))
		w.now = s.Until
	case tiers.StepPark:
		w.note("%s for=%v", s, s.Until.Sub(w.now))
		w.now = s.Until
		w.hand, w.grant = tiers.Hand{}, tiers.Grant{}
	case tiers.StepSucceed:
		q := tiers.Quality(w.ledger, s)
		w.note("%s degraded=%v repaired=%v reasons=%v", s, q.Degraded, q.Repaired, q.Reasons)
		w.end = &s
	case tiers.StepReview, tiers.StepFail:
		w.note("%s reasons=%v", s, tiers.Reasons(w.ledger, 4))
		w.end = &s
	default:
		panic("unknown step " + s.String())
	}
}

// open makes a step's row durable.
func (w *world) open(s tiers.Step) jobs.Attempt {
	row, ok := s.Row(w.input())
	if !ok {
		panic("no row for " + s.String())
	}
	w.ledger = append(w.ledger, row)
	return row
}

func (w *world) call(s tiers.Step) {
	row := w.open(s)
	if !s.Retry {
		w.budgets.First(s.Route(), tiers.PoolOf(w.job.Lane), s.Reserve.CostMicroUSD)
	}
	word := w.reply(s.Route(), s.Kind == tiers.StepRepair)
	c := call{route: s.Route(), tier: s.Tier, repair: s.Kind == tiers.StepRepair, at: w.now, timeout: s.Timeout, row: row.N}
	sig, judgement, took := answer(word, s.Timeout)
	w.now = w.now.Add(took)
	verdict := w.classifier.Classify(sig, judgement, w.now)
	c.hint, c.class = verdict.Wait, verdict.Class
	w.calls = append(w.calls, c)
	if w.dies("in the call") {
		return
	}
	if word == "crash" {
		w.die("in the call")
		return
	}
	row = w.policy.Close(w.ledger, row, sig, verdict, w.now, w.jitter())
	w.ledger[len(w.ledger)-1] = row
	if gate, changed := w.gates.CloseBy(verdict, s.Provider, s.Model, w.now); changed {
		w.note("  gate %s closed for %v (%s)", gate.Name, gate.Until.Sub(w.now), gate.Reason)
	}
	if sig.Content != "" {
		w.hand = tiers.Hand{N: row.N, OptionalOnly: judgement.OptionalOnly, Validated: w.validated}
	}
	w.note("  %d: %s %s wait=%v billed=%s", row.N, row.Outcome, row.Class, time.Duration(row.BackoffMS)*time.Millisecond, row.Billed)
	if row.Outcome == jobs.AttemptCancelled || strings.HasSuffix(word, "crash_after") {
		w.die("after the call")
	}
}

// dies asks whether the process dies here, and lets it.
func (w *world) dies(point string) bool {
	if w.crash == nil || !w.crash(point) {
		return false
	}
	w.die(point)
	return true
}

// die loses what only the process knew; the job is lent again a lease later.
func (w *world) die(point string) {
	w.crashes++
	w.now = w.now.Add(30 * time.Second)
	w.hand, w.grant = tiers.Hand{}, tiers.Grant{}
	w.budgets = tiers.Budgets{}
	jobs.MarkLost(w.ledger, w.now)
	w.note("holder gone %s; lent again", point)
}

// answer makes a signal out of a word of a script: a status with parameters,
// or the name of a fault. took=… sets how long it takes.
func answer(word string, timeout time.Duration) (sig tiers.Signal, j tiers.Judgement, took time.Duration) {
	fields := strings.Fields(word)
	took = time.Second
	sig = tiers.Signal{
		Header: http.Header{}, Phase: tiers.PhaseDone, Status: 200,
		AskedModel: "m", ServedModel: "m", UsageKnown: true,
		Usage: jobs.Usage{InputTokens: 100, OutputTokens: 10},
	}
	for _, f := range fields[1:] {
		name, value, _ := strings.Cut(f, "=")
		switch name {
		case "took":
			took = mustDuration(value)
		case "cost":
			sig.Usage.CostMicroUSD = mustInt(value)
		case "ra":
			sig.Header.Set("Retry-After", value)
		case "should_retry":
			sig.Header.Set("x-should-retry", value)
		case "code":
			sig.Body = []byte(`{"error":{"message":"m","code":"` + value + `"}}`)
		case "served":
			sig.ServedModel = value
		default:
			panic("unknown parameter " + f)
		}
	}
	took = min(took, timeout)
	if status, err := strconv.Atoi(fields[0]); err == nil {
		sig.Status, sig.Usage = status, jobs.Usage{}
		return sig, j, took
	}
	cut := func(p tiers.Phase, b tiers.Budget, err error) {
		sig.Status, sig.Phase, sig.Timeout, sig.Err, sig.Usage = 0, p, b, err, jobs.Usage{}
	}
	content := func(f tiers.Fault) {
		sig.Content, sig.FinishReason, j.Fault = "{}", "stop", f
	}
	switch fields[0] {
	case "ok":
		content(tiers.FaultNone)
	case "bad_json":
		content(tiers.FaultJSON)
	case "bad_schema":
		content(tiers.FaultSchema)
	case "ungrounded":
		content(tiers.FaultUngrounded)
	case "ungrounded_optional":
		content(tiers.FaultUngrounded)
		j.OptionalOnly = true
	case "prose_refusal":
		content(tiers.FaultRefusal)
	case "refusal":
		sig.Refusal = "no"
	case "content_filter", "length", "tool_calls":
		content(tiers.FaultNone)
		sig.FinishReason = fields[0]
	case "empty":
		sig.Body = []byte(`{"choices":[]}`)
	case "page":
		sig.Body = []byte("<html>sign in</html>")
	case "timeout":
		took = timeout
		cut(tiers.PhaseWait, tiers.BudgetAttempt, io.ErrUnexpectedEOF)
	case "deadline":
		cut(tiers.PhaseWait, tiers.BudgetJob, io.ErrUnexpectedEOF)
	case "shutdown":
		cut(tiers.PhaseWait, tiers.BudgetShutdown, io.ErrUnexpectedEOF)
	case "refused":
		cut(tiers.PhaseConnect, tiers.BudgetNone, syscall.ECONNREFUSED)
	case "reset":
		cut(tiers.PhaseWait, tiers.BudgetNone, syscall.ECONNRESET)
	case "stale":
		cut(tiers.PhaseWait, tiers.BudgetNone, io.EOF)
		sig.Reused = true
	case "cut":
		cut(tiers.PhaseRead, tiers.BudgetNone, io.ErrUnexpectedEOF)
		sig.Status = 200
	case "crash", "ok_crash_after", "bad_json_crash_after", "503_crash_after":
		content(tiers.FaultNone)
		if fields[0] == "bad_json_crash_after" {
			j.Fault = tiers.FaultJSON
		}
		if fields[0] == "503_crash_after" {
			sig.Status = 503
		}
	default:
		panic("unknown answer " + word)
	}
	return sig, j, took
}

func mustDuration(s string) time.Duration {
	d, err := time.ParseDuration(s)
	if err != nil {
		panic(err)
	}
	return d
}

func mustInt(s string) int64 {
	n, err := strconv.ParseInt(s, 10, 64)
	if err != nil {
		panic(err)
	}
	return n
}

// epoch is when the stories begin.
func epoch() time.Time { return time.Date(2026, 1, 5, 9, 0, 0, 0, time.UTC) }

// newWorld is one standard job, a primary and a smaller model that answer, a
// rule parser that proves everything and a full retry budget.
func newWorld() *world {
	classifier, err := tiers.NewClassifier("")
	if err != nil {
		panic(err)
	}
	w := &world{
		classifier: classifier, rules: true, start: epoch(), now: epoch(),
		job: jobs.Job{ID: "job_1", Generation: 1, Lane: jobs.Standard, EnqueuedAt: epoch()},
		routes: []tiers.Route{
			{Tier: 1, Provider: "acme", Model: "large"},
			{Tier: 2, Provider: "acme", Model: "small"},
		},
		jitter: func() float64 { return 0.5 },
		reply:  func(string, bool) string { return "ok" },
	}
	w.policy = w.policy.WithDefaults()
	return w
}

// fillBudget lets every retry through.
func (w *world) fillBudget() {
	for range 200 {
		for _, r := range w.routes {
			w.budgets.First(r.Name(), tiers.PoolOf(w.job.Lane), 1000)
		}
	}
}
