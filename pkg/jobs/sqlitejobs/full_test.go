package sqlitejobs_test

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"os"
	"strings"
	"syscall"
	"testing"

	"github.com/sluicehq/sluice/pkg/jobs"
	"github.com/sluicehq/sluice/pkg/jobs/sqlitejobs"
)

// TestAFullDiskRefusesLoudlyAndRecovers runs a process that may not make a
// file larger than a limit, which fails writes as a full disk does, until the
// engine refuses. After the limit is lifted the engine goes on.
func TestAFullDiskRefusesLoudlyAndRecovers(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	child := start(t, "fill", dir)
	out := bufio.NewScanner(child.out)
	var said []string
	created := make(map[jobs.ID]bool)
	for out.Scan() {
		word, rest, _ := strings.Cut(out.Text(), " ")
		if word == "created" {
			created[jobs.ID(rest)] = true
			continue
		}
		said = append(said, out.Text())
	}
	if err := child.Wait(); err != nil {
		t.Fatalf("the child failed: %v\n%s\n%s", err, strings.Join(said, "\n"), &child.errors)
	}
	if want := "full, recovered"; strings.Join(said, ", ") != want {
		t.Errorf("the child said %q, want %q", said, want)
	}
	judge(t, dir, created, nil)
}

// fillUntilFull is the child. It exits 0 when all went as it should.
func fillUntilFull(dir string) {
	if err := fillAndRecover(dir); err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
	os.Exit(0)
}

func fillAndRecover(dir string) error {
	ctx := context.Background()
	e, err := sqlitejobs.Open(ctx, sqlitejobs.Config{Dir: dir})
	if err != nil {
		return err
	}
	var old syscall.Rlimit
	if err := syscall.Getrlimit(syscall.RLIMIT_FSIZE, &old); err != nil {
		return err
	}
	if err := syscall.Setrlimit(syscall.RLIMIT_FSIZE, &syscall.Rlimit{Cur: 2 << 20, Max: old.Max}); err != nil {
		return err
	}
	n := 0
	submit := func() error {
		s := submission(fmt.Sprintf("job_%06d", n), body(strings.Repeat("x", 30_000)))
		n++
		as, err := e.Accept(ctx, []jobs.Submission{s})
		if err == nil && as[0].Status == jobs.Created {
			fmt.Println("created", s.ID)
		}
		return err
	}
	for err == nil && n < 1000 {
		err = submit()
	}
	if !errors.Is(err, jobs.ErrUnavailable) {
		return fmt.Errorf("after %d jobs the engine answered %w, want it unavailable", n, err)
	}
	fmt.Println("full")
	// What is there can still be read.
	if _, err := e.Get(ctx, "", "job_000000"); err != nil {
		return fmt.Errorf("get while the disk is full: %w", err)
	}
	for range 20 { // and what is refused stays refused
		if err := submit(); !errors.Is(err, jobs.ErrUnavailable) {
			return fmt.Errorf("while the disk is full the engine answered %w", err)
		}
	}
	if err := syscall.Setrlimit(syscall.RLIMIT_FSIZE, &old); err != nil {
		return err
	}
	for err = submit(); errors.Is(err, jobs.ErrUnavailable) && n < 5_000_000; err = submit() {
	}
	if err != nil {
		return fmt.Errorf("after the disk had room again: %w", err)
	}
	fmt.Println("recovered")
	return errors.Join(e.Verify(ctx), e.Close())
}
