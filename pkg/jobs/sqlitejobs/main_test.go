package sqlitejobs_test

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"testing"
	"time"

	"go.uber.org/goleak"

	"github.com/sluicehq/sluice/pkg/jobs"
	"github.com/sluicehq/sluice/pkg/jobs/sqlitejobs"
)

// childVar, when set, names what this process does in place of the tests.
const childVar = "SLUICE_SQLITEJOBS_CHILD"

func TestMain(m *testing.M) {
	switch os.Getenv(childVar) {
	case "":
		goleak.VerifyTestMain(m)
	case "load":
		loadUntilKilled(os.Args[1])
	case "fill":
		fillUntilFull(os.Args[1])
	default:
		fmt.Fprintln(os.Stderr, "unknown child:", os.Getenv(childVar))
		os.Exit(2)
	}
}

// open opens an engine that is verified and closed when the test ends.
func open(t *testing.T, c sqlitejobs.Config) *sqlitejobs.Engine {
	t.Helper()
	e, err := sqlitejobs.Open(t.Context(), c)
	if err != nil {
		t.Fatalf("open: %v", err)
	}
	t.Cleanup(func() {
		verify(t, e)
		if err := e.Close(); err != nil {
			t.Errorf("close: %v", err)
		}
	})
	return e
}

// verify wants memory and rows to agree, unless the engine is closed.
func verify(t *testing.T, e *sqlitejobs.Engine) {
	t.Helper()
	if err := e.Verify(context.WithoutCancel(t.Context())); err != nil && !errors.Is(err, jobs.ErrClosed) {
		t.Errorf("verify: %v", err)
	}
}

// submission is a sound submission.
func submission(id string, with ...func(*jobs.Submission)) jobs.Submission {
	s := jobs.Submission{
		ID: jobs.ID(id), Tenant: "acme", Lane: jobs.Standard, Spec: jobs.Spec{Schema: "invoice"},
		Fingerprint: "print " + id, DeadlineAt: time.Now().Add(time.Hour), Cost: time.Second,
		Admission: jobs.Admission{Mode: jobs.AdmitNormal},
	}
	body("document of " + id)(&s)
	for _, change := range with {
		change(&s)
	}
	return s
}

func body(text string) func(*jobs.Submission) {
	return func(s *jobs.Submission) {
		sum := sha256.Sum256([]byte(text))
		s.Body = []byte(text)
		s.Document = jobs.Document{SHA256: hex.EncodeToString(sum[:]), Size: int64(len(text)), MediaType: "text/plain"}
	}
}

func tenant(name string) func(*jobs.Submission) {
	return func(s *jobs.Submission) { s.Tenant = name }
}

// accept accepts subs, all of which must be created.
func accept(t *testing.T, e jobs.Engine, subs ...jobs.Submission) {
	t.Helper()
	as, err := e.Accept(t.Context(), subs)
	if err != nil {
		t.Fatalf("accept: %v", err)
	}
	for i, a := range as {
		if a.Status != jobs.Created {
			t.Fatalf("submission %d is %s", i, a.Status)
		}
	}
}

// submissions are n of them with IDs that begin alike.
func submissions(n int, prefix string, with ...func(*jobs.Submission)) []jobs.Submission {
	subs := make([]jobs.Submission, n)
	for i := range subs {
		subs[i] = submission(fmt.Sprintf("%s%06d", prefix, i), with...)
	}
	return subs
}

// lend lends up to n jobs now.
func lend(t *testing.T, e jobs.Engine, n int) []jobs.Loan {
	t.Helper()
	loans, err := e.Lend(t.Context(), jobs.LendRequest{Worker: "worker", Max: n, Slots: 2})
	if err != nil {
		t.Fatalf("lend: %v", err)
	}
	return loans
}

func finish(t *testing.T, e jobs.Engine, l jobs.Loan, o jobs.Outcome) jobs.Job {
	t.Helper()
	j, err := e.Finish(t.Context(), l.Lease, o)
	if err != nil {
		t.Fatalf("finish: %v", err)
	}
	return j
}

func apply(t *testing.T, e jobs.Engine, c jobs.Command) jobs.Job {
	t.Helper()
	j, err := e.Apply(t.Context(), c)
	if err != nil {
		t.Fatalf("%s: %v", c.Kind, err)
	}
	return j
}

func succeed() jobs.Outcome {
	return jobs.Outcome{Kind: jobs.Succeed, Tier: 1, Result: &jobs.Result{Data: json.RawMessage(`{"total":1}`)}}
}

func fail(class jobs.Class) jobs.Outcome {
	return jobs.Outcome{Kind: jobs.Fail, Tier: 1, Failure: &jobs.Failure{Class: class, Reason: "it failed", Provider: "p"}}
}

func stats(t *testing.T, e jobs.Engine) jobs.Stats {
	t.Helper()
	s, err := e.Stats(t.Context())
	if err != nil {
		t.Fatalf("stats: %v", err)
	}
	return s
}
