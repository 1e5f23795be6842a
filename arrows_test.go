// Package sluice_test holds the tests of the repository as a whole.
package sluice_test

import (
	"encoding/json"
	"errors"
	"io"
	"os/exec"
	"slices"
	"strings"
	"testing"
)

const module = "github.com/sluicehq/sluice"

// pkg is what `go list -json` says of a package.
type pkg struct {
	ImportPath string
	Imports    []string
	Deps       []string
}

func list(t *testing.T, patterns ...string) []pkg {
	t.Helper()
	var all []pkg
	dec := json.NewDecoder(strings.NewReader(output(t, "go", append([]string{"list", "-json=ImportPath,Imports,Deps"}, patterns...)...)))
	for {
		var p pkg
		if err := dec.Decode(&p); errors.Is(err, io.EOF) {
			return all
		} else if err != nil {
			t.Fatal(err)
		}
		all = append(all, p)
	}
}

// output runs a program and gives what it prints.
func output(t *testing.T, name string, args ...string) string {
	t.Helper()
	cmd := exec.CommandContext(t.Context(), name, args...)
	out, err := cmd.Output()
	if err != nil {
		t.Fatalf("%v: %v", cmd.Args, err)
	}
	return string(out)
}

// rule says what some packages must not import directly. Patterns read as the
// go command's: "pkg/jobs" is one package, "pkg/jobs/..." it and all below it.
type rule struct {
	in     string
	except []string
	denied []string // prefixes of import paths
	grant  []string // patterns that a denied prefix does not mean
	why    string
}

func rules() []rule {
	policy := func(in string) rule {
		return rule{in: in + "/...", denied: []string{module}, grant: []string{"pkg/jobs", in + "/..."}, why: "policy packages import pkg/jobs only"}
	}
	return []rule{
		{in: "pkg/jobs", denied: []string{module, "github.com", "golang.org", "go.", "modernc.org"}, why: "pkg/jobs is the root of the arrows: standard library only"},
		policy("pkg/tiers"), policy("pkg/priority"), policy("pkg/backpressure"),
		{in: "pkg/...", denied: []string{module + "/internal"}, grant: []string{"internal/processtest"}, why: "pkg is for importers"},
		{in: "pkg/...", denied: []string{"github.com/rs/zerolog"}, why: "core packages emit events and never log"},
		{in: "internal/...", denied: []string{module + "/pkg/jobs/"}, why: "main passes engines in"},
		{in: "./...", except: []string{"internal/coord/..."}, denied: []string{"github.com/nats-io"}, why: "only internal/coord knows NATS"},
		{in: "./...", except: []string{"pkg/jobs/sqlitejobs/..."}, denied: []string{"modernc.org/sqlite"}, why: "only sqlitejobs knows SQLite"},
		{in: "./...", except: []string{"pkg/jobs/asynqjobs/..."}, denied: []string{"github.com/redis", "github.com/hibiken"}, why: "only asynqjobs knows Redis and asynq"},
		{in: "internal/document/...", denied: []string{module}, grant: []string{"internal/document/..."}, why: "documents stand alone"},
		{in: "internal/coord/...", denied: []string{module}, grant: []string{"internal/coord/...", "pkg/jobs"}, why: "coordination knows the domain only"},
		{in: "internal/extract/...", denied: []string{module + "/internal"}, grant: []string{"internal/extract/...", "internal/document", "internal/strictjson"}, why: "arrows point down"},
		{in: "internal/strictjson", denied: []string{module}, why: "JSON is read without knowing what for"},
		{in: "internal/pause", denied: []string{module}, why: "a wait knows nothing of what waits"},
		{in: "internal/modelsim/...", denied: []string{module}, grant: []string{"internal/modelsim/..."}, why: "a simulator that shares code with what it tests proves nothing"},
	}
}

// covers reports whether the pattern names the package of this module.
func covers(pattern, path string) bool {
	if rest, ok := strings.CutPrefix(pattern, "./"); ok {
		return matches(module+"/"+rest, path)
	}
	return matches(module+"/"+pattern, path)
}

