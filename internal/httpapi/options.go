package httpapi

import (
	"crypto/sha256"
	"encoding/base64"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"mime"
	"time"

	"github.com/sluicehq/sluice/internal/strictjson"
	"github.com/sluicehq/sluice/pkg/jobs"
)

// options are what a caller asks of a job, apart from its document. Zero
// fields were not given.
type options struct {
	Schema        string            `json:"schema,omitempty"`
	SchemaJSON    json.RawMessage   `json:"schema_json,omitempty"`
	Lane          *jobs.Lane        `json:"lane,omitempty"`
	Deadline      time.Duration     `json:"deadline,omitempty"`
	Risk          jobs.Risk         `json:"risk,omitempty"`
	RefuseLower   bool              `json:"refuse_degraded,omitempty"`
	MaxTier       int64             `json:"max_tier,omitempty"`
	MaxCostMicros int64             `json:"max_cost,omitempty"`
	Labels        map[string]string `json:"labels,omitempty"`
}

// members are the options' names in the API.
func (o *options) members(d *decoder) members {
	return members{
		"schema":      d.name(&o.Schema),
		"schema_json": d.schemaJSON(&o.SchemaJSON),
		"lane":        d.lane(&o.Lane),
		"deadline":    d.deadline(&o.Deadline),
		"risk":        d.risk(&o.Risk),
		"policy": func(v strictjson.Value, at string) {
			acceptDegraded := true
			d.object(v, at, members{
				"accept_degraded": d.boolean(&acceptDegraded),
				"max_tier":        d.integer(&o.MaxTier, 1, 4),
				"max_cost_usd":    d.usd(&o.MaxCostMicros),
			})
			o.RefuseLower = !acceptDegraded
		},
		"labels": d.labels(&o.Labels),
	}
}

// complete notes what is missing once all members were read.
func (o *options) complete(d *decoder) {
	if (o.Schema == "") == (len(o.SchemaJSON) == 0) && len(d.violations) == 0 {
		d.refuse("/schema", "exactly one of schema and schema_json must be given")
	}
}

// spec is what the job keeps of the options.
func (o options) spec() jobs.Spec {
	return jobs.Spec{
		Schema: o.Schema, SchemaJSON: o.SchemaJSON, Risk: o.Risk, RequireFull: o.RefuseLower,
		MaxTier: int(o.MaxTier), MaxCostMicroUSD: o.MaxCostMicros,
	}
}

// lane is the lane asked for, standard without one.
func (o options) lane() jobs.Lane {
	if o.Lane == nil {
		return jobs.Standard
	}
	return *o.Lane
}

// defaultDeadline is how long a job of the lane may take when the caller does
// not say.
func defaultDeadline(l jobs.Lane) time.Duration {
	return [jobs.NumLanes]time.Duration{
		jobs.Critical: 2 * time.Minute, jobs.Interactive: 5 * time.Minute,
		jobs.Standard: time.Hour, jobs.Batch: 24 * time.Hour,
	}[l]
}

// fingerprint identifies the request: the same options and document of the
// same tenant, however they were written.
func (o options) fingerprint(tenant, documentHash string) (string, error) {
	canonical, err := json.Marshal(struct {
		Tenant   string  `json:"tenant"`
		Document string  `json:"document"`
		Options  options `json:"options"`
	}{tenant, documentHash, o})
	if err != nil {
		return "", fmt.Errorf("fingerprint: %w", err)
	}
	sum := sha256.Sum256(canonical)
	return hex.EncodeToString(sum[:]), nil
}

// decodeOptions reads the part "options" of a multipart body.
func decodeOptions(data []byte) (options, *Problem) {
	v, p := parse(data)
	if p != nil {
		return options{}, p
	}
	var o options
	d := &decoder{}
	d.object(v, "", o.members(d))
	o.complete(d)
	return o, d.problem()
}

// decodeSubmission reads a JSON body: the options, and the document as text or
// in base64. The document's memory is paid for by l.
func decodeSubmission(data []byte, l *lease) (options, []byte, *Problem) {
	v, p := parse(data)
	if p != nil {
		return options{}, nil, p
	}
	var o options
	var document []byte
	d := &decoder{}
	known := o.members(d)
	given := false
	known["document"] = func(v strictjson.Value, at string) {
		given = true
		document, p = d.document(v, at, l)
	}
	d.object(v, "", known)
	if p != nil {
		return options{}, nil, p
	}
	if !given {
		d.refuse("/document", "is missing")
	}
	o.complete(d)
	return o, document, d.problem()
}

// document reads {"text": …} or {"base64": …, "mime": …}.
func (d *decoder) document(v strictjson.Value, at string, l *lease) (data []byte, p *Problem) {
	given := 0
	paid := func(decode func(text []byte, at string) []byte) reader {
		return func(v strictjson.Value, at string) {
			given++
			if v.Kind() != strictjson.String {
				d.refuse(at, "must be a string")
				return
			}
			if p = pay(l, len(v.Raw())); p == nil {
				data = decode(v.Text(), at)
			}
		}
	}
	d.object(v, at, members{
		"text":   paid(func(text []byte, _ string) []byte { return append([]byte{}, text...) }),
		"base64": paid(d.base64),
		"mime": func(v strictjson.Value, at string) {
			// A hint for people: the type is found by content.
			if _, _, err := mime.ParseMediaType(string(v.Text())); err != nil || len(v.Text()) > 128 {
				d.refuse(at, "must be a media type")
			}
		},
	})
	if given != 1 && p == nil && v.Kind() == strictjson.Object {
		d.refuse(at, "exactly one of text and base64 must be given")
	}
	return data, p
}

func pay(l *lease, n int) *Problem {
	if err := l.grow(int64(n)); err != nil {
		return bodyProblem(err, 0)
	}
	return nil
}

func (d *decoder) base64(text []byte, at string) []byte {
	data := make([]byte, base64.StdEncoding.DecodedLen(len(text)))
	n, err := base64.StdEncoding.Strict().Decode(data, text)
	if err != nil {
		d.refuse(at, "must be base64 with the standard alphabet and padding")
		return nil
	}
	return data[:n]
}
