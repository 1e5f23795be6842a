package document_test

import (
	"os"
	"path/filepath"
	"testing"

	"github.com/sluicehq/sluice/internal/document"
	"github.com/sluicehq/sluice/internal/document/pdftest"
)

func TestWarmStartsAChildOnlyWhenNothingIsCompiled(t *testing.T) {
	t.Parallel()
	compiled, err := pdftest.CacheDir()
	if err != nil {
		t.Fatal(err)
	}
	parse := newPool(t, func(c *document.Config) { c.CacheDir = compiled })
	if _, err := parse.Parse(t.Context(), smallPDF()); err != nil {
		t.Fatal(err) // from now on something is compiled
	}
	for name, c := range map[string]struct {
		dir      string
		children int
	}{
		"compiled":     {compiled, 0},
		"no directory": {"", 0},
	} {
		e := newChildEvents()
		pool := newPool(t, func(config *document.Config) { config.CacheDir, config.Events = c.dir, e.events() })
		if err := pool.Warm(t.Context()); err != nil {
			t.Errorf("%s: %v", name, err)
		}
		if got := len(e.started); got != c.children {
			t.Errorf("%s: %d children started, want %d", name, got, c.children)
		}
	}
}

func TestWarmLeavesACompiledParserBehind(t *testing.T) {
	t.Parallel()
	dir := filepath.Join(t.TempDir(), "cache")
	e := newChildEvents()
	pool := newPool(t, func(c *document.Config) { c.CacheDir, c.Events = dir, e.events() })
	if err := pool.Warm(t.Context()); err != nil {
		t.Fatal(err)
	}
	entries, err := os.ReadDir(dir)
	if err != nil || len(entries) == 0 || len(e.started) != 1 {
		t.Errorf("%d entries, %d children, %v", len(entries), len(e.started), err)
	}
	pool.Close()
	if err := pool.Warm(t.Context()); err != nil {
		t.Errorf("with a compiled parser: %v", err)
	}
}
