package sqlitejobs_test

import (
	"context"
	"fmt"
	"log"
	"os"
	"time"

	"github.com/sluicehq/sluice/pkg/jobs"
	"github.com/sluicehq/sluice/pkg/jobs/sqlitejobs"
)

// A job is accepted, survives the engine, is lent and succeeds.
func Example() {
	ctx := context.Background()
	dir, err := os.MkdirTemp("", "sluice")
	if err != nil {
		log.Fatal(err)
	}
	defer os.RemoveAll(dir)

	engine, err := sqlitejobs.Open(ctx, sqlitejobs.Config{Dir: dir})
	if err != nil {
		log.Fatal(err)
	}
	answers, err := engine.Accept(ctx, []jobs.Submission{{
		ID: "job_1", Tenant: "default", Lane: jobs.Standard, Spec: jobs.Spec{Schema: "invoice"}, Fingerprint: "f1",
		Document: jobs.Document{Size: 7, MediaType: "text/plain"}, Body: []byte("Total 1"),
		DeadlineAt: time.Now().Add(time.Hour),
	}})
	if err != nil {
		log.Fatal(err)
	}
	fmt.Println(answers[0].Status, answers[0].Job.State)
	if err := engine.Close(); err != nil {
		log.Fatal(err)
	}

	engine, err = sqlitejobs.Open(ctx, sqlitejobs.Config{Dir: dir})
	if err != nil {
		log.Fatal(err)
	}
	defer engine.Close()
	loans, err := engine.Lend(ctx, jobs.LendRequest{Worker: "w", Max: 1, Slots: 1, Wait: time.Second})
	if err != nil {
		log.Fatal(err)
	}
	document, err := engine.Document(ctx, "", loans[0].Job.ID)
	if err != nil {
		log.Fatal(err)
	}
	done, err := engine.Finish(ctx, loans[0].Lease, jobs.Outcome{
		Kind: jobs.Succeed, Tier: 3, Result: &jobs.Result{Data: []byte(`{"total":"1"}`)},
	})
	if err != nil {
		log.Fatal(err)
	}
	fmt.Printf("%q %s %s\n", document, done.State, done.Result.Data)
	// Output:
	// created queued
	// "Total 1" succeeded {"total":"1"}
}
