package httpapi

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/sluicehq/sluice/internal/strictjson"
	"github.com/sluicehq/sluice/pkg/jobs"
)

// maxViolations bounds the places that one answer names.
const maxViolations = 16

// decoder reads a checked JSON text into our own shapes and notes every place
// that does not fit.
type decoder struct{ violations []Violation }

// reader reads one value. at is the JSON pointer to it, for what is refused.
type reader func(v strictjson.Value, at string)

// members says how to read each member of an object. What is not named is
// refused.
type members map[string]reader

// noted reads a member and remembers that it was given.
func noted(given map[string]bool, name string, read reader) reader {
	return func(v strictjson.Value, at string) {
		given[name] = true
		read(v, at)
	}
}

func (d *decoder) refuse(at, format string, args ...any) {
	if len(d.violations) < maxViolations {
		d.violations = append(d.violations, Violation{at, fmt.Sprintf(format, args...)})
	}
}

// problem is nil when everything fitted.
func (d *decoder) problem() *Problem {
	if len(d.violations) == 0 {
		return nil
	}
	p := problem(CodeInvalidRequest, "The body does not have the shape that this route takes.")
	p.Errors = d.violations
	return p
}

// object reads an object. A member that is not known is named by its parent
// only, because its name is the caller's.
func (d *decoder) object(v strictjson.Value, at string, known members) {
	if v.Kind() != strictjson.Object {
		d.refuse(at, "must be an object")
		return
	}
	for _, m := range v.Members() {
		read, ok := known[m.Name]
		if !ok {
			d.refuse(at, "has an unknown member; known are %s", strings.Join(sortedNames(known), ", "))
			continue
		}
		read(m.Value, at+"/"+m.Name)
	}
}

func sortedNames(known members) []string {
	names := make([]string, 0, len(known))
	for name := range known {
		names = append(names, name)
	}
	slices.Sort(names)
	return names
}

// text reads a string for people, or a word of at most as many bytes.
func (d *decoder) text(into *string) reader {
	return func(v strictjson.Value, at string) {
		text := v.Text()
		switch {
		case v.Kind() != strictjson.String:
			d.refuse(at, "must be a string")
		case len(text) > jobs.MaxReasonBytes:
			d.refuse(at, "must have at most %d bytes", jobs.MaxReasonBytes)
		default:
			*into = string(text)
		}
	}
}

// name reads the name of a schema.
func (d *decoder) name(into *string) reader {
	return func(v strictjson.Value, at string) {
		if text := v.Text(); len(text) == 0 || len(text) > jobs.MaxIDLength {
			d.refuse(at, "must be a string of 1 to %d bytes", jobs.MaxIDLength)
			return
		}
		*into = string(v.Text())
	}
}

func (d *decoder) risk(into *jobs.Risk) reader {
	return func(v strictjson.Value, at string) {
		switch risk := jobs.Risk(v.Text()); risk {
		case jobs.RiskStandard, jobs.RiskHigh:
			*into = risk
		default:
			d.refuse(at, "must be standard or high")
		}
	}
}

func (d *decoder) boolean(into *bool) reader {
	return func(v strictjson.Value, at string) {
		if v.Kind() != strictjson.Bool {
			d.refuse(at, "must be true or false")
			return
		}
		*into = v.True()
	}
}

func (d *decoder) integer(into *int64, least, most int64) reader {
	return func(v strictjson.Value, at string) {
		n, ok := v.Int()
		if !ok || n < least || n > most {
			d.refuse(at, "must be an integer from %d to %d", least, most)
			return
		}
		*into = n
	}
}

func (d *decoder) lane(into **jobs.Lane) reader {
	return func(v strictjson.Value, at string) {
		lane, err := jobs.ParseLane(string(v.Text()))
		if err != nil {
			d.refuse(at, "must be critical, interactive, standard or batch")
			return
		}
		*into = &lane
	}
}

// Bounds of a deadline: below a second nothing can be done, and above a week a
// job is no longer waited for.
const (
	minDeadline = time.Second
	maxDeadline = 7 * 24 * time.Hour
)

