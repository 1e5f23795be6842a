package strictjson_test

import (
	"bytes"
	"encoding/json"
	"errors"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/sluicehq/sluice/internal/strictjson"
)

func TestParseRefusesWhatForgivingParsersTake(t *testing.T) {
	t.Parallel()
	deep := func(n int) string { return strings.Repeat("[", n) + strings.Repeat("]", n) }
	for text, want := range map[string]strictjson.Fault{
		"":                                strictjson.Empty,
		" \n":                             strictjson.Empty,
		"\ufeff{}":                        strictjson.Syntax, // a byte order mark
		"{}{}":                            strictjson.Trailing,
		"{} x":                            strictjson.Trailing,
		"null,":                           strictjson.Trailing,
		`{"a":1,"a":2}`:                   strictjson.Duplicate,
		`{"a":1,"\u0061":2}`:              strictjson.Duplicate,
		`{"x":{"a":1,"a":2}}`:             strictjson.Duplicate,
		"\"\xff\"":                        strictjson.NotUTF8,
		"\"\xed\xa0\x80\"":                strictjson.NotUTF8, // an encoded surrogate
		`"\ud800"`:                        strictjson.LoneSurrogate,
		`"\udc00\ud800"`:                  strictjson.LoneSurrogate,
		`"\ud800\u0041"`:                  strictjson.LoneSurrogate,
		deep(33):                          strictjson.TooDeep,
		`{"a":` + deep(32) + `}`:          strictjson.TooDeep,
		`[` + strings.Repeat("1,", 20000): strictjson.TooMany,
		`{`:                               strictjson.Syntax,
		`{"a"}`:                           strictjson.Syntax,
		`{"a":}`:                          strictjson.Syntax,
		`{"a":1,}`:                        strictjson.Syntax,
		`{a:1}`:                           strictjson.Syntax,
		`{'a':1}`:                         strictjson.Syntax,
		`[1,]`:                            strictjson.Syntax,
		`[1 2]`:                           strictjson.Syntax,
		`[`:                               strictjson.Syntax,
		`01`:                              strictjson.Trailing,
		`+1`:                              strictjson.Syntax,
		`1.`:                              strictjson.Syntax,
		`.5`:                              strictjson.Syntax,
		`1e`:                              strictjson.Syntax,
		`-`:                               strictjson.Syntax,
		`NaN`:                             strictjson.Syntax,
		`tru`:                             strictjson.Syntax,
		`"`:                               strictjson.Syntax,
		`"\`:                              strictjson.Syntax,
		`"\x"`:                            strictjson.Syntax,
		`"\u12"`:                          strictjson.Syntax,
		`"\u12g4"`:                        strictjson.Syntax,
		"\"a\nb\"":                        strictjson.Syntax,
		"\"a\x00b\"":                      strictjson.Syntax,
		`/* no */ {}`:                     strictjson.Syntax,
	} {
		_, err := strictjson.Parse([]byte(text), strictjson.Limits{})
		parseErr, ok := errors.AsType[*strictjson.ParseError](err)
		if !ok || parseErr.Fault != want {
			t.Errorf("%.40q: error is %v, want %q", text, err, want)
		}
	}
}

func TestParseErrorsLeadToThePlaceAndRepeatNothing(t *testing.T) {
	t.Parallel()
	_, err := strictjson.Parse([]byte(`{"a":[1,{"secret":1,"secret":2}]}`), strictjson.Limits{})
	parseErr, _ := errors.AsType[*strictjson.ParseError](err)
	if diff := cmp.Diff([]string{"a", "1"}, parseErr.Path); diff != "" {
		t.Errorf("path (-want +got):\n%s", diff)
	}
	if strings.Contains(err.Error(), "secret") {
		t.Errorf("the error repeats the text: %v", err)
	}
}

func TestObjectsAreBoundedInMembers(t *testing.T) {
	t.Parallel()
	_, err := strictjson.Parse([]byte(`{"a":1,"b":2,"c":3}`), strictjson.Limits{Members: 2})
	if parseErr, _ := errors.AsType[*strictjson.ParseError](err); parseErr == nil || parseErr.Fault != strictjson.TooMany {
		t.Errorf("error is %v, want too many", err)
	}
}

func TestValuesReadAsTheyWereWritten(t *testing.T) {
	t.Parallel()
	v, err := strictjson.Parse([]byte(` {"s":"a\n\u00e9\ud83d\ude00\/é","n":-12,"f":1.5,"t":true,"x":false,"z":null,"l":[1,[]]} `), strictjson.Limits{})
	if err != nil {
		t.Fatal(err)
	}
	var names []string
	byName := map[string]strictjson.Value{}
	for _, m := range v.Members() {
		names = append(names, m.Name)
		byName[m.Name] = m.Value
	}
	if diff := cmp.Diff([]string{"s", "n", "f", "t", "x", "z", "l"}, names); diff != "" {
		t.Errorf("names (-want +got):\n%s", diff)
	}
	if got := string(byName["s"].Text()); got != "a\né😀/é" {
		t.Errorf("string is %q", got)
	}
	if n, ok := byName["n"].Int(); n != -12 || !ok {
		t.Errorf("integer is %d, %t", n, ok)
	}
	if _, ok := byName["f"].Int(); ok {
		t.Error("1.5 reads as an integer")
	}
	if _, ok := byName["s"].Int(); ok {
		t.Error("a string reads as an integer")
	}
	if !byName["t"].True() || byName["x"].True() || byName["z"].Kind() != strictjson.Null || byName["n"].Text() != nil {
		t.Error("literals read wrongly")
	}
	if l := byName["l"].Items(); len(l) != 2 || string(l[1].Raw()) != "[]" {
		t.Errorf("list is %v", l)
	}
}

// FuzzParse compares with encoding/json: whatever is taken must be valid there
// and mean the same; whatever is refused for its syntax must be invalid there.
func FuzzParse(f *testing.F) {
	for _, s := range []string{
		`{"a":[1,2.5e-3,{"b":null}],"c":"x\u0041\ud83d\ude00"}`, `{"a":1,"a":2}`, `"\ud800"`, `[1,]`, `01`, ` -0.0E+1 `,
		"\"\\", `{"":{"":{}}}`, "\xef\xbb\xbf{}", `truefalse`, `"\u0000"`,
	} {
		f.Add([]byte(s))
	}
	f.Fuzz(func(t *testing.T, data []byte) {
		v, err := strictjson.Parse(data, strictjson.Limits{})
		if err != nil {
			parseErr, ok := errors.AsType[*strictjson.ParseError](err)
			if !ok {
				t.Fatalf("error %v is no ParseError", err)
			}
			if (parseErr.Fault == strictjson.Syntax || parseErr.Fault == strictjson.Trailing || parseErr.Fault == strictjson.Empty) && json.Valid(data) {
				t.Fatalf("%q is refused (%v) and valid", data, err)
			}
			return
		}
		var want any
		d := json.NewDecoder(bytes.NewReader(data))
		d.UseNumber() // a number may be too large for a float64
		if err := d.Decode(&want); err != nil {
			t.Fatalf("%q is taken and invalid: %v", data, err)
		}
		if got := v.Plain(); !cmp.Equal(want, got) {
			t.Fatalf("%q differs:\n%s", data, cmp.Diff(want, got))
		}
	})
}
