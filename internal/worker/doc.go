// Package worker runs jobs: it borrows them from an engine, keeps their leases
// alive while a [Processor] works on them, and settles every loan. What a job
// does is the processor's business; package ladder holds the one that ships.
package worker
