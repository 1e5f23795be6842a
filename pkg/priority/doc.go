// Package priority decides which queued job runs next.
//
// A [Scheduler] shares slots fairly on two levels. Lanes share by weight, and
// within a lane tenants share by weight; one tenant's jobs in one lane go in
// the order in which they were enqueued. Every tenth pick is the overdue slot:
// it takes the head that has missed its start objective by the most due date,
// whatever the weights say, so nothing waits for ever. Caps on lanes and
// tenants bound what runs at once, and one slot is kept for the critical lane.
//
// The method is hierarchical start-time fair queueing. Each lane, and each
// tenant within a lane, has a tag: the service it has had, divided by its
// weight. The smallest tag goes next and is charged the job's estimated cost;
// when the job ends, the charge is corrected to the real cost. A virtual clock
// on each level follows the smallest tag, and whoever returns from idleness or
// from behind a cap starts at that clock, so waiting without work earns
// nothing.
//
// The scheduler is a plain data structure. It reads no clock, draws no random
// number, starts no goroutine and never iterates over a map to decide: equal
// calls give equal picks. All arithmetic is on integers below 2^53, so that
// another implementation, even one that only has doubles, can agree on every
// pick. It is not safe for concurrent use; the engine that owns it serialises
// calls. A lane that is not [jobs.Lane.Valid] panics like any index out of
// range.
package priority
