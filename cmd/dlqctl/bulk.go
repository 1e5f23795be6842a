package main

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"strings"

	"github.com/spf13/cobra"

	"github.com/sluicehq/sluice/pkg/client"
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
		lines = append(lines[:len(lines):len(lines)], more...)
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
		return nil, usagef("name at least one job, or --ids-from")
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

// confirm asks before more than one job is touched.
func (s *selection) confirm(ctx context.Context, a *app, verb string, n int) error {
	if n <= 1 || s.yes {
		return nil
	}
	if !a.stdinTTY || !a.stderrTTY || s.idsFrom == "-" {
		a.say("dlqctl: %s %d jobs? Nobody can be asked here; -y confirms.", verb, n)
		return &saidError{exitUnconfirmed}
	}
	_, _ = fmt.Fprintf(a.stderr, "%s %d jobs? [y/N] ", verb, n)
	answer, err := interruptible(ctx, func() (string, error) { return bufio.NewReader(a.stdin).ReadString('\n') })
	if err != nil && !errors.Is(err, io.EOF) {
		return err
	}
	switch strings.ToLower(strings.TrimSpace(answer)) {
	case "y", "yes":
		return nil
	default:
		return errUnconfirmed
	}
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

// effect is what became of one job.
type effect struct {
	ID jobs.ID `json:"id"`
	// Result is what was done, such as requeued, or why it was not: not_found,
	// conflict, forbidden, throttled, unavailable, error, no_answer or
	// not_tried.
	Result string          `json:"result"`
	Job    *client.Job     `json:"job,omitempty"`
	Error  *client.Problem `json:"error,omitempty"`
	Detail string          `json:"detail,omitempty"`
	err    error
}

// order is a command on jobs.
type order struct {
	kind string // of the JSON
	done string // what most jobs are afterwards, such as requeued
	do   func(ctx context.Context, c *client.Client, id jobs.ID) (client.Job, error)
	// told says what was done to a job, in a word and a sentence.
	told func(j client.Job) (result, detail string)
}

// carry gives the order to each job in turn. After an error that the next job
// would meet too, the rest is not tried.
func (a *app) carry(ctx context.Context, o order, ids []jobs.ID) error {
	c, err := a.client()
	if err != nil {
		return err
	}
	effects := make([]effect, 0, len(ids))
	var stop error
	for _, id := range ids {
		e := effect{ID: id, Result: "not_tried"}
		if stop == nil && ctx.Err() != nil {
			stop = ctx.Err()
		}
		if stop == nil {
			e = a.carryOne(ctx, c, o, id)
			if !particular(e.err) {
				stop = e.err
			}
		}
		effects = append(effects, e)
		if len(ids) == 1 && e.err != nil && a.as() == asTable {
			return e.err // said at length instead of in a line
		}
		a.showEffect(e)
	}
	if a.as() == asJSON {
		if err := a.json(envelope{Kind: o.kind, Data: effects}); err != nil {
			return err
		}
	}
	return a.conclude(ctx, o, effects)
}

func (a *app) carryOne(ctx context.Context, c *client.Client, o order, id jobs.ID) effect {
	within, cancel := a.within(ctx)
	defer cancel()
	j, err := o.do(within, c, id)
	if err != nil {
		e := effect{ID: id, Result: failed(err), Detail: "it may have been done or not", err: err}
		if p, ok := errors.AsType[*client.Problem](err); ok {
			e.Error, e.Detail = p, p.Title+": "+p.Detail
		}
		return e
	}
	e := effect{ID: id, Job: &j}
	e.Result, e.Detail = o.told(j)
	return e
}

// particular reports whether an error is about one job, so that the next may
// fare better.
func particular(err error) bool {
	return err == nil || errors.Is(err, client.ErrNotFound) || errors.Is(err, client.ErrConflict) || errors.Is(err, client.ErrInvalid)
}

// failed is the word for an error.
func failed(err error) string {
	if _, answered := errors.AsType[*client.Problem](err); !answered {
		return "no_answer"
	}
	switch codeFor(err) {
	case exitNotFound:
		return "not_found"
	case exitConflict:
		return "conflict"
	case exitAuth:
		return "forbidden"
	case exitUnavailable:
		if errors.Is(err, client.ErrThrottled) {
			return "throttled"
		}
		return "unavailable"
	default:
		return "error"
	}
}

// showEffect writes a line as soon as it is known.
func (a *app) showEffect(e effect) {
	switch a.as() {
	case asTSV:
		a.tsv(string(e.ID), e.Result, e.Detail)
	case asName:
		if e.Job != nil {
			a.print("%s", string(e.ID))
		}
	case asTable:
		mark, s := "✓", green
		if e.Job == nil {
			mark, s = "✗", red
		}
		a.print("%s %s  %s  %s", a.paint(s, mark), a.paint(bold, string(e.ID)), a.paint(s, e.Result), e.Detail)
	case asJSON, byTerminal:
		return
	}
	_ = a.out.Flush() // the last flush tells of errors
}

// conclude sums up and answers the error for the exit code.
func (a *app) conclude(ctx context.Context, o order, effects []effect) error {
	if len(effects) == 0 {
		a.say("There is no job to work on.")
		return nil
	}
	done, untried := 0, 0
	var errs []error
	for _, e := range effects {
		switch {
		case e.Job != nil:
			done++
		case e.err == nil:
			untried++
		default:
			errs = append(errs, e.err)
		}
	}
	if len(effects) > 1 {
		a.say("%d %s, %d failed, %d not tried.", done, o.done, len(errs), untried)
	}
	switch {
	case ctx.Err() != nil:
		return ctx.Err()
	case len(errs) == 0:
		return nil
	case len(effects) == 1 || done == 0 && untried > 0:
		return errs[len(errs)-1]
	case done > 0:
		if last := errs[len(errs)-1]; untried > 0 {
			a.complain(last)
		}
		return &saidError{exitPartial}
	default:
		return &saidError{common(ctx, errs)}
	}
}

// common is the exit code that all errors have, or the one for any.
func common(ctx context.Context, errs []error) int {
	code := codeOf(ctx, errs[0])
	for _, err := range errs[1:] {
		if codeOf(ctx, err) != code {
			return exitError
		}
	}
	return code
}
