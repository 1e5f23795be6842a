package httpapi_test

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"mime/multipart"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"go.uber.org/goleak"

	"github.com/sluicehq/sluice/internal/httpapi"
	"github.com/sluicehq/sluice/internal/operations"
	"github.com/sluicehq/sluice/internal/tenants"
	"github.com/sluicehq/sluice/pkg/backpressure"
	"github.com/sluicehq/sluice/pkg/jobs"
	"github.com/sluicehq/sluice/pkg/jobs/memjobs"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// canary is text that a test puts wherever a request can hold something; no
// answer may repeat it.
const canary = "c4n4ry"

// Keys of the test's tenants.
const (
	acmeKey     = "sl_acme1_0123456789abcdef0123456789abcdef"
	otherKey    = "sl_other1_0123456789abcdef0123456789abcdef"
	operatorKey = "sl_ops1_0123456789abcdef0123456789abcdef"
)

func hashOf(key string) string {
	sum := sha256.Sum256([]byte(key))
	return hex.EncodeToString(sum[:])
}

// keyHolders are acme, which may not use critical, another one and an operator.
func keyHolders() []httpapi.Tenant {
	return []httpapi.Tenant{
		{Name: "acme", KeySHA256: []string{hashOf(acmeKey)}, Lanes: []jobs.Lane{jobs.Interactive, jobs.Standard, jobs.Batch}},
		{Name: "other", KeySHA256: []string{hashOf(otherKey)}},
		{Name: "ops", KeySHA256: []string{hashOf(operatorKey)}, Operator: true},
	}
}

// api is the API over a memory engine, behind a real server.
type api struct {
	t       *testing.T
	url     string
	client  *http.Client
	engine  *memjobs.Engine
	control *backpressure.Controller
	watch   *watcher
	cancels *cancels
	tenants *tenants.Directory
	drain   chan struct{}
	ids     atomic.Int64

	mu       sync.Mutex
	requests []httpapi.RequestDone
	failures []error
	panics   int
	replays  int
}

// setup changes the API before it starts.
type setup struct {
	cfg    httpapi.Config
	deps   httpapi.Deps
	policy jobs.Policy
}

func newAPI(t *testing.T, change ...func(*setup)) *api {
	t.Helper()
	a := &api{t: t, watch: newWatcher(), cancels: &cancels{}, drain: make(chan struct{})}
	control, err := backpressure.New(backpressure.Config{})
	if err != nil {
		t.Fatal(err)
	}
	a.control = control
	conf := setup{cfg: httpapi.Config{Version: "v1.2.3", Tenants: keyHolders()}}
	conf.deps = httpapi.Deps{
		Admission: control, Schemas: schemas{}, Documents: documents{}, Watcher: a.watch, Canceller: a.cancels, Drain: a.drain,
		Explain: func(j jobs.Job, rows []jobs.Attempt) string {
			return fmt.Sprintf("%d attempts, %s.", len(rows), j.State)
		},
		NewID:  func() jobs.ID { return jobs.ID(fmt.Sprintf("job_%06d", a.ids.Add(1))) },
		Jitter: func() float64 { return 0 },
		Events: a.events(),
	}
	for _, f := range change {
		f(&conf)
	}
	a.engine, err = memjobs.New(memjobs.Config{Policy: conf.policy, Listener: jobs.Listener{Committed: a.watch.tell}})
	if err != nil {
		t.Fatal(err)
	}
	if conf.deps.Engine == nil {
		conf.deps.Engine = a.engine
	} else if f, ok := conf.deps.Engine.(*faulty); ok {
		f.Engine = a.engine
	}
	a.behind(&conf)
	s, err := httpapi.New(conf.cfg, conf.deps)
	if err != nil {
		t.Fatal(err)
	}
	srv := httptest.NewUnstartedServer(nil)
	srv.Config = s.HTTPServer()
	srv.Start()
	a.url = srv.URL
	transport := &http.Transport{}
	a.client = &http.Client{Transport: transport, CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }}
	t.Cleanup(func() {
		transport.CloseIdleConnections()
		srv.Close()
		_ = a.engine.Close()
	})
	return a
}

