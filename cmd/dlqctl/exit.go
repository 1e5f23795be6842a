package main

import (
	"context"
	"errors"
	"fmt"

	"github.com/spf13/cobra"

	"github.com/sluicehq/sluice/pkg/client"
)

// Exit codes. docs/dlqctl.md lists them.
const (
	exitOK          = 0
	exitError       = 1
	exitUsage       = 2
	exitNotFound    = 3
	exitAuth        = 4
	exitConflict    = 5
	exitPartial     = 6
	exitUnavailable = 7
	exitUnconfirmed = 9
	exitInterrupted = 130
)

// usageError is a mistake in how the program was called.
type usageError struct{ reason string }

func (e *usageError) Error() string { return e.reason }

func usagef(format string, args ...any) error { return &usageError{fmt.Sprintf(format, args...)} }

// saidError ends the program with a code; what there was to say has been said.
type saidError struct{ code int }

func (e *saidError) Error() string { return fmt.Sprintf("exit code %d", e.code) }

// errUnconfirmed ends the program when nobody agreed to what would be done.
var errUnconfirmed = errors.New("not confirmed, so nothing was done")

// codeOf is the exit code for an error. ctx is the program's: it ends with an
// interrupt, and with nothing else.
func codeOf(ctx context.Context, err error) int {
	if _, said := errors.AsType[*saidError](err); err != nil && !said && ctx.Err() != nil {
		return exitInterrupted
	}
	return codeFor(err)
}

// codeFor is the exit code for an error of a program that was not interrupted.
func codeFor(err error) int {
	if said, ok := errors.AsType[*saidError](err); ok {
		return said.code
	}
	_, isUsage := errors.AsType[*usageError](err)
	switch {
	case err == nil:
		return exitOK
	case isUsage:
		return exitUsage
	case errors.Is(err, errUnconfirmed):
		return exitUnconfirmed
	case errors.Is(err, client.ErrNotFound):
		return exitNotFound
	case errors.Is(err, client.ErrAuth):
		return exitAuth
	case errors.Is(err, client.ErrConflict):
		return exitConflict
	case errors.Is(err, client.ErrThrottled), errors.Is(err, client.ErrUnavailable), errors.Is(err, context.DeadlineExceeded):
		return exitUnavailable
	default:
		return exitError
	}
}

// finish says what went wrong, if anything, and answers the exit code.
func (a *app) finish(ctx context.Context, cmd *cobra.Command, err error) int {
	if err != nil && !a.working {
		// cobra's own errors: a flag or command that is not there.
		if _, ok := errors.AsType[*usageError](err); !ok {
			err = &usageError{err.Error()}
		}
	}
	code := codeOf(ctx, err)
	if _, said := errors.AsType[*saidError](err); err == nil || said {
		return code
	}
	switch code {
	case exitInterrupted:
		a.say("dlqctl: interrupted")
	case exitUsage:
		a.sayLines("dlqctl: " + err.Error()) // cobra suggests on lines of their own
		a.say("Run '%s --help' for usage.", cmd.CommandPath())
	default:
		a.complain(err)
	}
	return code
}

// exitCodesTopic is a page of help.
func exitCodesTopic() *cobra.Command {
	return &cobra.Command{Use: "exit-codes", Short: "What the exit codes mean", Long: `  0    done
  1    an error with no code of its own
  2    wrong usage: a flag, an argument or an input file
  3    no such job, tenant or operation
  4    the API key is missing, unknown, or may not do this
  5    the state of the job, tenant or operation does not allow it
  6    done for some of the jobs only; the operation did not come to its end
  7    the server throttles, refuses work for now or does not answer
  9    a confirmation was needed and not given; -y gives it in scripts
  130  interrupted`}
}
