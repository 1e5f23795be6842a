package main

import (
	"context"
	"errors"
	"fmt"

	"github.com/sluicehq/sluice/pkg/client"
	"github.com/sluicehq/sluice/pkg/jobs"
)

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
	done   bool
	err    error
}

// order is a command on jobs.
type order struct {
	verb string // of the question
	kind string // of the JSON
	done string // what most jobs are afterwards, such as requeued
	// final orders cannot be undone, so that even one job needs a
	// confirmation.
	final bool
	// many is the order on jobs that filters select.
	many client.Order
	do   func(ctx context.Context, c *client.Client, id jobs.ID) (client.Job, error)
	// told says what was done to a job, in a word and a sentence.
	told func(j client.Job) (result, detail string)
}

// question asks whether to carry the order out on n jobs.
func (o order) question(n int) string {
	if o.final {
		return fmt.Sprintf("%s %s for good?", o.verb, counted(n))
	}
	return fmt.Sprintf("%s %s?", o.verb, counted(n))
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
			e.Error, e.Detail = p, problemText(p)
		}
		return e
	}
	e := effect{ID: id, done: true}
	if j.ID != "" {
		e.Job = &j
	}
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
		if e.done {
			a.print("%s", string(e.ID))
		}
	case asTable:
		mark, s := "✓", green
		if !e.done {
			mark, s = "✗", red
		}
		a.print("%s %s  %s%s", a.paint(s, mark), a.paint(bold, string(e.ID)), a.paint(s, e.Result), after("  ", e.Detail))
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
		case e.done:
			done++
		case e.err == nil:
			untried++
		default:
			errs = append(errs, e.err)
		}
	}
	if len(effects) > 1 {
		a.say("%s.", tally(done, o.done, len(errs), untried))
	}
	switch {
	case len(errs) == 0 && untried == 0:
		return nil
	case ctx.Err() != nil:
		return ctx.Err()
	case len(effects) == 1:
		return errs[0]
	case done == 0 && untried == 0:
		return &saidError{common(errs)}
	case done == 0:
		return errs[len(errs)-1]
	case untried > 0:
		a.complain(errs[len(errs)-1])
	}
	return &saidError{exitPartial}
}

// tally counts what was done, and what was not if there is any.
func tally(done int, word string, failed, untried int) string {
	text := fmt.Sprintf("%d %s", done, word)
	if failed > 0 {
		text += fmt.Sprintf(", %d failed", failed)
	}
	if untried > 0 {
		text += fmt.Sprintf(", %d not tried", untried)
	}
	return text
}

// common is the exit code that all errors have, or the one for any.
func common(errs []error) int {
	code := codeFor(errs[0])
	for _, err := range errs[1:] {
		if codeFor(err) != code {
			return exitError
		}
	}
	return code
}

// after is a text behind what parts it from the one before; empty for none.
func after(gap, text string) string {
	if text == "" {
		return ""
	}
	return gap + text
}
