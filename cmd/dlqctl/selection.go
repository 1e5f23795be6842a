package main

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"slices"
	"strings"

	"github.com/spf13/cobra"

	"github.com/sluicehq/sluice/pkg/jobs"
)

// maxIDs bounds the jobs of one command.
const maxIDs = 10_000

// selection are the flags of a command on several jobs.
type selection struct {
	idsFrom string
	yes     bool
}

func (s *selection) register(cmd *cobra.Command) {
	cmd.Flags().StringVar(&s.idsFrom, "ids-from", "", "read IDs from a `FILE`, one a line, - for stdin; of a line with tabs, the first field")
	cmd.Flags().BoolVarP(&s.yes, "yes", "y", false, "do not ask")
}

// ids are the jobs of the arguments and the file, each once.
func (s *selection) ids(ctx context.Context, a *app, args []string) ([]jobs.ID, error) {
	lines := args
	if s.idsFrom != "" {
		a.invite("IDs", s.idsFrom)
		more, err := interruptible(ctx, func() ([]string, error) { return s.lines(a.stdin) })
		if err != nil {
			return nil, err
		}
		lines = append(slices.Clip(lines), more...)
	}
	seen := map[jobs.ID]bool{}
	var ids []jobs.ID
	for _, line := range lines {
		id, err := jobID(line)
		if err != nil {
			return nil, err
		}
		if !seen[id] {
			seen[id] = true
			ids = append(ids, id)
		}
	}
	switch {
	case len(ids) == 0 && s.idsFrom == "":
		return nil, usagef("name at least one job, or --ids-from, or filters")
	case len(ids) > maxIDs:
		return nil, usagef("there are %d jobs; the limit is %d at once", len(ids), maxIDs)
	}
	return ids, nil
}

// invite tells a person at a terminal that something is to be typed.
func (a *app) invite(what, file string) {
	if file == "-" && a.stdinTTY {
		a.say("Reading %s from the terminal; Ctrl-D ends them.", what)
	}
}

// maxLine bounds a line of --ids-from.
const maxLine = 64 << 10

// lines reads the first field of each line. Empty lines and those that begin
// with # are passed over.
func (s *selection) lines(stdin io.Reader) ([]string, error) {
	in := stdin
	if s.idsFrom != "-" {
		f, err := os.Open(s.idsFrom)
		if err != nil {
			return nil, usagef("--ids-from: %s", err)
		}
		defer func() { _ = f.Close() }()
		in = f
	}
	var list []string
	scan := bufio.NewScanner(in)
	scan.Buffer(nil, maxLine)
	for scan.Scan() {
		field, _, _ := strings.Cut(strings.TrimSpace(scan.Text()), "\t")
		if field == "" || field[0] == '#' {
			continue
		}
		if list = append(list, field); len(list) > 2*maxIDs {
			return nil, usagef("--ids-from: there are more than %d lines", 2*maxIDs)
		}
	}
	if err := scan.Err(); err != nil {
		return nil, usagef("--ids-from: %s", err)
	}
	return list, nil
}

// confirm asks before jobs are touched: more than one, or, where there is no
// way back, any.
func (s *selection) confirm(ctx context.Context, a *app, o order, n int) error {
	if s.yes || n == 0 || n == 1 && !o.final {
		return nil
	}
	return a.confirm(ctx, o.question(n), s.idsFrom == "-")
}

// counted is a number of jobs in words.
func counted(n int) string {
	if n == 1 {
		return "1 job"
	}
	return fmt.Sprintf("%d jobs", n)
}

// confirm asks a person whether to go on. Where nobody can be asked, also
// because stdin is spent, it is not confirmed.
func (a *app) confirm(ctx context.Context, question string, stdinSpent bool) error {
	answer, err := a.ask(ctx, question, "[y/N]", stdinSpent)
	if err != nil {
		return err
	}
	switch strings.ToLower(answer) {
	case "y", "yes":
		return nil
	default:
		return errUnconfirmed
	}
}

// ask asks a person a question; hint says what may be typed.
func (a *app) ask(ctx context.Context, question, hint string, stdinSpent bool) (string, error) {
	if !a.stdinTTY || !a.stderrTTY || stdinSpent {
		a.say("dlqctl: %s Nobody can be asked here; -y confirms.", question)
		return "", &saidError{exitUnconfirmed}
	}
	_, _ = fmt.Fprintf(a.stderr, "%s %s ", clean(question), hint)
	answer, err := interruptible(ctx, func() (string, error) { return bufio.NewReader(a.stdin).ReadString('\n') })
	if err != nil && !errors.Is(err, io.EOF) {
		return "", err
	}
	return strings.TrimSpace(answer), nil
}

// interruptible runs f, which reads from stdin. Such a read cannot be called
// off, so on an interrupt f is left alone with it; the process ends at once.
func interruptible[T any](ctx context.Context, f func() (T, error)) (T, error) {
	type answer struct {
		v   T
		err error
	}
	done := make(chan answer, 1)
	go func() {
		v, err := f()
		done <- answer{v, err}
	}()
	select {
	case a := <-done:
		return a.v, a.err
	case <-ctx.Done():
		var none T
		return none, ctx.Err()
	}
}
