package main

import (
	"context"
	"errors"
	"fmt"
	"strconv"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/sluicehq/sluice/pkg/client"
	"github.com/sluicehq/sluice/pkg/jobs"
)

const (
	defaultLimit = 50
	// maxAll bounds what --all lists.
	maxAll = 100_000
)

func (a *app) lsCommand() *cobra.Command {
	var f filterFlags
	var limit int
	var all bool
	var cursor string
	cmd := &cobra.Command{
		Use:     "ls",
		Aliases: []string{"list"},
		Short:   "List dead letters and jobs that wait for a person, the newest first",
		Long: `List jobs that failed, expired or wait for a person (in_review), the newest first.

Filters are combined with and; the values of one filter, given with commas or by
repeating the flag, with or. A class or provider belongs to a failure, so these
two leave out jobs in review. --since and --until are about when a job was
accepted.

As TSV the columns are: id, state, tier, class of the failure or reason of the
review, lane, tenant, schema, provider, run, accepted_at, ended_at (or the time
of the last change), and a sentence. There is no header.`,
		Example: `  dlqctl ls --since 2h
  dlqctl ls --state failed --class rate,srv --tenant acme
  dlqctl ls --label source=mail -o name | dlqctl requeue --ids-from - -y
  dlqctl ls --all -o json | jq '.data[].failure.class'`,
		Args: cobra.NoArgs,
	}
	f.register(cmd)
	cmd.Flags().IntVarP(&limit, "limit", "n", defaultLimit, "the most jobs to list")
	cmd.Flags().BoolVar(&all, "all", false, "list all jobs")
	cmd.Flags().StringVar(&cursor, "cursor", "", "go on from next_cursor of an earlier -o json")
	cmd.MarkFlagsMutuallyExclusive("all", "limit")
	cmd.RunE = a.begin(func(ctx context.Context, _ []string) error {
		filter, err := f.filter(a.now())
		if err != nil {
			return err
		}
		if limit < 1 || limit > maxAll {
			return usagef("--limit takes 1 to %d", maxAll)
		}
		if all {
			limit = maxAll
		}
		l := &listing{app: a, filter: filter, cursor: cursor, left: limit, table: jobTable(), now: a.now()}
		if err := l.run(ctx); err != nil {
			return err
		}
		l.close(all, f.given(cmd.Flags()))
		return l.complete(all)
	})
	return cmd
}

// listing reads pages and writes them.
type listing struct {
	*app
	filter client.Filter
	cursor string // of the next page
	left   int    // jobs still wanted
	now    time.Time

	table   table
	jobs    []client.Job // for JSON
	first   map[jobs.State]jobs.ID
	count   map[jobs.State]int
	notices []string
}

// run reads pages until enough jobs were listed. Lines for programs leave page
// by page; a table or a JSON document leaves when it is whole.
func (l *listing) run(ctx context.Context) error {
	c, err := l.client()
	if err != nil {
		return err
	}
	l.first, l.count = map[jobs.State]jobs.ID{}, map[jobs.State]int{}
	for {
		page, err := l.page(ctx, c)
		if err != nil {
			return err
		}
		for _, j := range page.Data {
			l.take(j)
		}
		l.left -= len(page.Data)
		if page.NextCursor != "" && (page.NextCursor == l.cursor || len(page.Data) == 0) {
			return errors.New("the server's pages do not end")
		}
		if l.cursor = page.NextCursor; l.cursor == "" || l.left <= 0 {
			return l.write()
		}
		if err := l.out.Flush(); err != nil {
			return err
		}
	}
}

func (l *listing) page(ctx context.Context, c *client.Client) (client.JobList, error) {
	ctx, cancel := l.within(ctx)
	defer cancel()
	asked := min(l.left, client.MaxPage)
	page, err := c.DLQ(ctx, l.filter, client.Page{Limit: asked, Cursor: l.cursor})
	if err == nil && len(page.Data) > asked {
		return page, fmt.Errorf("the server listed %d jobs where %d were asked for", len(page.Data), asked)
	}
	return page, err
}

