//go:build linux

package main

import (
	"context"
	"database/sql"
	"fmt"
	"os/exec"
	"runtime"
	"runtime/debug"
	"slices"
	"strings"
	"time"

	"github.com/sluicehq/sluice/bench/internal/figures"
	"github.com/sluicehq/sluice/bench/internal/machine"
)

// environment is where and with what the figures were measured.
type environment struct {
	machine machine.Machine
	root    string // of the module
	commit  string
	// Versions; those of the servers are empty while none was started.
	sqlite, redis, postgres string

	began, ended             time.Time
	fsyncBefore, fsyncAfter  time.Duration
	busyBefore, familyBefore time.Duration
	// others is the share of all processors that other programs used.
	others float64
}

// begin reads what the report needs of the start.
func (b *bench) begin(ctx context.Context) (err error) {
	e := &b.environment
	e.began = time.Now()
	if e.machine, err = machine.Describe(); err != nil {
		return err
	}
	if e.root, err = output(ctx, ".", "go", "list", "-m", "-f", "{{.Dir}}", project); err != nil {
		return fmt.Errorf("find the module (run the command in its directory bench): %w", err)
	}
	e.commit = commit(ctx, e.root)
	if e.sqlite, err = sqliteVersion(ctx); err != nil {
		return err
	}
	if e.fsyncBefore, err = machine.Fsync(b.dir); err != nil {
		return err
	}
	if e.busyBefore, err = machine.Busy(); err != nil {
		return err
	}
	e.familyBefore = machine.Family()
	b.say("an fsync in %s takes %s", b.dir, e.fsyncBefore.Round(time.Microsecond))
	return nil
}

// finish reads what the report needs of the end.
func (b *bench) finish() (err error) {
	e := &b.environment
	// The servers' processor time counts as ours once they have ended.
	if b.cluster != nil {
		if err := b.cluster.Stop(); err != nil {
			return err
		}
	}
	e.ended = time.Now()
	if e.fsyncAfter, err = machine.Fsync(b.dir); err != nil {
		return err
	}
	busy, err := machine.Busy()
	if err != nil {
		return err
	}
	all := e.ended.Sub(e.began).Seconds() * float64(runtime.NumCPU())
	e.others = max((busy-e.busyBefore-(machine.Family()-e.familyBefore)).Seconds()/all, 0)
	return nil
}

// project is the module that is measured.
const project = "github.com/sluicehq/sluice"

func output(ctx context.Context, dir, name string, args ...string) (string, error) {
	cmd := exec.CommandContext(ctx, name, args...)
	cmd.Dir = dir
	out, err := cmd.Output()
	return strings.TrimSpace(string(out)), err
}

// commit names what was measured, with a mark when files had been changed.
func commit(ctx context.Context, root string) string {
	hash, err := output(ctx, root, "git", "rev-parse", "--short=12", "HEAD")
	if err != nil {
		return "unknown (no git repository)"
	}
	if changed, err := output(ctx, root, "git", "status", "--porcelain", "--", "*.go", "go.mod"); err != nil || changed != "" {
		hash += " with changes"
	}
	return hash
}

func sqliteVersion(ctx context.Context) (v string, err error) {
	db, err := sql.Open("sqlite", ":memory:")
	if err != nil {
		return "", err
	}
	defer func() { _ = db.Close() }()
	return v, db.QueryRowContext(ctx, "SELECT sqlite_version()").Scan(&v)
}

// peerModules are the modules whose versions matter for the figures.
func peerModules() []string {
	return []string{
		"modernc.org/sqlite", "github.com/hibiken/asynq", "github.com/redis/go-redis/v9", "github.com/riverqueue/river", "github.com/jackc/pgx/v5",
	}
}

// modules are their versions in this program.
func modules() []*debug.Module {
	info, ok := debug.ReadBuildInfo()
	if !ok {
		return nil
	}
	return slices.DeleteFunc(slices.Clone(info.Deps), func(m *debug.Module) bool { return !slices.Contains(peerModules(), m.Path) })
}

// table is the environment as a table.
func (e environment) table(quick bool) figures.Table {
	or := func(s string) string {
		if s == "" {
			return "not run"
		}
		return s
	}
	t := figures.Table{Title: "Machine and versions", Head: []string{"", "value"}}
	t.Add("processor", fmt.Sprintf("%s, %d in use", e.machine.CPU, e.machine.Cores))
	t.Add("memory", fmt.Sprintf("%.1f GiB", float64(e.machine.Memory)/(1<<30)))
	t.Add("kernel", e.machine.Kernel)
	t.Add("fsync of 4 KiB, before and after", fmt.Sprintf("%s µs, %s µs", figures.Number(figures.Microseconds(e.fsyncBefore)),
		figures.Number(figures.Microseconds(e.fsyncAfter))))
	t.Add("other programs meanwhile", fmt.Sprintf("%.0f %% of all processors", 100*e.others))
	t.Add("commit", e.commit)
	t.Add("go", runtime.Version())
	t.Add("SQLite", e.sqlite)
	t.Add("Redis", or(e.redis))
	t.Add("PostgreSQL", or(e.postgres))
	for _, m := range modules() {
		t.Add(m.Path, m.Version)
	}
	mode := "full"
	if quick {
		mode = "quick"
	}
	t.Add("run", fmt.Sprintf("%s, %s, took %s", mode, e.began.UTC().Format("2006-01-02 15:04 MST"), e.ended.Sub(e.began).Round(time.Second)))
	return t
}
