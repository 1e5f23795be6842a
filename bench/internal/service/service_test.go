//go:build linux

package service_test

import (
	"context"
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/jackc/pgx/v5"
	"github.com/redis/go-redis/v9"

	"github.com/sluicehq/sluice/bench/internal/service"
)

// find looks a real program up and fails the test that needs it without one.
func find(t *testing.T, p service.Program) []string {
	t.Helper()
	paths, err := service.Finder{}.Find(t.Context(), p)
	if err != nil {
		t.Fatalf("this test needs %s: %v", p.Name, err)
	}
	return paths
}

// openDir is a directory that other users can pass through.
func openDir(t *testing.T) string {
	t.Helper()
	dir, err := os.MkdirTemp("", "service")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := os.RemoveAll(dir); err != nil {
			t.Error(err)
		}
	})
	if err := os.Chmod(dir, 0o711); err != nil {
		t.Fatal(err)
	}
	return dir
}

func TestAMissingProgramIsNamedWithWhatToDo(t *testing.T) {
	t.Parallel()
	p := service.Program{Name: "ghost", Binaries: []string{"sh", "no-such-binary-here"}, Package: "ghost-server"}
	f := service.Finder{Run: func(context.Context, string, ...string) error {
		t.Error("an unprivileged user installed something")
		return nil
	}}
	_, err := f.Find(t.Context(), p)
	if err == nil {
		t.Fatal("found")
	}
	for _, want := range []string{"no-such-binary-here", "ghost-server", "-without ghost"} {
		if !strings.Contains(err.Error(), want) || strings.Contains(err.Error(), "\n") {
			t.Errorf("error %q does not name %s in one line", err, want)
		}
	}
}

func TestRootInstallsTheMissingPackage(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	p := service.Program{Name: "ghost", Binaries: []string{"no-such-binary-here"}, Package: "ghost-server", Dirs: []string{dir + "/*/bin"}}
	var ran []string
	f := service.Finder{Root: true, Run: func(_ context.Context, name string, args ...string) error {
		ran = append(ran, name+" "+args[0])
		if len(ran) == 1 {
			return errors.New("no lists")
		}
		for _, version := range []string{"9", "15"} {
			bin := filepath.Join(dir, version, "bin")
			if err := errors.Join(os.MkdirAll(bin, 0o700), os.WriteFile(bin+"/no-such-binary-here", nil, 0o700)); err != nil {
				return err
			}
		}
		return nil
	}}
	got, err := f.Find(t.Context(), p)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff([]string{dir + "/15/bin/no-such-binary-here"}, got); diff != "" {
		t.Errorf("paths (-want +got):\n%s", diff)
	}
	if diff := cmp.Diff([]string{"apt-get install", "apt-get update", "apt-get install"}, ran); diff != "" {
		t.Errorf("commands (-want +got):\n%s", diff)
	}
}

func TestAPackageThatCannotBeInstalledIsAnError(t *testing.T) {
	t.Parallel()
	p := service.Program{Name: "ghost", Binaries: []string{"no-such-binary-here"}, Package: "ghost-server"}
	for _, answer := range []error{nil, errors.New("no network")} {
		f := service.Finder{Root: true, Run: func(context.Context, string, ...string) error { return answer }}
		if _, err := f.Find(t.Context(), p); err == nil || !strings.Contains(err.Error(), "-without ghost") {
			t.Errorf("install answers %v and Find %v", answer, err)
		}
	}
}

func TestAProcessIsStoppedByItsSignalOrKilled(t *testing.T) {
	t.Parallel()
	polite, err := service.Start(exec.Command("sleep", "1000"), syscall.SIGTERM, time.Minute)
	if err != nil {
		t.Fatal(err)
	}
	if err := polite.Stop(); err == nil || !strings.Contains(err.Error(), "terminated") {
		t.Errorf("sleep ended with %v, want the signal", err)
	}
	stubborn, err := service.Start(exec.Command("sleep", "1000"), syscall.SIGURG, 300*time.Millisecond)
	if err != nil {
		t.Fatal(err)
	}
	if err := stubborn.Stop(); err == nil || !strings.Contains(err.Error(), "was killed") {
		t.Errorf("a process that ignores its signal ended with %v", err)
	}
	if err := syscall.Kill(stubborn.PID(), 0); !errors.Is(err, syscall.ESRCH) {
		t.Errorf("process %d is still there: %v", stubborn.PID(), err)
	}
	if err := stubborn.Stop(); err == nil {
		t.Error("the second Stop forgot how the process ended")
	}
}

func TestRedisSyncsAsAskedAndEnds(t *testing.T) {
	t.Parallel()
	binary := find(t, service.Redis())[0]
	for _, policy := range []string{"always", "everysec"} {
		s, err := service.StartRedis(t.Context(), binary, t.TempDir(), policy)
		if err != nil {
			t.Fatal(err)
		}
		c := redis.NewClient(&redis.Options{Addr: s.Addr, MaxRetries: -1})
		got, err := c.ConfigGet(t.Context(), "appendfsync").Result()
		if err != nil || got["appendfsync"] != policy || s.Version == "" {
			t.Errorf("appendfsync is %v, error %v, version %q", got, err, s.Version)
		}
		if err := errors.Join(c.Close(), s.Stop()); err != nil {
			t.Error(err)
		}
		if err := syscall.Kill(s.PID(), 0); !errors.Is(err, syscall.ESRCH) {
			t.Errorf("redis-server %d is still there: %v", s.PID(), err)
		}
	}
}

func TestARedisThatCannotStartSaysWhy(t *testing.T) {
	t.Parallel()
	binary := find(t, service.Redis())[0]
	if _, err := service.StartRedis(t.Context(), binary, t.TempDir(), "sometimes"); err == nil || !strings.Contains(err.Error(), "appendfsync") {
		t.Errorf("error is %v, want redis-server's own words", err)
	}
}

func TestPostgresIsDurableAndEnds(t *testing.T) {
	t.Parallel()
	s, err := service.StartPostgres(t.Context(), find(t, service.Postgres()), openDir(t))
	if err != nil {
		t.Fatal(err)
	}
	c, err := pgx.Connect(t.Context(), s.URL)
	if err != nil {
		t.Fatal(err)
	}
	var fsync string
	if err := c.QueryRow(t.Context(), "SHOW fsync").Scan(&fsync); err != nil || fsync != "on" || s.Version == "" {
		t.Errorf("fsync is %q, error %v, version %q", fsync, err, s.Version)
	}
	if err := errors.Join(c.Close(t.Context()), s.Stop()); err != nil {
		t.Error(err)
	}
	if err := syscall.Kill(s.PID(), 0); !errors.Is(err, syscall.ESRCH) {
		t.Errorf("postgres %d is still there: %v", s.PID(), err)
	}
}
