package main

import (
	"context"
	"strconv"
	"time"

	"github.com/spf13/cobra"

	"github.com/sluicehq/sluice/pkg/client"
)

func (a *app) lanesCommand() *cobra.Command {
	q := client.LaneQuery{}
	cmd := &cobra.Command{
		Use:   "lanes",
		Short: "Show how deep the lanes are and how long their jobs take",
		Long: `Show how many jobs each lane holds, and below it each tenant's, the deepest
first. QUEUED jobs could start, PARKED ones wait for a time or a provider. OLDEST
is how long the next job has waited, MEAN how long a job holds its slot lately.

As TSV the columns are: lane, tenant (empty for sums), queued, running, parked,
oldest_s, service_ms, paused.`,
		Example: `  dlqctl lanes
  dlqctl lanes --tenant acme -o json | jq '.data.queues[].queued'`,
		Args: cobra.NoArgs,
	}
	cmd.Flags().StringVar(&q.Tenant, "tenant", "", "keep one tenant's jobs")
	cmd.Flags().IntVarP(&q.Limit, "limit", "n", defaultLimit, "the most tenants' rows to list")
	_ = cmd.RegisterFlagCompletionFunc("tenant", a.completeTenants)
	cmd.RunE = a.begin(func(ctx context.Context, _ []string) error {
		if q.Limit < 1 || q.Limit > client.MaxPage {
			return usagef("--limit takes 1 to %d", client.MaxPage)
		}
		list, err := request(ctx, a, func(ctx context.Context, c *client.Client) (client.LaneList, error) { return c.Lanes(ctx, q) })
		if err != nil {
			return err
		}
		return a.showLanes(list)
	})
	return cmd
}

func (a *app) showLanes(list client.LaneList) error {
	switch a.as() {
	case asJSON:
		return a.json(envelope{Kind: "LaneList", Data: list, Truncated: list.Truncated})
	case asName:
		for _, l := range list.Lanes {
			a.print("%s", l.Lane)
		}
	case asTSV:
		for _, q := range byLane(list) {
			a.tsv(q.Lane, q.Tenant, strconv.Itoa(q.Queued), strconv.Itoa(q.Running), strconv.Itoa(q.Parked),
				strconv.FormatFloat(q.OldestSeconds, 'f', -1, 64), strconv.FormatInt(q.ServiceMS, 10), strconv.FormatBool(q.Paused))
		}
	case asTable, byTerminal:
		return a.tableOfLanes(list)
	}
	if list.Truncated {
		a.say("There are more tenants: --limit, or --tenant.")
	}
	return nil
}

// byLane puts the rows of each lane below its sum.
func byLane(list client.LaneList) []client.Queue {
	var rows []client.Queue
	for _, l := range list.Lanes {
		rows = append(rows, l)
		for _, q := range list.Queues {
			if q.Lane == l.Lane {
				rows = append(rows, q)
			}
		}
	}
	return rows
}

func (a *app) tableOfLanes(list client.LaneList) error {
	t := table{columns: []column{
		{title: "LANE"}, {title: "TENANT", least: 8}, {title: "QUEUED", right: true}, {title: "RUNNING", right: true}, {title: "PARKED", right: true},
		{title: "OLDEST", right: true, drop: 1}, {title: "MEAN", right: true, drop: 2}, {title: "PAUSED", drop: 3},
	}}
	for _, q := range byLane(list) {
		lane, weight, paused := cell{q.Lane, bold}, bold, ""
		if q.Tenant != "" {
			lane.text, weight = "", plain
		}
		if q.Paused {
			paused = "paused"
		}
		t.add(lane, cell{q.Tenant, plain}, cell{strconv.Itoa(q.Queued), weight}, cell{strconv.Itoa(q.Running), weight}, cell{strconv.Itoa(q.Parked), weight},
			cell{oldest(q), plain}, cell{meanText(q), plain}, cell{paused, yellow})
	}
	if err := t.write(a.out, a.width, a.colour()); err != nil {
		return err
	}
	if list.Truncated {
		a.note("\nThere are more tenants: --limit, or --tenant.")
	}
	if list.Slots != nil && list.Workers != nil {
		a.note("\nWorkers: %d, with %d slots.", *list.Workers, *list.Slots)
	}
	return nil
}

// longest bounds the spans that a server tells: a Duration has an end.
const longest = 100 * 365 * 24 * time.Hour

// oldest is how long the next job of a queue has waited; empty with none
// queued.
func oldest(q client.Queue) string {
	if q.Queued == 0 {
		return ""
	}
	return age(time.Duration(min(max(q.OldestSeconds, 0), longest.Seconds()) * float64(time.Second)))
}

// meanText is how long a job of a queue takes; empty where none has ended.
func meanText(q client.Queue) string {
	if q.ServiceMS <= 0 {
		return ""
	}
	return span(time.Duration(min(q.ServiceMS, longest.Milliseconds())) * time.Millisecond)
}
