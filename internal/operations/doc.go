// Package operations carries out one command on many jobs: a filter is frozen
// into a selection, shown as a dry run, and then worked through at a rate, with
// an audit row for each job. An operation can be paused, resumed and cancelled,
// and stops by itself when too much goes wrong.
//
// Operations are records of the engine. Any process may drive them, one at a
// time under a lease; when a driver dies, another goes on where its rows end.
// No job is ever changed twice by one operation: the engine refuses a second
// change by the last operation that changed a job, commands name the version
// they mean, and what a dead driver may have done is looked up in the job's
// history.
package operations
