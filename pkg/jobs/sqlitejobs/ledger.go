package sqlitejobs

import (
	"encoding/json"
	"fmt"
	"slices"
	"strconv"
	"strings"

	"github.com/sluicehq/sluice/pkg/jobs"
)

// A job's attempts are kept as text like its events, one line for each write:
//
//	generation n {the attempt as JSON, without its generation}
//
// A later line replaces an earlier one of the same generation and n.

// entry is an attempt on its way into a ledger.
type entry struct {
	n    int
	json []byte
	paid payment
}

// entries encodes attempts that are valid, outside the writer.
func entries(rows []jobs.Attempt) ([]entry, error) {
	if len(rows) == 0 {
		return nil, nil
	}
	es := make([]entry, len(rows))
	for i, a := range rows {
		a.Generation = 0
		a.StartedAt, a.EndedAt = jobs.Stamp(a.StartedAt), jobs.Stamp(a.EndedAt)
		text, err := json.Marshal(a)
		if err != nil {
			return nil, fmt.Errorf("%w: attempt %d: %w", jobs.ErrInvalid, a.N, err)
		}
		es[i] = entry{n: a.N, json: text, paid: paymentFor(a)}
	}
	return es, nil
}

// appendEntries appends the lines of es.
func appendEntries(to []byte, generation int, es []entry) []byte {
	for _, e := range es {
		to = strconv.AppendInt(to, int64(generation), 10)
		to = append(to, ' ')
		to = strconv.AppendInt(to, int64(e.n), 10)
		to = append(to, ' ')
		to = append(to, e.json...)
		to = append(to, '\n')
	}
	return to
}

// ledger is a job's attempts as they are read: the last line of each
// generation and n.
type ledger map[[2]int]string

// read adds lines; only those of one generation unless it is 0.
func (l ledger) read(lines string, generation int) error {
	for line := range strings.Lines(lines) {
		words := fields{rest: line}
		g, n := int(words.integer()), int(words.integer())
		if words.bad {
			return fmt.Errorf("malformed line %.80q", line)
		}
		if generation == 0 || g == generation {
			l[[2]int{g, n}] = words.rest
		}
	}
	return nil
}

// attempts are the rows in the order of generation and n; nil when there are
// none.
func (l ledger) attempts() ([]jobs.Attempt, error) {
	if len(l) == 0 {
		return nil, nil
	}
	rows := make([]jobs.Attempt, 0, len(l))
	for at, text := range l {
		var a jobs.Attempt
		if err := json.Unmarshal([]byte(text), &a); err != nil {
			return nil, fmt.Errorf("attempt %d.%d: %w", at[0], at[1], err)
		}
		a.Generation = at[0]
		rows = append(rows, a)
	}
	slices.SortFunc(rows, func(a, b jobs.Attempt) int {
		if a.Generation != b.Generation {
			return a.Generation - b.Generation
		}
		return a.N - b.N
	})
	return rows, nil
}
