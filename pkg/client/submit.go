package client

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"mime/multipart"
	"net/http"
	"net/textproto"
	"strconv"
	"strings"
	"time"

	"github.com/sluicehq/sluice/pkg/jobs"
)

// Submission is a document and what is wanted of it.
type Submission struct {
	// Document holds the bytes, of a type that the server finds by content;
	// plain text is UTF-8. Exactly one of Document and Text is set.
	Document []byte
	// Text is a document of plain text.
	Text string
	// Options say what is wanted.
	Options Options
	// IdempotencyKey makes the submission safe to repeat: the same key with
	// the same document and options answers the same job. 1 to 255 printable
	// ASCII characters; empty for none.
	IdempotencyKey string
	// Wait is how long the server may hold the answer back until the job has
	// settled, in whole seconds; 0 answers at once, and more than 30 s count
	// as 30.
	Wait time.Duration
}

// Options are what a caller asks of a job. Zero fields leave the choice to the
// server; only a schema is needed.
type Options struct {
	// Schema names a registered schema, such as "invoice". Exactly one of
	// Schema and SchemaJSON is set.
	Schema string
	// SchemaJSON is a JSON Schema (2020-12).
	SchemaJSON json.RawMessage
	// Lane is critical, interactive, standard or batch; empty means standard.
	Lane string
	// Deadline bounds machine work on the job, 1 s to a week; 0 leaves it to
	// the lane's default.
	Deadline time.Duration
	// Risk is standard or high; empty means standard.
	Risk jobs.Risk
	// RefuseDegraded waits for the primary model, or a person, rather than
	// take an answer from a lower tier.
	RefuseDegraded bool
	// MaxTier is the last tier that may answer, 1 to 4; 0 means 4.
	MaxTier int
	// MaxCostMicroUSD bounds what model calls may cost, in millionths of a US
	// dollar; 0 means no bound.
	MaxCostMicroUSD int64
	// Labels are the caller's own, at most 16.
	Labels map[string]string
}

// Submitted is the answer to a submission.
type Submitted struct {
	Job
	// Replayed is true when an earlier submission with the same key made the
	// job.
	Replayed bool
}

// Submit makes a job. When it returns without an error the job is durable. It
// is worked on unless the answer, after a wait, says that it has settled.
// After [ErrUnavailable] or an ended context a job may have been made:
// repeated with the same idempotency key, the submission makes no second one.
func (c *Client) Submit(ctx context.Context, s Submission) (Submitted, error) {
	r, err := s.call()
	if err != nil {
		return Submitted{}, fmt.Errorf("submit: %w", err)
	}
	j, h, err := c.job(ctx, r, "")
	if err != nil {
		return Submitted{}, fmt.Errorf("submit: %w", err)
	}
	return Submitted{j, h.Get("Idempotent-Replayed") == "true"}, nil
}

func (s Submission) call() (call, error) {
	r := call{method: http.MethodPost, path: "/v1/jobs", header: http.Header{}}
	if (len(s.Document) == 0) == (s.Text == "") {
		return r, fmt.Errorf("%w: exactly one of document and text must be given", ErrInvalid)
	}
	if s.IdempotencyKey != "" {
		if len(s.IdempotencyKey) > jobs.MaxKeyBytes || strings.ContainsFunc(s.IdempotencyKey, func(r rune) bool { return r < ' ' || r > '~' }) {
			return r, fmt.Errorf("%w: the idempotency key is not 1 to %d printable ASCII characters", ErrInvalid, jobs.MaxKeyBytes)
		}
		r.header.Set("Idempotency-Key", s.IdempotencyKey)
	}
	if s.Wait > 0 {
		r.header.Set("Prefer", "wait="+wholeSeconds(s.Wait))
	}
	options, err := s.Options.wire()
	if err != nil {
		return r, err
	}
	document := s.Document
	if s.Text != "" {
		document = []byte(s.Text)
	}
	r.body, r.media, err = form(options, document)
	return r, err
}

// wholeSeconds rounds up, so that a short wait is a wait. An hour stands for all
// that is longer: no server waits so long, and it reads no number of any length.
func wholeSeconds(d time.Duration) string {
	return strconv.FormatInt(int64((min(d, time.Hour)+time.Second-1)/time.Second), 10)
}

// form is the body of a submission: bytes travel as they are.
func form(options, document []byte) (body []byte, media string, err error) {
	var buf bytes.Buffer
	w := multipart.NewWriter(&buf)
	for _, part := range []struct {
		name, media string
		content     []byte
	}{{"options", "application/json", options}, {"document", "application/octet-stream", document}} {
		head := textproto.MIMEHeader{}
		head.Set("Content-Disposition", `form-data; name="`+part.name+`"`)
		head.Set("Content-Type", part.media)
		into, err := w.CreatePart(head)
		if err != nil {
			return nil, "", err
		}
		if _, err := into.Write(part.content); err != nil {
			return nil, "", err
		}
	}
	if err := w.Close(); err != nil {
		return nil, "", err
	}
	return buf.Bytes(), w.FormDataContentType(), nil
}

// wireOptions is the JSON of the part "options".
type wireOptions struct {
	Schema     string            `json:"schema,omitempty"`
	SchemaJSON json.RawMessage   `json:"schema_json,omitempty"`
	Lane       string            `json:"lane,omitempty"`
	Deadline   string            `json:"deadline,omitempty"`
	Risk       jobs.Risk         `json:"risk,omitempty"`
	Policy     *wirePolicy       `json:"policy,omitempty"`
	Labels     map[string]string `json:"labels,omitempty"`
}

type wirePolicy struct {
	AcceptDegraded bool        `json:"accept_degraded"`
	MaxTier        int         `json:"max_tier,omitempty"`
	MaxCostUSD     json.Number `json:"max_cost_usd,omitempty"`
}

func (o Options) wire() ([]byte, error) {
	w := wireOptions{Schema: o.Schema, SchemaJSON: o.SchemaJSON, Lane: o.Lane, Deadline: durationText(o.Deadline), Risk: o.Risk, Labels: o.Labels}
	if len(o.SchemaJSON) > 0 && !json.Valid(o.SchemaJSON) {
		return nil, fmt.Errorf("%w: the schema is not JSON", ErrInvalid)
	}
	if o.RefuseDegraded || o.MaxTier != 0 || o.MaxCostMicroUSD != 0 {
		w.Policy = &wirePolicy{AcceptDegraded: !o.RefuseDegraded, MaxTier: o.MaxTier, MaxCostUSD: usd(o.MaxCostMicroUSD)}
	}
	return json.Marshal(w)
}

// usd writes millionths of a dollar as dollars, exactly; nothing for 0.
func usd(micro int64) json.Number {
	if micro == 0 {
		return ""
	}
	sign := ""
	if micro < 0 {
		sign, micro = "-", -micro
	}
	return json.Number(fmt.Sprintf("%s%d.%06d", sign, micro/1_000_000, micro%1_000_000))
}

// durationText is the API's form of a duration; empty for 0.
func durationText(d time.Duration) string {
	if d == 0 {
		return ""
	}
	return d.String()
}
