// Package processtest has what tests of whole programs share.
package processtest

import (
	"bytes"
	"strings"
	"sync"
)

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

// Tail is the last lines of what was written, n bytes at most.
func (o *Output) Tail(n int) string {
	s := o.String()
	if len(s) <= n {
		return s
	}
	s = s[len(s)-n:]
	return s[strings.IndexByte(s, '\n')+1:]
}
