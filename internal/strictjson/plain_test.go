package strictjson_test

import (
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/sluicehq/sluice/internal/strictjson"
)

func TestDecodeKeepsNumbersAsWritten(t *testing.T) {
	t.Parallel()
	got, err := strictjson.Decode([]byte(` {"a":[1.10,true,null,"x"],"b":{"c":-9007199254740993},"d":[]} `), strictjson.Limits{})
	if err != nil {
		t.Fatal(err)
	}
	want := map[string]any{
		"a": []any{json.Number("1.10"), true, nil, "x"},
		"b": map[string]any{"c": json.Number("-9007199254740993")},
		"d": []any{},
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("-want +got:\n%s", diff)
	}
	b, err := strictjson.Encode(got)
	if err != nil || string(b) != `{"a":[1.10,true,null,"x"],"b":{"c":-9007199254740993},"d":[]}` {
		t.Errorf("encoded %s, %v", b, err)
	}
}

func TestDecodeHoldsItsLimits(t *testing.T) {
	t.Parallel()
	long := strings.Repeat("x", 64<<10+1)
	for name, c := range map[string]struct {
		text string
		want strictjson.Fault
	}{
		"depth":          {strings.Repeat("[", 33) + strings.Repeat("]", 33), strictjson.TooDeep},
		"values":         {"[" + strings.Repeat("1,", 20_000) + "1]", strictjson.TooMany},
		"string":         {`"` + long + `"`, strictjson.TooLong},
		"name":           {`{"` + long + `":1}`, strictjson.TooLong},
		"bytes":          {`["` + strings.Repeat(`","`, 1<<20/3) + `"]`, strictjson.TooLong},
		"huge exponent":  {`1e999999999999999999999`, strictjson.TooLong},
		"tiny exponent":  {`1E-65`, strictjson.TooLong},
		"number":         {strings.Repeat("1", 65), strictjson.TooLong},
		"duplicate name": {`{"a":1,"a":2}`, strictjson.Duplicate},
	} {
		_, err := strictjson.Decode([]byte(c.text), strictjson.Limits{})
		if e, ok := errors.AsType[*strictjson.ParseError](err); !ok || e.Fault != c.want {
			t.Errorf("%s: got %v, want %q", name, err, c.want)
		}
	}
	for name, text := range map[string]string{
		"depth": strings.Repeat("[", 32) + strings.Repeat("]", 32), "string": `"` + long[1:] + `"`, "exponent": `1e64`, "number": strings.Repeat("1", 64),
		"members": members(5000),
	} {
		if _, err := strictjson.Decode([]byte(text), strictjson.Limits{}); err != nil {
			t.Errorf("%s within the limit: %v", name, err)
		}
	}
	if _, err := strictjson.Parse([]byte(`{"a":"`+long+`","b":1e65}`), strictjson.Limits{}); err != nil {
		t.Errorf("what is not worked on has no bound: %v", err)
	}
}

// members is an object with so many of them.
func members(n int) string {
	var b strings.Builder
	for i := range n {
		fmt.Fprintf(&b, `,"%d":1`, i)
	}
	return "{" + b.String()[1:] + "}"
}

func ExampleDecode() {
	_, err := strictjson.Decode([]byte(`{"total": 1, "total": 2}`), strictjson.Limits{})
	fmt.Println(err)
	// Output: a name occurs twice in one object at byte 20
}

func FuzzDecode(f *testing.F) {
	for _, s := range []string{`{"a":[1.10,true]}`, `{"a":1,"a":2}`, `[[[]]]`, `1e5`, "\"\xff\"", `{"":""}`} {
		f.Add([]byte(s))
	}
	f.Fuzz(func(t *testing.T, b []byte) {
		v, err := strictjson.Decode(b, strictjson.Limits{})
		if err != nil {
			if _, ok := errors.AsType[*strictjson.ParseError](err); !ok {
				t.Fatalf("error %T", err)
			}
			return
		}
		if !json.Valid(b) {
			t.Fatalf("accepted invalid JSON %q", b)
		}
		out, err := strictjson.Encode(v)
		if err != nil {
			t.Fatal(err)
		}
		// Written again, a text may be longer: control characters are escaped.
		again, err := strictjson.Decode(out, strictjson.Limits{Bytes: 8 << 20, String: 1 << 20})
		if err != nil || !cmp.Equal(v, again) {
			t.Fatalf("%q does not survive a round trip: %v", b, err)
		}
	})
}
