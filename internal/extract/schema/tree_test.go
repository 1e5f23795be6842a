package schema_test

import (
	"fmt"
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
