package main

import (
	"context"
	"fmt"
	"maps"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/sluicehq/sluice/pkg/client"
)

// bulkFlags are the flags of a command on jobs by ID or by filters.
type bulkFlags struct {
	selection
	filter filterFlags

	rate, stopOn string
	stopWindow   int
	max          int
	dryRun       bool
	detach       bool
}

// operating are the flags that only an operation has.
func operating() []string {
	return []string{"rate", "stop-on-failure", "stop-window", "max", "dry-run", "detach"}
}

// register adds the flags, without those filters that make no sense for the
// command.
func (b *bulkFlags) register(a *app, cmd *cobra.Command, without ...string) {
	b.selection.register(cmd)
	b.filter.register(a, cmd, without...)
	flags := cmd.Flags()
	flags.StringVar(&b.rate, "rate", "", "with filters: the most jobs a `time`, such as 20/s or 100/m (default as fast as the server can)")
	flags.IntVar(&b.max, "max", 0, "with filters: take only so many jobs, the newest")
	flags.StringVar(&b.stopOn, "stop-on-failure", "", "with filters: stop when this `share` of the last jobs could not be changed, such as 30%")
	flags.IntVar(&b.stopWindow, "stop-window", 0, "with filters: how many last jobs --stop-on-failure looks at (default 50)")
	flags.BoolVar(&b.dryRun, "dry-run", false, "with filters: say what would be done, and leave the operation for dlqctl ops start")
	flags.BoolVar(&b.detach, "detach", false, "with filters: do not wait for the end")
}

// several carries an order out on the selected jobs, once it is confirmed.
func (a *app) several(ctx context.Context, cmd *cobra.Command, b *bulkFlags, args []string, o order) error {
	if b.filter.given(cmd.Flags()) {
		if len(args) > 0 || b.idsFrom != "" {
			return usagef("name jobs or give filters, not both; --lane is a filter")
		}
		return a.operate(ctx, b, o)
	}
	if slices.ContainsFunc(operating(), cmd.Flags().Changed) {
		return usagef("--%s go with filters", strings.Join(operating(), ", --"))
	}
	ids, err := b.ids(ctx, a, args)
	if err != nil {
		return err
	}
	if err := b.selection.confirm(ctx, a, o, len(ids)); err != nil {
		return err
	}
	return a.carry(ctx, o, ids)
}

// order reads the flags into the order.
func (b *bulkFlags) order(o client.Order, now time.Time) (client.Order, error) {
	if len(b.filter.usual) == 0 && len(b.filter.states) == 0 {
		return o, usagef("--state says which jobs: %s", enumerate(b.filter.allowed))
	}
	var err error
	if o.Filter, err = b.filter.filter(now); err != nil {
		return o, err
	}
	if o.Rate, err = rateOf(b.rate); err != nil {
		return o, err
	}
	if o.StopIf.FailureRate, err = shareOf(b.stopOn); err != nil {
		return o, err
	}
	switch {
	case b.stopWindow < 0 || b.stopWindow > 0 && b.stopOn == "":
		return o, usagef("--stop-window takes a number of jobs, and goes with --stop-on-failure")
	case b.max < 0:
		return o, usagef("--max takes a number of jobs")
	}
	o.StopIf.Window, o.Max, o.Draft = b.stopWindow, b.max, true
	return o, nil
}

// rateOf reads jobs a second; 0 for none given.
func rateOf(text string) (float64, error) {
	if text == "" {
		return 0, nil
	}
	number, unit, _ := strings.Cut(text, "/")
	per, known := map[string]float64{"": 1, "s": 1, "m": 60, "h": 3600}[unit]
	n, err := strconv.ParseFloat(number, 64)
	if rate := n / per; err == nil && known && rate >= 0.001 && rate <= 10_000 {
		return rate, nil
	}
	return 0, usagef("--rate takes jobs a second, minute or hour such as 20/s, 100/m or 10/h; from 4/h to 10000/s")
}

// shareOf reads a share of 0 to 1; 0 for none given.
func shareOf(text string) (float64, error) {
	if text == "" {
		return 0, nil
	}
	number, percent := strings.CutSuffix(text, "%")
	n, err := strconv.ParseFloat(number, 64)
	if percent {
		n /= 100
	}
	if err == nil && n >= 0.001 && n <= 1 {
		return n, nil
	}
	return 0, usagef("--stop-on-failure takes a share such as 30%% or 0.3")
}

// selectTime is how long the server may take to select jobs, unless --timeout
// says otherwise.
const selectTime = 10 * time.Minute

// operate has the server work on what filters select: first as a draft, which
// changes nothing, then, once it is confirmed, for real. So an answer that got
// lost never leaves behind what nobody asked for.
func (a *app) operate(ctx context.Context, b *bulkFlags, o order) error {
	want, err := b.order(o.many, a.now())
	if err != nil {
		return err
	}
	op, err := a.draft(ctx, want)
	if err != nil {
		return err
	}
	switch {
	case op.Selection.Selected == 0:
		a.plan(op)
		a.drop(ctx, op)
		a.say("There is no job to work on.")
		return nil
	case b.dryRun:
		return a.leave(op)
	}
	if !b.yes || a.stderrTTY {
		a.plan(op)
	}
	if err := a.agree(ctx, b, o, op); err != nil {
		a.drop(ctx, op)
		return err
	}
	if op, err = a.operation(ctx, op.ID, (*client.Client).StartOperation); err != nil {
		return err
	}
	if b.detach {
		return a.showOperationLine(op)
	}
	return a.toItsEnd(ctx, op)
}

