package sqlitejobs_test

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/sluicehq/sluice/pkg/jobs/sqlitejobs"
)

// openWith writes files into a new directory and opens an engine there.
func openWith(t *testing.T, files map[string]string) error {
	t.Helper()
	dir := t.TempDir()
	for name, text := range files {
		path := filepath.Join(dir, name)
		if err := os.MkdirAll(filepath.Dir(path), 0o700); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	e, err := sqlitejobs.Open(t.Context(), sqlitejobs.Config{Dir: dir})
	if err == nil {
		err = e.Close()
	}
	return err
}

func TestADirectoryThatLostItsDatabaseIsNotStartedEmpty(t *testing.T) {
	t.Parallel()
	for name, files := range map[string]map[string]string{
		"an empty file":             {"sluice.db": ""},
		"a log without its file":    {"sluice.db-wal": "x"},
		"documents without a table": {"documents/ab/abcd": "x"},
	} {
		err := openWith(t, files)
		if err == nil || !strings.Contains(err.Error(), "sluice.db") || !strings.Contains(err.Error(), "restore") {
			t.Errorf("%s: %v", name, err)
		}
	}
}

func TestAHalfMadeDatabaseIsMadeAnew(t *testing.T) {
	t.Parallel()
	for name, files := range map[string]map[string]string{
		"a remainder": {"sluice.db.new": "half", "sluice.db.new-wal": "half"},
		"no files":    {},
		"folders":     {"documents/.keep/x/../../../sluice.lock": "1\n"},
	} {
		if err := openWith(t, files); err != nil {
			t.Errorf("%s: %v", name, err)
		}
	}
}

func TestTheDirectoriesThatLeadToTheDataAreMade(t *testing.T) {
	t.Parallel()
	dir := filepath.Join(t.TempDir(), "a", "b", "c")
	e, err := sqlitejobs.Open(t.Context(), sqlitejobs.Config{Dir: dir})
	if err != nil {
		t.Fatal(err)
	}
	if err := e.Close(); err != nil {
		t.Fatal(err)
	}
	if info, err := os.Stat(filepath.Join(dir, "sluice.db")); err != nil || info.Size() == 0 {
		t.Errorf("got %v, %v", info, err)
	}
}
