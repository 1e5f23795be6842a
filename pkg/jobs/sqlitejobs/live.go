package sqlitejobs

import (
	"encoding/binary"
	"math/bits"
)

// Seqs are counted up by one, so the set of those that are live — whose job is
// queued, running or parked — is mostly runs of neighbours. It is kept as one
// bit for each, here and in the database, in chunks of chunkSeqs.
const (
	chunkWords = 64
	chunkSeqs  = chunkWords * 64
	chunkBytes = chunkWords * 8
)

// liveSet is a set of seqs. It notes which chunks changed since they were last
// written.
type liveSet struct {
	chunks map[int64]*chunk
	dirty  map[int64]struct{}
	n      int
}

type chunk struct {
	words [chunkWords]uint64
	n     int
}

func newLiveSet() *liveSet {
	return &liveSet{chunks: make(map[int64]*chunk), dirty: make(map[int64]struct{})}
}

func place(seq int64) (at int64, word int, bit uint64) {
	return seq / chunkSeqs, int(seq % chunkSeqs / 64), 1 << (seq % 64)
}

func (l *liveSet) has(seq int64) bool {
	at, word, bit := place(seq)
	c := l.chunks[at]
	return c != nil && c.words[word]&bit != 0
}

// add puts in a seq that is not there.
func (l *liveSet) add(seq int64) {
	at, word, bit := place(seq)
	c := l.chunks[at]
	if c == nil {
		c = &chunk{}
		l.chunks[at] = c
	}
	c.words[word] |= bit
	c.n++
	l.n++
	l.dirty[at] = struct{}{}
}

// remove takes out a seq that is there.
func (l *liveSet) remove(seq int64) {
	at, word, bit := place(seq)
	c := l.chunks[at]
	c.words[word] &^= bit
	c.n--
	l.n--
	l.dirty[at] = struct{}{}
	if c.n == 0 {
		delete(l.chunks, at)
	}
}

// encode is a chunk as it is stored; nil for one without a seq.
func (l *liveSet) encode(at int64) []byte {
	c := l.chunks[at]
	if c == nil {
		return nil
	}
	b := make([]byte, 0, chunkBytes)
	for _, w := range c.words {
		b = binary.LittleEndian.AppendUint64(b, w)
	}
	return b
}

// decode puts in a chunk as it is stored.
func (l *liveSet) decode(at int64, b []byte) bool {
	if len(b) != chunkBytes {
		return false
	}
	c := &chunk{}
	for i := range c.words {
		c.words[i] = binary.LittleEndian.Uint64(b[i*8:])
		c.n += bits.OnesCount64(c.words[i])
	}
	l.chunks[at] = c
	l.n += c.n
	return true
}

// each yields the seqs of a chunk in order.
func (c *chunk) each(at int64, yield func(seq int64)) {
	for i, w := range c.words {
		for ; w != 0; w &= w - 1 {
			yield(at*chunkSeqs + int64(i*64+bits.TrailingZeros64(w)))
		}
	}
}
