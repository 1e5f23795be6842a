package powerfs

import (
	"bytes"
	"slices"
)

// file is the contents of a file.
type file struct {
	data    []byte   // as programs see it
	durable []byte   // as it was at the last fsync
	log     []change // what happened since, in order
}

// change is a write, or a new size.
type change struct {
	off  int64  // the new size when data is nil
	data []byte // never empty
}

func (c change) resizes() bool { return c.data == nil }

// apply carries the change out on b.
func (c change) apply(b []byte) []byte {
	if c.resizes() {
		return resized(b, c.off)
	}
	if end := c.off + int64(len(c.data)); end > int64(len(b)) {
		b = resized(b, end)
	}
	copy(b[c.off:], c.data)
	return b
}

// resized is b with another length; new bytes are zero.
func resized(b []byte, size int64) []byte {
	n := int64(len(b))
	if size <= n {
		return b[:size]
	}
	b = slices.Grow(b, int(size-n))[:size]
	clear(b[n:])
	return b
}

func (f *file) write(off int64, b []byte) {
	if len(b) > 0 {
		f.do(change{off: off, data: bytes.Clone(b)})
	}
}

func (f *file) resize(size int64) { f.do(change{off: size}) }

func (f *file) do(c change) {
	f.log = append(f.log, c)
	f.data = c.apply(f.data)
}

// read fills b from off and returns what it could fill.
func (f *file) read(off int64, b []byte) []byte {
	if off < 0 || off >= int64(len(f.data)) {
		return nil
	}
	return b[:copy(b, f.data[off:])]
}

// shrinks counts how often the file became shorter since the last fsync.
func (f *file) shrinks() int {
	n, size := 0, int64(len(f.durable))
	for _, c := range f.log {
		if !c.resizes() {
			size = max(size, c.off+int64(len(c.data)))
			continue
		}
		if c.off < size {
			n++
		}
		size = c.off
	}
	return n
}

// sync makes everything durable.
func (f *file) sync() {
	for _, c := range f.log {
		f.durable = c.apply(f.durable)
	}
	f.log = nil
}
