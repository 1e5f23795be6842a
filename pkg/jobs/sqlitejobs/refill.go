package sqlitejobs

import (
	"cmp"
	"context"
	"database/sql/driver"
	"fmt"
	"slices"
	"time"

	"github.com/sluicehq/sluice/pkg/jobs"
	"github.com/sluicehq/sluice/pkg/priority"
)

// refill makes the memory anew from the rows. What rows do not hold stays: the
// bulkheads, and how long leases were extended.
func (w *writer) refill() error {
	m, err := newMemory(w.e.cfg.Scheduler)
	if err != nil {
		return err
	}
	f := &filler{w: w, m: m, other: make(map[int64]struct{})}
	for _, step := range []func() error{f.tenants, f.counts, f.live, f.states, f.loans, f.fresh} {
		if err := step(); err != nil {
			return fmt.Errorf("read what waits and runs: %w", err)
		}
	}
	f.order()
	for _, l := range m.running {
		if until, ok := w.extended[l.job.Lease.Token]; ok {
			l.job.Lease.Until = until
		}
	}
	for _, b := range w.bulkheads {
		m.setBulkhead(b)
	}
	w.m = m
	return nil
}

// filler fills a memory. other are the live seqs that states or loans tell of;
// all other live seqs are jobs that were accepted and no more.
type filler struct {
	w     *writer
	m     *memory
	other map[int64]struct{}
}

// each runs a query whose rows have n columns.
func (f *filler) each(sql string, n int, row func(v []driver.Value) error) error {
	s, err := f.w.db.prepare(sql, n)
	if err != nil {
		return err
	}
	defer s.drop()
	return s.each(context.Background(), row)
}

// tenants reads the numbers of the tenants. Readers use those of before until
// all are read.
func (f *filler) tenants() error {
	read := newTenants()
	err := f.each("SELECT num, name FROM tenants", 2, func(v []driver.Value) error {
		read.add(integer(v[0]), text(v[1]))
		return nil
	})
	if err == nil {
		f.w.e.tenants.replace(read)
	}
	return err
}

func (f *filler) counts() error {
	v, err := f.w.db.scalar("SELECT value FROM meta WHERE name = '" + metaCounts + "'")
	if err != nil {
		return err
	}
	f.m.seq, f.m.counts, f.m.removed, err = decodeCounts(v)
	return err
}

func (f *filler) live() error {
	return f.each("SELECT chunk, bits FROM live", 2, func(v []driver.Value) error {
		if !f.m.live.decode(integer(v[0]), blob(v[1])) {
			return fmt.Errorf("chunk %d of the live jobs has %d bytes, want %d", integer(v[0]), len(blob(v[1])), chunkBytes)
		}
		return nil
	})
}

// states reads the jobs that wait and have a row of their own in states.
func (f *filler) states() error {
	const sql = "SELECT s.state, s.seq, s.lane, s.tenant, s.enqueued, s.deadline, s.parked, j.cost FROM states s " +
		"JOIN jobs j ON j.num = s.num LEFT JOIN loans l ON l.num = s.num WHERE s.state IN (0, 2) AND s.state <> 4 AND l.num IS NULL"
	return f.each(sql, 8, func(v []driver.Value) error {
		j := jobs.Job{
			State: stateCodes[integer(v[0])], Seq: integer(v[1]), Lane: jobs.Lane(integer(v[2])),
			Tenant: f.w.e.tenants.name(integer(v[3])), EnqueuedAt: moment(integer(v[4])),
			DeadlineAt: moment(integer(v[5])), ParkedUntil: moment(integer(v[6])),
			Cost: time.Duration(integer(v[7])) * time.Millisecond,
		}
		if !f.m.live.has(j.Seq) {
			return fmt.Errorf("seq %d is %s and not live", j.Seq, j.State)
		}
		f.other[j.Seq] = struct{}{}
		f.m.deadlines = append(f.m.deadlines, due{integer(v[5]), j.Seq})
		if j.State == jobs.Queued {
			f.m.enqueue(&j)
			return nil
		}
		f.m.countParked(&j, 1)
		f.m.parks = append(f.m.parks, due{integer(v[6]), j.Seq})
		return nil
	})
}

