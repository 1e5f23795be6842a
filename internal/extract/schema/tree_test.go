package schema_test

import (
	"fmt"
	"runtime"
	"strings"
	"testing"

	"github.com/sluicehq/sluice/internal/extract/schema"
)

// recursive is a schema whose object has n properties that are each such an
// object again.
func recursive(n int) []byte {
	names := make([]string, n)
	for i := range names {
		names[i] = fmt.Sprintf(`"p%d":{"$ref":"#/$defs/node"}`, i)
	}
	return fmt.Appendf(nil, `{"type":"object","properties":{"root":{"$ref":"#/$defs/node"}},"$defs":{"node":{"type":"object","properties":{%s}}}}`, strings.Join(names, ","))
}

func count(list []schema.Property) int {
	n := len(list)
	for _, p := range list {
		n += count(p.Properties)
	}
	return n
}

// A schema of some kilobytes may refer to itself so that its properties, listed
// to four levels, would take all memory there is.
func TestASchemaThatRefersToItselfListsNoMoreThanFits(t *testing.T) {
	t.Parallel()
	for _, tc := range []struct{ names, listed int }{
		{2, 1 + 2 + 4 + 8 + 16}, // down to the fourth level
		{20, 1 + 20 + 400 + 8000},
		{900, 1 + 900},
	} {
		s, err := schema.Compile(recursive(tc.names))
		if err != nil {
			t.Fatal(err)
		}
		if got := count(s.Properties()); got != tc.listed {
			t.Errorf("with %d names each %d properties are listed, want %d", tc.names, got, tc.listed)
		}
	}
	long := fmt.Appendf(nil, `{"type":"object","properties":{"%s":{"type":"object","properties":{"a":{"type":"string"},"b":{"type":"string"}}}}}`, strings.Repeat("n", 60_000))
	if s, err := schema.Compile(long); err != nil || count(s.Properties()) != 3 {
		t.Errorf("with one long name: error %v", err)
	}
}

// Each problem repeats the names of what its value is in.
func TestProblemsUnderALongNameDoNotGrowWithoutBound(t *testing.T) { //nolint:paralleltest // it counts what the process allocates
	required := make([]string, 500)
	for i := range required {
		required[i] = fmt.Sprintf(`"r%d"`, i)
	}
	s, err := schema.Compile(fmt.Appendf(nil, `{"type":"object","properties":{"a":{"type":"string"}},"additionalProperties":{"type":"array","items":{"type":"object","required":[%s]}}}`,
		strings.Join(required, ",")))
	if err != nil {
		t.Fatal(err)
	}
	value := map[string]any{strings.Repeat("n", 100_000): []any{map[string]any{}, map[string]any{}, true}}
	var before, after runtime.MemStats
	runtime.ReadMemStats(&before)
	problems := s.Validate(value)
	runtime.ReadMemStats(&after)
	if took := after.TotalAlloc - before.TotalAlloc; len(problems) == 0 || took > 20<<20 {
		t.Errorf("finding %d problems took %d bytes", len(problems), took)
	}
}
