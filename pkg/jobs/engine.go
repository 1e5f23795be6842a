package jobs

import (
	"context"
	"time"
)

// Engine keeps jobs and lends them to workers. It is the only place of truth:
// what it answered is durable, and what it did not answer may or may not have
// happened.
//
// All methods are safe for concurrent use. None retries: an error that wraps
// [ErrUnavailable] may be answered by the same call with the same arguments,
// which never doubles an effect. Times in arguments are cut by [Stamp]. Every
// method selects on ctx and answers its error once it has ended; when that is
// while a commit is under way, the commit may still happen. A moment is due
// when the clock reads it: at its deadline a job is late, at Lease.Until a loan
// may be taken back. An ID or tenant that is not well formed names nothing and
// is not found; in a submission, command or record to put it is [ErrInvalid].
// After Close every method answers [ErrClosed].
type Engine interface {
	// Accept makes jobs. It answers each submission in order, and when it
	// answers Created that job is durable. Within one call and across calls,
	// idempotency and limits are checked in the commit itself, each submission
	// after those before it: first its key, then its ID, then MaxQueued, then
	// the engine's own limit. A key is kept for [Policy].KeyTTL from its first
	// use; a replay does not lengthen that and keeps no new key. Limits bound
	// intake only: a job that is requeued, woken or taken back may exceed
	// them. An error means that nothing is known about any of the submissions;
	// an error that wraps [ErrInvalid] means that none was accepted.
	Accept(ctx context.Context, subs []Submission) ([]Acceptance, error)

	// Lend hands out up to req.Max queued jobs, chosen by the scheduler of
	// package priority inside the bulkheads. It waits up to req.Wait for the
	// first and returns none, without an error, when there is none. A loan is
	// durable before it is returned, and so is the mark on attempts that an
	// earlier holder left open (see [MarkLost]). A job whose deadline has
	// passed is expired instead of lent: it takes no place among Max and its
	// charge is given back. The fleet's slots are summed over the workers that
	// wait in Lend or whose last call ended less than [WorkerMemory] ago, each
	// with its latest Slots.
	Lend(ctx context.Context, req LendRequest) ([]Loan, error)

	// Extend sets the end of leases to d from now, which must be positive, and
	// answers each in order. It changes no version. It need not survive a
	// restart of the store, nor show in the jobs that are read.
	Extend(ctx context.Context, leases []Lease, d time.Duration) ([]LeaseState, error)

	// PutAttempts writes ledger rows of the lease's job durably, each
	// replacing the row with the same N. The job's version stays. A holder
	// whose lease was taken over or settled gets an error that wraps
	// [ErrStaleLease], and so does a lease of a job that does not exist.
	PutAttempts(ctx context.Context, l Lease, rows ...Attempt) error

	// Finish settles a loan. Settling it again with the same lease changes
	// nothing and answers the job as it is. A holder whose lease was taken
	// over gets an error that wraps [ErrStaleLease], and so does a lease of a
	// job that does not exist; a record write whose version is not the stored
	// one, and [Stopped] where nobody asked, get [ErrConflict]. None of these
	// writes anything. Attempts and record writes are also written when the
	// outcome gives way to a cancellation.
	Finish(ctx context.Context, l Lease, o Outcome) (Job, error)

	// Apply carries out a command and answers the job after it: [ErrNotFound]
	// for a job of another tenant, [ErrConflict] for a state or version that
	// does not fit.
	Apply(ctx context.Context, c Command) (Job, error)

	// Sweep does what is due: it takes back loans whose lease ended, wakes
	// parked jobs, expires waiting jobs past their deadline and sends running
	// ones past deadline + [Backstop] to review, in this order and each by
	// (time, Seq), where time is when it fell due. What one kind puts back
	// into a queue the next may find due. It works through at most [MaxSweep]
	// jobs a kind. The owner calls it at least once a second; several callers
	// do no harm.
	Sweep(ctx context.Context) (Swept, error)

	// SetBulkheads sets the bulkheads of the tenants named and leaves the
	// others as they are. A tenant never named has weight 1 and no cap. The
	// setting acts at once and need not survive a restart.
	SetBulkheads(ctx context.Context, bs ...Bulkhead) error

	// Get answers a job of the tenant, or of any when tenant is empty;
	// [ErrNotFound] when there is none.
	Get(ctx context.Context, tenant string, id ID) (Job, error)
	// ByKey answers the job that the tenant's idempotency key stands for while
	// the key is kept, so that a replay is answered even when intake is shut;
	// [ErrNotFound] when there is none.
	ByKey(ctx context.Context, tenant, key string) (Job, error)
	// Document answers the bytes of a job's document; [ErrNotFound] for an
	// erased job.
	Document(ctx context.Context, tenant string, id ID) ([]byte, error)
	// Attempts answers the ledger of all generations in the order of
	// generation and N.
	Attempts(ctx context.Context, tenant string, id ID) ([]Attempt, error)
	// History answers the job's events with a version above after, in order.
	History(ctx context.Context, tenant string, id ID, after int64) ([]Event, error)
	// List answers the jobs that the filter selects, in falling order of ID.
	// Listed jobs carry neither Result nor the candidates and draft of a
	// review. An engine may answer a filter that it keeps no index for with
	// the jobs found so far and a [*PartialError].
	List(ctx context.Context, f Filter, p Page) ([]Job, error)

	Stats(ctx context.Context) (Stats, error)
	Records() Records

	// Close ends all waiting calls with [ErrClosed] and frees what the engine
	// holds. It is safe to call twice.
	Close() error
}

// Backstop is how long past its deadline a running job may take to settle
// before the engine itself sends it to review.
const Backstop = 30 * time.Second

// WorkerMemory is how long a worker's slots count after its last call of Lend
// ended. It is as long as a load signal is believed.
const WorkerMemory = 15 * time.Second

// MaxSweep is the most jobs of one kind that a Sweep works through.
const MaxSweep = 1000

// Swept counts what a Sweep did.
type Swept struct {
	Reaped, Woken, Expired, Backstopped int
	// More is true when a kind had more than [MaxSweep] jobs due.
	More bool
}

// Policy is what every engine needs to know to move jobs; the zero value
// works.
type Policy struct {
	// MaxLoans is how many loans a generation may use up before the job fails
	// as crashed_workers; 0 means 5.
	MaxLoans int
	// ReviewDue is how long a person has to decide; 0 means 72 h.
	ReviewDue time.Duration
	// KeyTTL is how long an idempotency key is kept after it was first used;
	// 0 means 24 h.
	KeyTTL time.Duration
	// MaxWaiting is how many queued and parked jobs the engine holds before
	// it answers EngineFull; 0 means 2,000,000.
	MaxWaiting int
}

// WithDefaults returns p with every zero field set to its default.
func (p Policy) WithDefaults() Policy {
	if p.MaxLoans == 0 {
		p.MaxLoans = 5
	}
	if p.ReviewDue == 0 {
		p.ReviewDue = 72 * time.Hour
	}
	if p.KeyTTL == 0 {
		p.KeyTTL = 24 * time.Hour
	}
	if p.MaxWaiting == 0 {
		p.MaxWaiting = 2_000_000
	}
	return p
}

// Listener is told what an engine committed. Its functions may be nil, are
// called in the order of the commits and must neither block nor call the
// engine. They are called before the call that made the commit answers, so who
// got an answer can rely on the listener knowing.
type Listener struct {
	// Committed gets the events of a commit after it is durable. The slice is
	// the listener's to keep.
	Committed func(events []Event)
}
