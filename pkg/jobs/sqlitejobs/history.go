package sqlitejobs

import (
	"fmt"
	"strconv"
	"strings"
	"time"

	"github.com/sluicehq/sluice/pkg/jobs"
)

// A job's events are kept as text in the job's own rows, one line each, so
// that a change costs no row of its own. A line reads
//
//	version type time state lane generation tier "reason" "actor"
//
// with the time in unix milliseconds, the lane as a number and the strings
// quoted as in Go, which keeps every byte. What all events of a job share, its
// ID and tenant, is not repeated. The event of the acceptance is not written
// at all: the job's row says all that it says.

// appendEvent appends the line of ev.
func appendEvent(to []byte, ev jobs.Event) []byte {
	to = strconv.AppendInt(to, ev.Version, 10)
	to = append(to, ' ')
	to = append(to, ev.Type...)
	to = append(to, ' ')
	to = strconv.AppendInt(to, millis(ev.At), 10)
	to = append(to, ' ')
	to = append(to, ev.State...)
	for _, n := range [...]int{int(ev.Lane), ev.Generation, ev.Tier} {
		to = append(to, ' ')
		to = strconv.AppendInt(to, int64(n), 10)
	}
	for _, s := range [...]string{ev.Reason, ev.Actor} {
		to = append(to, ' ')
		to = strconv.AppendQuote(to, s)
	}
	return append(to, '\n')
}

// parseEvents reads lines and appends the events with a version above after.
func parseEvents(to []jobs.Event, lines string, id jobs.ID, tenant string, after int64) ([]jobs.Event, error) {
	for line := range strings.Lines(lines) {
		ev, err := parseEvent(line)
		if err != nil {
			return nil, fmt.Errorf("history of job %s: %w", id, err)
		}
		if ev.Version > after {
			ev.Job, ev.Tenant = id, tenant
			to = append(to, ev)
		}
	}
	return to, nil
}

func parseEvent(line string) (jobs.Event, error) {
	var ev jobs.Event
	words := fields{rest: strings.TrimSuffix(line, "\n")}
	ev.Version = words.integer()
	ev.Type = jobs.EventType(words.word())
	ev.At = moment(words.integer())
	ev.State = jobs.State(words.word())
	ev.Lane = jobs.Lane(words.integer())
	ev.Generation = int(words.integer())
	ev.Tier = int(words.integer())
	ev.Reason = words.quoted()
	ev.Actor = words.quoted()
	if words.bad || words.rest != "" {
		return jobs.Event{}, fmt.Errorf("malformed line %.80q", line)
	}
	return ev, nil
}

// fields reads a line word by word.
type fields struct {
	rest string
	bad  bool
}

func (f *fields) word() string {
	word, rest, _ := strings.Cut(f.rest, " ")
	f.rest = rest
	f.bad = f.bad || word == ""
	return word
}

func (f *fields) integer() int64 {
	n, err := strconv.ParseInt(f.word(), 10, 64)
	f.bad = f.bad || err != nil
	return n
}

func (f *fields) quoted() string {
	quoted, err := strconv.QuotedPrefix(f.rest)
	if err != nil {
		f.bad = true
		return ""
	}
	f.rest = strings.TrimPrefix(f.rest[len(quoted):], " ")
	s, err := strconv.Unquote(quoted)
	f.bad = f.bad || err != nil
	return s
}

// millis is t in unix milliseconds; 0 for the zero time.
func millis(t time.Time) int64 {
	if t.IsZero() {
		return 0
	}
	return t.UnixMilli()
}

// moment is the time of millis.
func moment(ms int64) time.Time {
	if ms == 0 {
		return time.Time{}
	}
	return time.UnixMilli(ms).UTC()
}
