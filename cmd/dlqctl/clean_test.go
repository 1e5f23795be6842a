package main

import (
	"bytes"
	"encoding/json"
	"strings"
	"testing"
	"time"
	"unicode"
	"unicode/utf8"

	"github.com/google/go-cmp/cmp"
)

func TestCleanWritesOutWhatATerminalWouldObey(t *testing.T) {
	t.Parallel()
	for in, want := range map[string]string{
		"":                      "",
		"Größe 漢字 🙂":            "Größe 漢字 🙂",
		"\x1b[31mred":           `\x1b[31mred`,
		"a\tb\nc\r":             `a\tb\nc\r`,
		"\u009b31m\x7f":         `\u009b31m\x7f`,
		"abc\u202egnp.exe":      `abc\u202egnp.exe`,
		"zero\u200bwidth\ufeff": `zero\u200bwidth\ufeff`,
		"no\u00a0break":         "no break",
		"broken \xff\xc3":       `broken \xff\xc3`,
		"it's \\ \"fine\"":      "it's \\ \"fine\"",
		"\U000e0041":            `\U000e0041`,
	} {
		if got := clean(in); got != want {
			t.Errorf("%q became %q, want %q", in, got, want)
		}
	}
	if got := clean(strings.Repeat("x", 1<<20)); len(got) > maxShown+len("…") || !strings.HasSuffix(got, "…") {
		t.Errorf("a long text became %d bytes", len(got))
	}
}

func FuzzClean(f *testing.F) {
	f.Add(evil)
	f.Add(`{"a":"\u001b"}`)
	f.Fuzz(func(t *testing.T, s string) {
		got := clean(s)
		if !utf8.ValidString(got) || strings.ContainsFunc(got, func(r rune) bool { return !unicode.IsPrint(r) }) {
			t.Errorf("%q became %q", s, got)
		}
		if clean(got) != got && len(got) <= maxShown {
			t.Errorf("%q is not clean once cleaned", got)
		}
		checkCleanJSON(t, s)
	})
}

// checkCleanJSON writes s as JSON, cleans it and reads it again.
func checkCleanJSON(t *testing.T, s string) {
	t.Helper()
	var buf bytes.Buffer
	enc := json.NewEncoder(&buf)
	enc.SetEscapeHTML(false)
	enc.SetIndent("", "  ")
	if err := enc.Encode(map[string]any{s: []string{s}}); err != nil {
		t.Fatal(err)
	}
	safe := cleanJSON(buf.Bytes())
	if found := unsafe(string(safe)); len(found) > 0 {
		t.Errorf("%q holds %q", safe, found)
	}
	var before, after any
	if json.Unmarshal(buf.Bytes(), &before) != nil || json.Unmarshal(safe, &after) != nil {
		t.Fatalf("%q is no JSON any more", safe)
	}
	if diff := cmp.Diff(before, after); diff != "" {
		t.Errorf("the JSON changed (-before +after):\n%s", diff)
	}
}

func TestSpansAreReadAsPeopleWriteThem(t *testing.T) {
	t.Parallel()
	now := morning()
	for text, want := range map[string]time.Time{
		"": {}, "90m": now.Add(-90 * time.Minute), "7d": now.Add(-7 * 24 * time.Hour), "0s": now, "1.5d": now.Add(-36 * time.Hour),
		"2026-11-22T10:00:00+01:00": now.Add(-time.Hour),
	} {
		if got, err := moment("since", text, now); err != nil || !got.Equal(want) {
			t.Errorf("%q is %s, want %s; error %v", text, got, want, err)
		}
	}
	for _, text := range []string{"yesterday", "-1h", "1", "d", "1h2d", "106752d", "2562047h", "9223372036854775807ns9ns", "2026-11-22", "∞"} {
		if got, err := moment("since", text, now); err == nil {
			t.Errorf("%q is taken for %s", text, got)
		}
	}
}

func TestSpansAndAgesAreShort(t *testing.T) {
	t.Parallel()
	for d, want := range map[time.Duration][2]string{
		0: {"0ms", "0s"}, 812 * time.Millisecond: {"812ms", "0s"}, 4190 * time.Millisecond: {"4.1s", "4s"}, 75 * time.Second: {"75s", "1m"},
		754 * time.Second: {"12m34s", "12m"}, 25*time.Hour + 5*time.Minute: {"25h05m", "25h"}, 75 * time.Hour: {"3d03h", "3d"},
		-time.Second: {"-1.0s", "0s"}, -1 << 63: {"-0ms", "0s"}, 1<<63 - 1: {"106751d23h", "106751d"},
	} {
		if got := [2]string{span(d), age(d)}; got != want {
			t.Errorf("%d is %v, want %v", d, got, want)
		}
	}
}
