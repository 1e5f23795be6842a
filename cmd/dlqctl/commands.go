package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/sluicehq/sluice/pkg/client"
	"github.com/sluicehq/sluice/pkg/jobs"
)

func (a *app) requeueCommand() *cobra.Command {
	var s selection
	var opts client.RequeueOptions
	cmd := &cobra.Command{
		Use:   "requeue ID...",
		Short: "Run jobs again",
		Long: `Run jobs again that failed, expired, were cancelled or wait for a person.
History and attempts are kept, and the new run gets attempts of its own.

As TSV the columns are: id, result, detail. The result is requeued, or why not:
not_found, conflict, forbidden, throttled, unavailable, error, no_answer (it may
have happened) or not_tried.`,
		Example: `  dlqctl requeue job_01KA7QZ3 --reason "INC-42 provider is back"
  dlqctl ls --class rate --since 2h | dlqctl requeue --ids-from - --lane batch -y`,
		ValidArgsFunction: a.completeIDs,
	}
	s.register(cmd)
	flags := cmd.Flags()
	flags.StringVar(&opts.Lane, "lane", "", "move to this lane: critical, interactive, standard or batch")
	flags.DurationVar(&opts.Deadline, "deadline", 0, "how long the new run may take (default as long as the run before)")
	reasonFlag(cmd, &opts.Reason)
	fixed(cmd, "lane", laneNames()...)
	cmd.RunE = a.begin(func(ctx context.Context, args []string) error {
		if err := checkLane(opts.Lane); err != nil {
			return err
		}
		if flags.Changed("deadline") && opts.Deadline < time.Second {
			return usagef("--deadline takes a span of 1s or more")
		}
		return a.several(ctx, &s, "Requeue", args, order{
			kind: "RequeueList", done: "requeued",
			do: func(ctx context.Context, c *client.Client, id jobs.ID) (client.Job, error) {
				return c.Requeue(ctx, id, opts)
			},
			told: func(j client.Job) (string, string) {
				return "requeued", fmt.Sprintf("run %d in lane %s, deadline %s", j.Run, j.Lane, instant(j.DeadlineAt))
			},
		})
	})
	return cmd
}

func (a *app) cancelCommand() *cobra.Command {
	var s selection
	var opts client.CommandOptions
	cmd := &cobra.Command{
		Use:   "cancel ID...",
		Short: "Cancel jobs that wait or run",
		Long: `Cancel jobs that wait, in a queue or for a person, and tell running ones to stop;
these end as soon as their worker hears of it, with the result cancelling.`,
		Example:           `  dlqctl cancel job_01KA7QZ3 --reason "sent twice"`,
		ValidArgsFunction: a.completeIDs,
	}
	s.register(cmd)
	reasonFlag(cmd, &opts.Reason)
	cmd.RunE = a.begin(func(ctx context.Context, args []string) error {
		return a.several(ctx, &s, "Cancel", args, order{
			kind: "CancelList", done: "cancelled",
			do: func(ctx context.Context, c *client.Client, id jobs.ID) (client.Job, error) {
				return c.Cancel(ctx, id, opts)
			},
			told: func(j client.Job) (string, string) {
				if j.State == jobs.Cancelled {
					return "cancelled", ""
				}
				return "cancelling", "its worker was told to stop"
			},
		})
	})
	return cmd
}

// several carries an order out on the selected jobs, once it is confirmed.
func (a *app) several(ctx context.Context, s *selection, verb string, args []string, o order) error {
	ids, err := s.ids(ctx, a, args)
	if err != nil {
		return err
	}
	if err := s.confirm(ctx, a, verb, len(ids)); err != nil {
		return err
	}
	return a.carry(ctx, o, ids)
}

// maxData bounds the data that completes a job; the server takes a little
// less.
const maxData = 1 << 20

