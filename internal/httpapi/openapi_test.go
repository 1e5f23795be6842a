package httpapi_test

import (
	"net/http"
	"os"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/santhosh-tekuri/jsonschema/v6"

	"github.com/sluicehq/sluice/internal/httpapi"
	"github.com/sluicehq/sluice/pkg/backpressure"
	"github.com/sluicehq/sluice/pkg/jobs"
	"github.com/sluicehq/sluice/pkg/jobs/memjobs"
)

// completeDeps are dependencies that New takes.
func completeDeps(t testing.TB) httpapi.Deps {
	t.Helper()
	control, err := backpressure.New(backpressure.Config{})
	if err != nil {
		t.Fatal(err)
	}
	engine, err := memjobs.New(memjobs.Config{})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = engine.Close() })
	return httpapi.Deps{
		Engine: engine, Admission: control, Schemas: schemas{}, Documents: documents{}, Watcher: newWatcher(), Canceller: &cancels{},
		Explain: func(jobs.Job, []jobs.Attempt) string { return "" }, NewID: func() jobs.ID { return "job_1" },
	}
}

func TestTheDescriptionNamesEveryRoute(t *testing.T) {
	t.Parallel()
	a := newAPI(t)
	got := a.operations()
	slices.Sort(got)
	want := []string{
		"DELETE /v1/admin/tenants/{tenant}", "DELETE /v1/jobs/{id}",
		"GET /livez", "GET /openapi.json", "GET /readyz", "GET /v1/admin/tenants", "GET /v1/admin/tenants/{tenant}",
		"GET /v1/dlq", "GET /v1/dlq/count", "GET /v1/dlq/groups", "GET /v1/dlq/{id}", "GET /v1/jobs", "GET /v1/jobs/{id}",
		"GET /v1/jobs/{id}/attempts", "GET /v1/jobs/{id}/result", "GET /v1/lanes", "GET /v1/operations", "GET /v1/operations/{id}",
		"GET /v1/operations/{id}/audit", "GET /version", "PATCH /v1/admin/tenants/{tenant}",
		"POST /v1/admin/tenants", "POST /v1/admin/tenants/{tenant}/pause", "POST /v1/admin/tenants/{tenant}/reset",
		"POST /v1/admin/tenants/{tenant}/resume", "POST /v1/jobs", "POST /v1/jobs/{id}/cancel", "POST /v1/jobs/{id}/claim",
		"POST /v1/jobs/{id}/complete", "POST /v1/jobs/{id}/draft", "POST /v1/jobs/{id}/move", "POST /v1/jobs/{id}/reject",
		"POST /v1/jobs/{id}/requeue", "POST /v1/jobs/{id}/send-back", "POST /v1/jobs/{id}/unclaim", "POST /v1/operations",
		"POST /v1/operations/{id}/cancel", "POST /v1/operations/{id}/pause", "POST /v1/operations/{id}/resume", "POST /v1/operations/{id}/start",
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("operations (-want +got):\n%s", diff)
	}
	r := a.get("/openapi.json", "none")
	if r.text(t, "openapi") != "3.1.0" || r.text(t, "info.version") != "v1.2.3" || r.header.Get("Content-Type") != "application/json" {
		t.Errorf("description: %.200s", r.body)
	}
	for _, leftover := range []string{"ErrorModel", "$schema", "unpkg"} {
		if strings.Contains(string(r.body), leftover) {
			t.Errorf("the description mentions %s", leftover)
		}
	}
	for _, ref := range regexp.MustCompile(`"#/components/schemas/([^"]+)"`).FindAllStringSubmatch(string(r.body), -1) {
		if !strings.Contains(string(r.body), `"`+ref[1]+`":{`) {
			t.Errorf("the description refers to %s, which is not there", ref[1])
		}
	}
}

// shape compiles the schema of an operation's answer or request.
func shape(t *testing.T, a *api, pointer string) *jsonschema.Schema {
	t.Helper()
	doc, err := jsonschema.UnmarshalJSON(strings.NewReader(string(a.get("/openapi.json").body)))
	if err != nil {
		t.Fatal(err)
	}
	c := jsonschema.NewCompiler()
	if err := c.AddResource("spec.json", doc); err != nil {
		t.Fatal(err)
	}
	s, err := c.Compile("spec.json#" + pointer)
	if err != nil {
		t.Fatal(err)
	}
	return s
}

func fits(t *testing.T, s *jsonschema.Schema, body []byte) error {
	t.Helper()
	v, err := jsonschema.UnmarshalJSON(strings.NewReader(string(body)))
	if err != nil {
		t.Fatal(err)
	}
	return s.Validate(v)
}

