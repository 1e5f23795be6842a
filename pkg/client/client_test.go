package client_test

import (
	"errors"
	"io"
	"math"
	"mime"
	"mime/multipart"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/sluicehq/sluice/pkg/client"
	"github.com/sluicehq/sluice/pkg/jobs"
)

func TestAJobIsReadWithMembersFromTheFutureIgnored(t *testing.T) {
	t.Parallel()
	w, c := newWire(t, http.StatusOK, plainJob)
	w.header["ETag"], w.header["Retry-After"] = `W/"7"`, "3"
	j, err := c.Get(t.Context(), "job_1", client.GetOptions{})
	if err != nil {
		t.Fatal(err)
	}
	if j.State != jobs.Succeeded || j.Lane != "leisurely" || j.Run != 2 || j.Labels["source"] != "mail" || !j.Quality.Degraded {
		t.Errorf("job is %+v", j)
	}
	if got := string(j.Result.Data); got != `{"total":120.50}` {
		t.Errorf("data is %s; the digits must stay", got)
	}
	if j.ETag != `W/"7"` || j.RetryAfter != 3*time.Second || !j.Settled() {
		t.Errorf("etag %s, retry after %s, settled %t", j.ETag, j.RetryAfter, j.Settled())
	}
	r := w.last()
	if r.Header.Get("Authorization") != "Bearer "+key || r.Header.Get("User-Agent") != "sluice-client" {
		t.Errorf("headers are %v", r.Header)
	}
}

func TestWaitsAndTagsReachTheServer(t *testing.T) {
	t.Parallel()
	w, c := newWire(t, http.StatusNotModified, "")
	_, err := c.Get(t.Context(), "job_1", client.GetOptions{Wait: 1500 * time.Millisecond, Known: `W/"7"`})
	if !errors.Is(err, client.ErrNotModified) {
		t.Errorf("error is %v, want ErrNotModified", err)
	}
	if r := w.last(); r.URI != "/v1/jobs/job_1?wait=2" || r.Header.Get("If-None-Match") != `W/"7"` {
		t.Errorf("asked %s with %v", r.URI, r.Header)
	}
}

func TestTheLongestWaitIsAWait(t *testing.T) {
	t.Parallel()
	w, c := newWire(t, http.StatusAccepted, plainJob)
	if _, err := c.Submit(t.Context(), client.Submission{Text: "x", Options: client.Options{Schema: "invoice"}, Wait: math.MaxInt64}); err != nil {
		t.Fatal(err)
	}
	if got := w.last().Header.Get("Prefer"); got != "wait=3600" {
		t.Errorf("asked for %q", got)
	}
}

func TestASubmissionCarriesBytesAsTheyAre(t *testing.T) {
	t.Parallel()
	w, c := newWire(t, http.StatusAccepted, plainJob)
	w.header["Idempotent-Replayed"] = "true"
	document := "%PDF-1.7\r\n\x00\xff--"
	got, err := c.Submit(t.Context(), client.Submission{
		Document: []byte(document), IdempotencyKey: "inv-8812", Wait: 10 * time.Second,
		Options: client.Options{
			Schema: "invoice", Lane: "batch", Deadline: 90 * time.Second, Risk: jobs.RiskHigh, RefuseDegraded: true,
			MaxTier: 3, MaxCostMicroUSD: 1_050_000, Labels: map[string]string{"source": "mail"},
		},
	})
	if err != nil {
		t.Fatal(err)
	}
	if !got.Replayed || got.ID != "job_1" {
		t.Errorf("answer is %+v", got)
	}
	r := w.last()
	if r.Header.Get("Idempotency-Key") != "inv-8812" || r.Header.Get("Prefer") != "wait=10" {
		t.Errorf("headers are %v", r.Header)
	}
	parts := parts(t, r)
	if parts["document"] != document {
		t.Errorf("document arrived as %q", parts["document"])
	}
	want := map[string]any{
		"schema": "invoice", "lane": "batch", "deadline": "1m30s", "risk": "high", "labels": map[string]any{"source": "mail"},
		"policy": map[string]any{"accept_degraded": false, "max_tier": 3.0, "max_cost_usd": 1.05},
	}
	if diff := cmp.Diff(want, jsonOf(t, parts["options"])); diff != "" {
		t.Errorf("options (-want +got):\n%s", diff)
	}
}

