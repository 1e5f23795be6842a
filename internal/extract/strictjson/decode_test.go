package strictjson_test

import (
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/sluicehq/sluice/internal/extract/strictjson"
)

func TestDecodeKeepsNumbersAsWritten(t *testing.T) {
	t.Parallel()
	got, err := strictjson.Decode([]byte(` {"a":[1.10,true,null,"x"],"b":{"c":-9007199254740993}} `), strictjson.Limits{})
	if err != nil {
		t.Fatal(err)
	}
	want := map[string]any{
		"a": []any{json.Number("1.10"), true, nil, "x"},
		"b": map[string]any{"c": json.Number("-9007199254740993")},
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("-want +got:\n%s", diff)
	}
	b, err := strictjson.Encode(got)
	if err != nil || string(b) != `{"a":[1.10,true,null,"x"],"b":{"c":-9007199254740993}}` {
		t.Errorf("encoded %s, %v", b, err)
	}
}

func TestDecodeRefusesWhatTheStandardDecoderLetsPass(t *testing.T) {
	t.Parallel()
	tests := []struct{ name, json, want string }{
		{"duplicate key", `{"a":1,"a":2}`, "duplicate key"},
		{"duplicate key by escape", `{"a":1,"\u0061":2}`, "duplicate key"},
		{"second value", `{} {}`, "text after the value"},
		{"invalid utf-8", "{\"a\":\"\xff\"}", "invalid UTF-8"},
		{"not a number", `{"a":NaN}`, "syntax error"},
		{"cut", `{"a":[1,2`, "unexpected end"},
		{"empty", ``, "unexpected end"},
		{"trailing comma", `{"a":1,}`, "syntax error"},
		{"wrong closing", `{"a":[1}`, "syntax error"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			_, err := strictjson.Decode([]byte(tt.json), strictjson.Limits{})
			var e *strictjson.Error
			if !errors.As(err, &e) || e.What != tt.want {
				t.Errorf("got %v, want %s", err, tt.want)
			}
		})
	}
}

func TestDecodeHoldsItsLimits(t *testing.T) {
	t.Parallel()
	tests := []struct{ name, json string }{
		{"depth", strings.Repeat("[", 33) + strings.Repeat("]", 33)},
		{"nodes", "[" + strings.Repeat("1,", 20_000) + "1]"},
		{"string", `"` + strings.Repeat("x", 64<<10+1) + `"`},
		{"key", `{"` + strings.Repeat("x", 64<<10+1) + `":1}`},
		{"bytes", `"` + strings.Repeat("x", 1<<20) + `"`},
		{"huge exponent", `1e999999999`},
		{"tiny exponent", `1E-65`},
		{"long number", strings.Repeat("1", 65)},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			if _, err := strictjson.Decode([]byte(tt.json), strictjson.Limits{}); !errors.Is(err, strictjson.ErrLimit) {
				t.Errorf("got %v, want ErrLimit", err)
			}
		})
	}
	deep := strings.Repeat("[", 32) + strings.Repeat("]", 32)
	if _, err := strictjson.Decode([]byte(deep), strictjson.Limits{}); err != nil {
		t.Errorf("depth 32: %v", err)
	}
}

func ExampleDecode() {
	_, err := strictjson.Decode([]byte(`{"total": 1, "total": 2}`), strictjson.Limits{})
	fmt.Println(err)
	// Output: json at byte 20: duplicate key
}

func FuzzDecode(f *testing.F) {
	for _, s := range []string{`{"a":[1.10,true]}`, `{"a":1,"a":2}`, `[[[]]]`, `1e5`, "\"\xff\"", `{"":""}`} {
		f.Add([]byte(s))
	}
	f.Fuzz(func(t *testing.T, b []byte) {
		v, err := strictjson.Decode(b, strictjson.Limits{})
		if err != nil {
			var e *strictjson.Error
			if !errors.As(err, &e) {
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
		again, err := strictjson.Decode(out, strictjson.Limits{Bytes: 8 << 20, String: 1 << 20})
		if err != nil || !cmp.Equal(v, again) {
			t.Fatalf("%q does not survive a round trip: %v", b, err)
		}
	})
}
