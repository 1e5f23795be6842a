package sqlitejobs

// moments is a heap of seqs by the time they fall due, and then by seq. An
// entry that no longer holds stays until it is due or tidy drops it: finding
// it sooner would cost more than it weighs, which is 16 bytes.
type moments []due

type due struct {
	at  int64 // unix ms
	seq int64
}

func (d due) before(other due) bool {
	return d.at < other.at || d.at == other.at && d.seq < other.seq
}

func (m *moments) add(at, seq int64) {
	*m = append(*m, due{at, seq})
	h := *m
	for i := len(h) - 1; i > 0; {
		up := (i - 1) / 2
		if !h[i].before(h[up]) {
			return
		}
		h[i], h[up] = h[up], h[i]
		i = up
	}
}

// next takes out the first entry if it is due by now.
func (m *moments) next(now int64) (due, bool) {
	h := *m
	if len(h) == 0 || h[0].at > now {
		return due{}, false
	}
	first, last := h[0], len(h)-1
	h[0] = h[last]
	*m = h[:last]
	m.sink(0)
	return first, true
}

func (m *moments) sink(i int) {
	h := *m
	for {
		least := i
		for child := 2*i + 1; child <= 2*i+2 && child < len(h); child++ {
			if h[child].before(h[least]) {
				least = child
			}
		}
		if least == i {
			return
		}
		h[i], h[least] = h[least], h[i]
		i = least
	}
}

// order makes a heap of entries in any order.
func (m *moments) order() {
	for i := len(*m)/2 - 1; i >= 0; i-- {
		m.sink(i)
	}
}

// tidy drops the entries that do not hold when there are many more entries
// than the n that should.
func (m *moments) tidy(n int, holds func(seq int64) bool) {
	if len(*m) < 2*n+1024 {
		return
	}
	kept := make(moments, 0, n+n/8)
	for _, d := range *m {
		if holds(d.seq) {
			kept = append(kept, d)
		}
	}
	*m = kept
	m.order()
}
