package sqlitejobs

import (
	"fmt"
	"time"

	"github.com/sluicehq/sluice/pkg/jobs"
	"github.com/sluicehq/sluice/pkg/priority"
)

// Config sets an engine up. Only Dir must be given.
type Config struct {
	// Dir is the data directory. It is made when it is missing, readable by
	// its owner only. One process at a time can have it open.
	Dir    string
	Policy jobs.Policy
	// Clock reads the time; nil means time.Now. It must be safe for
	// concurrent use.
	Clock func() time.Time
	// Listener is told what was committed, on the writer's goroutine.
	Listener jobs.Listener
	// Scheduler says how slots are shared.
	Scheduler priority.Config
	// Readers is how many reads can run at once, 1 to 64; 0 means 4. Each
	// costs up to 2 MiB of page cache.
	Readers int
	// CacheBytes is the writer's page cache, at least 1 MiB; 0 means 16 MiB.
	CacheBytes int
	// BlobThreshold is the size in bytes above which a document is a file of
	// its own; 0 means 32 KiB, and at most 1 MiB.
	BlobThreshold int
	// UnsafeLoseJobsOnPowerCut leaves out every fsync. Jobs that were
	// answered as accepted are then lost when the machine stops. It exists
	// for the test harness that must see such a loss to be trusted.
	UnsafeLoseJobsOnPowerCut bool
}

// WithDefaults returns c with every zero field set to its default.
func (c Config) WithDefaults() Config {
	c.Policy = c.Policy.WithDefaults()
	if c.Clock == nil {
		c.Clock = time.Now
	}
	if c.Readers == 0 {
		c.Readers = 4
	}
	if c.CacheBytes == 0 {
		c.CacheBytes = 16 << 20
	}
	if c.BlobThreshold == 0 {
		c.BlobThreshold = 32 << 10
	}
	return c
}

// validate names the field, its value and its limit.
func (c Config) validate() error {
	switch {
	case c.Dir == "":
		return fmt.Errorf("%w: dir is empty", jobs.ErrInvalid)
	case c.Readers < 1 || c.Readers > 64:
		return fmt.Errorf("%w: readers is %d, want 1 to 64", jobs.ErrInvalid, c.Readers)
	case c.CacheBytes < 1<<20:
		return fmt.Errorf("%w: cache_bytes is %d, want at least %d", jobs.ErrInvalid, c.CacheBytes, 1<<20)
	case c.BlobThreshold < 0 || c.BlobThreshold > 1<<20:
		return fmt.Errorf("%w: blob_threshold is %d, want 0 to %d", jobs.ErrInvalid, c.BlobThreshold, 1<<20)
	}
	return nil
}
