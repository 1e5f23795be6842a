package sluice_test

import (
	"regexp"
	"strings"
	"testing"
)

// shared finds compiled functions of sync and sync/atomic in what nm prints.
var shared = regexp.MustCompile(`(?m) T ((?:internal/)?sync(?:/atomic)?\..*)$`)

// The linker keeps one copy of each instance of a generic function. If a package
// that is compiled without the race detector holds an instance of sync.Map's
// parts, the whole program may get that one, and the detector reports races
// where the map keeps two goroutines apart.
func TestPackagesHiddenFromTheRaceDetectorShareNoLocks(t *testing.T) {
	hidden := hiddenPackages(t)
	if len(hidden) < 5 {
		t.Fatalf("%d packages are hidden: %v; want SQLite and the compiler of WebAssembly", len(hidden), hidden)
	}
	for path, archive := range hidden {
		for _, found := range shared.FindAllStringSubmatch(output(t, "go", "tool", "nm", archive), 3) {
			t.Errorf("%s is compiled without the race detector and holds %s", path, found[1])
		}
	}
}

// hiddenPackages gives the packages that the Makefile takes from the race
// detector, with the file each is compiled to.
func hiddenPackages(t *testing.T) map[string]string {
	t.Helper()
	var flags, patterns []string
	for word := range strings.FieldsSeq(output(t, "make", "-n", "race")) {
		if pattern, ok := strings.CutPrefix(word, "-gcflags="); ok {
			flags = append(flags, word)
			patterns = append(patterns, strings.TrimSuffix(pattern, "=-race=false"))
		}
	}
	list := append([]string{"list", "-race", "-export", "-deps", "-f", "{{.ImportPath}} {{.Export}}"}, flags...)
	hidden := make(map[string]string)
	for line := range strings.Lines(output(t, "go", append(list, "./...")...)) {
		path, archive, _ := strings.Cut(strings.TrimSpace(line), " ")
		for _, pattern := range patterns {
			if matches(pattern, path) && archive != "" {
				hidden[path] = archive
			}
		}
	}
	return hidden
}
