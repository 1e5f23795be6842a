package priority

import (
	"slices"
	"sort"
)

const (
	chunkMin = 4   // entries in a flow's first chunk
	chunkMax = 128 // entries in a full chunk: 3 KiB
	// chunkMerge is the size up to which two neighbours become one. With it
	// any two neighbours hold more than this many entries together.
	chunkMerge = chunkMax * 3 / 4
)

// fifo holds one flow's entries in ascending order of Seq, in chunks. Putting
// in at the back and taking out at the front move nothing. A place in the
// middle is found by two binary searches, and then at most one chunk moves.
type fifo struct {
	chunks []chunk
	n      int
	// gone counts places before chunks that its array still holds.
	gone int
}

// chunk holds its entries in buf[off:]; there is at least one.
type chunk struct {
	buf []Entry
	off int
}

func (c *chunk) live() []Entry { return c.buf[c.off:] }

func (q *fifo) len() int { return q.n }

// head is the entry with the lowest Seq; the fifo must not be empty.
func (q *fifo) head() Entry { return q.chunks[0].buf[q.chunks[0].off] }

// insert puts e in its place. It returns false when its Seq is there already.
func (q *fifo) insert(e Entry) bool {
	if q.n == 0 {
		q.chunks = append(q.chunks, chunk{buf: append(make([]Entry, 0, chunkMin), e)})
		q.n = 1
		return true
	}
	if last := &q.chunks[len(q.chunks)-1]; last.buf[len(last.buf)-1].Seq < e.Seq {
		q.append(last, e)
		q.n++
		return true
	}
	ci, i, found := q.find(e.Seq)
	if found {
		return false
	}
	if len(q.chunks[ci].live()) == chunkMax {
		q.split(ci)
		ci, i, _ = q.find(e.Seq)
	}
	q.chunks[ci].insert(i, e)
	q.n++
	return true
}

// append puts e behind all others.
func (q *fifo) append(last *chunk, e Entry) {
	if len(last.buf) == chunkMax && last.off < chunkMax/2 {
		q.chunks = append(q.chunks, chunk{buf: append(make([]Entry, 0, chunkMax), e)})
		return
	}
	last.makeRoom()
	last.buf = append(last.buf, e)
}

// remove takes out the entry with that Seq and reports whether it was there.
func (q *fifo) remove(seq int64) bool {
	if q.n == 0 {
		return false
	}
	ci, i, found := q.find(seq)
	if found {
		q.chunks[ci].remove(i)
		q.n--
		q.tidy(ci)
	}
	return found
}

// pop takes out the head; the fifo must not be empty.
func (q *fifo) pop() Entry {
	e := q.head()
	q.chunks[0].remove(0)
	q.n--
	q.tidy(0)
	return e
}

// find returns the chunk in which seq belongs and its index among that
// chunk's live entries.
func (q *fifo) find(seq int64) (ci, i int, found bool) {
	ci = sort.Search(len(q.chunks), func(k int) bool { return q.chunks[k].live()[0].Seq > seq })
	ci = max(ci-1, 0)
	live := q.chunks[ci].live()
	i = sort.Search(len(live), func(k int) bool { return live[k].Seq >= seq })
	return ci, i, i < len(live) && live[i].Seq == seq
}

// split makes two half chunks of the full chunk ci.
func (q *fifo) split(ci int) {
	live := q.chunks[ci].live()
	low := append(make([]Entry, 0, chunkMax), live[:chunkMax/2]...)
	high := append(make([]Entry, 0, chunkMax), live[chunkMax/2:]...)
	q.chunks[ci] = chunk{buf: low}
	q.chunks = slices.Insert(q.chunks, ci+1, chunk{buf: high})
}

// tidy gives memory back after an entry left chunk ci.
func (q *fifo) tidy(ci int) {
	if q.n == 0 {
		*q = fifo{}
		return
	}
	switch live := len(q.chunks[ci].live()); {
	case live == 0:
		q.dropChunk(ci)
		return
	case ci+1 < len(q.chunks) && live+len(q.chunks[ci+1].live()) <= chunkMerge:
		q.merge(ci)
	case ci > 0 && live+len(q.chunks[ci-1].live()) <= chunkMerge:
		q.merge(ci - 1)
	default:
		q.chunks[ci].shrink()
	}
}

// merge moves the entries of chunk ci+1 into chunk ci.
func (q *fifo) merge(ci int) {
	buf := append(make([]Entry, 0, chunkMax), q.chunks[ci].live()...)
	q.chunks[ci] = chunk{buf: append(buf, q.chunks[ci+1].live()...)}
	q.dropChunk(ci + 1)
}

// dropChunk takes chunk ci out of the list, and the list gives up its array
// when most of it is unused.
func (q *fifo) dropChunk(ci int) {
	if ci == 0 {
		q.chunks[0] = chunk{}
		q.chunks = q.chunks[1:]
		q.gone++
	} else {
		q.chunks = slices.Delete(q.chunks, ci, ci+1)
	}
	if n := len(q.chunks); q.gone+cap(q.chunks) > 4*n+64 {
		q.chunks = append(make([]chunk, 0, 2*n), q.chunks...)
		q.gone = 0
	}
}

// insert puts e at index i of the live entries; there are fewer than
// chunkMax.
func (c *chunk) insert(i int, e Entry) {
	if i == 0 && c.off > 0 {
		c.off--
		c.buf[c.off] = e
		return
	}
	c.makeRoom()
	c.buf = slices.Insert(c.buf, c.off+i, e)
}

// remove takes out index i of the live entries.
func (c *chunk) remove(i int) {
	if i == 0 {
		c.off++
		return
	}
	c.buf = slices.Delete(c.buf, c.off+i, c.off+i+1)
}

// makeRoom leaves at least one free place behind the entries, of which there
// are fewer than chunkMax.
func (c *chunk) makeRoom() {
	switch n := cap(c.buf); {
	case len(c.buf) < n:
	case c.off >= n/2 || n == chunkMax:
		c.resize(n)
	default:
		c.resize(min(2*n, chunkMax))
	}
}

// shrink halves a chunk of which at most a quarter is in use.
func (c *chunk) shrink() {
	if n := cap(c.buf); n > chunkMin && len(c.live()) <= n/4 {
		c.resize(n / 2)
	}
}

// resize moves the entries to the front of a buffer of n places.
func (c *chunk) resize(n int) {
	live := c.live()
	if n == cap(c.buf) {
		c.buf = c.buf[:copy(c.buf, live)]
	} else {
		c.buf = append(make([]Entry, 0, n), live...)
	}
	c.off = 0
}
