// Package sqlitejobs is the default engine: jobs in one SQLite database in a
// data directory, for one process on one machine.
//
// All writes go through one goroutine, the writer. It takes the operations
// that wait, runs them in one transaction and answers them after the commit
// returned, so one fsync makes many operations durable. What decides the next
// loan lives in memory: the scheduler of package priority, the loans that run,
// and what falls due. It changes with the operations of the writer and is
// filled from the rows when the engine opens or when a commit failed.
//
// The rows are laid out so that a job's life touches few pages. A job's row
// never changes after it was accepted. While a job runs, its loan is a row of
// a table that is as small as the number of running jobs. Only when a loan
// ends, or a command changes the job, is there a row with its state. Which
// jobs wait or run is one bit each.
//
// Reads use connections of their own and see only what is durable.
package sqlitejobs
