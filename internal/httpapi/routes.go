package httpapi

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"reflect"
	"strconv"
	"strings"

	"github.com/danielgtaylor/huma/v2"
	"github.com/danielgtaylor/huma/v2/adapters/humago"

	"github.com/sluicehq/sluice/pkg/jobs"
)

// call is one request to a route.
type call struct {
	w http.ResponseWriter
	r *http.Request
	caller
	// id is the job or operation in the path, on routes that have one.
	id jobs.ID
}

// reply is what a route answers with; its headers are set on call.w.
type reply[B any] struct {
	Status int
	Body   B
}

// input catches the request on its way through huma, which routes, documents
// and writes answers. What a request holds is read by this package itself,
// more strictly than huma would.
type input struct {
	w http.ResponseWriter
	r *http.Request
}

// Resolve implements huma.Resolver.
func (in *input) Resolve(ctx huma.Context) []error {
	in.r, in.w = humago.Unwrap(ctx)
	return nil
}

// route is one operation of the API.
type route struct {
	method, path, id string
	summary, detail  string
	// open routes need no key.
	open bool
	// status is the usual one, and also lists others that are no problems.
	status int
	also   []int
	params []*huma.Param
	body   *huma.RequestBody
}

// add registers a route whose answer has the shape B.
func add[B any](api huma.API, s *Server, rt route, handle func(context.Context, *call) (*reply[B], error)) {
	op := huma.Operation{
		OperationID: rt.id, Method: rt.method, Path: rt.path, Summary: rt.summary, Description: rt.detail,
		DefaultStatus: rt.status, Parameters: rt.params, Responses: map[string]*huma.Response{},
	}
	if !rt.open {
		op.Security = []map[string][]string{{"key": {}}}
	}
	op.Responses["default"] = &huma.Response{
		Description: "A problem",
		Content: map[string]*huma.MediaType{
			problemType: {Schema: api.OpenAPI().Components.Schemas.Schema(reflect.TypeFor[Problem](), true, "Problem")},
		},
	}
	huma.Register(api, op, func(ctx context.Context, in *input) (*reply[B], error) {
		c, p := s.admitCall(in, rt)
		if p != nil {
			return nil, p
		}
		out, err := handle(ctx, c)
		if err != nil {
			return nil, s.asProblem(c, err)
		}
		return out, nil
	})
	document(api.OpenAPI(), rt)
}

// document adds what huma would take for orders: a body described before
// registration would be read by huma, whole and without a limit.
func document(spec *huma.OpenAPI, rt route) {
	item := spec.Paths[rt.path]
	op := map[string]*huma.Operation{
		http.MethodGet: item.Get, http.MethodPost: item.Post, http.MethodPatch: item.Patch, http.MethodDelete: item.Delete,
	}[rt.method]
	op.RequestBody = rt.body
	usual := op.Responses[strconv.Itoa(rt.status)]
	for _, status := range rt.also {
		if status == http.StatusNotModified {
			op.Responses[strconv.Itoa(status)] = &huma.Response{Description: "Not changed since the version in If-None-Match"}
			continue
		}
		same := *usual
		same.Description = http.StatusText(status)
		op.Responses[strconv.Itoa(status)] = &same
	}
}

// admitCall authenticates and reads the job's id.
func (s *Server) admitCall(in *input, rt route) (*call, *Problem) {
	c := &call{w: in.w, r: in.r}
	if rt.open {
		return c, nil
	}
	var p *Problem
	if c.caller, p = s.keys.authenticate(in.r.Header); p != nil {
		return nil, p
	}
	c.caller = s.asKept(c.caller)
	if x, ok := in.w.(*exchange); ok {
		x.tenant = c.Name
	}
	if c.id = jobs.ID(in.r.PathValue("id")); c.id != "" && c.id.Validate() != nil {
		// An id that cannot be is no different from one that is not there.
		return nil, rt.absent()
	}
	return c, nil
}

// absent is the problem for an id that stands for nothing.
func (rt route) absent() *Problem {
	if strings.HasPrefix(rt.path, "/v1/operations/") {
		return problem(CodeOperationNotFound, "No operation with this id belongs to you.")
	}
	return problem(CodeNotFound, "No job with this id belongs to you.")
}

// asProblem makes sure that nothing but problems leaves a route.
func (s *Server) asProblem(c *call, err error) *Problem {
	if p, ok := errors.AsType[*Problem](err); ok {
		return p
	}
	p := storeProblem(err)
	if p.Status >= http.StatusInternalServerError && c.r.Context().Err() == nil {
		s.deps.Events.storeFailed(c.w.Header().Get(requestIDHeader), err)
	}
	return p
}

// newAPI sets huma up without what it does by itself: pages from a CDN,
// $schema members, answers in other formats, closed response schemas.
func (s *Server) newAPI() huma.API {
	s.mux = http.NewServeMux()
	cfg := huma.DefaultConfig("Sluice", s.cfg.Version)
	cfg.OpenAPIPath, cfg.DocsPath, cfg.SchemasPath, cfg.CreateHooks = "", "", "", nil
	cfg.AllowAdditionalPropertiesByDefault = true
	format := huma.Format{Marshal: marshal, Unmarshal: func([]byte, any) error { return errors.New("bodies are read elsewhere") }}
	cfg.Formats = map[string]huma.Format{"application/json": format, "json": format}
	cfg.Transformers = []huma.Transformer{finishProblem}
	cfg.Info.Description = "Documents in, structured fields out."
	cfg.Info.License = &huma.License{Name: "Apache-2.0", Identifier: "Apache-2.0"}
	cfg.Components.SecuritySchemes = map[string]*huma.SecurityScheme{
		"key": {Type: "http", Scheme: "bearer", Description: "An API key, sl_<id>_<secret>"},
	}
	return humago.New(s.mux, cfg)
}

// marshal writes v as JSON. That a client is gone is no error: huma would
// panic over it.
func marshal(w io.Writer, v any) error {
	var buf bytes.Buffer
	enc := json.NewEncoder(&buf)
	enc.SetEscapeHTML(false)
	if err := enc.Encode(v); err != nil {
		return err
	}
	_, _ = w.Write(buf.Bytes())
	return nil
}

// finishProblem gives problems their request id and turns errors that huma
// made itself into problems, without the values it likes to repeat.
func finishProblem(ctx huma.Context, _ string, v any) (any, error) {
	p, ok := v.(*Problem)
	if !ok {
		theirs, isError := v.(*huma.ErrorModel)
		if !isError {
			return v, nil
		}
		if p = problem(CodeInternal, "The error was recorded under the request id."); theirs.Status < http.StatusInternalServerError {
			p = problem(CodeInvalidRequest, "The request does not have the shape that this route takes.")
		}
		p.Status = theirs.Status
	}
	_, w := humago.Unwrap(ctx)
	p.RequestID = w.Header().Get(requestIDHeader)
	if x, ok := w.(*exchange); ok {
		x.code = p.Code
	}
	return p, nil
}

// sealSpec makes /openapi.json once, when all routes are there.
func (s *Server) sealSpec(api huma.API) error {
	spec := api.OpenAPI()
	// Shapes of errors that never leave.
	delete(spec.Components.Schemas.Map(), "ErrorModel")
	delete(spec.Components.Schemas.Map(), "ErrorDetail")
	text, err := json.Marshal(spec)
	if err != nil {
		return fmt.Errorf("describe the API: %w", err)
	}
	s.spec = text
	return nil
}
