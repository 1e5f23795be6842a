package main

import (
	"context"
	"fmt"
	"time"

	"github.com/spf13/cobra"

	"github.com/sluicehq/sluice/pkg/client"
)

const gateColumns = "As TSV the columns are: gate, word (closed or open), until, reason, by, at."

// gatesCommand holds the commands on the gates of providers and their routes.
func (a *app) gatesCommand() *cobra.Command {
	return family(&cobra.Command{
		Use:   "gates",
		Short: "Hold the gates of providers open or closed",
		Long: `Hold the gate of a provider, or of one of its routes (provider/model), open or
closed for a while. The word stands above what the provider says, and every
process of the server follows it within a second. The key must be an operator's.`,
		Example: `  dlqctl gates close near/large --for 30m --reason "key rotation"`,
	},
		a.gatesLsCommand(),
		a.gatesHoldCommand("close", "Keep all calls away from a provider or route", true),
		a.gatesHoldCommand("open", "Let calls through, whatever closed the gate", false),
		a.gatesAutoCommand(),
	)
}

func (a *app) gatesLsCommand() *cobra.Command {
	return &cobra.Command{
		Use:     "ls",
		Aliases: []string{"list"},
		Short:   "List the gates that operators hold",
		Long: "List the gates that operators hold open or closed. What providers closed is in the\nmetrics of each process (sluice_gate_closed_seconds).\n\n" +
			gateColumns,
		Example: "  dlqctl gates ls",
		Args:    cobra.NoArgs,
		RunE: a.begin(func(ctx context.Context, _ []string) error {
			all, err := request(ctx, a, func(ctx context.Context, c *client.Client) ([]client.Gate, error) { return c.Gates(ctx) })
			if err != nil {
				return err
			}
			return a.showGates(all)
		}),
	}
}

func (a *app) showGates(all []client.Gate) error {
	switch a.as() {
	case asJSON:
		return a.json(envelope{Kind: "GateList", Data: all})
	case asName, asTSV:
		for _, g := range all {
			a.gateLine(g)
		}
		return nil
	case asTable, byTerminal:
	}
	if len(all) == 0 {
		a.note("No gate is held: all follow their providers.")
		return nil
	}
	t := table{columns: []column{{title: "GATE"}, {title: "HELD"}, {title: "UNTIL", least: 20}, {title: "REASON", least: 10, drop: 1}, {title: "BY", drop: 2}}}
	for _, g := range all {
		t.add(cell{g.Gate, bold}, cell{gateWord(g.Closed), yellow}, cell{a.ago(g.Until), plain}, cell{g.Reason, plain}, cell{g.By, plain})
	}
	return t.write(a.out, a.width, a.colour())
}

func gateWord(closed bool) string {
	if closed {
		return "closed"
	}
	return "open"
}

// gateLine writes a gate as a line for programs.
func (a *app) gateLine(g client.Gate) {
	if a.as() == asName {
		a.print("%s", g.Gate)
		return
	}
	a.tsv(g.Gate, gateWord(g.Closed), stamp(g.Until), g.Reason, g.By, stamp(g.At))
}

func (a *app) gatesHoldCommand(verb, short string, closed bool) *cobra.Command {
	var o client.GateOptions
	var end endFlags
	cmd := &cobra.Command{
		Use:   verb + " GATE",
		Short: short,
		Long: short + `, until a time at most 7 days ahead or until
dlqctl gates auto. GATE is a provider or provider/model.

` + gateColumns,
		Example: fmt.Sprintf("  dlqctl gates %s near/large --for 30m --reason INC-42", verb),
		Args:    cobra.ExactArgs(1),
	}
	end.register(cmd)
	cmd.Flags().StringVar(&o.Reason, "reason", "", "why, for other operators")
	cmd.MarkFlagsOneRequired("for", "until")
	cmd.RunE = a.begin(func(ctx context.Context, args []string) (err error) {
		if o.Reason == "" {
			return usagef("say why with --reason")
		}
		if o.For, o.Until, err = end.ending(); err != nil {
			return err
		}
		g, err := request(ctx, a, func(ctx context.Context, c *client.Client) (client.Gate, error) {
			return c.HoldGate(ctx, args[0], closed, o)
		})
		if err != nil {
			return err
		}
		switch a.as() {
		case asJSON:
			return a.json(envelope{Kind: "Gate", Data: g})
		case asName, asTSV:
			a.gateLine(g)
		case asTable, byTerminal:
			a.print("%s %s  %s until %s", a.paint(green, "✓"), a.paint(bold, g.Gate), a.paint(green, "held "+gateWord(g.Closed)), a.ago(g.Until))
			a.next("gates auto " + g.Gate)
		}
		return nil
	})
	return cmd
}

// endFlags say when something ends by itself.
type endFlags struct{ span, until string }

func (f *endFlags) register(cmd *cobra.Command) {
	cmd.Flags().StringVar(&f.span, "for", "", "end it after this `span`, such as 30m, 2h or 1d")
	cmd.Flags().StringVar(&f.until, "until", "", "end it at this `time`, such as 2026-11-22T18:00:00Z")
	cmd.MarkFlagsMutuallyExclusive("for", "until")
}

// ending is the span or the time that was given; both are zero without one.
func (f *endFlags) ending() (time.Duration, time.Time, error) {
	if f.span != "" {
		d, ok := spanOf(f.span)
		if !ok || d < time.Second {
			return 0, time.Time{}, usagef("--for takes a span such as 30m, 2h or 1d")
		}
		return d, time.Time{}, nil
	}
	if f.until == "" {
		return 0, time.Time{}, nil
	}
	t, err := time.Parse(time.RFC3339, f.until)
	if err != nil {
		return 0, time.Time{}, usagef("--until takes a time such as 2026-11-22T18:00:00Z")
	}
	return 0, t, nil
}

func (a *app) gatesAutoCommand() *cobra.Command {
	return &cobra.Command{
		Use:     "auto GATE",
		Short:   "Let a gate follow its provider again",
		Long:    "Let a gate follow its provider again. It is no error when nobody holds it.",
		Example: "  dlqctl gates auto near/large",
		Args:    cobra.ExactArgs(1),
		RunE: a.begin(func(ctx context.Context, args []string) error {
			_, err := request(ctx, a, func(ctx context.Context, c *client.Client) (struct{}, error) {
				return struct{}{}, c.ReleaseGate(ctx, args[0])
			})
			if err != nil {
				return err
			}
			e := envelope{Kind: "GateReleased", Data: map[string]string{"gate": args[0]}}
			return a.showDone(e, args[0], "auto", "follows its provider")
		}),
	}
}
