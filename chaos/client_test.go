package chaos_test

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"sync/atomic"
	"testing"
	"time"
)

// jobView is what the tests read of a job.
type jobView struct {
	ID      string `json:"id"`
	State   string `json:"state"`
	Version int64  `json:"version"`
	Run     int    `json:"run"`
	Result  *struct {
		Data map[string]any `json:"data"`
	} `json:"result"`
	Failure *struct {
		Class string `json:"class"`
	} `json:"failure"`
}

// settled reports whether nothing more happens to the job by itself.
func (j jobView) settled() bool {
	switch j.State {
	case "succeeded", "failed", "cancelled", "expired", "in_review":
		return true
	default:
		return false
	}
}

// client posts to APIs that come and go, to each in turn.
type client struct {
	t    *testing.T
	apis []*api
	turn atomic.Int64
	http http.Client
	// document makes the document with a number: invoice.
	document func(n int) string
	lane     string // of what it posts: standard
}

func newClient(t *testing.T, apis ...*api) *client {
	return &client{t: t, apis: apis, http: http.Client{Timeout: 10 * time.Second}, document: invoice, lane: "standard"}
}

// url is that of a path at the API whose turn it is.
func (c *client) url(path string) string {
	return c.apis[int(c.turn.Add(1))%len(c.apis)].url(path)
}

// invoice is a plain text document that is unlike any other n's.
func invoice(n int) string {
	return fmt.Sprintf("Chaos Supplies Ltd\n\nInvoice No: C-%06d\nInvoice date: 2026-11-22\n\nSubtotal: EUR %d.00\nVAT 0%%: EUR 0.00\nTotal: EUR %d.00\n", n, 100+n, 100+n)
}

// submit posts a document. status 0 means that no answer came: the job may or
// may not exist.
func (c *client) submit(n int, key string) (id string, status int) {
	body, err := json.Marshal(map[string]any{
		"document": map[string]string{"text": c.document(n)}, "schema": "invoice", "lane": c.lane,
	})
	if err != nil {
		c.t.Error(err)
		return "", 0
	}
	req, err := http.NewRequest(http.MethodPost, c.url("/v1/jobs"), bytes.NewReader(body))
	if err != nil {
		c.t.Error(err)
		return "", 0
	}
	req.Header.Set("Content-Type", "application/json")
	req.Header.Set("Idempotency-Key", key)
	answer, err := c.http.Do(req)
	if err != nil {
		return "", 0
	}
	defer func() { _ = answer.Body.Close() }()
	var job jobView
	if json.NewDecoder(io.LimitReader(answer.Body, 1<<20)).Decode(&job) != nil {
		return "", 0 // cut off in the middle
	}
	return job.ID, answer.StatusCode
}

// get reads JSON from a path.
func (c *client) get(path string, into any) error {
	answer, err := c.http.Get(c.url(path))
	if err != nil {
		return err
	}
	defer func() { _ = answer.Body.Close() }()
	if answer.StatusCode != http.StatusOK {
		return fmt.Errorf("%s: status %d", path, answer.StatusCode)
	}
	return json.NewDecoder(io.LimitReader(answer.Body, 8<<20)).Decode(into)
}
