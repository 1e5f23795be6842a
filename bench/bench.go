//go:build linux

package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"slices"
	"time"

	"golang.org/x/sys/unix"

	"github.com/sluicehq/sluice/bench/internal/drive"
	"github.com/sluicehq/sluice/bench/internal/figures"
	"github.com/sluicehq/sluice/bench/internal/machine"
	"github.com/sluicehq/sluice/bench/internal/service"
)

// bench is one run.
type bench struct {
	plan plan
	dir  string // everything is below it
	log  io.Writer

	// The paths of the peers' binaries; nil when a peer is left out.
	redis, postgres []string
	cluster         *service.PostgresServer
	databases       int

	environment environment
	tables      []figures.Table
	verdicts    []figures.Verdict
	made        int // directories
}

// section is a part of the run that can be chosen.
type section struct {
	name string
	run  func(ctx context.Context) error
}

// sections are all parts, in the order of the report.
func (b *bench) sections() []section {
	return []section{
		{"intake", b.intake},
		{"whole", b.whole},
		{"tenants", b.tenants},
		{"http", b.http},
		{"backlog", b.backlog},
		{"calm", b.calm},
		{"redis", b.shared},
		{"idle", b.idle},
	}
}

// measure runs the sections and writes the report.
func (p plan) measure(ctx context.Context, o options, stdout, log io.Writer) (err error) {
	b, err := newBench(ctx, p, o, log)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, b.close()) }()
	ctx, cancel := context.WithTimeoutCause(ctx, b.plan.limit, fmt.Errorf("the run took longer than %s", b.plan.limit))
	defer cancel()
	if err := b.begin(ctx); err != nil {
		return err
	}
	for _, s := range b.sections() {
		if len(o.only) > 0 && !slices.Contains(o.only, s.name) {
			continue
		}
		if err := s.run(ctx); err != nil {
			return fmt.Errorf("section %s: %w", s.name, errors.Join(err, context.Cause(ctx)))
		}
	}
	if err := b.finish(); err != nil {
		return err
	}
	return b.report(o, stdout)
}

// newBench finds what the run needs before anything is measured.
func newBench(ctx context.Context, p plan, o options, log io.Writer) (*bench, error) {
	b := &bench{plan: p, log: log, verdicts: targets()}
	if err := machine.RefuseMemory(o.dir); err != nil {
		return nil, err
	}
	if err := roomFor(o.dir, b.plan.disk); err != nil {
		return nil, err
	}
	f := service.Finder{Root: os.Geteuid() == 0, Log: log}
	find := func(program service.Program) ([]string, error) {
		if slices.Contains(o.without, program.Name) {
			return nil, nil
		}
		return f.Find(ctx, program)
	}
	var err error
	if b.redis, err = find(service.Redis()); err != nil {
		return nil, err
	}
	if b.postgres, err = find(service.Postgres()); err != nil {
		return nil, err
	}
	if b.dir, err = os.MkdirTemp(o.dir, "sluice-bench-"); err != nil {
		return nil, err
	}
	// PostgreSQL runs as another user, who must get to its directory.
	return b, os.Chmod(b.dir, 0o711) //nolint:gosec // nothing can be listed
}

// roomFor is an error unless so many bytes are free.
func roomFor(dir string, want int64) error {
	var s unix.Statfs_t
	if err := unix.Statfs(dir, &s); err != nil {
		return fmt.Errorf("file system of %s: %w", dir, err)
	}
	if free := int64(s.Bavail) * s.Bsize; free < want { //nolint:gosec // no disk is that large
		return fmt.Errorf("%s has %d MiB free and the run needs %d: name another directory with -dir", dir, free>>20, want>>20)
	}
	return nil
}

// newDir makes a directory that the next users of the disk do not share.
func (b *bench) newDir(name string) (string, error) {
	b.made++
	dir := filepath.Join(b.dir, fmt.Sprintf("%03d-%s", b.made, name))
	return dir, errors.Join(os.Mkdir(dir, 0o711), os.Chmod(dir, 0o711)) //nolint:gosec // as above
}

// close ends what runs and removes what was written.
func (b *bench) close() error {
	var err error
	if b.cluster != nil {
		err = b.cluster.Stop()
	}
	return errors.Join(err, os.RemoveAll(b.dir))
}

// say tells whoever waits how far the run is.
func (b *bench) say(format string, args ...any) {
	_, _ = fmt.Fprintf(b.log, "%s "+format+"\n", append([]any{time.Now().Format(time.TimeOnly)}, args...)...)
}

// contest measures contestants in interleaved rounds.
func (b *bench) contest(ctx context.Context, what, unit string, all []drive.Contestant) ([]drive.Result, error) {
	return b.contestOf(ctx, b.plan.rounds, what, unit, all)
}

func (b *bench) contestOf(ctx context.Context, rounds int, what, unit string, all []drive.Contestant) ([]drive.Result, error) {
	b.say("%s: %d contestants, %d rounds", what, len(all), rounds)
	return drive.Interleave(ctx, rounds, all, func(round int, name string, s drive.Sample) {
		b.say("  round %d  %-32s %10s %s", round+1, name, figures.Number(s.Value), unit)
	})
}
