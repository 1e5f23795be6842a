package jobs

import (
	"fmt"
	"time"
)

// ID names a job, a record or a tenant: 1 to 64 characters out of 0-9, A-Z,
// a-z, '_' and '-'. Whoever submits a job chooses its ID, so that a submission
// repeated after an unclear answer is recognised. IDs that sort by time (such
// as "job_" and a ULID) list in the order of their making.
type ID string

// MaxIDLength is the longest ID in bytes.
const MaxIDLength = 64

// Validate returns an error that wraps [ErrInvalid] unless id is well formed.
// The error never repeats the ID, which may hold anything.
func (id ID) Validate() error {
	if len(id) == 0 || len(id) > MaxIDLength {
		return fmt.Errorf("%w: id has %d characters, want 1 to %d", ErrInvalid, len(id), MaxIDLength)
	}
	for i := range len(id) {
		if !idByte(id[i]) {
			return fmt.Errorf("%w: id has a character outside 0-9 A-Z a-z _ -", ErrInvalid)
		}
	}
	return nil
}

func idByte(c byte) bool {
	return '0' <= c && c <= '9' || 'A' <= c && c <= 'Z' || 'a' <= c && c <= 'z' || c == '_' || c == '-'
}

// Stamp is how engines keep times: UTC, cut to the millisecond, without a
// monotonic part. Every engine returns stamped times.
func Stamp(t time.Time) time.Time {
	if t.IsZero() {
		return time.Time{}
	}
	return time.UnixMilli(t.UnixMilli()).UTC()
}
