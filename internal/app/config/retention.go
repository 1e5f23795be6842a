package config

import (
	"errors"
	"time"

	"github.com/sluicehq/sluice/pkg/jobs"
)

// Retention says how long what has ended is kept. Work that has not ended is
// never removed.
type Retention struct {
	Succeeded Keep `koanf:"succeeded"`
	Cancelled Keep `koanf:"cancelled"`
	Failed    Keep `koanf:"failed"`
	Expired   Keep `koanf:"expired"`
	// Erased is for what is left of erased jobs.
	Erased Keep `koanf:"erased"`
	// Operations is how long a bulk operation and its audit rows are kept
	// after it ended: 90 days. 0 keeps them for ever.
	Operations time.Duration `koanf:"operations"`
}

// Keep bounds the ended jobs of one state.
type Keep struct {
	// MaxAge is how long a job is kept after it ended: 30 days for succeeded
	// and cancelled jobs, 90 days for the others. 0 keeps them for ever.
	MaxAge time.Duration `koanf:"max_age"`
	// MaxCount is how many jobs are kept, the newest; 0, the default, is no
	// bound.
	MaxCount int64 `koanf:"max_count"`
}

const day = 24 * time.Hour

// MinKeep is the shortest age of retention: an idempotency key stands for its
// job for a day, and goes with it.
const MinKeep = day

// longest is the greatest age of retention: a hundred years.
const longest = 36_500 * day

func (r Retention) byState() map[jobs.State]Keep {
	return map[jobs.State]Keep{
		jobs.Succeeded: r.Succeeded, jobs.Cancelled: r.Cancelled, jobs.Failed: r.Failed, jobs.Expired: r.Expired, jobs.Erased: r.Erased,
	}
}

// Policy is the retention as an engine takes it.
func (r Retention) Policy() jobs.Retention {
	p := jobs.Retention{MaxAge: map[jobs.State]time.Duration{}, MaxCount: map[jobs.State]int64{}}
	for state, k := range r.byState() {
		if k.MaxAge > 0 {
			p.MaxAge[state] = k.MaxAge
		}
		if k.MaxCount > 0 {
			p.MaxCount[state] = k.MaxCount
		}
	}
	return p
}

func (r Retention) validate() error {
	problems := []error{keptFor("retention.operations", r.Operations)}
	for _, state := range jobs.States() {
		k := r.byState()[state]
		key := "retention." + string(state)
		problems = append(problems, keptFor(key+".max_age", k.MaxAge), within(key+".max_count", k.MaxCount, 0, 1<<40))
	}
	return errors.Join(problems...)
}

func keptFor(key string, age time.Duration) error {
	if age == 0 {
		return nil
	}
	return lasting(key, age, MinKeep, longest)
}
