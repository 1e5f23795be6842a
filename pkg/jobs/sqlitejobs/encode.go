package sqlitejobs

import (
	"bytes"
	"encoding/json"
	"fmt"
	"maps"

	"github.com/sluicehq/sluice/pkg/jobs"
)

// spec is the part of a job that is fixed when it is accepted and that nothing
// searches by. It is stored as JSON and shared, never changed, once decoded.
type spec struct {
	Spec      jobs.Spec         `json:"spec"`
	Labels    map[string]string `json:"labels,omitempty"`
	Document  jobs.Document     `json:"document"`
	Parent    jobs.ID           `json:"parent,omitempty"`
	Admission jobs.Admission    `json:"admission"`
}

func specOf(s jobs.Submission) spec {
	return spec{Spec: s.Spec, Labels: s.Labels, Document: s.Document, Parent: s.Parent, Admission: s.Admission}
}

// fill writes copies of s into j.
func (s *spec) fill(j *jobs.Job) {
	j.Spec, j.Labels, j.Document, j.Parent, j.Admission = s.Spec, maps.Clone(s.Labels), s.Document, s.Parent, s.Admission
	j.Spec.SchemaJSON = bytes.Clone(s.Spec.SchemaJSON)
}

// detail is the part of a job's state that nothing searches by. The review is
// without its candidates and draft, which lists leave out.
type detail struct {
	CancelReason string        `json:"cancel_reason,omitempty"`
	Gate         string        `json:"gate,omitempty"`
	Failure      *jobs.Failure `json:"failure,omitempty"`
	Review       *jobs.Review  `json:"review,omitempty"`
}

// candidate is a jobs.Candidate whose data may be missing.
type candidate struct {
	Tier    int                   `json:"tier"`
	Data    json.RawMessage       `json:"data,omitempty"`
	Fields  map[string]jobs.Field `json:"fields,omitempty"`
	Reasons []string              `json:"reasons,omitempty"`
}

// encodeDetail is the JSON of what j has of a detail; empty when it has none.
func encodeDetail(j *jobs.Job) (string, error) {
	if j.CancelReason == "" && j.Gate == "" && j.Failure == nil && j.Review == nil {
		return "", nil
	}
	d := detail{CancelReason: j.CancelReason, Gate: j.Gate, Failure: j.Failure}
	if j.Review != nil {
		review := *j.Review
		review.Candidates, review.Draft = nil, nil
		d.Review = &review
	}
	return encode(d)
}

func decodeDetail(text string, j *jobs.Job) error {
	if text == "" {
		return nil
	}
	var d detail
	if err := json.Unmarshal([]byte(text), &d); err != nil {
		return fmt.Errorf("detail of job %s: %w", j.ID, err)
	}
	j.CancelReason, j.Gate, j.Failure, j.Review = d.CancelReason, d.Gate, d.Failure, d.Review
	return nil
}

func encodeCandidates(cs []jobs.Candidate) (string, error) {
	if len(cs) == 0 {
		return "", nil
	}
	stored := make([]candidate, len(cs))
	for i, c := range cs {
		stored[i] = candidate(c)
	}
	return encode(stored)
}

func decodeCandidates(text string) ([]jobs.Candidate, error) {
	if text == "" {
		return nil, nil
	}
	var stored []candidate
	if err := json.Unmarshal([]byte(text), &stored); err != nil {
		return nil, fmt.Errorf("candidates: %w", err)
	}
	cs := make([]jobs.Candidate, len(stored))
	for i, c := range stored {
		cs[i] = jobs.Candidate(c)
	}
	return cs, nil
}

func encodeResult(r *jobs.Result) (string, error) {
	if r == nil {
		return "", nil
	}
	return encode(r)
}

func decodeResult(text string) (*jobs.Result, error) {
	if text == "" {
		return nil, nil
	}
	r := new(jobs.Result)
	if err := json.Unmarshal([]byte(text), r); err != nil {
		return nil, fmt.Errorf("result: %w", err)
	}
	return r, nil
}

// encode is v as JSON on one line, with < and > as they are: results are
// handed on unchanged.
func encode(v any) (string, error) {
	var b bytes.Buffer
	e := json.NewEncoder(&b)
	e.SetEscapeHTML(false)
	if err := e.Encode(v); err != nil {
		return "", fmt.Errorf("%w: %w", jobs.ErrInvalid, err)
	}
	return string(bytes.TrimSuffix(b.Bytes(), []byte{'\n'})), nil
}
