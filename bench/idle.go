//go:build linux

package main

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"os/exec"
	"path/filepath"
	"syscall"
	"time"

	"github.com/sluicehq/sluice/bench/internal/drive"
	"github.com/sluicehq/sluice/bench/internal/figures"
	"github.com/sluicehq/sluice/bench/internal/machine"
	"github.com/sluicehq/sluice/bench/internal/service"
	"github.com/sluicehq/sluice/internal/pause"
)

// idle measures cmd/api as it ships, without work.
func (b *bench) idle(ctx context.Context) error {
	dir, err := b.newDir("idle")
	if err != nil {
		return err
	}
	binary := filepath.Join(dir, "api")
	if err := b.build(ctx, binary); err != nil {
		return err
	}
	results, err := b.contest(ctx, "start of cmd/api", "s", []drive.Contestant{
		{Name: "cmd/api", Round: func(ctx context.Context) (drive.Sample, error) { return b.startAPI(ctx, binary) }},
	})
	if err != nil {
		return err
	}
	ready := results[0].Values
	b.say("cmd/api at rest for %s", b.plan.idle)
	r, err := b.rest(ctx, binary)
	if err != nil {
		return err
	}
	t := figures.Table{
		Title: "A process without work", Head: []string{"", "cmd/api, default configuration"},
		Notes: []string{fmt.Sprintf("At rest it was watched for %s. Its child processes are document parsers, which are not counted in the other lines.", b.plan.idle)},
	}
	t.Add("seconds from its start until /readyz answers 200", ready.Spread())
	t.Add("seconds from there until it and its children rest", figures.Number(r.settled.Seconds()))
	t.Add("resident memory, MB", figures.Number(r.resident))
	t.Add("processor, % of one", figures.Number(r.cpu))
	t.Add("child processes", fmt.Sprint(r.children))
	t.Add("resident memory of the children, MB", figures.Number(r.childResident))
	t.Add("processor of the children, % of one", figures.Number(r.childCPU))
	b.tables = append(b.tables, t)
	b.reached(idleReady, ready.Median() <= 1, "%s s", ready.Spread())
	b.reached(idleMemory, r.resident <= 60, "%s MB", figures.Number(r.resident))
	b.reached(idleCPU, r.cpu <= 1, "%s %%", figures.Number(r.cpu))
	return nil
}

// build builds cmd/api as the project does.
func (b *bench) build(ctx context.Context, to string) error {
	b.say("building cmd/api")
	//nolint:gosec // the go command with our own package
	cmd := exec.CommandContext(ctx, "go", "build", "-trimpath", "-ldflags", "-s -w", "-o", to, "./cmd/api")
	cmd.Dir = b.environment.root
	cmd.Env = append(cmd.Environ(), "CGO_ENABLED=0")
	if out, err := cmd.CombinedOutput(); err != nil {
		return fmt.Errorf("build cmd/api: %w\n%s", err, out)
	}
	return nil
}

// api starts the binary with a new data directory and waits until it is ready.
func (b *bench) api(ctx context.Context, binary string) (p *service.Process, ready time.Duration, err error) {
	dir, err := b.newDir("data")
	if err != nil {
		return nil, 0, err
	}
	addr, err := service.FreeAddress()
	if err != nil {
		return nil, 0, err
	}
	//nolint:gosec // the binary we built
	cmd := exec.CommandContext(context.WithoutCancel(ctx), binary)
	cmd.Dir = dir
	cmd.Env = []string{"SLUICE_ADDR=" + addr, "SLUICE_ADMIN_ADDR=127.0.0.1:0", "SLUICE_DATA_DIR=" + filepath.Join(dir, "data")}
	began := time.Now()
	if p, err = service.Start(cmd, syscall.SIGTERM, time.Minute); err != nil {
		return nil, 0, err
	}
	if err := whenReady(ctx, p, "http://"+addr+"/readyz"); err != nil {
		return nil, 0, errors.Join(err, p.Stop())
	}
	return p, time.Since(began), nil
}