func TestOptionsNotGivenAreNotSent(t *testing.T) {
	t.Parallel()
	w, c := newWire(t, http.StatusAccepted, plainJob)
	if _, err := c.Submit(t.Context(), client.Submission{Text: "Invoice 1", Options: client.Options{SchemaJSON: []byte(`{"type":"object"}`)}}); err != nil {
		t.Fatal(err)
	}
	r := w.last()
	parts := parts(t, r)
	if parts["document"] != "Invoice 1" || parts["options"] != `{"schema_json":{"type":"object"}}` {
		t.Errorf("parts are %q", parts)
	}
	for _, name := range []string{"Idempotency-Key", "Prefer"} {
		if _, there := r.Header[name]; there {
			t.Errorf("header %s was sent", name)
		}
	}
}

func parts(t *testing.T, r request) map[string]string {
	t.Helper()
	_, params, err := mime.ParseMediaType(r.Header.Get("Content-Type"))
	if err != nil {
		t.Fatal(err)
	}
	all := map[string]string{}
	for reader := multipart.NewReader(strings.NewReader(r.Body), params["boundary"]); ; {
		part, err := reader.NextPart()
		if errors.Is(err, io.EOF) {
			return all
		}
		if err != nil {
			t.Fatal(err)
		}
		content, err := io.ReadAll(part)
		if err != nil {
			t.Fatal(err)
		}
		all[part.FormName()] = string(content)
	}
}

func TestFiltersBecomeParameters(t *testing.T) {
	t.Parallel()
	w, c := newWire(t, http.StatusOK, `{"data":[],"has_more":true,"next_cursor":"abc"}`)
	list, err := c.DLQ(t.Context(), client.Filter{
		States: []jobs.State{jobs.Failed, jobs.InReview}, Tenant: "acme", Lanes: []string{"batch"}, Schema: "invoice@1", Tier: 3,
		Classes: []jobs.Class{"rate", "srv"}, Provider: "near", Labels: map[string]string{"lang": "de & fr"},
		AcceptedAfter:  time.Date(2026, 11, 22, 11, 0, 0, 0, time.FixedZone("", 3600)),
		AcceptedBefore: time.Date(2026, 11, 22, 12, 0, 0, 500_000_000, time.UTC),
	}, client.Page{Limit: 10, Cursor: "xyz"})
	if err != nil || list.NextCursor != "abc" || !list.HasMore {
		t.Errorf("list %+v, error %v", list, err)
	}
	want := "/v1/dlq?accepted_after=2026-11-22T10%3A00%3A00Z&accepted_before=2026-11-22T12%3A00%3A00.5Z&class=rate%2Csrv&cursor=xyz" +
		"&label.lang=de+%26+fr&lane=batch&limit=10&provider=near&schema=invoice%401&state=failed%2Cin_review&tenant=acme&tier=3"
	if got := w.last().URI; got != want {
		t.Errorf("asked %s\nwant  %s", got, want)
	}
}