// take keeps or writes one job.
func (l *listing) take(j client.Job) {
	if l.count[j.State]++; l.count[j.State] == 1 {
		l.first[j.State] = j.ID
	}
	if l.notices == nil {
		l.notices = j.Notices
	}
	switch l.as() {
	case asJSON:
		l.jobs = append(l.jobs, j)
	case asName:
		l.print("%s", string(j.ID))
	case asTSV:
		l.tsv(string(j.ID), string(j.State), strconv.Itoa(j.Tier), why(j), j.Lane, j.Tenant, j.Schema, provider(j),
			strconv.Itoa(j.Run), stamp(j.AcceptedAt), stamp(since(j)), sentence(j, l.now))
	case asTable, byTerminal:
		l.table.add(
			cell{string(j.ID), bold}, cell{string(j.State), stateStyle(j.State)}, cell{number(j.Tier), plain}, cell{why(j), plain},
			cell{j.Lane, plain}, cell{j.Tenant, plain}, cell{j.Schema, plain}, cell{provider(j), plain},
			cell{age(l.now.Sub(since(j))), plain}, cell{sentence(j, l.now), dim})
	}
}

// jobTable is what ls shows. IDs stay whole, because people copy them.
func jobTable() table {
	return table{columns: []column{
		{title: "ID"}, {title: "STATE"}, {title: "TIER", right: true, drop: 1}, {title: "WHY"},
		{title: "LANE", drop: 2}, {title: "TENANT", drop: 4}, {title: "SCHEMA", drop: 5}, {title: "PROVIDER", drop: 6},
		{title: "AGE", right: true}, {title: "DETAIL", least: 24, drop: 3},
	}}
}

// why is the class of the failure, or the reason of the review.
func why(j client.Job) string {
	switch {
	case j.Failure != nil:
		return string(j.Failure.Class)
	case j.Review != nil:
		return j.Review.Reason
	default:
		return ""
	}
}

func provider(j client.Job) string {
	if j.Failure == nil {
		return ""
	}
	return j.Failure.Provider
}

// since is when the job came to where it stands.
func since(j client.Job) time.Time {
	if j.EndedAt.IsZero() {
		return j.UpdatedAt
	}
	return j.EndedAt
}

// sentence says in words what the matter is.
func sentence(j client.Job, now time.Time) string {
	switch {
	case j.Failure != nil:
		return j.Failure.Reason
	case j.Review == nil || j.Review.DueAt.IsZero():
		return ""
	case now.After(j.Review.DueAt):
		return "overdue by " + age(now.Sub(j.Review.DueAt))
	default:
		return "due in " + age(j.Review.DueAt.Sub(now))
	}
}

// write writes what was kept back until the end.
func (l *listing) write() error {
	switch l.as() {
	case asJSON:
		if l.jobs == nil {
			l.jobs = []client.Job{}
		}
		return l.json(envelope{Kind: "DLQList", Data: l.jobs, NextCursor: l.cursor})
	case asTable:
		if len(l.table.rows) == 0 {
			return nil
		}
		return l.table.write(l.out, l.width, l.colour())
	case asTSV, asName, byTerminal:
	}
	return nil
}

// close tells a person how many jobs there were and what to do next.
func (l *listing) close(all, filtered bool) {
	if l.as() != asTable || !l.stdoutTTY {
		return
	}
	_ = l.out.Flush() // messages come after the table; the last flush tells of errors
	var parts []string
	sum := 0
	for _, s := range needing() {
		if n := l.count[s]; n > 0 {
			parts, sum = append(parts, fmt.Sprintf("%d %s", n, s)), sum+n
		}
	}
	switch {
	case sum == 0 && filtered:
		l.say("No job matches.")
	case sum == 0:
		l.say("Nothing failed, and nothing waits for a person.")
	case l.cursor != "" && !all:
		l.say("\n%s. There are more: --all, or --limit %d.", strings.Join(parts, ", "), 4*sum)
	default:
		l.say("\n%s.", strings.Join(parts, ", "))
	}
	l.app.notices(l.notices)
	l.suggest()
}

func (l *listing) suggest() {
	dead, review := l.first[jobs.Failed], l.first[jobs.InReview]
	if dead == "" {
		dead = l.first[jobs.Expired]
	}
	var next []string
	if dead != "" {
		next = append(next, "explain "+string(dead), "requeue "+string(dead))
	}
	if review != "" {
		next = append(next, "show "+string(review))
	}
	l.next(next...)
}

// complete is an error when --all could not list all.
func (l *listing) complete(all bool) error {
	if all && l.cursor != "" {
		return fmt.Errorf("there are more than %d jobs; narrow the list with filters", maxAll)
	}
	return nil
}
