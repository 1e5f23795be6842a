package tiers_test

import (
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/sluicehq/sluice/pkg/jobs"
	"github.com/sluicehq/sluice/pkg/tiers"
)

var update = flag.Bool("update", false, "rewrite the expected logs of the scenario files")

const divider = "----\n"

// TestScenarios runs every story in testdata/scenarios. Above the divider
// stands the story, below it the log that is expected; -update rewrites the
// log. The lines of a story:
//
//	lane, deadline, risk, max_tier, max_cost, tokens, jitter, document  <value>
//	require_full | strict_model | budget <units of first attempts>
//	at <duration>                        the job is lent so long after it was queued
//	simple_below, high_risk_smaller, high_risk_rules  <value>
//	validated | no_money | cached fresh|stale
//	routes none | route <tier> <provider> <model> [window=n] [refused=why] [breaker=d] [busy=d] [down=d] [recovered=d] [unproven] [cost=n]
//	gate <name> <duration> <class>
//	rules complete | incomplete
//	<model>: <answer>; <answer>; …       in order, the last one again and again
func TestScenarios(t *testing.T) {
	t.Parallel()
	files, err := filepath.Glob("testdata/scenarios/*.txt")
	if err != nil || len(files) < 20 {
		t.Fatalf("found %d scenario files (%v), want at least 20", len(files), err)
	}
	for _, file := range files {
		t.Run(strings.TrimSuffix(filepath.Base(file), ".txt"), func(t *testing.T) {
			t.Parallel()
			text, err := os.ReadFile(file)
			if err != nil {
				t.Fatal(err)
			}
			story, want, _ := strings.Cut(string(text), divider)
			got := tell(t, story)
			if *update {
				if err := os.WriteFile(file, []byte(story+divider+got), 0o644); err != nil {
					t.Fatal(err)
				}
				return
			}
			if diff := cmp.Diff(want, got); diff != "" {
				t.Errorf("log differs (-want +got):\n%s", diff)
			}
		})
	}
}

// tell runs one story and returns its log.
func tell(t *testing.T, story string) string {
	t.Helper()
	w := newWorld()
	w.fillBudget()
	scripts := map[string][]string{}
	for line := range strings.Lines(story) {
		line = strings.TrimSpace(line)
		if line == "" || strings.HasPrefix(line, "#") {
			continue
		}
		if model, answers, found := strings.Cut(line, ":"); found {
			scripts[model] = strings.Split(answers, ";")
			continue
		}
		if err := setUp(w, strings.Fields(line)); err != nil {
			t.Fatalf("line %q: %v", line, err)
		}
	}
	if w.job.DeadlineAt.IsZero() {
		w.job.DeadlineAt = epoch().Add(w.policy.Deadlines[w.job.Lane])
	}
	w.reply = func(route string, _ bool) string {
		script := scripts[route[strings.LastIndex(route, "/")+1:]]
		if len(script) == 0 {
			return "ok"
		}
		word := strings.TrimSpace(script[0])
		if len(script) > 1 {
			scripts[route[strings.LastIndex(route, "/")+1:]] = script[1:]
		}
		return word
	}
	if err := w.run(); err != nil {
		t.Fatal(err)
	}
	w.settle()
	fmt.Fprintf(&w.log, "ledger %d rows, usage %+v\n", len(w.ledger), tiers.Usage(w.ledger))
	fmt.Fprintf(&w.log, "%s\n", tiers.Explain(w.job, w.ledger))
	return w.log.String()
}

// settle moves the job as an engine would.
func (w *world) settle() {
	w.job.Tier = w.end.Tier
	switch w.end.Kind {
	case tiers.StepSucceed:
		w.job.State = jobs.Succeeded
		w.job.Result = &jobs.Result{Quality: tiers.Quality(w.ledger, *w.end)}
	case tiers.StepReview:
		w.job.State, w.job.Reason = jobs.InReview, w.end.Why
	case tiers.StepFail:
		w.job.State, w.job.Failure = jobs.Failed, &jobs.Failure{Class: w.end.Class}
	default:
		panic("not an end: " + w.end.String())
	}
}

func setUp(w *world, words []string) (err error) {
	value := ""
	if len(words) > 1 {
		value = words[1]
	}
	switch words[0] {
	case "lane":
		w.job.Lane, err = jobs.ParseLane(value)
		w.fillBudget()
	case "deadline":
		w.job.DeadlineAt = epoch().Add(mustDuration(value))
	case "risk":
		w.job.Spec.Risk = jobs.Risk(value)
	case "max_tier":
		w.job.Spec.MaxTier = int(mustInt(value))
	case "max_cost":
		w.job.Spec.MaxCostMicroUSD = mustInt(value)
	case "require_full":
		w.job.Spec.RequireFull = true
	case "high_risk_smaller":
		w.policy.HighRiskSmaller = tiers.Validation(value)
	case "high_risk_rules":
		w.policy.HighRiskRules = tiers.Validation(value)
	case "validated":
		w.validated = true
	case "cached":
		w.cached = tiers.Cached{Fresh: value == "fresh", Stale: value == "stale"}
	case "no_money":
		w.noMoney = true
	case "simple_below":
		w.policy.SimpleBelow = int(mustInt(value))
	case "strict_model":
		w.policy.StrictModel = true
	case "tokens":
		w.document.Tokens = int(mustInt(value))
	case "document":
		w.document.Fault = tiers.DocumentVerdict(value).Class
	case "jitter":
		var j float64
		j, err = strconv.ParseFloat(value, 64)
		w.jitter = func() float64 { return j }
	case "budget":
		w.budgets = tiers.Budgets{}
		for range mustInt(value) {
			w.budgets.First("acme/large", tiers.PoolOf(w.job.Lane), 0)
		}
	case "at":
		w.now = epoch().Add(mustDuration(value))
	case "rules":
		w.rules = value == "complete"
	case "routes":
		w.routes = nil
	case "route":
		err = addRoute(w, words[1:])
	case "gate":
		w.gates.Close(tiers.Gate{Name: value, Until: epoch().Add(mustDuration(words[2])), Reason: jobs.Class(words[3])}, epoch())
	default:
		err = fmt.Errorf("unknown word %q", words[0])
	}
	return err
}

// addRoute adds a route; the first one replaces the usual two.
func addRoute(w *world, words []string) error {
	if !w.ownRoutes {
		w.routes = nil
	}
	w.ownRoutes = true
	r := tiers.Route{Tier: int(mustInt(words[0])), Provider: words[1], Model: words[2]}
	for _, f := range words[3:] {
		name, value, _ := strings.Cut(f, "=")
		switch name {
		case "window":
			r.Window = int(mustInt(value))
		case "refused":
			r.Refused = value
		case "cost":
			r.Estimate.CostMicroUSD = mustInt(value)
		case "busy":
			r.BusyUntil = epoch().Add(mustDuration(value))
		case "down":
			r.DownSince = epoch().Add(-mustDuration(value))
		case "recovered":
			r.RecoveredAt = epoch().Add(mustDuration(value))
		case "unproven":
			r.Unproven = true
		case "breaker":
			r.BreakerUntil = epoch().Add(mustDuration(value))
		default:
			return fmt.Errorf("unknown parameter %q", f)
		}
	}
	w.routes = append(w.routes, r)
	w.fillBudget()
	return nil
}
