package main

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"maps"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/sluicehq/sluice/pkg/client"
	"github.com/sluicehq/sluice/pkg/jobs"
)

func (a *app) showCommand() *cobra.Command {
	return &cobra.Command{
		Use:   "show ID",
		Short: "Show all that is known of a job",
		Long: `Show all that is known of a job in any state: why it is where it is, its
document, what answers there were, and every change with who made it.

As TSV each line is a name and a value. -o json has everything.`,
		Example:           "  dlqctl show job_01KA7QZ3",
		Args:              cobra.ExactArgs(1),
		ValidArgsFunction: a.completeIDs(needing()...),
		RunE: a.begin(func(ctx context.Context, args []string) error {
			d, err := a.deadLetter(ctx, args[0])
			if err != nil {
				return err
			}
			switch a.as() {
			case asJSON:
				return a.json(envelope{Kind: "DeadLetter", Data: d})
			case asName:
				a.print("%s", string(d.Job.ID))
			case asTSV:
				a.tsv("id", string(d.Job.ID))
				a.tsv("state", string(d.Job.State))
				a.tsvFacts(facts(d.Job, stamp))
				a.tsv("summary", d.Summary)
			case asTable, byTerminal:
				a.showJob(d)
				a.notices(d.Job.Notices)
				a.suggestFor(d.Job, "explain")
			}
			return nil
		}),
	}
}

// deadLetter reads all that is known of the job.
func (a *app) deadLetter(ctx context.Context, arg string) (client.DeadLetter, error) {
	id, err := jobID(arg)
	if err != nil {
		return client.DeadLetter{}, err
	}
	return request(ctx, a, func(ctx context.Context, c *client.Client) (client.DeadLetter, error) { return c.DeadLetter(ctx, id) })
}

// jobID checks an ID before it goes anywhere.
func jobID(arg string) (jobs.ID, error) {
	id := jobs.ID(arg)
	if id.Validate() != nil {
		return "", usagef("%q is not the ID of a job", arg)
	}
	return id, nil
}

// fact is a line about a job. Facts without a value are left out.
type fact struct{ name, value string }

// facts are a job's plain members beside its ID and state; at writes times.
func facts(j client.Job, at func(time.Time) string) []fact {
	all := slices.Concat(
		matter(j, at),
		[]fact{
			{"tier", number(j.Tier)}, {"tenant", j.Tenant}, {"lane", j.Lane}, {"schema", j.Schema}, {"run", number(j.Run)},
			{"version", strconv.FormatInt(j.Version, 10)}, {"parent", string(j.Parent)},
			{"document", fmt.Sprintf("%s, %d bytes", j.Document.MediaType, j.Document.Size)}, {"sha256", j.Document.SHA256},
			{"accepted", at(j.AcceptedAt)}, {"started", at(j.StartedAt)}, {"deadline", at(j.DeadlineAt)}, {"ended", at(j.EndedAt)},
		},
		outcomeFacts(j),
	)
	for _, name := range sortedKeys(j.Labels) {
		all = append(all, fact{"label." + name, j.Labels[name]})
	}
	return given(all)
}

// given leaves out facts without a value.
func given(all []fact) []fact {
	return slices.DeleteFunc(all, func(f fact) bool { return f.value == "" })
}

func sortedKeys[V any](m map[string]V) []string { return slices.Sorted(maps.Keys(m)) }

// tsvFacts writes facts for a program.
func (a *app) tsvFacts(list []fact) {
	for _, f := range list {
		a.tsv(strings.ReplaceAll(f.name, " ", "_"), f.value)
	}
}

// printFacts writes facts for a person.
func (a *app) printFacts(list []fact) {
	width := 0
	for _, f := range list {
		width = max(width, len(f.name))
	}
	indent := strings.Repeat(" ", width+4)
	for _, f := range list {
		a.print("  %s  %s", a.paint(dim, fmt.Sprintf("%-*s", width, f.name)), a.wrapped(f.value, indent))
	}
}

// matter is why the job is where it is.
func matter(j client.Job, at func(time.Time) string) []fact {
	list := []fact{{"cancel reason", j.CancelReason}}
	if j.Cancelling {
		list = append(list, fact{"cancelling", "its worker was told to stop"})
	}
	if f := j.Failure; f != nil {
		list = append(list, fact{"class", string(f.Class)}, fact{"detail", f.Reason}, fact{"provider", f.Provider})
	}
	if r := j.Review; r != nil {
		list = append(list, fact{"reason", r.Reason}, fact{"review due", at(r.DueAt)}, fact{"claimed by", r.ClaimedBy}, fact{"claimed until", at(r.ClaimedUntil)})
	} else if p := j.Progress; p != nil {
		list = append(list, fact{"waits for", strings.TrimSpace(p.Reason + " " + p.Gate)}, fact{"waits until", at(p.Until)})
		if p.ETASeconds != nil {
			seconds := max(0, min(*p.ETASeconds, 1e6)) // more than that is as good as never
			list = append(list, fact{"starts in", "about " + span(time.Duration(seconds*float64(time.Second)))})
		}
	}
	return list
}

