package client_test

import (
	"context"
	"errors"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"testing/iotest"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/sluicehq/sluice/pkg/client"
	"github.com/sluicehq/sluice/pkg/jobs"
)

func get(t *testing.T, c *client.Client) error {
	t.Helper()
	_, err := c.Get(t.Context(), "job_1", client.GetOptions{})
	if err == nil {
		t.Fatal("no error")
	}
	return err
}

func TestAProblemTellsWhatTheServerSaid(t *testing.T) {
	t.Parallel()
	w, c := newWire(t, http.StatusUnprocessableEntity, `{"type":"urn:sluice:problem:invalid_data","title":"The data does not fit","status":200,
	 "detail":"See below.","code":"invalid_data","retryable":false,"request_id":"req_A","state":"in_review","eta_s":4.5,
	 "errors":[{"pointer":"/data/total","reason":"must be a number"}],"suggestions":["mend it"],"pause":{"reason":"bill","until":"2026-11-22T12:00:00Z"},"shiny":true}`)
	w.header["Content-Type"] = "application/problem+json; charset=utf-8"
	p, ok := errors.AsType[*client.Problem](get(t, c))
	if !ok {
		t.Fatal("the error is no Problem")
	}
	eta := 4.5
	want := &client.Problem{
		Status: 422, Code: "invalid_data", Title: "The data does not fit", Detail: "See below.", RequestID: "req_A", State: jobs.InReview, ETASeconds: &eta,
		Errors: []client.Violation{{Pointer: "/data/total", Reason: "must be a number"}}, Suggestions: []string{"mend it"},
		Pause: &client.TenantPause{Reason: "bill", Until: time.Date(2026, 11, 22, 12, 0, 0, 0, time.UTC)},
	}
	if diff := cmp.Diff(want, p); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
	if got := p.Error(); got != "422 invalid_data: The data does not fit: See below. (request req_A)" {
		t.Errorf("as a sentence: %s", got)
	}
}

func TestKindsFollowTheStatus(t *testing.T) {
	t.Parallel()
	kinds := []error{client.ErrNotFound, client.ErrConflict, client.ErrAuth, client.ErrThrottled, client.ErrUnavailable, client.ErrInvalid}
	for _, tc := range []struct {
		status int
		code   string
		want   error
	}{
		{400, "malformed_json", client.ErrInvalid}, {401, "unauthorized", client.ErrAuth}, {403, "lane_not_allowed", client.ErrAuth},
		{404, "not_found", client.ErrNotFound}, {404, "tenant_not_found", client.ErrNotFound}, {404, "operation_not_found", client.ErrNotFound},
		{404, "route_not_found", nil}, {404, "", nil}, {405, "method_not_allowed", nil},
		{409, "state_conflict", client.ErrConflict}, {410, "erased", client.ErrNotFound}, {412, "", client.ErrConflict}, {413, "body_too_large", client.ErrInvalid},
		{415, "unsupported_media_type", client.ErrInvalid}, {421, "misdirected_request", nil}, {422, "invalid_data", client.ErrInvalid},
		{429, "tenant_queue_full", client.ErrThrottled}, {500, "internal", nil}, {502, "", client.ErrUnavailable},
		{503, "draining", client.ErrUnavailable}, {504, "", client.ErrUnavailable}, {302, "", nil},
	} {
		_, c := newWire(t, tc.status, `{"code":"`+tc.code+`"}`)
		err := get(t, c)
		for _, kind := range kinds {
			if got := errors.Is(err, kind); got != errors.Is(kind, tc.want) {
				t.Errorf("%d %s: is %v: %t", tc.status, tc.code, kind, got)
			}
		}
	}
}

func TestRetryAfterComesFromTheBodyElseTheHeaderAndIsBounded(t *testing.T) {
	t.Parallel()
	for _, tc := range []struct {
		body, header string
		want         time.Duration
	}{
		{`{"retry_after_ms":1500}`, "7", 1500 * time.Millisecond},
		{`{}`, "7", 7 * time.Second},
		{`{}`, "Fri, 31 Dec 1999 23:59:59 GMT", 0},
		{`{}`, "99999999999999999999", 0},
		{`{"retry_after_ms":-5}`, "", 0},
		{`{"retry_after_ms":9000000000000000000}`, "", 24 * time.Hour},
	} {
		w, c := newWire(t, http.StatusServiceUnavailable, tc.body)
		w.header["Retry-After"] = tc.header
		p, ok := errors.AsType[*client.Problem](get(t, c))
		if !ok || p.RetryAfter() != tc.want {
			t.Errorf("%s and %q: %v, want %s", tc.body, tc.header, p, tc.want)
		}
	}
}

