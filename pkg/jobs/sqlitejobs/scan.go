package sqlitejobs

import (
	"context"
	"database/sql/driver"
	"errors"
	"sync"

	"github.com/sluicehq/sluice/pkg/jobs"
)

const (
	// scanners is how many connections read rows of waiting jobs at once. From a
	// cold disk a single one waits for each page in turn.
	scanners = 4
	// scanSeqs is how many seqs a scanner looks at in one go.
	scanSeqs = 8192
)

// waiting is a job that waits for its first loan, as its row tells. Times are
// unix milliseconds, and so is cost.
type waiting struct {
	seq, tenant        int64
	accepted, deadline int64
	cost               int64
	lane               jobs.Lane
}

// scanned is what a scanner found in one go.
type scanned struct {
	rows []waiting
	err  error
}

// scan calls f with the rows of jobs in runs of seqs that are wanted, in their
// order. wanted is called by several goroutines, f by this one.
func scan(path string, runs [][2]int64, wanted func(seq int64) bool, f func([]waiting)) error {
	parts := portions(runs)
	found := make([]chan scanned, min(scanners, len(parts)))
	var work sync.WaitGroup
	defer work.Wait()
	enough := make(chan struct{})
	defer close(enough)
	for i := range found {
		found[i] = make(chan scanned, 1)
		work.Go(func() {
			s := scanner{wanted: wanted, found: found[i], enough: enough}
			if err := s.run(path, parts, i, len(found)); err != nil {
				s.tell(scanned{err: err})
			}
		})
	}
	for i := range parts {
		part := <-found[i%len(found)]
		if part.err != nil {
			return part.err
		}
		f(part.rows)
	}
	return nil
}

// portions cuts runs of seqs into parts of scanSeqs; the last has the rest.
func portions(runs [][2]int64) (parts [][][2]int64) {
	var part [][2]int64
	size := int64(0)
	for _, run := range runs {
		for first := run[0]; first <= run[1]; {
			last := min(run[1], first+scanSeqs-size-1)
			part = append(part, [2]int64{first, last})
			size += last - first + 1
			first = last + 1
			if size == scanSeqs {
				parts, part, size = append(parts, part), nil, 0
			}
		}
	}
	if size > 0 {
		parts = append(parts, part)
	}
	return parts
}

// scanner reads on a connection of its own.
type scanner struct {
	wanted func(seq int64) bool
	found  chan<- scanned
	enough <-chan struct{} // closed when nobody takes what is found any more
}

// run reads every n-th part, beginning with the one at first.
func (s *scanner) run(path string, parts [][][2]int64, first, n int) (err error) {
	d, err := openDB(path, readerPragmas)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, d.close()) }()
	query, err := d.prepare("SELECT num, lane, tenant, accepted, deadline, cost FROM jobs WHERE num BETWEEN ?1 AND ?2", 6)
	if err != nil {
		return err
	}
	for i := first; i < len(parts); i += n {
		rows, err := s.read(query, parts[i])
		if err != nil {
			return err
		}
		if !s.tell(scanned{rows: rows}) {
			return nil
		}
	}
	return nil
}

func (s *scanner) read(query *stmt, part [][2]int64) (rows []waiting, err error) {
	for _, run := range part {
		err := query.each(context.Background(), func(v []driver.Value) error {
			if seq := integer(v[0]); s.wanted(seq) {
				rows = append(rows, waiting{
					seq: seq, lane: jobs.Lane(integer(v[1])), tenant: integer(v[2]),
					accepted: integer(v[3]), deadline: integer(v[4]), cost: integer(v[5]),
				})
			}
			return nil
		}, run[0], run[1])
		if err != nil {
			return nil, err
		}
	}
	return rows, nil
}

// tell hands over what was found; false when nobody wants it.
func (s *scanner) tell(part scanned) bool {
	select {
	case s.found <- part:
		return true
	case <-s.enough:
		return false
	}
}