func TestAnswersFitTheDescription(t *testing.T) {
	t.Parallel()
	a := newAPI(t)
	const schema = "/get/responses/200/content/application~1json/schema"
	job := shape(t, a, "/paths/~1v1~1jobs~1{id}"+schema)
	for _, id := range []jobs.ID{a.submit(plainJob, "Idempotency-Key", "k")} {
		if err := fits(t, job, a.get("/v1/jobs/"+string(id)).body); err != nil {
			t.Error(err)
		}
	}
	l := a.lend()
	row := jobs.Attempt{N: 1, Tier: 1, Kind: jobs.CallAttempt, Provider: "near", StartedAt: l.Job.StartedAt, Outcome: jobs.AttemptError, Class: "rate"}
	if err := a.engine.PutAttempts(t.Context(), l.Lease, row); err != nil {
		t.Fatal(err)
	}
	a.settle(l, success())
	ids := []jobs.ID{l.Job.ID, a.failed(), a.reviewed()}
	for _, id := range ids {
		for path, pointer := range map[string]string{
			"/v1/jobs/" + string(id): "/paths/~1v1~1jobs~1{id}", "/v1/jobs/" + string(id) + "/attempts": "/paths/~1v1~1jobs~1{id}~1attempts",
			"/v1/dlq/" + string(id): "/paths/~1v1~1dlq~1{id}", "/v1/jobs": "/paths/~1v1~1jobs",
		} {
			if err := fits(t, shape(t, a, pointer+schema), a.get(path).body); err != nil {
				t.Errorf("%s: %v", path, err)
			}
		}
	}
	problem := shape(t, a, "/paths/~1v1~1jobs~1{id}/get/responses/default/content/application~1problem+json/schema")
	for _, r := range []answer{a.get("/v1/jobs/none"), a.get("/v1/jobs?limit=0"), a.post("/v1/jobs", `{}`)} {
		if err := fits(t, problem, r.body); err != nil {
			t.Error(err)
		}
	}
	if fits(t, problem, []byte(`{"status":"x"}`)) == nil {
		t.Error("the problem's schema takes anything")
	}
}

func TestTheDescriptionOfRequestsAgreesWithTheDecoder(t *testing.T) {
	t.Parallel()
	a := newAPI(t)
	s := shape(t, a, "/paths/~1v1~1jobs/post/requestBody/content/application~1json/schema")
	good := []string{
		plainJob,
		`{"document":{"base64":"YQ==","mime":"text/plain"},"schema_json":{"type":"object","x":1},"lane":"batch","deadline":"90s","risk":"high",
			"policy":{"accept_degraded":false,"max_tier":3,"max_cost_usd":1.5},"labels":{"a":"b"}}`,
	}
	for _, body := range good {
		if r := a.post("/v1/jobs", body); r.status != http.StatusAccepted {
			t.Errorf("the decoder refuses %s: %s", body, r.body)
		}
		if err := fits(t, s, []byte(body)); err != nil {
			t.Errorf("the description refuses %s: %v", body, err)
		}
	}
	// What a schema can say at all, it says as the decoder does.
	beyond := []string{"deadline", "money", "media type", "base64", "two schemas", "no schema", "text and base64", "an empty document", "label", "long", "large", "an unknown schema", "unusable"}
	for _, row := range badMembers() {
		if slices.ContainsFunc(beyond, func(word string) bool { return strings.Contains(row.name, word) }) || row.status == http.StatusForbidden {
			continue
		}
		if fits(t, s, []byte(row.body)) == nil && row.name != "member: tier 1.0" { // 1.0 is an integer to JSON Schema
			t.Errorf("the description takes what the decoder refuses: %s", row.name)
		}
	}
}

func TestTheListOfProblemsIsComplete(t *testing.T) {
	t.Parallel()
	page, err := os.ReadFile("../../docs/problems.md")
	if err != nil {
		t.Fatal(err)
	}
	documented := map[string]string{}
	for _, m := range regexp.MustCompile("(?m)^\\| `([a-z_]+)` \\| (\\d+) \\| (yes|no) \\|").FindAllStringSubmatch(string(page), -1) {
		documented[m[1]] = m[2] + " " + m[3]
	}
	table := map[string]string{}
	for _, k := range httpapi.Problems() {
		retry := "no"
		if k.Retryable {
			retry = "yes"
		}
		table[string(k.Code)] = strconv.Itoa(k.Status) + " " + retry
	}
	if diff := cmp.Diff(table, documented); diff != "" {
		t.Errorf("the table in code (-) and docs/problems.md (+) differ:\n%s", diff)
	}
	for _, r := range backpressure.Reasons() {
		if r.Status() == http.StatusAccepted {
			continue
		}
		if got := table[string(r)]; !strings.HasPrefix(got, strconv.Itoa(r.Status())) {
			t.Errorf("reason %s has status %d and the problem %q", r, r.Status(), got)
		}
	}
}
