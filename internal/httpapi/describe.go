package httpapi

import (
	"maps"

	"github.com/danielgtaylor/huma/v2"

	"github.com/sluicehq/sluice/pkg/jobs"
)

// The functions below describe requests for /openapi.json. They say what
// package strictjson and the decoder enforce; huma enforces none of it.

func header(name, doc string) *huma.Param {
	return &huma.Param{Name: name, In: "header", Description: doc, Schema: &huma.Schema{Type: huma.TypeString}}
}

func query(name, doc string, schema *huma.Schema) *huma.Param {
	return &huma.Param{Name: name, In: "query", Description: doc, Schema: schema}
}

func idParam() *huma.Param {
	return &huma.Param{
		Name: "id", In: "path", Required: true, Description: "The job's id",
		Schema: &huma.Schema{Type: huma.TypeString, Pattern: `^[0-9A-Za-z_-]{1,64}$`},
	}
}

func integer(least, most float64) *huma.Schema {
	return &huma.Schema{Type: huma.TypeInteger, Minimum: &least, Maximum: &most}
}

func text(doc string) *huma.Schema { return &huma.Schema{Type: huma.TypeString, Description: doc} }

// enum lists words as a schema does.
func enum[T ~string](words []T) []any {
	all := make([]any, len(words))
	for i, w := range words {
		all[i] = string(w)
	}
	return all
}

func laneSchema() *huma.Schema {
	lanes := jobs.Lanes()
	return &huma.Schema{Type: huma.TypeString, Enum: enum(laneNames(lanes[:])), Default: jobs.Standard.String()}
}

func deadlineSchema() *huma.Schema {
	s := text("How long the machines may take, as a duration from 1s to 168h; by lane 2m, 5m, 1h, 24h without")
	s.Examples = []any{"120s"}
	return s
}

// closed is an object that takes no other members.
func closed(properties map[string]*huma.Schema, required ...string) *huma.Schema {
	return &huma.Schema{Type: huma.TypeObject, Properties: properties, Required: required, AdditionalProperties: false}
}

func optionProperties() map[string]*huma.Schema {
	maxTier := integer(1, 4)
	maxTier.Description = "The last tier the job may reach"
	one := 1
	return map[string]*huma.Schema{
		"schema":      {Type: huma.TypeString, MinLength: &one, Description: "Name of a registered schema, such as invoice or invoice@1"},
		"schema_json": {Type: huma.TypeObject, Description: "A JSON Schema (2020-12) instead of a name", AdditionalProperties: true},
		"lane":        laneSchema(),
		"deadline":    deadlineSchema(),
		"risk":        {Type: huma.TypeString, Enum: []any{"standard", "high"}, Description: "With high no lower tier ends the job by itself"},
		"policy": closed(map[string]*huma.Schema{
			"accept_degraded": {Type: huma.TypeBoolean, Default: true, Description: "Whether a lower tier may answer"},
			"max_tier":        maxTier,
			"max_cost_usd":    {Type: huma.TypeNumber, Description: "The most money for model calls, with at most 6 decimals"},
		}),
		"labels": {Type: huma.TypeObject, Description: "Up to 16 labels to find the job by", AdditionalProperties: &huma.Schema{Type: huma.TypeString}},
	}
}

func submissionBody() *huma.RequestBody {
	whole := optionProperties()
	whole["document"] = closed(map[string]*huma.Schema{
		"text":   text("The document as text"),
		"base64": {Type: huma.TypeString, ContentEncoding: "base64", Description: "The document's bytes, instead of text"},
		"mime":   text("What the sender takes it for; the type is found by content"),
	})
	return &huma.RequestBody{
		Required: true,
		Content: map[string]*huma.MediaType{
			"application/json": {Schema: closed(whole, "document")},
			"multipart/form-data": {
				Schema: closed(map[string]*huma.Schema{
					"document": {Type: huma.TypeString, Format: "binary", Description: "The document's bytes"},
					"options":  closed(optionProperties()),
				}, "document", "options"),
				Encoding: map[string]*huma.Encoding{"options": {ContentType: "application/json"}},
			},
		},
	}
}

// commandBody describes a command's body: reason and version, and more.
func commandBody(more map[string]*huma.Schema, required ...string) *huma.RequestBody {
	least := 1.0
	properties := map[string]*huma.Schema{
		"reason":  text("Why, for the job's history; at most 512 bytes"),
		"version": {Type: huma.TypeInteger, Minimum: &least, Description: "Refuse (409) unless the job has this version"},
	}
	maps.Copy(properties, more)
	return &huma.RequestBody{
		Required: len(required) > 0,
		Content:  map[string]*huma.MediaType{"application/json": {Schema: closed(properties, required...)}},
	}
}

func filterParams(states []jobs.State) []*huma.Param {
	plain := func() *huma.Schema { return &huma.Schema{Type: huma.TypeString} }
	list := func(values []any) *huma.Schema {
		return &huma.Schema{Type: huma.TypeArray, Items: &huma.Schema{Type: huma.TypeString, Enum: values}}
	}
	moment := func() *huma.Schema { return &huma.Schema{Type: huma.TypeString, Format: "date-time"} }
	params := []*huma.Param{
		query("state", "States, with commas", list(enum(states))),
		query("lane", "Lanes, with commas", list(laneSchema().Enum)),
		query("tenant", "A tenant; others than one's own for operators", plain()),
		query("schema", "Name of the schema as the job has it", plain()),
		query("tier", "The tier that ended or last worked on the job", integer(1, 4)),
		query("class", "Error classes of the failure, with commas", list(nil)),
		query("provider", "Provider of the failure", plain()),
		query("label.*", "label.k=v keeps jobs whose label k is v", plain()),
		query("accepted_after", "Accepted at this time or later", moment()),
		query("accepted_before", "Accepted before this time", moment()),
		query("updated_after", "Last changed at this time or later: for a dead letter, when it became one", moment()),
		query("updated_before", "Last changed before this time", moment()),
		query("batch", "Jobs of a batch", plain()),
		query("reason", "Why jobs are parked, in review or back in their queue, with commas", list(nil)),
		query("limit", "Jobs on a page", integer(1, maxListed)),
		query("cursor", "next_cursor of the page before", plain()),
	}
	no := false
	for _, p := range params {
		if p.Schema.Type == huma.TypeArray {
			p.Explode = &no
		}
	}
	return params
}