func (a *app) completeCommand() *cobra.Command {
	var file string
	var opts client.CommandOptions
	cmd := &cobra.Command{
		Use:   "complete ID -f FILE",
		Short: "Give a job its result by hand",
		Long: `Give a job its result by hand. The file holds the data alone, as JSON that fits
the job's schema. It works on jobs in review and on those that failed, expired
or were cancelled.`,
		Example: `  dlqctl complete job_01KA7QZ3 -f data.json
  jq -n '{invoice_number:"8812",invoice_date:"2026-11-22",total:120.5}' | dlqctl complete job_01KA7QZ3 -f -`,
		Args:              cobra.ExactArgs(1),
		ValidArgsFunction: a.completeIDs,
	}
	cmd.Flags().StringVarP(&file, "file", "f", "", "the `FILE` with the data, - for stdin")
	reasonFlag(cmd, &opts.Reason)
	cmd.RunE = a.begin(func(ctx context.Context, args []string) error {
		id, err := jobID(args[0])
		if err != nil {
			return err
		}
		a.invite("data", file)
		data, err := interruptible(ctx, func() (json.RawMessage, error) { return readData(file, a.stdin) })
		if err != nil {
			return err
		}
		return a.carry(ctx, order{
			kind: "CompleteList", done: "completed",
			do: func(ctx context.Context, c *client.Client, id jobs.ID) (client.Job, error) {
				return c.Complete(ctx, id, data, opts)
			},
			told: func(client.Job) (string, string) { return "completed", "" },
		}, []jobs.ID{id})
	})
	return cmd
}

// readData reads the JSON that completes a job.
func readData(file string, stdin io.Reader) (data json.RawMessage, err error) {
	switch file {
	case "":
		return nil, usagef("-f names the file with the data, - is stdin")
	case "-":
		data, err = readAll(stdin, maxData)
	default:
		data, err = readFile(file, maxData)
	}
	if err != nil {
		return nil, usagef("-f: %s", err)
	}
	if !json.Valid(data) {
		return nil, usagef("-f: the data is not JSON")
	}
	return data, nil
}

func (a *app) rejectCommand() *cobra.Command {
	var opts client.RejectOptions
	cmd := &cobra.Command{
		Use:               "reject ID",
		Short:             "Give up a job that waits for a person",
		Long:              "Give up a job that waits for a person: it fails with the class rejected.",
		Example:           `  dlqctl reject job_01KA7QZ3 --reason "not an invoice"`,
		Args:              cobra.ExactArgs(1),
		ValidArgsFunction: a.completeIDs,
	}
	reasonFlag(cmd, &opts.Reason)
	cmd.RunE = a.begin(func(ctx context.Context, args []string) error {
		id, err := jobID(args[0])
		if err != nil {
			return err
		}
		return a.carry(ctx, order{
			kind: "RejectList", done: "rejected",
			do: func(ctx context.Context, c *client.Client, id jobs.ID) (client.Job, error) {
				return c.Reject(ctx, id, opts)
			},
			told: func(client.Job) (string, string) { return "rejected", "" },
		}, []jobs.ID{id})
	})
	return cmd
}

func reasonFlag(cmd *cobra.Command, into *string) {
	cmd.Flags().StringVar(into, "reason", "", fmt.Sprintf("why, for the job's history; at most %d bytes", jobs.MaxReasonBytes))
}

// versionTime is how long the server may take to tell its version.
const versionTime = 2 * time.Second

func (a *app) versionCommand() *cobra.Command {
	return &cobra.Command{
		Use:   "version",
		Short: "Print the versions of this program and of the server",
		Args:  cobra.NoArgs,
		RunE: a.begin(func(ctx context.Context, _ []string) error {
			server, err := a.serverVersion(ctx)
			if a.as() == asJSON {
				return a.json(envelope{Kind: "Version", Data: map[string]string{"client": version, "server": server}})
			}
			a.tsv("dlqctl", version)
			if err == nil {
				a.tsv("server", server)
			} else if a.as() == asTable {
				a.say("The server's version is not known: %s.", strings.TrimSuffix(err.Error(), "."))
			}
			return nil
		}),
	}
}

// serverVersion asks the server for its version. That there is none is no
// failure of the program.
func (a *app) serverVersion(ctx context.Context) (string, error) {
	c, err := a.client()
	if err != nil {
		return "", err
	}
	ctx, cancel := context.WithTimeout(ctx, min(a.timeout, versionTime))
	defer cancel()
	v, err := c.Version(ctx)
	if err == nil && v.Version == "" {
		err = errors.New("it did not tell")
	}
	return v.Version, err
}
