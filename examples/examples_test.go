// Package examples_test checks the example documents against their README.
package examples_test

import (
	"bytes"
	"encoding/json"
	"net/http"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/sluicehq/sluice/internal/extract/schema"
	"github.com/sluicehq/sluice/internal/modelsim"
)

// rows maps the documents of the README's table to the text of their row.
func rows(t *testing.T) map[string]string {
	t.Helper()
	readme, err := os.ReadFile("README.md")
	if err != nil {
		t.Fatal(err)
	}
	out := map[string]string{}
	for _, m := range regexp.MustCompile("(?m)^\\| `([^`]+)` \\|(.*)$").FindAllStringSubmatch(string(readme), -1) {
		out[m[1]] = m[2]
	}
	return out
}

func TestTheReadmeListsExactlyTheDocuments(t *testing.T) {
	t.Parallel()
	var files, listed []string
	for _, pattern := range []string{"*.pdf", "*.txt"} {
		found, err := filepath.Glob(pattern)
		if err != nil {
			t.Fatal(err)
		}
		files = append(files, found...)
	}
	for name := range rows(t) {
		listed = append(listed, name)
	}
	slices.Sort(files)
	slices.Sort(listed)
	if diff := cmp.Diff(files, listed); diff != "" || len(files) < 8 {
		t.Errorf("documents (-folder +README):\n%s", diff)
	}
}

// TestTextsSayWhatTheReadmePromises has the simulator, which shares no code with
// the rule parser, read the text documents.
func TestTextsSayWhatTheReadmePromises(t *testing.T) {
	t.Parallel()
	total := regexp.MustCompile(`total (\d+\.\d\d)`)
	checked := 0
	for name, row := range rows(t) {
		if filepath.Ext(name) != ".txt" || strings.HasPrefix(name, "delivery") {
			continue
		}
		want := ""
		if m := total.FindStringSubmatch(row); m != nil {
			want = m[1]
			checked++
		}
		got := read(t, name)
		if got.Total.String() != want || got.Number == "" || got.Date == "" {
			t.Errorf("%s: %+v, want total %q", name, got, want)
		}
		if want != "" && (got.Currency == "" || len(got.Lines) < 3) {
			t.Errorf("%s: currency %q, %d lines", name, got.Currency, len(got.Lines))
		}
	}
	if checked < 3 {
		t.Errorf("only %d documents have a total in the README", checked)
	}
}

type invoice struct {
	Number   string      `json:"invoice_number"`
	Date     string      `json:"invoice_date"`
	Total    json.Number `json:"total"`
	Currency string      `json:"currency"`
	Lines    []any       `json:"lines"`
}

func read(t *testing.T, name string) invoice {
	t.Helper()
	text, err := os.ReadFile(name)
	if err != nil {
		t.Fatal(err)
	}
	form, err := os.ReadFile("../internal/extract/schema/builtin/invoice@1.json")
	if err != nil {
		t.Fatal(err)
	}
	request, err := json.Marshal(map[string]any{
		"model":           "m",
		"messages":        []any{map[string]string{"role": "user", "content": string(text)}},
		"response_format": map[string]any{"json_schema": map[string]any{"schema": json.RawMessage(form)}},
	})
	if err != nil {
		t.Fatal(err)
	}
	at := modelsim.New(modelsim.Config{}).Pipe()
	defer at.Close()
	res, err := at.Client().Post(at.URL()+"/chat/completions", "application/json", bytes.NewReader(request))
	if err != nil || res.StatusCode != http.StatusOK {
		t.Fatal(res, err)
	}
	defer res.Body.Close()
	var answer struct {
		Choices []struct {
			Message struct{ Content string }
		}
	}
	if err := json.NewDecoder(res.Body).Decode(&answer); err != nil {
		t.Fatal(err)
	}
	var v invoice
	if err := json.Unmarshal([]byte(answer.Choices[0].Message.Content), &v); err != nil {
		t.Fatal(err)
	}
	return v
}

func TestTheSchemaBesideTheDeliveryNoteIsUsable(t *testing.T) {
	t.Parallel()
	raw, err := os.ReadFile("delivery-note.schema.json")
	if err != nil {
		t.Fatal(err)
	}
	s, err := schema.Compile(raw)
	if err != nil {
		t.Fatal(err)
	}
	if n := len(s.Properties()); n != 5 {
		t.Errorf("the schema has %d properties", n)
	}
}

// TestTheScriptMayBeExecuted guards against a checkout that lost the mode.
func TestTheScriptMayBeExecuted(t *testing.T) {
	t.Parallel()
	info, err := os.Stat("submit.sh")
	if err != nil {
		t.Fatal(err)
	}
	if info.Mode()&0o111 == 0 {
		t.Errorf("mode is %s", info.Mode())
	}
}
