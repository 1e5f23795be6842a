package jobstest

import (
	"bytes"
	"encoding/json"
	"errors"
	"reflect"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"github.com/sluicehq/sluice/pkg/jobs"
)

// sameValues compares jobs and records as values: empty and absent maps and
// lists are the same, and so are two spellings of the same JSON, as long as
// every digit of its numbers is kept.
func sameValues() cmp.Option {
	return cmp.Options{
		cmpopts.EquateEmpty(),
		cmp.FilterValues(bothJSON, cmp.Transformer("json", decode)),
	}
}

// difference says how got differs from want as values, or nothing.
func difference(want, got any) string {
	if reflect.DeepEqual(want, got) {
		return "" // what is alike in memory is alike, and found out faster
	}
	return cmp.Diff(want, got, sameValues())
}

func bothJSON(a, b json.RawMessage) bool { return json.Valid(a) && json.Valid(b) }

func decode(raw json.RawMessage) any {
	d := json.NewDecoder(bytes.NewReader(raw))
	d.UseNumber()
	var v any
	if err := d.Decode(&v); err != nil {
		return err
	}
	return v
}

// kinds are the error kinds that callers act on.
func kinds() []error {
	return []error{
		jobs.ErrInvalid, jobs.ErrNotFound, jobs.ErrConflict, jobs.ErrStaleLease, jobs.ErrUnavailable, jobs.ErrClosed,
	}
}

// kindOf names the kind of err: "" for nil, "unknown" for one that callers
// could not act on.
func kindOf(err error) string {
	if err == nil {
		return ""
	}
	for _, k := range kinds() {
		if errors.Is(err, k) {
			return k.Error()
		}
	}
	return "unknown: " + err.Error()
}
