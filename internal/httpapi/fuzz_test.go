package httpapi

import (
	"bytes"
	"encoding/json"
	"net/http"
	"reflect"
	"strings"
	"testing"
	"testing/iotest"

	"github.com/sluicehq/sluice/pkg/jobs"
)

// FuzzOptions holds that whatever the decoder takes makes a spec that engines
// take too, has one fingerprint however it is written, and that refusals name
// places in our own words.
func FuzzOptions(f *testing.F) {
	for _, seed := range []string{
		`{"schema":"invoice"}`, `{"schema_json":{"type":"object","properties":{"a":{}}},"lane":"batch"}`,
		`{"schema":"a","deadline":"90s","risk":"high","policy":{"accept_degraded":false,"max_tier":3,"max_cost_usd":0.05},"labels":{"a":"b"}}`,
		`{"schema":"a","schema":"b"}`, `{"schema":"a","policy":{"x":1}}`, `{"schema":"a","labels":{"\u0061":"\ud83d\ude00"}}`, `null`, `{"schema":"a","deadline":"1h`,
	} {
		f.Add([]byte(seed))
	}
	f.Fuzz(func(t *testing.T, data []byte) {
		o, p := decodeOptions(data)
		if p != nil {
			checkPlaces(t, p)
			return
		}
		if err := o.spec().Validate(); err != nil {
			t.Fatalf("%q: an engine would refuse the spec: %v", data, err)
		}
		sub := jobs.Submission{Labels: o.Labels}
		if len(sub.Labels) > jobs.MaxLabels || o.Deadline != 0 && (o.Deadline < minDeadline || o.Deadline > maxDeadline) || !o.lane().Valid() {
			t.Fatalf("%q: out of bounds: %+v", data, o)
		}
		var spaced bytes.Buffer
		if err := json.Indent(&spaced, data, " ", "\t"); err != nil {
			t.Fatalf("%q is taken and no JSON: %v", data, err)
		}
		again, p := decodeOptions(spaced.Bytes())
		if p != nil || !reflect.DeepEqual(o, again) {
			t.Fatalf("%q means something else when indented: %+v and %+v, %v", data, o, again, p)
		}
		a, errA := o.fingerprint("t", "d")
		b, errB := again.fingerprint("t", "d")
		if a != b || errA != nil || errB != nil || len(a) > 64 {
			t.Fatalf("%q: fingerprints %s and %s, errors %v, %v", data, a, b, errA, errB)
		}
	})
}

// checkPlaces holds that a problem names nothing that a caller named.
func checkPlaces(t *testing.T, p *Problem) {
	t.Helper()
	if p.Status < 400 || p.Status > 499 || len(p.Errors) > maxViolations {
		t.Fatalf("problem %+v", p)
	}
	for _, v := range p.Errors {
		for name := range strings.SplitSeq(strings.TrimPrefix(v.Pointer, "/"), "/") {
			if name != "" && !reflect.DeepEqual(ourPointer([]string{name}), "/"+name) && name != "options" {
				t.Fatalf("a problem names %q", v.Pointer)
			}
		}
	}
}

// FuzzMultipart holds that the reader of forms stays within its memory, gives
// it all back, and takes nothing without an end.
func FuzzMultipart(f *testing.F) {
	const options = "--B\r\nContent-Disposition: form-data; name=\"options\"\r\n\r\n{\"schema\":\"invoice\"}\r\n"
	const document = "--B\r\nContent-Disposition: form-data; name=\"document\"; filename=\"a\"\r\nContent-Type: text/plain\r\n\r\nabc\r\n"
	for _, seed := range []string{
		options + document + "--B--\r\n", options + document, "--B--", "", "--B\r\n\r\n--B--", options + options + "--B--",
		strings.Repeat("--B\r\nX: y\r\n\r\n", 5), "--B\r\n" + strings.Repeat("X: y\r\n", 4000), document + strings.Repeat("x", 70<<10),
	} {
		f.Add([]byte(seed))
	}
	f.Fuzz(func(t *testing.T, data []byte) {
		const limit = 4 << 10
		budget := byteBudget{limit: 1 << 20}
		l := budget.lease()
		whole, _ := readForm(bytes.NewReader(data), "B", limit, l)
		l.release()
		// The end of a boundary must be seen however the bytes arrive.
		got, p := readForm(iotest.OneByteReader(bytes.NewReader(data)), "B", limit, l)
		if !reflect.DeepEqual(whole, got) && p == nil {
			t.Fatalf("%q is read differently byte by byte", data)
		}
		if held := budget.used.Load(); held > 2*(limit+maxOptions+2*maxBuffer) {
			t.Fatalf("%d bytes are held", held)
		}
		l.release()
		if left := budget.used.Load(); left != 0 {
			t.Fatalf("%d bytes were not given back", left)
		}
		if p != nil {
			checkPlaces(t, p)
			return
		}
		if len(got.document) > limit || len(got.options) > maxOptions {
			t.Fatalf("parts of %d and %d bytes", len(got.document), len(got.options))
		}
		if (got.hasDocument || got.hasOptions) && !bytes.Contains(data, []byte("--B--")) {
			t.Fatalf("a form without an end is taken: %q", data)
		}
	})
}

// FuzzSubmission holds the same of JSON submissions as FuzzOptions of options.
func FuzzSubmission(f *testing.F) {
	for _, seed := range []string{
		`{"schema":"invoice","document":{"text":"a"}}`, `{"schema":"invoice","document":{"base64":"YQ==","mime":"text/plain"}}`,
		`{"schema":"invoice","document":{"base64":"YR=="}}`, `{"schema":"invoice","document":{"text":"a","base64":"YQ=="}}`, `{"document":{}}`,
	} {
		f.Add([]byte(seed))
	}
	f.Fuzz(func(t *testing.T, data []byte) {
		budget := byteBudget{limit: 1 << 30}
		l := budget.lease()
		_, document, p := decodeSubmission(data, l)
		if p != nil {
			checkPlaces(t, p)
		}
		if held := budget.used.Load(); int64(len(document)) > held || held > 3*int64(len(data))+8 {
			t.Fatalf("a document of %d bytes is paid for with %d", len(document), held)
		}
	})
}

// FuzzHeaders holds that no header makes the readers of headers panic or take
// what they promise not to take.
func FuzzHeaders(f *testing.F) {
	f.Add("Bearer sl_a_b", "key", "wait=3", "multipart/form-data; boundary=B", `W/"1"`)
	f.Add("", "", "wait", ";", "*")
	f.Fuzz(func(t *testing.T, authorization, key, prefer, media, match string) {
		h := http.Header{"Authorization": {authorization}, "Idempotency-Key": {key}, "Prefer": {prefer}, "Content-Type": {media}}
		if token, p := bearer(h); p == nil && jobs.ID(keyID(token)).Validate() != nil && keyID(token) != "" {
			t.Fatalf("the key's id is %q", keyID(token))
		}
		if got, p := idempotencyKey(h); p == nil && (len(got) == 0 || len(got) > jobs.MaxKeyBytes) {
			t.Fatalf("the idempotency key has %d bytes", len(got))
		}
		if wait, ok := preferWait(h); wait < 0 || wait > maxWait || !ok && wait != 0 {
			t.Fatalf("the wait is %s", wait)
		}
		if _, _, p := mediaType(h); p != nil && p.Status >= 500 {
			t.Fatalf("problem %+v", p)
		}
		matches([]string{match}, `W/"1"`)
	})
}
