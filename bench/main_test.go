//go:build linux

package main

import (
	"bytes"
	"context"
	"io"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/sluicehq/sluice/bench/internal/child"
	"github.com/sluicehq/sluice/bench/internal/drive"
	"github.com/sluicehq/sluice/bench/internal/figures"
)

func TestMain(m *testing.M) {
	if code, isChild := child.Main(context.Background(), os.Args); isChild {
		os.Exit(code)
	}
	os.Exit(m.Run())
}

func TestTheCommandLineIsReadStrictly(t *testing.T) {
	t.Parallel()
	got, err := parse([]string{"-quick", "-md", "x.md", "-dir", "/d", "-without", "postgres", "-only", "intake,idle"}, io.Discard)
	want := options{quick: true, dir: "/d", md: "x.md", without: []string{"postgres"}, only: []string{"intake", "idle"}}
	if diff := cmp.Diff(want, got, cmp.AllowUnexported(options{})); diff != "" || err != nil {
		t.Errorf("options (-want +got):\n%s\nerror %v", diff, err)
	}
	for _, bad := range [][]string{{"-without", "mysql"}, {"-only", "intake,"}, {"-fast"}, {"quick"}} {
		if _, err := parse(bad, io.Discard); err == nil {
			t.Errorf("%v was taken", bad)
		}
	}
}

func TestADiskInMemoryEndsTheRunBeforeItBegins(t *testing.T) {
	t.Parallel()
	var stderr bytes.Buffer
	if code := run(t.Context(), []string{"-dir", "/dev/shm"}, io.Discard, &stderr); code != exitError {
		t.Errorf("exit code %d", code)
	}
	if !strings.Contains(stderr.String(), "in memory") {
		t.Errorf("it says %q", stderr.String())
	}
	if left, err := filepath.Glob("/dev/shm/sluice-bench-*"); err != nil || len(left) > 0 {
		t.Errorf("left over: %v, error %v", left, err)
	}
}

func TestADiskWithoutRoomIsRefused(t *testing.T) {
	t.Parallel()
	if err := roomFor(t.TempDir(), 1); err != nil {
		t.Error(err)
	}
	if err := roomFor(t.TempDir(), 1<<60); err == nil || !strings.Contains(err.Error(), "-dir") {
		t.Errorf("error is %v", err)
	}
}

func TestEveryTargetIsThereAndUnmeasuredAtFirst(t *testing.T) {
	t.Parallel()
	for i, v := range targets() {
		if v.What == "" || v.Target == "" || v.Unknown == "" || v.Met {
			t.Errorf("target %d is %+v", i, v)
		}
	}
}

// results makes contestants with the same value in both rounds.
func results(pairs ...any) []drive.Result {
	var all []drive.Result
	for i := 0; i < len(pairs); i += 2 {
		v := pairs[i+1].(float64)
		all = append(all, drive.Result{Name: pairs[i].(string), Values: figures.Series{v, v}, CPU: figures.Series{5, 7}})
	}
	return all
}

func TestWholeJobsAreJudgedAgainstOneServerAndTheBetterOfMore(t *testing.T) {
	t.Parallel()
	one, four, sixteen := asynqName(1, always), asynqName(4, always), asynqName(16, always)
	for _, tc := range []struct {
		results         []drive.Result
		metOne, metBest bool
	}{
		{results(ours, 5000.0, one, 1000.0, four, 1500.0, sixteen, 2500.0), true, true},
		{results(ours, 5000.0, one, 1001.0, four, 2600.0, sixteen, 100.0), false, false},
		{results(ours, 5000.0, one, 1001.0, four, 100.0, sixteen, 2600.0), false, false},
	} {
		b := &bench{verdicts: targets()}
		b.judgeWhole(tc.results)
		if b.verdicts[wholeOne].Met != tc.metOne || b.verdicts[wholeBest].Met != tc.metBest || b.verdicts[wholeOne].Unknown != "" {
			t.Errorf("verdicts are %+v and %+v", b.verdicts[wholeOne], b.verdicts[wholeBest])
		}
	}
	b := &bench{verdicts: targets()}
	b.judgeWhole(results(ours, 5000.0))
	if v := b.verdicts[wholeOne]; !strings.Contains(v.Unknown, "-without redis") {
		t.Errorf("without asynq the verdict is %+v", v)
	}
}

func TestTheEngineOnRedisIsJudgedWhereItDoesWorst(t *testing.T) {
	t.Parallel()
	asynqs := func(one, four, sixteen float64) []drive.Result {
		return results(asynqName(1, always), one, asynqName(4, always), four, asynqName(16, always), sixteen)
	}
	for _, tc := range []struct {
		engine          [3]float64
		rivals          []drive.Result
		metOne, metBest bool
	}{
		{[3]float64{800, 700, 900}, asynqs(1000, 900, 999), true, true},
		{[3]float64{800, 690, 900}, asynqs(1000, 900, 999), false, false},
		{[3]float64{800, 700, 900}, asynqs(1000, 1300, 100), true, false},
		{[3]float64{800, 700, 600}, asynqs(800, 700, 900), true, false},
	} {
		all := tc.rivals
		for i, n := range sharedTenants() {
			all = append(all, results(sharedName(n), tc.engine[i])...)
		}
		b := &bench{verdicts: targets()}
		b.judgeShared(all)
		one, best := b.verdicts[sharedOne], b.verdicts[sharedBest]
		if one.Met != tc.metOne || best.Met != tc.metBest || one.Unknown != "" || best.Unknown != "" {
			t.Errorf("%v against %v: verdicts are %+v and %+v", tc.engine, tc.rivals, one, best)
		}
		if !strings.Contains(one.Measured, "10,000 tenants: ") {
			t.Errorf("it says %q", one.Measured)
		}
	}
	b := &bench{verdicts: targets()}
	if err := b.shared(t.Context()); err != nil || !strings.Contains(b.verdicts[sharedBest].Unknown, "-without redis") {
		t.Errorf("without Redis the verdict is %+v, error %v", b.verdicts[sharedBest], err)
	}
}