func (d *decoder) deadline(into *time.Duration) reader {
	return d.span(into, "120s", minDeadline, maxDeadline)
}

// maxCostUSD bounds the money that one job may be given.
const maxCostUSD = 10_000

// usd reads the money that a job may be given.
func (d *decoder) usd(into *int64) reader {
	return func(v strictjson.Value, at string) {
		micro, ok := microDollars(string(v.Raw()), maxCostUSD)
		if v.Kind() != strictjson.Number || !ok || micro == 0 {
			d.refuse(at, "must be a plain number from 0.000001 to %d with at most 6 decimals", maxCostUSD)
			return
		}
		*into = micro
	}
}

func (d *decoder) labels(into *map[string]string) reader {
	return func(v strictjson.Value, at string) {
		if v.Kind() != strictjson.Object || len(v.Members()) > jobs.MaxLabels {
			d.refuse(at, "must be an object of at most %d labels", jobs.MaxLabels)
			return
		}
		labels := make(map[string]string, len(v.Members()))
		for _, m := range v.Members() {
			if jobs.ID(m.Name).Validate() != nil {
				d.refuse(at, "a label's name must be 1 to %d characters of 0-9 A-Z a-z _ -", jobs.MaxIDLength)
				return
			}
			text := m.Value.Text()
			if m.Value.Kind() != strictjson.String || len(text) > jobs.MaxLabelBytes {
				d.refuse(at, "a label's value must be a string of at most %d bytes", jobs.MaxLabelBytes)
				return
			}
			labels[m.Name] = string(text)
		}
		if len(labels) > 0 {
			*into = labels
		}
	}
}

// schemaJSON keeps a copy of an inline schema without insignificant space.
func (d *decoder) schemaJSON(into *json.RawMessage) reader {
	return func(v strictjson.Value, at string) {
		if v.Kind() != strictjson.Object {
			d.refuse(at, "must be a JSON Schema as an object")
			return
		}
		var compact bytes.Buffer
		if err := json.Compact(&compact, v.Raw()); err != nil || compact.Len() > jobs.MaxSchemaBytes {
			d.refuse(at, "must have at most %d bytes", jobs.MaxSchemaBytes)
			return
		}
		*into = compact.Bytes()
	}
}

// parse reads JSON strictly.
func parse(data []byte) (strictjson.Value, *Problem) {
	v, err := strictjson.Parse(data, strictjson.Limits{})
	if err == nil {
		return v, nil
	}
	fault, at := strictjson.Syntax, ""
	if parseErr, ok := errors.AsType[*strictjson.ParseError](err); ok {
		fault, at = parseErr.Fault, ourPointer(parseErr.Path)
	}
	return v, problem(CodeMalformedJSON, "The JSON is refused: %s.", fault).at(at, string(fault))
}

// ourPointer is the JSON pointer to the part of a path that consists of our
// own names: the rest is the caller's and stays unsaid.
func ourPointer(path []string) string {
	var at strings.Builder
	for _, name := range path {
		if !slices.Contains(ourNames(), name) {
			break
		}
		at.WriteString("/" + name)
	}
	return at.String()
}

// ourNames are the members that some route takes and that hold no names of the
// caller's own, or hold only such.
func ourNames() []string {
	return []string{
		"document", "text", "base64", "mime", "schema", "schema_json", "lane", "deadline", "risk", "policy",
		"accept_degraded", "max_tier", "max_cost_usd", "labels", "reason", "version", "data",
		"name", "weight", "max_running", "max_queued", "lanes", "requests_per_second", "requests_burst", "bytes_per_second", "bytes_burst",
		"cost_usd_per_day", "until", "for", "refuse_intake", "draft", "action", "filter", "rate", "max", "stop_if", "failure_rate", "window",
		"dry_run", "state", "tenant", "tier", "class", "provider", "batch", "accepted_after", "accepted_before", "updated_after", "updated_before",
	}
}
