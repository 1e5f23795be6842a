package main

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/sluicehq/sluice/pkg/client"
)

const (
	// firstLook is how soon a watched operation is read again; each wait is
	// twice as long as the one before, up to the invocation's pulse.
	firstLook = 100 * time.Millisecond
	// lineEvery is how often progress is told where nothing can be redrawn.
	lineEvery = 5 * time.Second
	// silentFor is how long the server may fail to answer a watcher.
	silentFor = 2 * time.Minute
)

// toItsEnd watches an operation until it ends or stands still, and shows what
// became of it.
func (a *app) toItsEnd(ctx context.Context, op client.Operation) error {
	op, err := a.follow(ctx, op)
	if ctx.Err() != nil && !settled(op) {
		a.say("The operation goes on. Watch it with dlqctl ops watch %s, or end it with dlqctl ops cancel %s.", string(op.ID), string(op.ID))
		return ctx.Err()
	}
	if err != nil {
		return err
	}
	if err := a.showOperationLine(op); err != nil {
		return err
	}
	return a.judge(op)
}

// settled reports whether an operation stands still until a person turns it.
func settled(op client.Operation) bool {
	return op.State != client.OperationRunning && op.State != client.OperationSelecting
}

// follow reads an operation again and again until it stands still.
func (a *app) follow(ctx context.Context, op client.Operation) (client.Operation, error) {
	p := &progress{app: a, began: a.now(), told: a.now(), from: op.Counts.Done}
	defer p.clear()
	heard := time.Now()
	for wait := firstLook; !settled(op); wait = min(2*wait, a.pulse) {
		p.show(op)
		timer := time.NewTimer(min(wait, a.pulse))
		select {
		case <-ctx.Done():
			timer.Stop()
			return op, ctx.Err()
		case <-timer.C:
		}
		now, err := a.operation(ctx, op.ID, (*client.Client).Operation)
		switch {
		case err == nil:
			op, heard = now, time.Now()
		case ctx.Err() != nil:
			return op, ctx.Err()
		case !passing(err) || time.Since(heard) > silentFor:
			return op, err
		}
	}
	return op, nil
}

// passing reports whether an error may be gone at the next try.
func passing(err error) bool {
	return errors.Is(err, client.ErrUnavailable) || errors.Is(err, client.ErrThrottled) || errors.Is(err, context.DeadlineExceeded)
}

// judge is the error for how an operation ended, after it was shown.
func (a *app) judge(op client.Operation) error {
	id := string(op.ID)
	switch op.State {
	case client.OperationSucceeded:
		if op.Counts.Failed == 0 {
			return nil
		}
		a.say("Which failed: dlqctl ops audit %s --failed", id)
	case client.OperationFailed:
		if op.Why == "no_job_changed" {
			a.say("No job could be changed: dlqctl ops audit %s", id)
			return &saidError{exitConflict}
		}
		a.say("It failed: %s.", op.Why)
		return &saidError{exitError}
	case client.OperationStopped:
		a.say("Too many jobs could not be changed. Why: dlqctl ops audit %s --failed. Go on with dlqctl ops resume %s.", id, id)
	case client.OperationPaused:
		a.say("It is paused. Go on with dlqctl ops resume %s.", id)
	case client.OperationCancelled:
		a.say("It was cancelled. What was changed stays changed.")
	case client.OperationDraft:
		a.say("It was not started. Start it with dlqctl ops start %s.", id)
	case client.OperationSelecting, client.OperationRunning:
	}
	return &saidError{exitPartial}
}

// progress tells a person how far an operation is: on a terminal as a line that
// is redrawn, elsewhere as a line now and then.
type progress struct {
	*app
	began, told time.Time
	from        int // jobs that were done when it began
	drawn       bool
}

// redraws reports whether a line can be drawn again.
func (a *app) redraws() bool { return a.stderrTTY && a.env("TERM") != "dumb" }

func (p *progress) show(op client.Operation) {
	if p.redraws() {
		_, _ = fmt.Fprintf(p.stderr, "\r%s\x1b[K", clean(p.line(op, p.width)))
		p.drawn = true
		return
	}
	if now := p.now(); now.Sub(p.told) >= lineEvery {
		p.told = now
		p.say("%s", p.line(op, 0))
	}
}

// clear removes the line.
func (p *progress) clear() {
	if p.drawn {
		_, _ = fmt.Fprint(p.stderr, "\r\x1b[K")
	}
}

// barCells is the width of the bar.
const barCells = 24

// line says how far it is. A width of 0 has no bar and no end.
func (p *progress) line(op client.Operation, width int) string {
	n := op.Counts
	text := fmt.Sprintf("%s %d/%d", op.Action, n.Done, n.Total)
	if n.Total > 0 {
		share := max(0, min(float64(n.Done)/float64(n.Total), 1))
		if width > 70 {
			full := int(share * barCells)
			text += " [" + strings.Repeat("█", full) + strings.Repeat("·", barCells-full) + "]"
		}
		text += fmt.Sprintf(" %d%%", int(share*100))
	}
	if n.Failed > 0 {
		text += fmt.Sprintf(", %d failed", n.Failed)
	}
	took := p.now().Sub(p.began)
	if done := n.Done - p.from; done > 0 && took >= time.Second && n.Done < n.Total {
		left := time.Duration(min(float64(took)/float64(done)*float64(n.Total-n.Done), 1e15))
		text += ", about " + span(left) + " left"
	}
	return text
}
