//go:build linux

// Package service runs the servers that the peers need: a redis-server and a
// PostgreSQL cluster, each in a directory and on a port of its own, ended by
// its process id.
package service

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"time"
)

// Program is what a peer needs on the machine.
type Program struct {
	// Name is what -without calls it.
	Name string
	// Binaries must all be there.
	Binaries []string
	// Package is the Debian package that has them.
	Package string
	// Dirs are patterns of directories to look in beside the PATH. They end in
	// version numbers, of which the highest is taken.
	Dirs []string
}

// Redis and Postgres are the programs of the peers.
func Redis() Program {
	return Program{Name: "redis", Binaries: []string{"redis-server"}, Package: "redis-server"}
}

// Postgres is the PostgreSQL server; Debian keeps it out of the PATH.
func Postgres() Program {
	return Program{
		Name: "postgres", Binaries: []string{"postgres", "initdb"}, Package: "postgresql",
		Dirs: []string{"/usr/lib/postgresql/*/bin"},
	}
}

// Finder looks programs up and installs those that are missing.
type Finder struct {
	// Root says that packages can be installed.
	Root bool
	// Run runs a command; nil runs it for real, with its output on Log.
	Run func(ctx context.Context, name string, args ...string) error
	// Log is told what is installed; nil for nowhere.
	Log io.Writer
}

// Find answers the paths of a program's binaries in their order. What is
// missing is installed from Debian's packages, or named.
func (f Finder) Find(ctx context.Context, p Program) ([]string, error) {
	paths, missing := p.look()
	if missing == "" {
		return paths, nil
	}
	advice := fmt.Sprintf("install the Debian package %s, or leave it out with -without %s", p.Package, p.Name)
	if !f.Root {
		return nil, fmt.Errorf("%s is not on this machine: %s", missing, advice)
	}
	if f.Log != nil {
		_, _ = fmt.Fprintf(f.Log, "%s is missing; installing the package %s\n", missing, p.Package)
	}
	if err := f.install(ctx, p.Package); err != nil {
		return nil, fmt.Errorf("%s is not on this machine and %w: %s", missing, err, advice)
	}
	if paths, missing = p.look(); missing != "" {
		return nil, fmt.Errorf("the package %s did not bring %s: %s", p.Package, missing, advice)
	}
	return paths, nil
}

// look answers the paths, or the first binary that is missing.
func (p Program) look() (paths []string, missing string) {
	for _, name := range p.Binaries {
		path, err := p.lookOne(name)
		if err != nil {
			return nil, name
		}
		paths = append(paths, path)
	}
	return paths, ""
}

func (p Program) lookOne(name string) (string, error) {
	if path, err := exec.LookPath(name); err == nil {
		return path, nil
	}
	for _, pattern := range p.Dirs {
		found, err := filepath.Glob(filepath.Join(pattern, name))
		if err == nil && len(found) > 0 {
			return slices.MaxFunc(found, byVersion), nil
		}
	}
	return "", exec.ErrNotFound
}

// byVersion orders paths that differ in one number.
func byVersion(a, b string) int { return cmp.Or(cmp.Compare(len(a), len(b)), cmp.Compare(a, b)) }

func (f Finder) install(ctx context.Context, pkg string) error {
	run := f.Run
	if run == nil {
		run = f.command
	}
	if err := run(ctx, "apt-get", "install", "-y", "--no-install-recommends", pkg); err == nil {
		return nil
	}
	// The lists of packages may be old or empty, as in a fresh container.
	if err := run(ctx, "apt-get", "update"); err != nil {
		return fmt.Errorf("apt-get update: %w", err)
	}
	if err := run(ctx, "apt-get", "install", "-y", "--no-install-recommends", pkg); err != nil {
		return fmt.Errorf("apt-get install: %w", err)
	}
	return nil
}

func (f Finder) command(ctx context.Context, name string, args ...string) error {
	cmd := exec.CommandContext(ctx, name, args...)
	cmd.Env = append(os.Environ(), "DEBIAN_FRONTEND=noninteractive")
	cmd.Stdout, cmd.Stderr = f.Log, f.Log
	return cmd.Run()
}

// version runs a binary with --version and answers the word that follows.
func version(ctx context.Context, binary, before string) (string, error) {
	out, err := exec.CommandContext(ctx, binary, "--version").Output()
	if err != nil {
		return "", fmt.Errorf("%s --version: %w", binary, err)
	}
	_, rest, ok := strings.Cut(string(out), before)
	words := strings.Fields(rest)
	if !ok || len(words) == 0 {
		return "", fmt.Errorf("%s --version says %.80q", binary, out)
	}
	return words[0], nil
}

// FreeAddress is a loopback address on which nothing listens now.
func FreeAddress() (string, error) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return "", err
	}
	return l.Addr().String(), l.Close()
}

// waitFor calls ready until it succeeds, ctx ends or the process does.
func waitFor(ctx context.Context, p *Process, ready func(ctx context.Context) error) error {
	ctx, cancel := context.WithTimeout(ctx, 30*time.Second)
	defer cancel()
	ticker := time.NewTicker(10 * time.Millisecond)
	defer ticker.Stop()
	for {
		err := ready(ctx)
		if err == nil {
			return nil
		}
		select {
		case <-p.ended:
			return fmt.Errorf("%s ended at its start: %w\n%s", p.name, p.err, p.output.tail())
		case <-ctx.Done():
			return errors.Join(fmt.Errorf("%s was not ready in time: %w", p.name, err), p.Stop())
		case <-ticker.C:
		}
	}
}