// behind sets up what operators use, over the memory engine.
func (a *api) behind(conf *setup) {
	a.t.Helper()
	var seeds []tenants.Seed
	for _, t := range conf.cfg.Tenants {
		seeds = append(seeds, tenants.Seed{Name: t.Name, Limits: tenants.Limits{MaxQueued: t.MaxQueued, Lanes: t.Lanes}})
	}
	var err error
	if a.tenants, err = tenants.Open(a.t.Context(), tenants.Config{Engine: a.engine, Spender: a.engine, Seeds: seeds}); err != nil {
		a.t.Fatal(err)
	}
	ops, err := operations.New(operations.Config{Engine: a.engine, Owner: "api-host-1", AskCancel: a.cancels.AskCancel})
	if err != nil {
		a.t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(a.t.Context())
	var wg sync.WaitGroup
	wg.Go(func() { ops.Run(ctx) })
	a.t.Cleanup(func() {
		cancel()
		wg.Wait()
	})
	conf.deps.Tenants, conf.deps.Operations, conf.deps.Archive = a.tenants, ops, a.engine
}

func (a *api) events() httpapi.Events {
	return httpapi.Events{
		Request:     func(d httpapi.RequestDone) { a.mu.Lock(); defer a.mu.Unlock(); a.requests = append(a.requests, d) },
		Replayed:    func(string) { a.mu.Lock(); defer a.mu.Unlock(); a.replays++ },
		StoreFailed: func(_ string, err error) { a.mu.Lock(); defer a.mu.Unlock(); a.failures = append(a.failures, err) },
		Panicked:    func(string, []byte) { a.mu.Lock(); defer a.mu.Unlock(); a.panics++ },
	}
}

// answer is a response read to its end.
type answer struct {
	status int
	header http.Header
	body   []byte
}

func (r answer) json(t testing.TB) map[string]any {
	t.Helper()
	var v map[string]any
	if err := json.Unmarshal(r.body, &v); err != nil {
		t.Fatalf("answer %d is no JSON object: %v: %.300q", r.status, err, r.body)
	}
	return v
}

// text is a member of the answer as text, through objects by dots.
func (r answer) text(t testing.TB, path string) string {
	t.Helper()
	var v any = r.json(t)
	for name := range strings.SplitSeq(path, ".") {
		m, _ := v.(map[string]any)
		v = m[name]
	}
	if v == nil {
		return ""
	}
	return fmt.Sprint(v)
}

// request is one request of a test; the zero values suit most.
type request struct {
	method, path string
	key          string // acme's without
	header       http.Header
	body         io.Reader
	media        string
}

func (a *api) do(r request) answer {
	a.t.Helper()
	req, err := http.NewRequestWithContext(a.t.Context(), r.method, a.url+r.path, r.body)
	if err != nil {
		a.t.Fatal(err)
	}
	if r.header != nil {
		req.Header = r.header.Clone()
	}
	if r.media != "" {
		req.Header.Set("Content-Type", r.media)
	}
	if r.key == "" {
		r.key = acmeKey
	}
	if req.Header.Values("Authorization") == nil && r.key != "none" {
		req.Header.Set("Authorization", "Bearer "+r.key)
	}
	return a.send(req)
}

func (a *api) send(req *http.Request) answer {
	a.t.Helper()
	resp, err := a.client.Do(req)
	if err != nil {
		a.t.Fatal(err)
	}
	defer resp.Body.Close()
	body, err := io.ReadAll(resp.Body)
	if err != nil {
		a.t.Fatal(err)
	}
	return answer{resp.StatusCode, resp.Header, body}
}

func (a *api) get(path string, key ...string) answer {
	a.t.Helper()
	return a.do(request{method: http.MethodGet, path: path, key: strings.Join(key, "")})
}

func (a *api) post(path, body string, header ...string) answer {
	a.t.Helper()
	h := http.Header{}
	for i := 0; i < len(header); i += 2 {
		h.Add(header[i], header[i+1])
	}
	return a.do(request{method: http.MethodPost, path: path, body: strings.NewReader(body), media: "application/json", header: h})
}

// submit posts a text document and answers the new job's id.
func (a *api) submit(body string, header ...string) jobs.ID {
	a.t.Helper()
	r := a.post("/v1/jobs", body, header...)
	if r.status != http.StatusAccepted {
		a.t.Fatalf("submission is answered %d: %s", r.status, r.body)
	}
	return jobs.ID(r.text(a.t, "id"))
}

const plainJob = `{"document":{"text":"Invoice 8812"},"schema":"invoice"}`

// lend takes the next job, as a worker does.
func (a *api) lend() jobs.Loan {
	a.t.Helper()
	loans, err := a.engine.Lend(a.t.Context(), jobs.LendRequest{Worker: "w", Max: 1, Slots: 1})
	if err != nil || len(loans) != 1 {
		a.t.Fatalf("%d loans, error %v", len(loans), err)
	}
	return loans[0]
}

// settle ends a loan.
func (a *api) settle(l jobs.Loan, o jobs.Outcome) {
	a.t.Helper()
	if _, err := a.engine.Finish(a.t.Context(), l.Lease, o); err != nil {
		a.t.Fatal(err)
	}
}

func success() jobs.Outcome {
	return jobs.Outcome{Kind: jobs.Succeed, Tier: 2, Result: &jobs.Result{
		Data:    json.RawMessage(`{"number":"8812","total":120.50}`),
		Fields:  map[string]jobs.Field{"/total": {Confidence: 0.93, ValueFrom: jobs.FromModel, Tier: 2}},
		Quality: jobs.Quality{Tier: 2, ServedModel: "small", Degraded: true, Reasons: []string{"timeout"}, Review: "none"},
		Usage:   jobs.Usage{InputTokens: 1830, OutputTokens: 220, CostMicroUSD: 1100},
	}}
}

func failure() jobs.Outcome {
	return jobs.Outcome{Kind: jobs.Fail, Tier: 1, Failure: &jobs.Failure{Class: "corrupt", Reason: "the document is damaged", Tier: 1, Provider: "near"}}
}

func review() jobs.Outcome {
	return jobs.Outcome{Kind: jobs.ToReview, Tier: 3, Reason: "all_tiers_failed", Candidates: []jobs.Candidate{{Tier: 2, Data: json.RawMessage(`{"number":null}`)}}}
}

// form makes a multipart body out of names and contents.
func form(t testing.TB, parts ...string) (io.Reader, string) {
	t.Helper()
	var buf bytes.Buffer
	w := multipart.NewWriter(&buf)
	for i := 0; i < len(parts); i += 2 {
		part, err := w.CreateFormFile(parts[i], canary+".pdf")
		if err != nil {
			t.Fatal(err)
		}
		if _, err := io.WriteString(part, parts[i+1]); err != nil {
			t.Fatal(err)
		}
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	return &buf, w.FormDataContentType()
}

// watcher wakes waiting requests.
type watcher struct {
	mu      sync.Mutex
	waiting map[jobs.ID][]chan struct{}
}

func newWatcher() *watcher { return &watcher{waiting: map[jobs.ID][]chan struct{}{}} }

func (w *watcher) Watch(id jobs.ID) (<-chan struct{}, func()) {
	c := make(chan struct{}, 1)
	w.mu.Lock()
	defer w.mu.Unlock()
	w.waiting[id] = append(w.waiting[id], c)
	return c, func() {
		w.mu.Lock()
		defer w.mu.Unlock()
		for i, other := range w.waiting[id] {
			if other == c {
				w.waiting[id] = append(w.waiting[id][:i], w.waiting[id][i+1:]...)
			}
		}
	}
}

func (w *watcher) tell(events []jobs.Event) {
	w.mu.Lock()
	defer w.mu.Unlock()
	for _, e := range events {
		for _, c := range w.waiting[e.Job] {
			select {
			case c <- struct{}{}:
			default:
			}
		}
	}
}

// watchers is how many requests wait for the job.
func (w *watcher) watchers(id jobs.ID) int {
	w.mu.Lock()
	defer w.mu.Unlock()
	return len(w.waiting[id])
}

// eventually waits until something that happens elsewhere has happened.
func eventually(t testing.TB, what string, happened func() bool) {
	t.Helper()
	timeout := time.After(time.Minute)
	tick := time.NewTicker(2 * time.Millisecond)
	defer tick.Stop()
	for !happened() {
		select {
		case <-tick.C:
		case <-timeout:
			t.Fatalf("%s did not happen", what)
		}
	}
}

type cancels struct {
	mu    sync.Mutex
	asked []jobs.ID
}

func (c *cancels) AskCancel(id jobs.ID) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.asked = append(c.asked, id)
}

// schemas knows invoice and refuses inline schemas of type broken.
type schemas struct{}

func (schemas) Resolve(spec jobs.Spec) (jobs.Spec, error) {
	switch {
	case spec.Schema == "invoice":
		spec.Schema = "invoice@1"
	case spec.Schema != "":
		return spec, &httpapi.SchemaFault{Unknown: true, Detail: "Known schemas are invoice@1."}
	case strings.Contains(string(spec.SchemaJSON), `"broken"`):
		return spec, &httpapi.SchemaFault{Pointer: "/type", Detail: "The type is not one of JSON Schema."}
	}
	return spec, nil
}

func (schemas) Validate(_ jobs.Spec, data []byte) ([]httpapi.Violation, error) {
	var v map[string]any
	if err := json.Unmarshal(data, &v); err != nil {
		return []httpapi.Violation{{Pointer: "", Reason: "must be an object"}}, nil
	}
	if _, ok := v["number"].(string); !ok {
		return []httpapi.Violation{{Pointer: "/number", Reason: "must be a string"}}, nil
	}
	return nil, nil
}

// documents takes text and refuses what begins with the name of a class.
type documents struct{}

func (documents) Check(data []byte) (string, error) {
	if len(data) == 0 {
		return "", &httpapi.DocumentFault{Class: "empty", Detail: "The document has no bytes."}
	}
	for _, class := range []string{"encrypted", "corrupt", "too_large", "too_many_pages", "unsupported_type", "needs_ocr"} {
		if bytes.HasPrefix(data, []byte(class)) {
			return "", &httpapi.DocumentFault{Class: class, Detail: "The document is refused."}
		}
	}
	if bytes.HasPrefix(data, []byte("broken checker")) {
		return "", errors.New(canary)
	}
	if bytes.HasPrefix(data, []byte("panic")) {
		panic(canary)
	}
	return "text/plain", nil
}

// faulty is an engine whose calls fail on request.
type faulty struct {
	httpapi.Engine
	mu   sync.Mutex
	err  error
	data json.RawMessage // of every result
}

func (f *faulty) fail(err error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.err = err
}

// garble makes every job read have a result with the data.
func (f *faulty) garble(data json.RawMessage) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.data = data
}

func (f *faulty) failing() error {
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.err
}

func (f *faulty) Accept(ctx context.Context, subs []jobs.Submission) ([]jobs.Acceptance, error) {
	if err := f.failing(); err != nil {
		return nil, err
	}
	return f.Engine.Accept(ctx, subs)
}

func (f *faulty) Get(ctx context.Context, tenant string, id jobs.ID) (jobs.Job, error) {
	if err := f.failing(); err != nil {
		return jobs.Job{}, err
	}
	j, err := f.Engine.Get(ctx, tenant, id)
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.data != nil {
		j.Result = &jobs.Result{Data: f.data}
	}
	return j, err
}

func (f *faulty) Stats(ctx context.Context) (jobs.Stats, error) {
	if err := f.failing(); err != nil {
		return jobs.Stats{}, err
	}
	return f.Engine.Stats(ctx)
}
