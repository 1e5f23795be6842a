package main

import (
	"context"
	"errors"
	"net"

	"github.com/sluicehq/sluice/pkg/client"
)

// complain says what went wrong and what could be done about it.
func (a *app) complain(err error) {
	p, isProblem := errors.AsType[*client.Problem](err)
	switch {
	case isProblem:
		a.complainOf(p)
	case errors.Is(err, context.DeadlineExceeded):
		a.say("dlqctl: %s gave no answer within %s (--timeout)", a.api.URL(), a.timeout)
	case errors.Is(err, client.ErrUnavailable):
		cause := err
		if dial, ok := errors.AsType[*net.OpError](err); ok {
			cause = dial
		}
		a.say("dlqctl: %s does not answer: %s", a.api.URL(), cause)
		a.say("Does it run? --server or SLUICE_SERVER names another.")
	case errors.Is(err, client.ErrBadAnswer):
		a.say("dlqctl: %s", err)
		a.say("Is this a Sluice server? --server or SLUICE_SERVER names another.")
	default:
		a.say("dlqctl: %s", err)
	}
}

func problemText(p *client.Problem) string {
	if p.Detail == "" {
		return p.Title
	}
	return p.Title + ": " + p.Detail
}

// maxListed bounds the places and suggestions of one problem.
const maxListed = 16

// complainOf shows the server's problem.
func (a *app) complainOf(p *client.Problem) {
	text, mark := problemText(p), p.Code
	if mark == "" {
		mark = "status"
	}
	if p.RequestID != "" {
		a.say("dlqctl: %s (%d %s, request %s)", text, p.Status, mark, p.RequestID)
	} else {
		a.say("dlqctl: %s (%d %s)", text, p.Status, mark)
	}
	for _, v := range p.Errors[:min(len(p.Errors), maxListed)] {
		place := v.Pointer
		if place == "" {
			place = "the whole"
		}
		a.say("  %s %s", place, v.Reason)
	}
	for _, s := range p.Suggestions[:min(len(p.Suggestions), maxListed)] {
		a.say("Suggested: %s", s)
	}
	if wait := p.RetryAfter(); wait > 0 {
		a.say("Try again in %s.", span(wait))
	}
	switch {
	case p.Status == 401:
		a.say("The key comes from SLUICE_API_KEY_FILE or SLUICE_API_KEY; see dlqctl help environment.")
	case p.Code == "":
		a.say("Is this a Sluice server? --server or SLUICE_SERVER names another.")
	}
}
