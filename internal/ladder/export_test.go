package ladder

import "github.com/sluicehq/sluice/pkg/jobs"

// RecordID is the ID of the record about a route.
func RecordID(name string) jobs.ID { return recordID(name) }