func TestThePageOfAProxyIsAProblemWithoutThePage(t *testing.T) {
	t.Parallel()
	for _, page := range []string{"<html>c4n4ry</html>", "", `["c4n4ry"]`, `{"detail":"` + strings.Repeat("c4n4ry", 20_000) + `"}`} {
		w, c := newWire(t, http.StatusBadGateway, page)
		w.header["X-Request-Id"] = "req_proxy"
		err := get(t, c)
		p, ok := errors.AsType[*client.Problem](err)
		if !ok || p.Status != 502 || p.Code != "" || !p.Retryable || p.RequestID != "req_proxy" || !errors.Is(err, client.ErrUnavailable) {
			t.Errorf("page %.20q: %+v", page, p)
		}
		if strings.Contains(err.Error(), "c4n4ry") {
			t.Errorf("the error repeats the page: %v", err)
		}
	}
}

func TestAnswersThatCannotBeUsedAreNamed(t *testing.T) {
	t.Parallel()
	small := func(c *client.Config) { c.MaxResponseBytes = 1000 }
	for name, body := range map[string]string{
		"a page": "<html></html>", "nothing": "", "another job": strings.Replace(plainJob, "job_1", "job_2", 1),
		"no job": `{}`, "a list": `[]`, "half a job": plainJob[:100], "too much": plainJob + strings.Repeat(" ", 1000),
	} {
		_, c := newWire(t, http.StatusOK, body, small)
		if err := get(t, c); !errors.Is(err, client.ErrBadAnswer) {
			t.Errorf("%s: error is %v, want ErrBadAnswer", name, err)
		}
	}
	_, c := newWire(t, http.StatusAccepted, `{"id":"--all; reboot","state":"queued"}`)
	if _, err := c.Submit(t.Context(), client.Submission{Text: "a"}); !errors.Is(err, client.ErrBadAnswer) {
		t.Errorf("a new job with a made-up ID: error %v, want ErrBadAnswer", err)
	}
	_, c = newWire(t, http.StatusOK, `{"data":[{"id":"--all; reboot","state":"failed"}]}`)
	if _, err := c.DLQ(t.Context(), client.Filter{}, client.Page{}); !errors.Is(err, client.ErrBadAnswer) {
		t.Errorf("a list with a made-up ID: error is %v, want ErrBadAnswer", err)
	}
	_, c = newWire(t, http.StatusOK, `{"job":{"id":"job_9","state":"failed"}}`)
	if _, err := c.DeadLetter(t.Context(), "job_1"); !errors.Is(err, client.ErrBadAnswer) {
		t.Errorf("another dead letter: error is %v, want ErrBadAnswer", err)
	}
}

// TestAnEndlessAnswerIsLeft relies on the handler's write failing once the
// client has gone.
func TestAnEndlessAnswerIsLeft(t *testing.T) {
	t.Parallel()
	gone := make(chan int)
	srv := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		sent, chunk := 0, make([]byte, 64<<10)
		for {
			n, err := w.Write(chunk)
			if sent += n; err != nil {
				gone <- sent
				return
			}
		}
	}))
	t.Cleanup(srv.Close)
	c, err := client.New(client.Config{URL: srv.URL, MaxResponseBytes: 256 << 10})
	if err != nil {
		t.Fatal(err)
	}
	if err := get(t, c); !errors.Is(err, client.ErrBadAnswer) {
		t.Errorf("error is %v, want ErrBadAnswer", err)
	}
	if sent := <-gone; sent > 64<<20 {
		t.Errorf("the server got rid of %d bytes", sent)
	}
}

func TestRedirectsAreNotFollowedAndTheKeyStaysHere(t *testing.T) {
	t.Parallel()
	other := httptest.NewServer(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
		t.Errorf("the other server was asked, with %q", r.Header.Get("Authorization"))
	}))
	t.Cleanup(other.Close)
	w, c := newWire(t, http.StatusTemporaryRedirect, "", func(c *client.Config) { c.HTTPClient = &http.Client{} })
	w.header["Location"] = other.URL
	if p, ok := errors.AsType[*client.Problem](get(t, c)); !ok || p.Status != http.StatusTemporaryRedirect {
		t.Errorf("problem is %+v", p)
	}
}

// broken answers every request with an error or a body.
type broken struct {
	err  error
	body io.Reader
}

func (b broken) RoundTrip(r *http.Request) (*http.Response, error) {
	if b.err != nil {
		return nil, b.err
	}
	return &http.Response{StatusCode: http.StatusOK, Header: http.Header{}, Body: io.NopCloser(b.body), Request: r}, nil
}

