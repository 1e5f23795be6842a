package sqlitejobs_test

import (
	"bufio"
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"os"
	"os/exec"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/sluicehq/sluice/pkg/jobs"
	"github.com/sluicehq/sluice/pkg/jobs/sqlitejobs"
)

// kills is how often the store's process is killed.
const kills = 2 + 8/slowdown

// TestAKilledProcessLosesNothingAnswered kills a process under load again and
// again, each time after a number of answers. What the process said on its
// standard output it had been answered by the engine: those jobs must be there,
// and those outcomes must stand.
func TestAKilledProcessLosesNothingAnswered(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	random := rand.New(rand.NewPCG(1, uint64(time.Now().UnixNano())))
	created, ended := make(map[jobs.ID]bool), make(map[jobs.ID]jobs.State)
	for kill := range kills {
		child := start(t, "load", dir)
		lines := child.until(t, 20+random.IntN(400))
		if kill == 0 {
			wantLocked(t, dir, child.Process.Pid)
		}
		child.kill(t)
		lines = append(lines, child.rest(t)...)
		for _, line := range lines {
			id, state, _ := strings.Cut(line, " ")
			created[jobs.ID(id)] = true
			if state != "" {
				ended[jobs.ID(id)] = jobs.State(state)
			}
		}
		judge(t, dir, created, ended)
	}
	if len(ended) == 0 {
		t.Error("no job ended: the load never ran whole jobs")
	}
	t.Logf("%d kills, %d jobs answered as created, %d as ended", kills, len(created), len(ended))
}

// wantLocked wants a second process to be told who has the directory.
func wantLocked(t *testing.T, dir string, pid int) {
	t.Helper()
	_, err := sqlitejobs.Open(t.Context(), sqlitejobs.Config{Dir: dir})
	if err == nil || !strings.Contains(err.Error(), dir) || !strings.Contains(err.Error(), fmt.Sprintf("(pid %d)", pid)) {
		t.Errorf("a second process got %v, want an error with %s and pid %d", err, dir, pid)
	}
}

// judge opens what a killed process left.
func judge(t *testing.T, dir string, created map[jobs.ID]bool, ended map[jobs.ID]jobs.State) {
	t.Helper()
	e, err := sqlitejobs.Open(t.Context(), sqlitejobs.Config{Dir: dir})
	if err != nil {
		t.Fatalf("open after a kill: %v", err)
	}
	defer func() {
		if err := e.Close(); err != nil {
			t.Errorf("close: %v", err)
		}
	}()
	verify(t, e)
	if n := stats(t, e).States[jobs.Running]; n != 0 {
		t.Errorf("%d jobs run after their process was killed", n)
	}
	for id := range created {
		j, err := e.Get(t.Context(), "", id)
		if err != nil {
			t.Errorf("job %s was answered as created: %v", id, err)
			continue
		}
		if want, ok := ended[id]; ok && j.State != want {
			t.Errorf("job %s was answered as %s and is %s", id, want, j.State)
		}
		if _, err := e.Document(t.Context(), "", id); err != nil {
			t.Errorf("document of job %s: %v", id, err)
		}
	}
}

// process is a child of the test.
type process struct {
	*exec.Cmd
	out    *bufio.Reader
	errors bytes.Buffer
}

func start(t *testing.T, what, dir string) *process {
	t.Helper()
	p := &process{Cmd: exec.CommandContext(t.Context(), os.Args[0], dir)}
	p.Env = append(os.Environ(), childVar+"="+what)
	p.Stderr = &p.errors
	out, err := p.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	p.out = bufio.NewReader(out)
	if err := p.Start(); err != nil {
		t.Fatalf("start a child: %v", err)
	}
	return p
}

// until reads n lines.
func (p *process) until(t *testing.T, n int) []string {
	t.Helper()
	lines := make([]string, 0, n)
	for len(lines) < n {
		line, err := p.out.ReadString('\n')
		if err != nil {
			t.Fatalf("the child ended after %d lines: %v\n%s", len(lines), err, &p.errors)
		}
		lines = append(lines, strings.TrimSpace(line))
	}
	return lines
}

func (p *process) kill(t *testing.T) {
	t.Helper()
	if err := p.Process.Kill(); err != nil {
		t.Fatalf("kill: %v", err)
	}
}

// rest reads the whole lines that a killed child had still written.
func (p *process) rest(t *testing.T) []string {
	t.Helper()
	b, err := io.ReadAll(p.out)
	if err != nil {
		t.Fatalf("read what is left: %v", err)
	}
	_ = p.Wait() // it was killed
	whole := strings.TrimSpace(string(b[:bytes.LastIndexByte(b, '\n')+1]))
	if whole == "" {
		return nil
	}
	return strings.Split(whole, "\n")
}

// loadUntilKilled is the child: clients that submit and workers that settle,
// each saying a line after each answer.
func loadUntilKilled(dir string) {
	ctx := context.Background()
	e, err := sqlitejobs.Open(ctx, sqlitejobs.Config{Dir: dir})
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
	var mu sync.Mutex
	say := func(format string, args ...any) {
		mu.Lock()
		defer mu.Unlock()
		fmt.Printf(format+"\n", args...)
	}
	var wg sync.WaitGroup
	for i := range 8 {
		wg.Go(func() { loadClient(ctx, e, strconv.Itoa(os.Getpid())+"_"+strconv.Itoa(i), say) })
		wg.Go(func() { loadWorker(ctx, e, "worker"+strconv.Itoa(i), say) })
	}
	wg.Wait()
	os.Exit(1) // only an error ends a client
}

func loadClient(ctx context.Context, e *sqlitejobs.Engine, name string, say func(string, ...any)) {
	for n := 0; ; n++ {
		s := submission(fmt.Sprintf("%s_%d", name, n), tenant("tenant"+name[len(name)-1:]))
		if n%10 == 9 {
			body(strings.Repeat("large ", 10_000))(&s)
		}
		as, err := e.Accept(ctx, []jobs.Submission{s})
		if err != nil || as[0].Status != jobs.Created {
			fmt.Fprintln(os.Stderr, "accept:", as, err)
			return
		}
		say("%s", s.ID)
	}
}

func loadWorker(ctx context.Context, e *sqlitejobs.Engine, name string, say func(string, ...any)) {
	for n := 0; ; n++ {
		loans, err := e.Lend(ctx, jobs.LendRequest{Worker: name, Max: 2, Slots: 2, Wait: time.Minute})
		if err != nil {
			fmt.Fprintln(os.Stderr, "lend:", err)
			return
		}
		for i, l := range loans {
			o := succeed()
			if (n+i)%3 == 0 {
				o = fail("corrupt")
			}
			j, err := e.Finish(ctx, l.Lease, o)
			if err != nil && !errors.Is(err, jobs.ErrStaleLease) {
				fmt.Fprintln(os.Stderr, "finish:", err)
				return
			}
			say("%s %s", j.ID, j.State)
		}
	}
}
