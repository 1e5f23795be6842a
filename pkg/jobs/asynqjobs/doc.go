// Package asynqjobs is the engine for many machines: jobs in Redis, for any
// number of processes that share them.
//
// # Who decides
//
// What has to be decided where the data is, Lua scripts decide: which jobs are
// lent (the scheduler of package priority, written again in lua/sched.lua with
// the same integers and the same picks), whether a submission is a replay or
// its tenant full, and whether a lease is still current. Everything else is
// decided by the functions of package jobs, in Go: a change reads the job,
// lets the state machine move it, and hands the new row to the script commit,
// which writes it only if the job still has the version that was read. A
// change that came too late reads again.
//
// # Keys
//
// All keys begin with one prefix, "{sluice}:" unless configured. The braces
// keep all keys on one node of whatever shards them.
//
//	j:ID               hash: a job. d its row as JSON, h its heavy parts (result,
//	                   candidates, draft), and what scripts must know of it:
//	                   s state, v version, t tenant, l lane, q seq, c cost,
//	                   e enqueued, x deadline, p parked until, g generation,
//	                   f fingerprint, y batch, m file of the document, o told
//	                   to stop, z taken out of its queue because it is late.
//	                   While it is lent: k token, w worker, b when, u until
//	                   when at first
//	a:ID               hash: the ledger, by "generation:n"
//	e:ID               list: the events; the place is the version
//	b:ID               string: a document up to 32 KiB; larger ones are files
//	k:TENANT:KEY       string: what an idempotency key stands for, since when
//	q:LANE:TENANT      zset: a queue, by seq
//	T                  hash: what the scheduler knows of each tenant
//	s, c               string: what it knows of the lanes; its configuration
//	ready: due: idle:  zsets by lane: the tenants that may start a job by tag
//	                   and by age, and those kept only for their tags
//	lease wake late back  zsets: what falls due, by time and then seq
//	n, sv, wk          hashes: counts by state, mean service times, workers
//	x:…                zsets in the order of IDs: indexes for lists
//	G, g:TENANT:…      the groups of dead letters and reviews; a group by time
//	end:STATE          zset: what ended, by time
//	m:DAY              hash: what each tenant spent
//	r: rx: ri:         records, their IDs, and their indexes
//	boot               hash: the run of the server, its number, the token count
//
// # Scripts
//
// accept takes one submission, lend makes loans, attempts writes ledger rows,
// extend moves the ends of leases, commit writes a changed job with all that
// belongs to it, record writes one record, remove forgets a job, tenants sets
// bulkheads, leave ends a wait for loans, boot looks whether the server is a
// new one, tick says whether anybody has swept lately, stats answers the
// counts, and confirm only waits for replicas. A call does work for one job, or for as many as its caller named, so
// none holds up the others for long; only boot, once a start of the server,
// and the moving back of the scheduler's clocks, once in years of service, look
// at all tenants. Calls of one process that come together go out together, in
// one pipeline, so that a server that syncs its file before it answers does so
// once for all of them. Those of accept, attempts and commit go out as items of
// one run, up to 16, so that the scheduler's state is read and written once.
//
// # Time
//
// Whether a lease ended and how long a new one lasts is decided by the clock
// of the Redis server, in the script. The times that jobs carry come from the
// same clock, followed by each process at every sweep. An injected clock
// replaces both, so that tests own the time.
//
// # A job that runs
//
// To lend a job, the script writes only who holds it; the row stays that of
// the queued job, and whoever reads the job lets the state machine lend it
// once more, which gives the same job to all. In the same way a started event
// is stored as its time and worker, and an attempt that was found open as the
// time of its loss.
//
// # Who hears of what
//
// A commit is told to the listener of the process that made it and no other:
// it is that process which knows the events, and it tells the rest over the
// coordination plane, as an engine within one process does. What must not be
// missed, such as a delivery to make, is a record of the same commit.
package asynqjobs
