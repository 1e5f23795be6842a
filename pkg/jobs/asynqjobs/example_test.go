package asynqjobs_test

import (
	"context"
	"fmt"
	"net"
	"os"
	"os/exec"
	"strconv"
	"time"

	"github.com/sluicehq/sluice/pkg/jobs"
	"github.com/sluicehq/sluice/pkg/jobs/asynqjobs"
)

// A worker opens an engine on the same server as the process that accepted the
// job, and takes it from there.
func Example() {
	url, stop := exampleServer()
	defer stop()
	ctx := context.Background()
	api, err := asynqjobs.Open(ctx, asynqjobs.Config{URL: url})
	if err != nil {
		fmt.Println(err)
		return
	}
	defer api.Close()
	worker, err := asynqjobs.Open(ctx, asynqjobs.Config{URL: url})
	if err != nil {
		fmt.Println(err)
		return
	}
	defer worker.Close()

	answers, err := api.Accept(ctx, []jobs.Submission{{
		ID: "job_1", Tenant: "acme", Lane: jobs.Interactive, Spec: jobs.Spec{Schema: "invoice"}, Fingerprint: "f",
		DeadlineAt: time.Now().Add(time.Minute),
	}})
	if err != nil {
		fmt.Println(err)
		return
	}
	fmt.Println(answers[0].Status)
	loans, err := worker.Lend(ctx, jobs.LendRequest{Worker: "w1", Max: 1, Slots: 4, Wait: time.Second})
	if err != nil || len(loans) != 1 {
		fmt.Println(len(loans), err)
		return
	}
	result := &jobs.Result{Data: []byte(`{"total": 12.5}`)}
	done, err := worker.Finish(ctx, loans[0].Lease, jobs.Outcome{Kind: jobs.Succeed, Tier: 1, Result: result})
	fmt.Println(done.State, err)
	// Output:
	// created
	// succeeded <nil>
}

// exampleServer runs a redis-server that syncs what it answers.
func exampleServer() (url string, stop func()) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		panic(err)
	}
	addr := l.Addr().(*net.TCPAddr)
	if err := l.Close(); err != nil {
		panic(err)
	}
	dir, err := os.MkdirTemp("", "sluice")
	if err != nil {
		panic(err)
	}
	server := exec.Command("redis-server", "--bind", "127.0.0.1", "--port", strconv.Itoa(addr.Port), "--dir", dir,
		"--appendonly", "yes", "--appendfsync", "always", "--save", "")
	if err := server.Start(); err != nil {
		panic(err)
	}
	for {
		c, err := net.Dial("tcp", addr.String())
		if err == nil {
			_ = c.Close()
			break
		}
	}
	return "redis://" + addr.String(), func() {
		_ = server.Process.Kill()
		_ = server.Wait()
		_ = os.RemoveAll(dir)
	}
}