func (a *app) draft(ctx context.Context, want client.Order) (client.Operation, error) {
	c, err := a.client()
	if err != nil {
		return client.Operation{}, err
	}
	limit := selectTime
	if a.timeoutGiven() {
		limit = a.timeout
	}
	ctx, cancel := context.WithTimeout(ctx, limit)
	defer cancel()
	return c.CreateOperation(ctx, want)
}

// drop removes a draft that nobody wants. That it stays is no harm: the server
// removes it in a day.
func (a *app) drop(ctx context.Context, op client.Operation) {
	ctx = context.WithoutCancel(ctx) // also after an interrupt
	_, _ = a.operation(ctx, op.ID, (*client.Client).CancelOperation)
}

// typedAbove is the number of jobs above which a person types it.
const typedAbove = 1000

// agree asks a person, the more seriously the more there is at stake.
func (a *app) agree(ctx context.Context, b *bulkFlags, o order, op client.Operation) error {
	n := op.Selection.Selected
	question := o.question(n)
	switch {
	case b.yes:
		return nil
	case n <= typedAbove && (!o.final || n == 1):
		return a.confirm(ctx, question, false)
	}
	answer, err := a.ask(ctx, question, fmt.Sprintf("Type %d to go on:", n), false)
	if err == nil && answer != strconv.Itoa(n) {
		err = errUnconfirmed
	}
	return err
}

// plan tells a person what an operation would do.
func (a *app) plan(op client.Operation) {
	a.say("%s", matchedText(op))
	for _, f := range selectionFacts(op) {
		a.say("  %s  %s", fmt.Sprintf("%-7s", f.name), f.value)
	}
}

// maxWords bounds the values of one kind in a plan.
const maxWords = 6

// matchedText says how many jobs there are, and why some of them do not count.
func matchedText(op client.Operation) string {
	sel := op.Selection
	text := fmt.Sprintf("%s matched, %d to %s", counted(sel.Matched), sel.Selected, op.Action)
	if left := sel.Matched - sel.Selected; left > 0 {
		text += fmt.Sprintf(", %d not", left)
		if why := tallies(sel.Skipped, maxWords); why != "" {
			text += " (" + why + ")"
		}
	}
	if sel.Limited {
		text += fmt.Sprintf("; --max %d left others out", op.Max)
	}
	return text + "."
}

// selectionFacts say which jobs an operation is about.
func selectionFacts(op client.Operation) []fact {
	sel := op.Selection
	var list []fact
	for _, kind := range []string{"state", "class", "lane", "tenant", "schema"} {
		list = append(list, fact{kind, tallies(sel.By[kind], maxWords)})
	}
	list = append(list, fact{"example", exampleOf(sel.Sample)})
	if sel.Seconds > 0 {
		took := time.Duration(min(sel.Seconds, 1e9) * float64(time.Second))
		list = append(list, fact{"takes", fmt.Sprintf("about %s at %s", span(took), rateText(op.Rate))})
	}
	return given(list)
}

// exampleOf is the first sampled job that would be changed.
func exampleOf(sample []client.Sampled) string {
	for _, s := range sample {
		if s.Skip == "" {
			return string(s.Job)
		}
	}
	return ""
}

// tallies lists counts, the largest first.
func tallies(counts map[string]int, most int) string {
	names := slices.SortedFunc(maps.Keys(counts), func(x, y string) int {
		if counts[x] != counts[y] {
			return counts[y] - counts[x]
		}
		return strings.Compare(x, y)
	})
	var parts []string
	for _, name := range names[:min(len(names), most)] {
		shown := name
		if shown == "" {
			shown = "none"
		}
		parts = append(parts, fmt.Sprintf("%d %s", counts[name], shown))
	}
	if more := len(names) - most; more > 0 {
		parts = append(parts, fmt.Sprintf("%d more kinds", more))
	}
	return strings.Join(parts, ", ")
}

// rateText is a rate in words.
func rateText(perSecond float64) string {
	number := func(n float64) string { return strconv.FormatFloat(n, 'g', 4, 64) }
	switch {
	case perSecond >= 1:
		return number(perSecond) + "/s"
	case perSecond*60 >= 1:
		return number(perSecond*60) + "/m"
	default:
		return number(perSecond*3600) + "/h"
	}
}

// leave shows a draft and leaves it.
func (a *app) leave(op client.Operation) error {
	if a.as() != asTable {
		return a.showOperationLine(op)
	}
	a.print("%s", matchedText(op))
	a.printFacts(selectionFacts(op))
	a.print("Nothing was done. %s is a draft until %s.", a.paint(bold, string(op.ID)), a.ago(op.ExpiresAt))
	a.next("ops start "+string(op.ID), "ops show "+string(op.ID), "ops cancel "+string(op.ID))
	return nil
}

// timeoutGiven reports whether --timeout was set.
func (a *app) timeoutGiven() bool {
	return a.flags != nil && a.flags.Changed("timeout")
}
