package client_test

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"time"

	"github.com/sluicehq/sluice/pkg/client"
)

// A document goes in, and its fields come out. The first answer may come before
// the job has settled; then it is asked for again.
func Example() {
	server := httptest.NewServer(http.HandlerFunc(standIn))
	defer server.Close()
	ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
	defer cancel()

	c, err := client.New(client.Config{URL: server.URL})
	if err != nil {
		fmt.Println(err)
		return
	}
	answer, err := c.Submit(ctx, client.Submission{
		Text:           "Invoice 8812\nTotal: EUR 120.50",
		Options:        client.Options{Schema: "invoice", Lane: "interactive"},
		IdempotencyKey: "inv-8812",
		Wait:           10 * time.Second,
	})
	if errors.Is(err, client.ErrThrottled) || errors.Is(err, client.ErrUnavailable) {
		fmt.Println("try again with the same key:", err)
		return
	}
	job := answer.Job
	for err == nil && !job.Settled() {
		job, err = c.Get(ctx, job.ID, client.GetOptions{Wait: 30 * time.Second})
	}
	if err != nil {
		fmt.Println(err)
		return
	}
	fmt.Println(job.State, string(job.Result.Data))
	// Output: succeeded {"total":120.50}
}

// standIn answers as the API does for a job that has run.
func standIn(w http.ResponseWriter, r *http.Request) {
	state := "succeeded"
	if r.Method == http.MethodPost {
		state = "queued"
	}
	w.Header().Set("Content-Type", "application/json")
	_, _ = io.WriteString(w, `{"id":"job_1","state":"`+state+`","result":{"data":{"total":120.50}}}`)
}