// readyWithin is how long a process may take to start.
const readyWithin = time.Minute

// whenReady asks the address until it answers 200.
func whenReady(ctx context.Context, p *service.Process, url string) error {
	ctx, cancel := context.WithTimeout(ctx, readyWithin)
	defer cancel()
	transport := &http.Transport{}
	defer transport.CloseIdleConnections()
	client := &http.Client{Transport: transport}
	ticker := time.NewTicker(2 * time.Millisecond)
	defer ticker.Stop()
	for {
		req, err := http.NewRequestWithContext(ctx, http.MethodGet, url, nil)
		if err != nil {
			return err
		}
		answer, err := client.Do(req)
		if err == nil {
			err = answer.Body.Close()
			if answer.StatusCode == http.StatusOK {
				return err
			}
			err = errors.Join(err, fmt.Errorf("status %d", answer.StatusCode))
		}
		select {
		case <-p.Ended():
			return fmt.Errorf("%s is not ready and its process has ended: %w", url, err)
		case <-ctx.Done():
			return fmt.Errorf("%s is not ready: %w", url, err)
		case <-ticker.C:
		}
	}
}

// startAPI measures one start, in seconds.
func (b *bench) startAPI(ctx context.Context, binary string) (drive.Sample, error) {
	p, ready, err := b.api(ctx, binary)
	if err != nil {
		return drive.Sample{}, err
	}
	return drive.Sample{Value: ready.Seconds()}, p.Stop()
}

// atRest is what an idle process takes, memory in MB and processor time in
// percent of one.
type atRest struct {
	settled                 time.Duration
	resident, cpu           float64
	children                int
	childResident, childCPU float64
}

func (b *bench) rest(ctx context.Context, binary string) (r atRest, err error) {
	p, _, err := b.api(ctx, binary)
	if err != nil {
		return r, err
	}
	defer func() { err = errors.Join(err, p.Stop()) }()
	if r.settled, err = settle(ctx, p.PID()); err != nil {
		return r, err
	}
	if r.cpu, r.childCPU, err = load(ctx, p.PID(), b.plan.idle); err != nil {
		return r, err
	}
	own, _, err := machine.Resident(p.PID())
	if err != nil {
		return r, err
	}
	children, err := machine.Children(p.PID())
	for _, pid := range children {
		child, _, childErr := machine.Resident(pid)
		err = errors.Join(err, childErr)
		r.childResident += float64(child) / 1e6
	}
	r.resident, r.children = float64(own)/1e6, len(children)
	return r, err
}

// settleWithin is how long a process may take to come to rest, and restingBelow
// the percentage of a processor that is rest.
const (
	settleWithin = 2 * time.Minute
	restingBelow = 5
)

// settle waits until the process and its children do no more than rest: what
// starting takes is not what resting takes.
func settle(ctx context.Context, pid int) (time.Duration, error) {
	began := time.Now()
	for {
		own, children, err := load(ctx, pid, 500*time.Millisecond)
		if err != nil {
			return 0, err
		}
		took := time.Since(began)
		if own+children < restingBelow {
			return took, nil
		}
		if took > settleWithin {
			return 0, fmt.Errorf("after %s without work the process takes %.0f %% of a processor and its children %.0f %%", took.Round(time.Second), own, children)
		}
	}
}

// load is how much of a processor the process and its children use during d,
// in percent.
func load(ctx context.Context, pid int, d time.Duration) (own, children float64, err error) {
	began := time.Now()
	before, all, err := machine.Split(pid)
	if err != nil {
		return 0, 0, err
	}
	if err := pause.For(ctx, d); err != nil {
		return 0, 0, err
	}
	ownAfter, allAfter, err := machine.Split(pid)
	if err != nil {
		return 0, 0, err
	}
	percent := func(t time.Duration) float64 { return 100 * t.Seconds() / time.Since(began).Seconds() }
	return percent(ownAfter - before), percent(allAfter - all), nil
}
