package sqlitejobs

import (
	"database/sql/driver"
	"fmt"
	"strconv"

	"github.com/sluicehq/sluice/pkg/jobs"
)

// The names in meta.
const (
	metaEpoch  = "epoch"  // counts the openings
	metaCounts = "counts" // the last seq, and how many jobs are in each state and were removed from each
)

// tally counts jobs by the number of their state.
type tally [len(stateCodes)]int64

// byState is a tally without its zeros.
func (c tally) byState() map[jobs.State]int64 {
	m := make(map[jobs.State]int64, len(c))
	for code, n := range c {
		if n != 0 {
			m[stateCodes[code]] = n
		}
	}
	return m
}

// encodeCounts is the value of metaCounts: numbers with spaces between.
func encodeCounts(seq int64, counts, removed tally) string {
	b := strconv.AppendInt(nil, seq, 10)
	for _, c := range [...]tally{counts, removed} {
		for _, n := range c {
			b = append(b, ' ')
			b = strconv.AppendInt(b, n, 10)
		}
	}
	return string(b)
}

func decodeCounts(v driver.Value) (seq int64, counts, removed tally, err error) {
	if v == nil {
		return 0, counts, removed, nil // a new database
	}
	words := fields{rest: text(v)}
	seq = words.integer()
	for _, c := range [...]*tally{&counts, &removed} {
		for i := range c {
			c[i] = words.integer()
		}
	}
	if words.bad || words.rest != "" {
		return 0, counts, removed, fmt.Errorf("the counts read %.80q", text(v))
	}
	return seq, counts, removed, nil
}
