// Package processtest has what tests of whole programs share.
package processtest

import (
	"bytes"
	"net"
	"sync"
	"testing"
)

// FreeAddress is a host:port of loopback on which nobody listens. Somebody else
// can take it before it is used.
func FreeAddress(tb testing.TB) string {
	tb.Helper()
	var c net.ListenConfig
	l, err := c.Listen(tb.Context(), "tcp", "127.0.0.1:0")
	if err != nil {
		tb.Fatal(err)
	}
	if err := l.Close(); err != nil {
		tb.Fatal(err)
	}
	return l.Addr().String()
}

// Output keeps what a program writes. Its zero value is empty; its methods may
// be called at the same time.
type Output struct {
	mu  sync.Mutex
	buf bytes.Buffer
}

// Write keeps p. It never fails.
func (o *Output) Write(p []byte) (int, error) {
	o.mu.Lock()
	defer o.mu.Unlock()
	return o.buf.Write(p)
}

// String is all that was written.
func (o *Output) String() string {
	o.mu.Lock()
	defer o.mu.Unlock()
	return o.buf.String()
}
