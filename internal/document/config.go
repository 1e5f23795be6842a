package document

import (
	"errors"
	"fmt"
	"os"
	"runtime"
	"time"
)

// Config describes a [Pool]. The zero value works in a program whose main
// function calls [RunChild].
type Config struct {
	// Limits bound each document.
	Limits Limits
	// Command starts a child: the program and its arguments. Default: this
	// program with [ChildArg]. It gets no environment but Go's own settings.
	Command []string
	// CacheDir is a directory for compiled PDFium (19 MB), made if missing
	// with access for this user only. Children execute what they find there,
	// so one that everybody may write to is refused. Without a directory each
	// child takes 3 s to start instead of 0.1 s.
	CacheDir string
	// Children bounds the child processes, and with them the documents parsed
	// at once. Default GOMAXPROCS.
	Children int
	// MaxWaiting bounds the callers of Parse that wait for a child; more get
	// [ErrBusy]. Default 256.
	MaxWaiting int
	// RecycleDocuments is how many documents a child parses before it is
	// replaced. Default 100.
	RecycleDocuments int
	// RecycleBytes is how many bytes of documents a child parses before it is
	// replaced. Default 200 MB.
	RecycleBytes int64
	// IdleTimeout is how long a child waits for a document before it is
	// ended. Default 60 s.
	IdleTimeout time.Duration
	// StartTimeout bounds the start of a child, a compilation of PDFium
	// included. Default 60 s.
	StartTimeout time.Duration
	// Events are told what happens to children.
	Events Events
}

// Events are called from the goroutine that makes them happen and must return
// soon. Nil functions are skipped.
type Events struct {
	// ChildStarted: a child is ready, took after it was started.
	ChildStarted func(pid int, took time.Duration)
	// ChildEnded: a child has ended. The reason is idle, worn, broken, died,
	// timeout, memory, cancelled, closed or start.
	ChildEnded func(pid int, reason string)
}

// WithDefaults returns a copy in which zero fields have their default.
func (c Config) WithDefaults() Config {
	c.Limits = c.Limits.WithDefaults()
	if c.Children == 0 {
		c.Children = runtime.GOMAXPROCS(0)
	}
	if c.MaxWaiting == 0 {
		c.MaxWaiting = 256
	}
	if c.RecycleDocuments == 0 {
		c.RecycleDocuments = 100
	}
	if c.RecycleBytes == 0 {
		c.RecycleBytes = 200_000_000
	}
	if c.IdleTimeout == 0 {
		c.IdleTimeout = 60 * time.Second
	}
	if c.StartTimeout == 0 {
		c.StartTimeout = 60 * time.Second
	}
	if c.Events.ChildStarted == nil {
		c.Events.ChildStarted = func(int, time.Duration) {}
	}
	if c.Events.ChildEnded == nil {
		c.Events.ChildEnded = func(int, string) {}
	}
	return c
}

func (c Config) validate() error {
	if err := c.Limits.validate(); err != nil {
		return err
	}
	checks := []struct {
		field         string
		got, min, max int64
	}{
		{"Children", int64(c.Children), 1, 1024},
		{"MaxWaiting", int64(c.MaxWaiting), 1, 1 << 20},
		{"RecycleDocuments", int64(c.RecycleDocuments), 1, 1 << 20},
		{"RecycleBytes", c.RecycleBytes, 1, 1 << 40},
		{"IdleTimeout", int64(c.IdleTimeout), int64(time.Millisecond), int64(24 * time.Hour)},
		{"StartTimeout", int64(c.StartTimeout), int64(time.Millisecond), int64(time.Hour)},
	}
	for _, check := range checks {
		if check.got < check.min || check.got > check.max {
			return fmt.Errorf("document pool %s is %d, must be %d to %d", check.field, check.got, check.min, check.max)
		}
	}
	return nil
}

// command is the argv of a child.
func (c Config) command() ([]string, error) {
	if len(c.Command) > 0 {
		return c.Command, nil
	}
	self, err := selfPath()
	if err != nil {
		return nil, fmt.Errorf("find this program: %w", err)
	}
	return []string{self, ChildArg}, nil
}

// prepareCache makes the cache directory and refuses one that others may fill.
func (c Config) prepareCache() error {
	if c.CacheDir == "" {
		return nil
	}
	if err := os.MkdirAll(c.CacheDir, 0o700); err != nil {
		return fmt.Errorf("document cache: %w", err)
	}
	info, err := os.Stat(c.CacheDir)
	if err != nil {
		return fmt.Errorf("document cache: %w", err)
	}
	const othersWrite = 0o002
	if runtime.GOOS != "windows" && info.Mode().Perm()&othersWrite != 0 {
		return errors.New("document cache: everybody may write to the directory, and children execute what it holds")
	}
	return nil
}

// cpuSeconds bounds the processor time of a child's life: the last resort if
// the parent cannot kill it. A child is replaced at half of it.
func (c Config) cpuSeconds() uint64 {
	return 30 * uint64(max(c.Limits.Timeout/time.Second, 1))
}