func TestEachCallTakesItsRoute(t *testing.T) {
	t.Parallel()
	list, health, version := `{"data":[]}`, `{"status":"ok","checks":[{"name":"engine","ok":true}]}`, `{"version":"v1"}`
	for _, tc := range []struct {
		answer, method, uri, body string
		call                      func(*client.Client) error
	}{
		{list, "GET", "/v1/jobs", "", func(c *client.Client) error {
			_, err := c.Jobs(t.Context(), client.Filter{}, client.Page{})
			return err
		}},
		{list, "GET", "/v1/dlq", "", func(c *client.Client) error { _, err := c.DLQ(t.Context(), client.Filter{}, client.Page{}); return err }},
		{`{"a":1}`, "GET", "/v1/jobs/job_1/result", "", func(c *client.Client) error { _, err := c.Result(t.Context(), "job_1"); return err }},
		{list, "GET", "/v1/jobs/job_1/attempts", "", func(c *client.Client) error { _, err := c.Attempts(t.Context(), "job_1"); return err }},
		{`{"job":` + plainJob + `}`, "GET", "/v1/dlq/job_1", "", func(c *client.Client) error { _, err := c.DeadLetter(t.Context(), "job_1"); return err }},
		{plainJob, "POST", "/v1/jobs/job_1/cancel", `{}`, func(c *client.Client) error {
			_, err := c.Cancel(t.Context(), "job_1", client.CommandOptions{})
			return err
		}},
		{plainJob, "POST", "/v1/jobs/job_1/requeue", `{"reason":"back","version":7,"lane":"batch","deadline":"1h0m0s"}`, func(c *client.Client) error {
			_, err := c.Requeue(t.Context(), "job_1", client.RequeueOptions{
				CommandOptions: client.CommandOptions{Reason: "back", Version: 7}, Lane: "batch", Deadline: time.Hour,
			})
			return err
		}},
		{plainJob, "POST", "/v1/jobs/job_1/complete", `{"reason":"by hand","data":{"total":120.50}}`, func(c *client.Client) error {
			_, err := c.Complete(t.Context(), "job_1", []byte(`{"total":120.50}`), client.CommandOptions{Reason: "by hand"})
			return err
		}},
		{plainJob, "POST", "/v1/jobs/job_1/reject", `{"version":7}`, func(c *client.Client) error {
			_, err := c.Reject(t.Context(), "job_1", client.RejectOptions{CommandOptions: client.CommandOptions{Version: 7}})
			return err
		}},
		{health, "GET", "/readyz?verbose=1", "", func(c *client.Client) error { _, err := c.Ready(t.Context()); return err }},
		{version, "GET", "/version", "", func(c *client.Client) error { _, err := c.Version(t.Context()); return err }},
	} {
		w, c := newWire(t, http.StatusOK, tc.answer, func(c *client.Config) { c.URL += "/behind/a/proxy/" })
		if err := tc.call(c); err != nil {
			t.Errorf("%s: %v", tc.uri, err)
		}
		if r := w.last(); r.Method != tc.method || r.URI != "/behind/a/proxy"+tc.uri || r.Body != tc.body {
			t.Errorf("asked %s %s with %s, want %s %s with %s", r.Method, r.URI, r.Body, tc.method, tc.uri, tc.body)
		}
	}
}

func TestArgumentsThatCannotBeAreRefusedBeforeTheyLeave(t *testing.T) {
	t.Parallel()
	w, c := newWire(t, http.StatusOK, plainJob)
	submit := func(s client.Submission) error { _, err := c.Submit(t.Context(), s); return err }
	get := func(id jobs.ID) error { _, err := c.Get(t.Context(), id, client.GetOptions{}); return err }
	complete := func(data string) error {
		_, err := c.Complete(t.Context(), "job_1", []byte(data), client.CommandOptions{})
		return err
	}
	for name, err := range map[string]error{
		"no document":      submit(client.Submission{}),
		"two documents":    submit(client.Submission{Text: "a", Document: []byte("b")}),
		"key with newline": submit(client.Submission{Text: "a", IdempotencyKey: "a\nb"}),
		"key too long":     submit(client.Submission{Text: "a", IdempotencyKey: strings.Repeat("k", 256)}),
		"schema no JSON":   submit(client.Submission{Text: "a", Options: client.Options{SchemaJSON: []byte("{")}}),
		"climbing id":      get("../../admin"),
		"empty id":         get(""),
		"data no JSON":     complete("{"),
	} {
		if !errors.Is(err, client.ErrInvalid) {
			t.Errorf("%s: error is %v, want ErrInvalid", name, err)
		}
	}
	if len(w.got) != 0 {
		t.Errorf("the server got %d requests", len(w.got))
	}
}

func TestAConfigThatCannotBeIsRefusedWithoutRepeatingIt(t *testing.T) {
	t.Parallel()
	const secret = "c4n4ry"
	for _, cfg := range []client.Config{
		{URL: "127.0.0.1:8080"}, {URL: "ftp://host"}, {URL: "http://"}, {URL: "http://user:" + secret + "@host"},
		{URL: "http://host?key=" + secret}, {URL: "http://host/%zz" + secret}, {URL: "http://host#" + secret},
		{APIKey: secret + "\n"}, {APIKey: "two words " + secret}, {APIKey: strings.Repeat(secret, 50)},
		{UserAgent: secret + "\r\nX: y"}, {MaxResponseBytes: -1},
	} {
		_, err := client.New(cfg)
		if !errors.Is(err, client.ErrInvalid) {
			t.Errorf("%+v: error is %v, want ErrInvalid", cfg, err)
		} else if strings.Contains(err.Error(), secret) {
			t.Errorf("the error repeats what it was given: %v", err)
		}
	}
	c, err := client.New(client.Config{})
	if err != nil || c.URL() != client.DefaultURL {
		t.Errorf("the zero config: error %v", err)
	}
}
