package jobs

import (
	"fmt"
	"time"
)

// Token fences a loan: every loan of a job has a token of its own, and a write
// with any but the current one is refused. Tokens fit into 53 bits, so that
// every store and script language can hold them.
type Token int64

// NewToken makes a token out of the store's boot epoch (20 bits) and a counter
// within that boot (32 bits), so that no token repeats across restarts.
func NewToken(epoch int64, n uint32) Token {
	return Token((epoch&0xfffff)<<32 | int64(n))
}

// Lease is the right to work on a job until a time. A holder that is late may
// still extend, write and settle as long as the engine has not taken the loan
// back: until then nobody else works on the job.
type Lease struct {
	Job    ID
	Token  Token
	Worker string
	Until  time.Time
}

// Loan is a job lent to a worker.
type Loan struct {
	Lease Lease
	Job   Job
	// Attempts is the ledger of the job's current generation, in order. Rows
	// that an earlier holder left open come back as lost, maybe billed.
	Attempts []Attempt
}

// LendRequest asks for loans.
type LendRequest struct {
	// Worker names the process that will hold the loans: 1 to
	// [MaxWorkerBytes] of printable ASCII.
	Worker string
	// Max is the most loans wanted, 1 to [MaxLend].
	Max int
	// Slots is how many jobs the worker can run at once; the engine sums it
	// over the workers it has heard of lately. At least 1.
	Slots int
	// Lease is how long the loans last unless extended; 0 means 30 s.
	Lease time.Duration
	// Wait is how long the call may wait for the first loan; 0 returns at
	// once.
	Wait time.Duration
	// DueBy, when set, asks only for jobs whose deadline is not after it, the
	// earliest deadline first and then by Seq: a worker without a model to
	// call takes the jobs that can wait no longer and leaves the others
	// queued. Tenants' and lanes' caps, pauses and the reserved slot hold as
	// ever. A job that is late already is left to Sweep, and no more than
	// [MaxSweep] jobs with such deadlines are looked at, so what many jobs of
	// a capped tenant hide waits for the next call. Wait must be 0.
	DueBy time.Time
}

// Validate returns an error that wraps [ErrInvalid] and names the field and
// the limit, or nil.
func (r LendRequest) Validate() error {
	switch {
	case r.Worker == "" || len(r.Worker) > MaxWorkerBytes:
		return fmt.Errorf("%w: worker has %d bytes, want 1 to %d", ErrInvalid, len(r.Worker), MaxWorkerBytes)
	case !printable(r.Worker):
		return fmt.Errorf("%w: worker has a character outside printable ASCII", ErrInvalid)
	case r.Max < 1 || r.Max > MaxLend:
		return fmt.Errorf("%w: max is %d, want 1 to %d", ErrInvalid, r.Max, MaxLend)
	case r.Slots < 1:
		return fmt.Errorf("%w: slots is %d, want at least 1", ErrInvalid, r.Slots)
	case r.Lease < 0:
		return fmt.Errorf("%w: lease must not be negative", ErrInvalid)
	case r.Wait < 0:
		return fmt.Errorf("%w: wait must not be negative", ErrInvalid)
	case r.Wait > 0 && !r.DueBy.IsZero():
		return fmt.Errorf("%w: wait is %s, must be 0 with due_by", ErrInvalid, r.Wait)
	}
	return nil
}

// MaxLend is the most loans that one call hands out.
const MaxLend = 256

// MaxWorkerBytes is the longest name of a worker.
const MaxWorkerBytes = 128

// DefaultLease is how long a loan lasts when the request does not say.
const DefaultLease = 30 * time.Second

// LeaseState answers one lease of an extension.
type LeaseState struct {
	// Held is false when the loan was settled, taken back or never made: the
	// holder must stop and write nothing. The other fields are then zero.
	Held bool
	// Until is the new end of a held lease.
	Until time.Time
	// CancelAsked is true when the job was told to stop. The holder stops and
	// settles the loan with the outcome [Stopped].
	CancelAsked bool
}