// loans reads the jobs that run.
func (f *filler) loans() error {
	const sql = "SELECT " + wholeColumns + ", l.history, l.ledger FROM loans l " +
		"JOIN jobs j ON j.num = l.num LEFT JOIN states s ON s.num = l.num"
	return f.each(sql, nWholeColumns+2, func(v []driver.Value) error {
		r, err := readWhole(v, f.w.e.tenants)
		if err != nil {
			return err
		}
		l := &loan{row: *r, history: blob(v[nWholeColumns]), ledger: blob(v[nWholeColumns+1])}
		if !f.m.live.has(l.job.Seq) {
			return fmt.Errorf("seq %d runs and is not live", l.job.Seq)
		}
		f.other[l.job.Seq] = struct{}{}
		f.m.deadlines = append(f.m.deadlines, due{millis(l.job.DeadlineAt), l.job.Seq})
		if l.paid, err = f.paid(l); err != nil {
			return err
		}
		f.m.lent(l)
		if !f.w.opening { // else its holder is gone, and with it the permit
			f.m.sched.Started(l.job.Lane, l.job.Tenant, cost(l.job.Cost))
		}
		return nil
	})
}

// paid is what the attempts of a running job's generation cost.
func (f *filler) paid(l *loan) (map[int]payment, error) {
	rows := make(ledger)
	if l.stored {
		err := f.w.st.ledger.each(context.Background(), func(v []driver.Value) error {
			return rows.read(text(v[0]), l.job.Generation)
		}, l.num)
		if err != nil {
			return nil, err
		}
	}
	if err := rows.read(string(l.ledger), l.job.Generation); err != nil {
		return nil, err
	}
	attempts, err := rows.attempts()
	return payments(attempts), err
}

// fresh reads the jobs that wait and were never touched. Neighbours are read
// in one go.
func (f *filler) fresh() error {
	f.m.deadlines = slices.Grow(f.m.deadlines, f.m.live.n)
	untouched := func(seq int64) bool {
		_, ok := f.other[seq]
		return !ok && f.m.live.has(seq)
	}
	found := 0
	err := scan(f.w.e.dir.database(), f.runs(), untouched, func(rows []waiting) {
		found += len(rows)
		for _, r := range rows {
			f.m.deadlines = append(f.m.deadlines, due{r.deadline, r.seq})
			f.m.sched.Enqueue(r.lane, f.w.e.tenants.name(r.tenant), priority.Entry{
				Seq: r.seq, Enqueued: r.accepted, Cost: cost(time.Duration(r.cost) * time.Millisecond),
			})
		}
	})
	if err != nil {
		return err
	}
	if want := f.m.live.n - len(f.other); found != want {
		return fmt.Errorf("%d jobs wait for their first loan, and %d of them are there", want, found)
	}
	return nil
}

// gap is how many rows that are not live are worth reading to save a search.
const gap = 16

// runs are the first and last of neighbouring live seqs, in order.
func (f *filler) runs() [][2]int64 {
	var runs [][2]int64
	ats := make([]int64, 0, len(f.m.live.chunks))
	for at := range f.m.live.chunks {
		ats = append(ats, at)
	}
	slices.SortFunc(ats, cmp.Compare[int64])
	for _, at := range ats {
		f.m.live.chunks[at].each(at, func(seq int64) {
			if n := len(runs); n > 0 && seq <= runs[n-1][1]+gap {
				runs[n-1][1] = seq
				return
			}
			runs = append(runs, [2]int64{seq, seq})
		})
	}
	return runs
}

// order makes heaps of what was appended.
func (f *filler) order() {
	f.m.deadlines.order()
	f.m.parks.order()
}

// lowest are the n running jobs with the lowest seqs.
func (m *memory) lowest(n int) []*loan {
	all := make([]*loan, 0, len(m.running))
	for _, l := range m.running {
		all = append(all, l)
	}
	slices.SortFunc(all, func(a, b *loan) int { return cmp.Compare(a.job.Seq, b.job.Seq) })
	return all[:min(n, len(all))]
}

func (m *memory) setBulkhead(b jobs.Bulkhead) {
	m.sched.SetTenant(b.Tenant, priority.Tenant{Weight: b.Weight, MaxRunning: b.MaxRunning, Paused: b.Paused})
}
