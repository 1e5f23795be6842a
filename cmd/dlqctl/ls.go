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

func (a *app) lsCommand() *cobra.Command {
	f := filterFlags{allowed: jobs.States(), usual: needing()}
	cmd := &cobra.Command{
		Use:     "ls",
		Aliases: []string{"list"},
		Short:   "List dead letters and jobs that wait for a person, the newest first",
		Long: `List jobs that failed, expired or wait for a person (in_review), the newest first;
with --state, jobs in any state.

Filters are combined with and; the values of one filter, given with commas or by
repeating the flag, with or. A class or provider belongs to a failure, so these
two leave out jobs without one. --since and --until are about when a job was
accepted, --changed-since and --changed-until about when it failed, expired or
otherwise changed last.

As TSV the columns are: id, state, tier, class of the failure or reason of the
review, lane, tenant, schema, provider, run, accepted_at, ended_at (or the time
of the last change), and a sentence. There is no header.`,
		Example: `  dlqctl ls --changed-since 2h
  dlqctl ls --state failed --class rate,srv --tenant acme
  dlqctl ls --state parked --wait-reason provider_gate
  dlqctl ls --label source=mail -o name | dlqctl requeue --ids-from - -y
  dlqctl ls --all -o json | jq '.data[].failure.class'`,
		Args: cobra.NoArgs,
	}
	a.lists(cmd, jobView(), &f)
	return cmd
}

// lists gives a command the flags of a list of jobs, but for those filters that
// make no sense for it, and the work of listing them.
func (a *app) lists(cmd *cobra.Command, v view, f *filterFlags, without ...string) {
	var p pageFlags
	f.register(a, cmd, without...)
	p.register(cmd, "jobs")
	cmd.RunE = a.begin(func(ctx context.Context, _ []string) error {
		filter, err := f.filter(a.now())
		if err != nil {
			return err
		}
		return a.list(ctx, v, filter, &p, f.given(cmd.Flags()))
	})
}

// view is how a list shows its jobs.
type view struct {
	kind    string // of the JSON
	columns []column
	cells   func(j client.Job, now time.Time) []cell
	fields  func(j client.Job, now time.Time) []string
}

// list lists the jobs that the filter keeps.
func (a *app) list(ctx context.Context, v view, filter client.Filter, p *pageFlags, filtered bool) error {
	left, err := p.wanted()
	if err != nil {
		return err
	}
	l := &listing{app: a, view: v, filter: filter, cursor: p.cursor, left: left, table: table{columns: v.columns}, now: a.now()}
	if err := l.run(ctx); err != nil {
		return err
	}
	l.close(p.all, filtered)
	return l.complete(p.all)
}

// listing reads pages and writes them.
type listing struct {
	*app
	view   view
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
		if page.NextCursor != "" && (page.NextCursor == l.cursor || len(page.Data) == 0 && !page.Partial) {
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
	page, err := listOf(c, l.filter.States)(ctx, l.filter, client.Page{Limit: asked, Cursor: l.cursor})
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
		l.tsv(l.view.fields(j, l.now)...)
	case asTable, byTerminal:
		l.table.add(l.view.cells(j, l.now)...)
	}
}

// write writes what was kept back until the end.
func (l *listing) write() error {
	switch l.as() {
	case asJSON:
		if l.jobs == nil {
			l.jobs = []client.Job{}
		}
		return l.json(envelope{Kind: l.view.kind, Data: l.jobs, NextCursor: l.cursor})
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
	var parts []string
	sum := 0
	for _, s := range append(needing(), jobs.States()...) { // those that need somebody first
		if n := l.count[s]; n > 0 {
			parts, sum = append(parts, fmt.Sprintf("%d %s", n, s)), sum+n
			l.count[s] = 0
		}
	}
	switch {
	case sum == 0:
		l.nothing(filtered)
	case l.cursor != "" && !all:
		l.note("\n%s. There are more: --all, or --limit %d.", strings.Join(parts, ", "), 4*sum)
	default:
		l.note("\n%s.", strings.Join(parts, ", "))
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
	if review != "" && dead == "" {
		next = append(next, "review claim "+string(review))
	}
	if l.cursor != "" && dead != "" {
		next = append(next, "groups")
	}
	if len(next) > 0 {
		l.next(next...)
	}
}

// complete is an error when --all could not list all.
func (l *listing) complete(all bool) error {
	if all && l.cursor != "" {
		return fmt.Errorf("there are more than %d jobs; narrow the list with filters", maxAll)
	}
	return nil
}

// jobView is what ls shows. IDs stay whole, because people copy them.
func jobView() view {
	return view{
		kind: "DLQList",
		columns: []column{
			{title: "ID"}, {title: "STATE"}, {title: "TIER", right: true, drop: 1}, {title: "WHY"},
			{title: "LANE", drop: 2}, {title: "TENANT", drop: 4}, {title: "SCHEMA", drop: 5}, {title: "PROVIDER", drop: 6},
			{title: "AGE", right: true}, {title: "DETAIL", least: 24, drop: 3},
		},
		cells: func(j client.Job, now time.Time) []cell {
			return []cell{
				{string(j.ID), bold}, {string(j.State), stateStyle(j.State)}, {number(j.Tier), plain}, {why(j), plain},
				{j.Lane, plain}, {j.Tenant, plain}, {j.Schema, plain}, {provider(j), plain},
				{age(now.Sub(since(j))), plain}, {sentence(j, now), dim},
			}
		},
		fields: func(j client.Job, now time.Time) []string {
			return []string{
				string(j.ID), string(j.State), strconv.Itoa(j.Tier), why(j), j.Lane, j.Tenant, j.Schema, provider(j),
				strconv.Itoa(j.Run), stamp(j.AcceptedAt), stamp(since(j)), sentence(j, now),
			}
		},
	}
}

// why is the class of the failure, the reason of the review, or what the job
// waits for.
func why(j client.Job) string {
	switch {
	case j.Failure != nil:
		return string(j.Failure.Class)
	case j.Review != nil:
		return j.Review.Reason
	case j.Progress != nil:
		return j.Progress.Reason
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
	case j.Review != nil:
		return due(j.Review, now)
	case j.Progress != nil && j.Progress.Until.After(now):
		return "waits " + age(j.Progress.Until.Sub(now)) + after(" for ", j.Progress.Gate)
	case j.Cancelling:
		return "its worker was told to stop"
	default:
		return j.CancelReason
	}
}

// due says when a person should have decided.
func due(r *jobs.Review, now time.Time) string {
	switch {
	case r.DueAt.IsZero():
		return ""
	case now.After(r.DueAt):
		return "overdue by " + age(now.Sub(r.DueAt))
	default:
		return "due in " + age(r.DueAt.Sub(now))
	}
}
