package main

import (
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
)

// promised reads the table of examples/README.md: how each document ends
// without a model.
func promised(t *testing.T) map[string]string {
	t.Helper()
	text, err := os.ReadFile("../../examples/README.md")
	if err != nil {
		t.Fatal(err)
	}
	ends := map[string]string{}
	for _, row := range regexp.MustCompile("(?m)^\\| `([^`]+)` \\|[^|]*\\| ([^|]*) \\|").FindAllStringSubmatch(string(text), -1) {
		ends[row[1]] = row[2]
	}
	return ends
}

// told is how a job ended, in the words of that table.
func told(j view) string {
	switch {
	case j.Failure != nil:
		return fmt.Sprintf("%s, `%s`", j.State, j.Failure.Class)
	case j.Result == nil:
		return j.State
	}
	s := fmt.Sprintf("%s, tier %d", j.State, j.Quality.Tier)
	if total, ok := j.Result.Data["total"].(float64); ok {
		s += fmt.Sprintf(", total %.2f", total)
	}
	return s
}

func TestTheExamplesEndAsTheirPageSays(t *testing.T) {
	p := start(t, nil)
	ends := promised(t)
	if len(ends) < 8 {
		t.Fatalf("the page names %d examples", len(ends))
	}
	for name, want := range ends {
		options := invoiceOptions
		base := strings.TrimSuffix(name, filepath.Ext(name))
		if schema, err := os.ReadFile(filepath.Join("../../examples", base+".schema.json")); err == nil {
			options = fmt.Sprintf(`{"schema_json":%s,"lane":"interactive"}`, schema)
		}
		job := p.submit(filepath.Join("../../examples", name), options, nil)
		if got := told(job); got != want {
			t.Errorf("%s: ended %q, the page says %q (%+v)", name, got, want, job.Review)
		}
		if len(job.Notices) != 1 || job.Notices[0] != "no_model_configured" {
			t.Errorf("%s: the answer does not say that no model is configured: %v", name, job.Notices)
		}
		if q := job.Quality; q != nil && (!q.Degraded || len(q.Reasons) == 0 || q.Reasons[0] != "no_model_configured") {
			t.Errorf("%s: quality %+v hides that it is degraded", name, q)
		}
	}
}