// outcomeFacts say how far to trust a result, and what it cost.
func outcomeFacts(j client.Job) []fact {
	var list []fact
	if q := j.Quality; q != nil {
		text := fmt.Sprintf("tier %d %s", q.Tier, q.ServedModel)
		if q.Degraded {
			text = strings.TrimSpace(text) + ", degraded: " + strings.Join(q.Reasons, ", ")
		}
		list = append(list, fact{"quality", strings.TrimSpace(text)}, fact{"lost", strings.Join(q.Lost, ", ")})
	}
	if j.Usage != nil {
		list = append(list, fact{"cost", cost(j.Usage.CostMicroUSD)})
	}
	return list
}

// number is empty for 0.
func number(n int) string {
	if n == 0 {
		return ""
	}
	return strconv.Itoa(n)
}

// ago is a moment and how long ago it was, or is ahead.
func (a *app) ago(t time.Time) string {
	if t.IsZero() {
		return ""
	}
	if d := t.Sub(a.now()); d > 0 {
		return fmt.Sprintf("%s (in %s)", instant(t), age(d))
	}
	return fmt.Sprintf("%s (%s ago)", instant(t), age(a.now().Sub(t)))
}

// showJob writes a job for a person.
func (a *app) showJob(d client.DeadLetter) {
	j := d.Job
	a.print("%s  %s", a.paint(bold, string(j.ID)), a.paint(stateStyle(j.State), string(j.State)))
	if d.Summary != "" {
		a.print("%s", a.wrapped(d.Summary, ""))
	}
	a.heading("Job")
	a.printFacts(facts(j, a.ago))
	a.showAnswers(j)
	a.showHistory(d.History)
}

func (a *app) heading(text string) { a.print("\n%s", a.paint(bold, text)) }

// showAnswers writes the result, and the answers that did not stand.
func (a *app) showAnswers(j client.Job) {
	if j.Result != nil {
		a.heading("Result")
		a.showData(j.Result.Data)
	}
	if j.Review == nil {
		return
	}
	var before json.RawMessage
	for _, c := range j.Review.Candidates[:min(len(j.Review.Candidates), maxListed)] {
		a.heading(fmt.Sprintf("Answer of tier %d that did not stand", c.Tier))
		for _, reason := range c.Reasons[:min(len(c.Reasons), maxListed)] {
			a.print("  %s", reason)
		}
		if bytes.Equal(c.Data, before) {
			a.print("  The same data.")
			continue
		}
		before = c.Data
		a.showData(c.Data)
	}
	if len(j.Review.Draft) > 0 {
		a.heading("Draft of a person")
		a.showData(j.Review.Draft)
	}
}

// maxDataLines bounds how much of a job's data is shown.
const maxDataLines = 60

// showData writes JSON, indented.
func (a *app) showData(data json.RawMessage) {
	var buf bytes.Buffer
	if len(data) == 0 || json.Indent(&buf, data, "  ", "  ") != nil {
		return
	}
	lines := strings.Split(string(cleanJSON(buf.Bytes())), "\n")
	for i, line := range lines[:min(len(lines), maxDataLines)] {
		if i == 0 {
			line = "  " + line
		}
		a.print("%s", painted(line))
	}
	if len(lines) > maxDataLines {
		a.print("  … %d more lines with -o json", len(lines)-maxDataLines)
	}
}

// maxHistory bounds the changes shown, the latest ones.
const maxHistory = 40

// showHistory writes the changes of a job.
func (a *app) showHistory(events []client.Event) {
	if len(events) == 0 {
		return
	}
	a.heading("History")
	if more := len(events) - maxHistory; more > 0 {
		events = events[more:]
		a.print("  … %d earlier changes with -o json", more)
	}
	t := table{columns: []column{
		{title: "  TIME"}, {title: "CHANGE"}, {title: "RUN", right: true, drop: 1}, {title: "TIER", right: true, drop: 2}, {title: "LANE", drop: 3},
		{title: "BY", drop: 4, least: 12}, {title: "REASON", least: 20},
	}}
	for _, e := range events {
		t.add(cell{"  " + instant(e.At), plain}, cell{string(e.Type), stateStyle(e.State)}, cell{number(e.Generation), plain}, cell{number(e.Tier), plain},
			cell{e.Lane, plain}, cell{e.Actor, plain}, cell{e.Reason, dim})
	}
	_ = t.write(a.out, a.width, a.colour()) // the last flush tells of errors
}

// suggestFor tells a person what can be done with the job, after a look at it
// from the other side.
func (a *app) suggestFor(j client.Job, look string) {
	id := string(j.ID)
	next := []string{look + " " + id}
	switch j.State {
	case jobs.Failed, jobs.Expired, jobs.Cancelled:
		next = append(next, "requeue "+id)
	case jobs.InReview:
		next = append(next, "review claim "+id, "complete "+id+" -f data.json", "reject "+id+" --reason TEXT")
	case jobs.Queued, jobs.Running, jobs.Parked:
		next = append(next, "cancel "+id)
	case jobs.Succeeded, jobs.Erased:
	}
	a.next(next...)
}