// matches reports whether the pattern, with its module, names the package.
func matches(pattern, path string) bool {
	root, isTree := strings.CutSuffix(pattern, "/...")
	return path == root || isTree && strings.HasPrefix(path, root+"/")
}

func coveredByAny(patterns []string, path string) bool {
	return slices.ContainsFunc(patterns, func(p string) bool { return covers(p, path) })
}

func (r rule) breaks(from, imported string) bool {
	return covers(r.in, from) && !coveredByAny(r.except, from) &&
		slices.ContainsFunc(r.denied, func(d string) bool { return strings.HasPrefix(imported, d) }) &&
		!coveredByAny(r.grant, imported)
}

func TestImportsPointDownTheArrows(t *testing.T) {
	all := list(t, "./...")
	if len(all) < 10 {
		t.Fatalf("go list found %d packages", len(all))
	}
	for _, r := range rules() {
		for _, p := range all {
			for _, imported := range p.Imports {
				if r.breaks(p.ImportPath, imported) {
					t.Errorf("%s imports %s: %s", p.ImportPath, imported, r.why)
				}
			}
		}
	}
}

func TestTheRulesCatchWhatTheyMean(t *testing.T) {
	for _, c := range []struct {
		from, imported string
		broken         bool
	}{
		{module + "/pkg/jobs", "time", false},
		{module + "/pkg/jobs", "github.com/oklog/ulid/v2", true},
		{module + "/pkg/jobs/memjobs", module + "/pkg/priority", false},
		{module + "/pkg/tiers", module + "/pkg/jobs", false},
		{module + "/pkg/tiers", module + "/pkg/jobs/memjobs", true},
		{module + "/pkg/tiers", module + "/internal/coord", true},
		{module + "/internal/app", module + "/pkg/jobs/sqlitejobs", true},
		{module + "/internal/app", module + "/pkg/jobs", false},
		{module + "/cmd/api", module + "/pkg/jobs/sqlitejobs", false},
		{module + "/cmd/api", "github.com/nats-io/nats.go", true},
		{module + "/cmd/worker", "github.com/redis/go-redis/v9", true},
		{module + "/pkg/jobs/asynqjobs/redistest", "github.com/redis/go-redis/v9", false},
		{module + "/internal/coord/embedded", "github.com/nats-io/nats-server/v2/server", false},
	} {
		broken := slices.ContainsFunc(rules(), func(r rule) bool { return r.breaks(c.from, c.imported) })
		if broken != c.broken {
			t.Errorf("%s importing %s: broken is %v", c.from, c.imported, broken)
		}
	}
}

func TestBinariesLinkOnlyWhatTheyNeed(t *testing.T) {
	for _, c := range []struct {
		binary string
		denied []string
	}{
		{"./cmd/dlqctl", []string{"modernc.org/sqlite", "github.com/nats-io", "github.com/redis", "github.com/hibiken", module + "/pkg/jobs/asynqjobs", module + "/pkg/jobs/sqlitejobs", module + "/pkg/jobs/memjobs", "github.com/tetratelabs/wazero"}},
		{"./cmd/worker", []string{"github.com/nats-io/nats-server", module + "/internal/coord/embedded", module + "/internal/modelsim", "modernc.org/sqlite",
			module + "/pkg/jobs/asynqjobs/redistest", "pgregory.net/rapid", "testing"}},
		{"./cmd/api", []string{module + "/pkg/jobs/memjobs", module + "/pkg/jobs/jobstest", module + "/pkg/jobs/asynqjobs/redistest", "pgregory.net/rapid", "testing"}},
	} {
		for _, dep := range list(t, c.binary)[0].Deps {
			if slices.ContainsFunc(c.denied, func(d string) bool { return dep == d || strings.HasPrefix(dep, d+"/") }) {
				t.Errorf("%s links %s", c.binary, dep)
			}
		}
	}
}
