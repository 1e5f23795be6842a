package jobstest

import (
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"time"

	"github.com/sluicehq/sluice/pkg/jobs"
)

// submission is the n-th sound submission of a test.
func submission(n int, now time.Time) jobs.Submission {
	s := jobs.Submission{
		ID: jobs.ID(fmt.Sprintf("job_%06d", n)), Tenant: "acme", Lane: jobs.Standard,
		Spec:        jobs.Spec{Schema: "invoice@1"},
		Fingerprint: fmt.Sprintf("print-%d", n),
		DeadlineAt:  now.Add(time.Hour),
		Cost:        2 * time.Second,
		Admission:   jobs.Admission{Mode: jobs.AdmitNormal},
	}
	withBody(&s, fmt.Appendf(nil, "document %d", n))
	return s
}

// withBody gives s a document.
func withBody(s *jobs.Submission, body []byte) {
	sum := sha256.Sum256(body)
	s.Body = body
	s.Document = jobs.Document{SHA256: hex.EncodeToString(sum[:]), Size: int64(len(body)), MediaType: "text/plain"}
}

// result is a result with something in each of its parts.
func result() *jobs.Result {
	return &jobs.Result{
		Data: json.RawMessage(`{"total":1234567890123456789.10,"rate":1e-7,"seller":"A < B & \"C\""}`),
		Fields: map[string]jobs.Field{
			"/total": {
				Confidence: 0.5, ValueFrom: jobs.FromModel, Tier: 1, Checks: []string{"sum"},
				Citations: []jobs.Citation{{Page: 1, Text: "Total 12", Box: &[4]float64{0.25, 0.5, 0.75, 1}}},
			},
			"/seller": {Confidence: 1, ValueFrom: jobs.FromHuman, Tier: 4},
		},
		Missing: []string{"/due_date"},
		Quality: jobs.Quality{
			Tier: 2, ServedModel: "small-1", Degraded: true, Reasons: []string{"rate"}, Lost: []string{"lines"},
			Repaired: true, Review: "none",
		},
		Usage: jobs.Usage{InputTokens: 10, OutputTokens: 3, CostMicroUSD: 42},
	}
}

func succeed() jobs.Outcome { return jobs.Outcome{Kind: jobs.Succeed, Tier: 1, Result: result()} }

func fail() jobs.Outcome {
	return jobs.Outcome{Kind: jobs.Fail, Tier: 1, Failure: &jobs.Failure{
		Class: "corrupt", Reason: "the document cannot be read", Tier: 1, Provider: "primary",
	}}
}

func review() jobs.Outcome {
	return jobs.Outcome{Kind: jobs.ToReview, Tier: 3, Reason: "all_tiers_failed", Candidates: []jobs.Candidate{
		{Tier: 1, Data: json.RawMessage(`{"total":1}`), Reasons: []string{"sum"}},
		{Tier: 3, Data: json.RawMessage(`{"total":2}`), Fields: map[string]jobs.Field{"/total": {Confidence: 1, Tier: 3}}},
	}}
}

func park(until time.Time) jobs.Outcome {
	return jobs.Outcome{Kind: jobs.Park, Tier: 1, Until: until, Gate: "primary", Reason: "gated"}
}

func release() jobs.Outcome { return jobs.Outcome{Kind: jobs.Release, Reason: "shutdown"} }

// call is an attempt that has begun.
func call(n int, at time.Time) jobs.Attempt {
	return jobs.Attempt{
		N: n, Tier: 1, Kind: jobs.CallAttempt, Provider: "primary", Model: "large",
		StartedAt: at, DeadlineLeftMS: 1500,
	}
}

// closed is a, ended well.
func closed(a jobs.Attempt, at time.Time) jobs.Attempt {
	a.EndedAt, a.Outcome, a.Status, a.Billed = at, jobs.AttemptOK, 200, jobs.BilledYes
	a.ServedModel = "large-2026"
	a.Usage = jobs.Usage{InputTokens: 100, OutputTokens: 20, CostMicroUSD: 7}
	return a
}
