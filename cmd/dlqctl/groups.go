package main

import (
	"context"
	"strconv"

	"github.com/spf13/cobra"

	"github.com/sluicehq/sluice/pkg/client"
	"github.com/sluicehq/sluice/pkg/jobs"
)

func (a *app) groupsCommand() *cobra.Command {
	f := filterFlags{allowed: needing(), usual: needing()}
	cmd := &cobra.Command{
		Use:   "groups",
		Short: "Group dead letters and reviews by why they are there, the largest first",
		Long: `Group jobs that failed, expired or wait for a person by state, class of the failure
or reason of the review, provider, tier and schema; the largest group first.
FIRST and LAST are how long ago its first and last job came, SAMPLE is the last.

As TSV the columns are: count, state, class or reason, provider, tier, schema,
first_at, last_at, sample, fingerprint. The fingerprint names the group for ever.`,
		Example: `  dlqctl groups --changed-since 1d
  dlqctl groups --tenant acme --state failed -o json | jq '.data[0].sample'`,
		Args: cobra.NoArgs,
	}
	f.register(a, cmd)
	cmd.RunE = a.begin(func(ctx context.Context, _ []string) error {
		list, err := filtered(ctx, a, &f, (*client.Client).Groups)
		if err != nil {
			return err
		}
		return a.showGroups(list, f.given(cmd.Flags()))
	})
	return cmd
}

// filtered asks the server once, with the filters that were given.
func filtered[T any](
	ctx context.Context, a *app, f *filterFlags, ask func(*client.Client, context.Context, client.Filter) (T, error),
) (answer T, err error) {
	filter, err := f.filter(a.now())
	if err != nil {
		return answer, err
	}
	return request(ctx, a, func(ctx context.Context, c *client.Client) (T, error) { return ask(c, ctx, filter) })
}

func (a *app) showGroups(list client.GroupList, filtered bool) error {
	switch a.as() {
	case asJSON:
		if list.Data == nil {
			list.Data = []client.Group{}
		}
		return a.json(envelope{Kind: "GroupList", Data: list.Data, Truncated: list.Truncated})
	case asName:
		for _, g := range list.Data {
			a.print("%s", g.Fingerprint)
		}
	case asTSV:
		for _, g := range list.Data {
			a.tsv(strconv.FormatInt(g.Count, 10), string(g.State), string(g.Class), g.Provider, number(g.Tier), g.Schema,
				stamp(g.FirstAt), stamp(g.LastAt), string(g.Sample), g.Fingerprint)
		}
	case asTable, byTerminal:
		return a.tableOfGroups(list, filtered)
	}
	if list.Truncated {
		a.say("There are more groups; filters narrow them.")
	}
	return nil
}

func (a *app) tableOfGroups(list client.GroupList, filtered bool) error {
	if len(list.Data) == 0 {
		a.nothing(filtered)
		return nil
	}
	t := table{columns: []column{
		{title: "COUNT", right: true}, {title: "STATE"}, {title: "WHY"}, {title: "PROVIDER", drop: 2}, {title: "TIER", right: true, drop: 3},
		{title: "SCHEMA", drop: 4}, {title: "FIRST", right: true, drop: 1}, {title: "LAST", right: true}, {title: "SAMPLE"},
	}}
	var sum int64
	for _, g := range list.Data {
		sum += g.Count
		t.add(cell{strconv.FormatInt(g.Count, 10), bold}, cell{string(g.State), stateStyle(g.State)}, cell{string(g.Class), plain}, cell{g.Provider, plain},
			cell{number(g.Tier), plain}, cell{g.Schema, plain}, cell{age(a.now().Sub(g.FirstAt)), plain}, cell{age(a.now().Sub(g.LastAt)), plain},
			cell{string(g.Sample), dim})
	}
	if err := t.write(a.out, a.width, a.colour()); err != nil {
		return err
	}
	if list.Truncated {
		a.note("\nThere are more groups; filters narrow them.")
	} else {
		a.note("\n%d jobs in %d groups.", sum, len(list.Data))
	}
	g := list.Data[0]
	next := []string{"explain " + string(g.Sample)}
	if action := groupAction(g); action != "" {
		next = append(next, action)
	}
	a.next(next...)
	return nil
}

// groupAction is the command for what one would do with a group; empty when a
// shell would take a word of it for something else.
func groupAction(g client.Group) string {
	if jobs.ID(g.Class).Validate() != nil || g.Provider != "" && jobs.ID(g.Provider).Validate() != nil {
		return ""
	}
	if g.State == jobs.InReview {
		return "review ls --wait-reason " + string(g.Class)
	}
	text := "requeue --state " + string(g.State) + " --class " + string(g.Class)
	if g.Provider != "" {
		text += " --provider " + g.Provider
	}
	return text + " --dry-run"
}

// nothing tells a person that a list is empty.
func (a *app) nothing(filtered bool) {
	if filtered {
		a.note("No job matches.")
		return
	}
	a.note("Nothing failed, and nothing waits for a person.")
}

func (a *app) countCommand() *cobra.Command {
	f := filterFlags{allowed: needing(), usual: needing()}
	cmd := &cobra.Command{
		Use:     "count",
		Short:   "Count dead letters and reviews",
		Long:    "Print how many jobs failed, expired or wait for a person; with filters, how many of those they keep.",
		Example: "  dlqctl count --class rate --changed-since 1h",
		Args:    cobra.NoArgs,
	}
	f.register(a, cmd)
	cmd.RunE = a.begin(func(ctx context.Context, _ []string) error {
		n, err := filtered(ctx, a, &f, (*client.Client).Count)
		if err != nil {
			return err
		}
		if a.as() == asJSON {
			return a.json(envelope{Kind: "Count", Data: map[string]int64{"count": n}})
		}
		a.print("%d", n)
		return nil
	})
	return cmd
}