func TestAQuickRunDoesNotJudgeWhatItDidNotReach(t *testing.T) {
	t.Parallel()
	r := results("1000", 10.0, "10000", 11.0, "100000", 12.0, "100000/10000", 9.0)
	quick := &bench{plan: newPlan(true), verdicts: targets()}
	quick.judgeLending(r)
	if v := quick.verdicts[flatBacklog]; v.Unknown == "" || !strings.Contains(v.Unknown, "1.20 ×") {
		t.Errorf("verdict is %+v", v)
	}
	full := &bench{plan: newPlan(false), verdicts: targets()}
	full.judgeLending(append(results("1000", 10.0, "10000", 11.0, "100000", 12.0, "1000000", 7.9), r[3]))
	if v := full.verdicts[flatBacklog]; v.Unknown != "" || v.Met {
		t.Errorf("1.52 × is judged %+v", v)
	}
	if v := full.verdicts[flatTenants]; v.Unknown != "" || !v.Met {
		t.Errorf("1.33 × is judged %+v", v)
	}
}

func TestTheSchedulerTakesABoundedNumberOfBytes(t *testing.T) {
	t.Parallel()
	got, err := schedulerBytes(200_000, 100)
	if err != nil || got < 16 || got > 64 {
		t.Errorf("%.1f bytes a job, error %v", got, err)
	}
}

// TestAShortRunMeasuresEverySection takes every section through one round so
// short that its figures mean nothing, with all peers.
func TestAShortRunMeasuresEverySection(t *testing.T) {
	t.Parallel()
	dir, err := os.MkdirTemp("", "bench-test")
	if err != nil {
		t.Fatal(err)
	}
	defer func() {
		if err := os.RemoveAll(dir); err != nil {
			t.Error(err)
		}
	}()
	if err := os.Chmod(dir, 0o711); err != nil {
		t.Fatal(err)
	}
	page := filepath.Join(dir, "page.md")
	p := plan{
		rounds: 1, sharedRounds: 1, lone: 2, window: 50 * time.Millisecond, warm: 20 * time.Millisecond, callers: []int{1, 32}, backlogs: []int{1000, 2000}, tenantsAt: 2000,
		hog: 1000, idle: 100 * time.Millisecond, limit: 5 * time.Minute,
	}
	var stdout, log bytes.Buffer
	if err := p.measure(t.Context(), options{dir: dir, md: page}, &stdout, &log); err != nil {
		t.Fatalf("%v\n%s", err, log.String())
	}
	written, err := os.ReadFile(page)
	if err != nil || !strings.HasSuffix(string(written), stdout.String()) && !strings.HasSuffix(string(written), strings.TrimRight(stdout.String(), "\n")+"\n") {
		t.Errorf("the page does not end as what was printed; error %v", err)
	}
	for _, want := range []string{
		"Durable intake, 1 caller\n", "Durable intake, 32 callers\n", "| asynq, 16 servers, everysec", "| River ", "| raw SQLite group commit ",
		"Whole jobs by number of tenants\n", "| the same route without a store ", "| Sluice over HTTP, rule parser ", "| 2,000 queued, 10,000 tenants ",
		"| Sluice on Redis, 10,000 tenants ", "Start of a job that comes to idle workers\n", "Worker processes on one Redis\n",
		"Restart\n", "Memory\n", "Wait of a calm tenant\n", "A process without work\n", "| PostgreSQL ", "| Redis ",
	} {
		if !strings.Contains(stdout.String(), want) {
			t.Errorf("the report lacks %q", want)
		}
	}
	for i, row := range strings.Split(stdout.String(), "\n") {
		if strings.Contains(row, "left out") || strings.Contains(row, "not run") || strings.Contains(row, "NaN") {
			t.Errorf("line %d: %s", i, row)
		}
	}
	left, err := os.ReadDir(dir)
	if err != nil || len(left) != 1 {
		t.Errorf("%d files are left beside the page, error %v", len(left)-1, err)
	}
}

func TestWhatWasLeftOutIsSaid(t *testing.T) {
	t.Parallel()
	got := strings.Join(notes(options{quick: true, without: []string{"postgres"}, only: []string{"idle"}}, environment{others: 0.74}), "\n")
	for _, want := range []string{"quick run", "74 %", "`-without postgres`", "sections idle"} {
		if !strings.Contains(got, want) {
			t.Errorf("the notes lack %q:\n%s", want, got)
		}
	}
	if n := notes(options{}, environment{}); len(n) > 0 {
		t.Errorf("a full run on a quiet machine has the notes %v", n)
	}
}
