package sqlitejobs

import (
	"bytes"
	"maps"
)

// fresh holds the rows of the jobs that were accepted last and have not changed
// since. A job that is lent soon, as most are, is then neither read nor decoded.
type fresh struct {
	rows map[int64]*freshRow
	// ring are the jobs in their order, so that the oldest makes room.
	ring [freshRows]int64
	next int
}

// freshRow is a queued job as it was accepted, with its spec as bytes and
// decoded. Nobody changes it.
type freshRow struct {
	row  row
	spec *spec
}

// The bounds of the memory for fresh rows: at most 8 MiB of specs.
const (
	freshRows = 2048
	freshSpec = 4 << 10
)

func newFresh() *fresh { return &fresh{rows: make(map[int64]*freshRow)} }

// forFresh is a spec to keep, with its text; nil when it is too large.
func forFresh(s spec, text string) *spec {
	if len(text) > freshSpec {
		return nil
	}
	return s.clone()
}

// keep takes in the row of a job that was accepted; s is from forFresh.
func (f *fresh) keep(r *row, s *spec, text string) {
	if s == nil {
		return
	}
	kept := &freshRow{row: *r, spec: s}
	kept.row.spec = []byte(text)
	delete(f.rows, f.ring[f.next])
	f.rows[r.num] = kept
	f.ring[f.next] = r.num
	f.next = (f.next + 1) % freshRows
}

// take hands out the row of a job that is about to change; nil if it is not
// there.
func (f *fresh) take(num int64) *freshRow {
	r := f.rows[num]
	if r != nil {
		delete(f.rows, num)
	}
	return r
}

// clone is a spec that shares nothing that can be changed with s.
func (s *spec) clone() *spec {
	c := *s
	c.Labels = maps.Clone(s.Labels)
	c.Spec.SchemaJSON = bytes.Clone(s.Spec.SchemaJSON)
	return &c
}
