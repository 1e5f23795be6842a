package asynqjobs

import (
	"github.com/sluicehq/sluice/pkg/priority"
)

// SchedulerSource is the text of the scheduler's library.
func SchedulerSource() string { return source("base", "sched") }

// PackScheduler is the configuration as the library reads it.
func PackScheduler(c priority.Config) string { return packScheduler(c) }
