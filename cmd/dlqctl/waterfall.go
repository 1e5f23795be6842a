package main

import (
	"fmt"
	"strconv"
	"strings"
	"time"

	"github.com/sluicehq/sluice/pkg/client"
	"github.com/sluicehq/sluice/pkg/jobs"
)

// attemptRun is one run of a job with its attempts in order.
type attemptRun struct {
	n        int
	began    time.Time // when the run was queued
	deadline time.Time // zero when no attempt tells
	rows     []client.Attempt
	last     client.Event // zero while nothing came after being queued
}

// runsOf sorts attempts into the runs that history tells of.
func runsOf(d client.DeadLetter) []attemptRun {
	var runs []attemptRun
	index := map[int]int{}
	at := func(n int) *attemptRun {
		i, known := index[n]
		if !known {
			i, index[n] = len(runs), len(runs)
			runs = append(runs, attemptRun{n: n})
		}
		return &runs[i]
	}
	for _, e := range d.History {
		switch e.Type {
		case jobs.EventQueued, jobs.EventRequeued, jobs.EventSentBack:
			at(e.Generation).began = e.At
		default:
			at(e.Generation).last = e
		}
	}
	for _, row := range d.Attempts {
		r := at(row.Generation)
		r.rows = append(r.rows, row)
		if r.began.IsZero() {
			r.began = row.StartedAt
		}
		if row.DeadlineLeftMS > 0 {
			r.deadline = row.StartedAt.Add(time.Duration(row.DeadlineLeftMS) * time.Millisecond)
		}
	}
	at(d.Job.Run).deadline = d.Job.DeadlineAt
	return runs
}

func (r attemptRun) headline() string {
	text := fmt.Sprintf("Run %d", r.n)
	if !r.began.IsZero() {
		text += ", queued " + instant(r.began)
	}
	if !r.deadline.IsZero() {
		text += ", deadline " + instant(r.deadline)
		if !r.began.IsZero() {
			text += " (" + span(r.deadline.Sub(r.began)) + " later)"
		}
	}
	return text
}

// table is the waterfall: one row an attempt, with a bar for its time.
func (r attemptRun) table(width int) table {
	t := table{columns: []column{
		{title: "  AT", right: true}, {title: "TIER", right: true}, {title: "WHAT", least: 22}, {title: "OUTCOME"},
		{title: "TOOK", right: true}, {title: "WAIT", right: true, drop: 2}, {title: "LEFT", right: true, drop: 1}, {title: "COST", right: true, drop: 3},
	}}
	for _, row := range r.rows {
		outcome, s := outcomeOf(row)
		took, wait, left := "", "", ""
		if row.Outcome != jobs.AttemptSkipped && !row.EndedAt.IsZero() {
			took = span(time.Duration(row.MS) * time.Millisecond)
		}
		if row.BackoffMS > 0 {
			wait = span(time.Duration(row.BackoffMS) * time.Millisecond)
		}
		if row.DeadlineLeftMS > 0 {
			left = span(time.Duration(row.DeadlineLeftMS) * time.Millisecond)
		}
		t.add(
			cell{"  +" + span(max(0, row.StartedAt.Sub(r.began))), dim}, cell{strconv.Itoa(row.Tier), plain}, cell{whatOf(row), plain},
			cell{outcome, s}, cell{took, plain}, cell{wait, plain}, cell{left, plain}, cell{cost(row.Usage.CostMicroUSD), plain})
	}
	r.draw(&t, width)
	return t
}

// The width of the bars together, in cells.
const (
	leastAxis = 8
	mostAxis  = 40
)

// draw adds a bar to each row, if there is room.
func (r attemptRun) draw(t *table, width int) {
	room := mostAxis
	if width > 0 {
		room = min(room, width-total(t.fit(0))-len(columnGap))
	}
	if room < leastAxis {
		return
	}
	t.columns = append(t.columns, column{title: "TIME"})
	x := newAxis(r.rows, room)
	for i, row := range r.rows {
		_, s := outcomeOf(row)
		t.rows[i] = append(t.rows[i], cell{x.bar(row), s})
	}
}

// axis maps times to cells.
type axis struct {
	from  time.Time
	scale time.Duration // of one cell
	cells int
}

// newAxis spans from the first start to the last end, waits included.
func newAxis(rows []client.Attempt, cells int) axis {
	from, to := rows[0].StartedAt, rows[0].StartedAt
	for _, row := range rows {
		if row.StartedAt.Before(from) {
			from = row.StartedAt
		}
		if end := waited(row); end.After(to) {
			to = end
		}
	}
	return axis{from, max(1, to.Sub(from)/time.Duration(cells)), cells}
}

// waited is when the wait after an attempt was over.
func waited(row client.Attempt) time.Time {
	end := row.EndedAt
	if end.Before(row.StartedAt) {
		end = row.StartedAt
	}
	return end.Add(time.Duration(row.BackoffMS) * time.Millisecond)
}

// bar draws an attempt: full blocks for the time it took, at least one, and
// dots for the wait after it.
func (x axis) bar(row client.Attempt) string {
	if row.Outcome == jobs.AttemptSkipped {
		return ""
	}
	start := min(x.cell(row.StartedAt), x.cells-1)
	work := max(start+1, x.cell(row.StartedAt.Add(time.Duration(row.MS)*time.Millisecond)))
	wait := max(work, x.cell(waited(row)))
	return strings.Repeat(" ", start) + strings.Repeat("█", work-start) + strings.Repeat("·", wait-work)
}

// cell is the cell of a moment, from 0 to the end of the axis.
func (x axis) cell(t time.Time) int {
	return int(min(max(0, t.Sub(x.from)/x.scale), time.Duration(x.cells)))
}
