package processtest

import (
	"errors"
	"fmt"
	"math/rand/v2"
	"net"
	"os"
	"path/filepath"
	"strconv"
	"testing"

	"github.com/gofrs/flock"
)

// Ports for programs under test are from this range. Systems give none of it to
// outgoing connections, which would otherwise now and then get the port of a
// program that is about to start, or to start again.
const (
	firstPort = 12_000
	lastPort  = 31_999
)

// FreeAddress is a host:port of loopback that is the test's own until it ends:
// nobody listens there, and no other test is given it.
func FreeAddress(tb testing.TB) string {
	tb.Helper()
	return net.JoinHostPort("127.0.0.1", strconv.Itoa(FreePorts(tb, 1)))
}

// FreePorts is the first of n ports in a row that are the test's own.
func FreePorts(tb testing.TB, n int) int {
	tb.Helper()
	dir, err := lockDir()
	if err != nil {
		tb.Fatal(err)
	}
	for range 1000 {
		first := firstPort + rand.IntN(lastPort-firstPort+2-n)
		if reserve(tb, dir, first, n) {
			return first
		}
	}
	tb.Fatalf("no %d free ports in a row from %d to %d", n, firstPort, lastPort)
	return 0
}

// lockDir has a file for each port that was ever given away. Who locks it owns
// the port, in whatever process.
func lockDir() (string, error) {
	cache, err := os.UserCacheDir()
	if err != nil {
		cache = os.TempDir()
	}
	dir := filepath.Join(cache, "sluice-test", "ports")
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return "", fmt.Errorf("locks of ports: %w", err)
	}
	return dir, nil
}

// reserve takes ports until the test ends, all or none.
func reserve(tb testing.TB, dir string, first, n int) bool {
	var locks []*flock.Flock
	for port := first; port < first+n; port++ {
		lock := flock.New(filepath.Join(dir, strconv.Itoa(port)))
		locks = append(locks, lock)
		if ok, err := lock.TryLock(); err != nil || !ok || !free(tb, port) {
			_ = unlock(locks)
			return false
		}
	}
	tb.Cleanup(func() {
		if err := unlock(locks); err != nil {
			tb.Error(err)
		}
	})
	return true
}

func unlock(locks []*flock.Flock) (err error) {
	for _, lock := range locks {
		err = errors.Join(err, lock.Close())
	}
	return err
}

// free reports whether nobody listens on a port.
func free(tb testing.TB, port int) bool {
	var c net.ListenConfig
	l, err := c.Listen(tb.Context(), "tcp", net.JoinHostPort("127.0.0.1", strconv.Itoa(port)))
	if err != nil {
		return false
	}
	return l.Close() == nil
}
