package asynqjobs

import (
	"fmt"
	"strings"
	"time"

	"github.com/sluicehq/sluice/pkg/jobs"
	"github.com/sluicehq/sluice/pkg/priority"
)

// Config sets an engine up. Only URL must be given. All processes that share a
// server must agree on Prefix, Policy, Scheduler and Directory.
type Config struct {
	// URL is where Redis is, such as redis://127.0.0.1:6379 or
	// redis+sentinel://host:26379,host:26379/0?master=sluice.
	URL string
	// Prefix begins all keys and must have a part in braces; empty means
	// "{sluice}:".
	Prefix string
	// Directory holds the documents above 32 KiB. Every process must reach the
	// same one. Without it such documents are refused.
	Directory string
	// AcceptLoss opens a server that can lose accepted jobs.
	AcceptLoss bool
	// MemoryBudget is how many bytes Redis may hold before intake is refused;
	// 0 means 80 % of its maxmemory, or 60 % of its machine's memory.
	MemoryBudget int64
	// Replicas is how many replicas must have a write before it is answered;
	// 0 asks none. ReplicaWait is how long it may take, at least 1 ms; 0 means
	// 1 s.
	Replicas    int
	ReplicaWait time.Duration
	Policy      jobs.Policy
	// Clock reads the time; nil means the clock of the Redis server. It must
	// be safe for concurrent use. It is for tests: processes whose clocks
	// differ would take each other's leases.
	Clock func() time.Time
	// Listener is told what this engine committed, on the goroutine that
	// sends its calls.
	Listener jobs.Listener
	// Events are told what operators should know.
	Events Events
	// Scheduler says how slots are shared. The last process to open an engine
	// sets it for all.
	Scheduler priority.Config
	// LateAfter is how long nobody may sweep before every lease gets another
	// period instead of being taken back, at least 2 s; 0 means 5 s.
	LateAfter time.Duration
	// Poll is how often a Lend that waits asks again although no token came,
	// 10 ms to 10 s; 0 means 5 s.
	Poll time.Duration
	// UnsafeSkipSync leaves out the fsync of documents in Directory. It exists
	// for tests that stop no machine.
	UnsafeSkipSync bool
}

// Events are told what an engine cannot return to a caller. The functions may
// be nil, must not block and may be called at the same time.
type Events struct {
	// Risky is told what the server can lose, at the start and whenever it
	// changes; an empty list says that it loses nothing it has answered.
	Risky func([]Risk)
	// Trouble is told of calls that failed in the background. They cost time
	// and lose nothing.
	Trouble func(error)
	// Granted is told that leases got another period because nobody had swept
	// for long, and how many.
	Granted func(leases int)
}

func (e Events) trouble(err error) {
	if e.Trouble != nil {
		e.Trouble(err)
	}
}

// WithDefaults returns c with every zero field set to its default.
func (c Config) WithDefaults() Config {
	c.Policy = c.Policy.WithDefaults()
	if c.Prefix == "" {
		c.Prefix = "{sluice}:"
	}
	if c.ReplicaWait == 0 {
		c.ReplicaWait = time.Second
	}
	if c.LateAfter == 0 {
		c.LateAfter = 5 * time.Second
	}
	if c.Poll == 0 {
		c.Poll = 5 * time.Second
	}
	return c
}

// maxPrefixBytes bounds what every key carries.
const maxPrefixBytes = 64

// validate names the field, its value and its limit.
func (c Config) validate() error {
	open, shut := strings.IndexByte(c.Prefix, '{'), strings.IndexByte(c.Prefix, '}')
	switch {
	case len(c.Prefix) > maxPrefixBytes || open < 0 || shut < open+2:
		return fmt.Errorf("%w: prefix is %.80q, want at most %d bytes with a part in braces", jobs.ErrInvalid, c.Prefix, maxPrefixBytes)
	case c.MemoryBudget < 0:
		return fmt.Errorf("%w: memory_budget is %d, want at least 0", jobs.ErrInvalid, c.MemoryBudget)
	case c.Replicas < 0:
		return fmt.Errorf("%w: replicas is %d, want at least 0", jobs.ErrInvalid, c.Replicas)
	case c.ReplicaWait < time.Millisecond:
		return fmt.Errorf("%w: replica_wait is %s, want at least 1ms", jobs.ErrInvalid, c.ReplicaWait)
	case c.LateAfter < 2*time.Second:
		return fmt.Errorf("%w: late_after is %s, want at least 2s", jobs.ErrInvalid, c.LateAfter)
	case c.Poll < 10*time.Millisecond || c.Poll > 10*time.Second:
		return fmt.Errorf("%w: poll is %s, want 10ms to 10s", jobs.ErrInvalid, c.Poll)
	}
	if _, err := priority.New(c.Scheduler); err != nil {
		return err
	}
	return nil
}
