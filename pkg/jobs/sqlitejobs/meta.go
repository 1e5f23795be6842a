package sqlitejobs

import (
	"database/sql/driver"
	"fmt"
	"strconv"
)

// The names in meta.
const (
	metaEpoch  = "epoch"  // counts the openings
	metaCounts = "counts" // the last seq, and how many jobs are in each state
)

// encodeCounts is the value of metaCounts: numbers with spaces between.
func encodeCounts(seq int64, counts [len(stateCodes)]int64) string {
	b := strconv.AppendInt(nil, seq, 10)
	for _, n := range counts {
		b = append(b, ' ')
		b = strconv.AppendInt(b, n, 10)
	}
	return string(b)
}

func decodeCounts(v driver.Value) (seq int64, counts [len(stateCodes)]int64, err error) {
	if v == nil {
		return 0, counts, nil // a new database
	}
	words := fields{rest: text(v)}
	seq = words.integer()
	for i := range counts {
		counts[i] = words.integer()
	}
	if words.bad || words.rest != "" {
		return 0, counts, fmt.Errorf("the counts read %.80q", text(v))
	}
	return seq, counts, nil
}
