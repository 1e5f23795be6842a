package app

import (
	"errors"

	"github.com/sluicehq/sluice/internal/app/config"
	"github.com/sluicehq/sluice/internal/document"
	"github.com/sluicehq/sluice/internal/extract"
	"github.com/sluicehq/sluice/internal/extract/anthropic"
	"github.com/sluicehq/sluice/internal/extract/openai"
	"github.com/sluicehq/sluice/internal/extract/schema"
	"github.com/sluicehq/sluice/internal/extract/wire"
	"github.com/sluicehq/sluice/internal/httpapi"
	"github.com/sluicehq/sluice/internal/ladder"
	"github.com/sluicehq/sluice/internal/strictjson"
	"github.com/sluicehq/sluice/pkg/jobs"
)

// extraction joins the extractor to the ladder and to the API.
type extraction struct {
	*extract.Extractor
	clients []*wire.Client
}

// newExtraction makes an extractor with a client for each configured route, in
// the order of [modelsOf].
func newExtraction(c config.Config) (*extraction, error) {
	x := &extraction{}
	var models []extract.Model
	for i, r := range []config.Route{c.Primary, c.Fallback} {
		if !r.Configured() {
			continue
		}
		client, err := newClient(r)
		if err != nil {
			return nil, err
		}
		x.clients = append(x.clients, client)
		models = append(models, extract.Model{Tier: i + 1, Caller: client, MaxOutput: r.MaxOutput})
	}
	schemas, err := schema.NewRegistry()
	if err != nil {
		return nil, err
	}
	x.Extractor, err = extract.New(extract.Config{Schemas: schemas, Models: models})
	return x, err
}

// newClient makes a client that speaks the route's wire format.
func newClient(r config.Route) (*wire.Client, error) {
	c := wire.Config{
		BaseURL: r.URL, Model: r.Model, APIKey: wire.Secret(r.APIKey.Reveal()),
		Format: wire.Format(r.Format), Reasoning: r.Reasoning,
	}
	if r.API == config.APIAnthropic {
		return anthropic.New(c)
	}
	return openai.New(c)
}

// close drops the connections to the models.
func (x *extraction) close() {
	for _, c := range x.clients {
		c.Close()
	}
}

// prepare readies an extraction for the ladder.
func (x *extraction) prepare(spec jobs.Spec, text document.Text) (ladder.Extraction, error) {
	return x.Prepare(spec, text)
}

// Resolve implements httpapi.Schemas: it pins the version of a named schema.
func (x *extraction) Resolve(spec jobs.Spec) (jobs.Spec, error) {
	s, err := x.Schema(spec)
	if bad, ok := errors.AsType[*schema.Error](err); ok {
		return spec, &httpapi.SchemaFault{Pointer: bad.Pointer, Detail: bad.Message}
	}
	if errors.Is(err, schema.ErrUnknown) {
		return spec, &httpapi.SchemaFault{Unknown: true, Detail: "no schema has this name"}
	}
	if err != nil {
		return spec, err
	}
	if spec.Schema != "" {
		spec.Schema = s.Name()
	}
	return spec, nil
}

// Validate implements httpapi.Schemas.
func (x *extraction) Validate(spec jobs.Spec, data []byte) ([]httpapi.Violation, error) {
	s, err := x.Schema(spec)
	if err != nil {
		return nil, err
	}
	value, err := strictjson.Decode(data, strictjson.Limits{})
	if bad, ok := errors.AsType[*strictjson.ParseError](err); ok {
		return []httpapi.Violation{{Reason: "is not strict JSON: " + string(bad.Fault)}}, nil
	}
	if err != nil {
		return nil, err
	}
	problems := s.Validate(value)
	violations := make([]httpapi.Violation, len(problems))
	for i, p := range problems {
		violations[i] = httpapi.Violation{Pointer: p.Pointer, Reason: p.Message}
	}
	return violations, nil
}