func TestWithoutAnAnswerTheErrorIsUnavailableAndHoldsNoSecret(t *testing.T) {
	t.Parallel()
	for name, b := range map[string]broken{
		"refused": {err: &net.OpError{Op: "dial", Err: errors.New("connection refused")}},
		"cut off": {body: iotest.TimeoutReader(iotest.OneByteReader(strings.NewReader(plainJob)))},
	} {
		c, err := client.New(client.Config{APIKey: key, HTTPClient: &http.Client{Transport: b}})
		if err != nil {
			t.Fatal(err)
		}
		_, err = c.Jobs(t.Context(), client.Filter{Labels: map[string]string{"patient": "c4n4ry"}}, client.Page{})
		if !errors.Is(err, client.ErrUnavailable) {
			t.Errorf("%s: error is %v, want ErrUnavailable", name, err)
		}
		for _, secret := range []string{key, "c4n4ry"} {
			if strings.Contains(err.Error(), secret) {
				t.Errorf("%s: the error holds %s: %v", name, secret, err)
			}
		}
	}
}

// slow answers when the request's context has ended.
type slow struct{}

func (slow) RoundTrip(r *http.Request) (*http.Response, error) {
	<-r.Context().Done()
	return nil, r.Context().Err()
}

func TestTheContextBoundsACallAndIsItsError(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		c, err := client.New(client.Config{HTTPClient: &http.Client{Transport: slow{}}})
		if err != nil {
			t.Fatal(err)
		}
		started := time.Now()
		ctx, cancel := context.WithTimeout(t.Context(), 5*time.Second)
		defer cancel()
		_, err = c.Get(ctx, "job_1", client.GetOptions{})
		if !errors.Is(err, context.DeadlineExceeded) || errors.Is(err, client.ErrUnavailable) {
			t.Errorf("error is %v, want the context's", err)
		}
		if took := time.Since(started); took != 5*time.Second {
			t.Errorf("the call took %s", took)
		}
	})
}

func TestEachCallIsSentOnce(t *testing.T) {
	t.Parallel()
	for _, status := range []int{http.StatusTooManyRequests, http.StatusServiceUnavailable, http.StatusInternalServerError} {
		w, c := newWire(t, status, `{"code":"x","retryable":true,"retry_after_ms":1}`)
		if _, err := c.Submit(t.Context(), client.Submission{Text: "a", IdempotencyKey: "k", Options: client.Options{Schema: "invoice"}}); err == nil {
			t.Error("no error")
		}
		w.last()
	}
}

func TestANotReadyServerListsWhatItLookedAt(t *testing.T) {
	t.Parallel()
	_, c := newWire(t, http.StatusServiceUnavailable, `{"code":"draining","checks":[{"name":"accepting","ok":false}]}`)
	_, err := c.Ready(t.Context())
	p, ok := errors.AsType[*client.Problem](err)
	if !ok || !errors.Is(err, client.ErrUnavailable) || len(p.Checks) != 1 || p.Checks[0] != (client.Check{Name: "accepting"}) {
		t.Errorf("error is %+v", err)
	}
}

// FuzzAnswers feeds any status and body through every kind of answer: nothing
// may panic, and what comes back names itself well.
func FuzzAnswers(f *testing.F) {
	f.Add(200, plainJob)
	f.Add(200, `{"data":[`+plainJob+`],"next_cursor":"a"}`)
	f.Add(200, `{"job":`+plainJob+`,"attempts":[{"n":1,"tier":1,"started_at":"2026-11-22T10:00:00Z","ms":3}],"history":[{"lane":"x"}]}`)
	f.Add(422, `{"status":9,"code":"invalid_data","errors":[{"pointer":"/a","reason":"b"}],"retry_after_ms":1e300}`)
	f.Add(304, "")
	f.Fuzz(func(t *testing.T, status int, body string) {
		if status < 200 || status > 599 {
			return
		}
		c, err := client.New(client.Config{HTTPClient: &http.Client{Transport: fixed{status, body}}})
		if err != nil {
			t.Fatal(err)
		}
		if j, err := c.Get(t.Context(), "job_1", client.GetOptions{}); err == nil && j.ID != "job_1" {
			t.Errorf("got job %q", j.ID)
		} else if p, ok := errors.AsType[*client.Problem](err); ok && (p.Status != status || p.RetryAfter() < 0 || p.Error() == "") {
			t.Errorf("problem %+v", p)
		}
		list, _ := c.DLQ(t.Context(), client.Filter{}, client.Page{})
		for _, j := range list.Data {
			if j.ID.Validate() != nil {
				t.Errorf("listed %q", j.ID)
			}
		}
		_, _ = c.DeadLetter(t.Context(), "job_1")
		_, _ = c.Ready(t.Context())
	})
}

type fixed struct {
	status int
	body   string
}

func (f fixed) RoundTrip(r *http.Request) (*http.Response, error) {
	return &http.Response{
		StatusCode: f.status, Header: http.Header{"Content-Type": {"application/json"}}, Body: io.NopCloser(strings.NewReader(f.body)), Request: r,
	}, nil
}
