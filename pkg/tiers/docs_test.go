package tiers_test

import (
	"fmt"
	"os"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/sluicehq/sluice/pkg/jobs"
	"github.com/sluicehq/sluice/pkg/tiers"
)

// TestDocumentationShowsTheTable keeps docs/tiers.md in step with the table of
// classes and the default policy; -update rewrites the table.
func TestDocumentationShowsTheTable(t *testing.T) {
	t.Parallel()
	const file, begin, end = "../../docs/tiers.md", "-update -->\n", "<!-- end -->"
	text, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	head, rest, found := strings.Cut(string(text), begin)
	table, tail, closed := strings.Cut(rest, end)
	if !found || !closed {
		t.Fatalf("%s has no place for the table", file)
	}
	var b strings.Builder
	b.WriteString("| class | action | retries | share | scope | breaker | cost | billed | gate |\n|---|---|---|---|---|---|---|---|---|\n")
	for _, r := range tiers.Classes() {
		gate := "–"
		if r.GateFor > 0 {
			gate = r.GateFor.String()
		}
		fmt.Fprintf(&b, "| %s | %s | %d | %s | %s | %s | %d | %s | %s |\n",
			r.Class, r.Action, r.RetryMax, r.Share, r.Scope, r.Effect, r.Cost, r.Billed, gate)
	}
	if *update {
		if err := os.WriteFile(file, []byte(head+begin+b.String()+end+tail), 0o644); err != nil {
			t.Fatal(err)
		}
		return
	}
	if diff := cmp.Diff(b.String(), table); diff != "" {
		t.Errorf("table (-want +got):\n%s", diff)
	}
	for _, lane := range []jobs.Lane{jobs.Critical, jobs.Interactive} {
		if proof := (tiers.Policy{}).ProofOf(lane, 0).String(); !strings.Contains(head, proof) {
			t.Errorf("the proof of the %s lane is now %q", lane, proof)
		}
	}
}
