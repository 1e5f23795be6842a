package wire

import (
	"context"
	"crypto/tls"
	"net/http/httptrace"
	"sync"

	"github.com/sluicehq/sluice/pkg/tiers"
)

// tracker follows a call through its phases. The transport calls it from its
// own goroutines, also after the call is over.
type tracker struct {
	mu     sync.Mutex
	phase  tiers.Phase
	reused bool
}

// reach notes a phase. Phases only advance: a second address that is tried
// does not undo what the first one reached.
func (t *tracker) reach(p tiers.Phase) {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.phase = max(t.phase, p)
}

func (t *tracker) facts() (tiers.Phase, bool) {
	t.mu.Lock()
	defer t.mu.Unlock()
	return t.phase, t.reused
}

func (t *tracker) trace(ctx context.Context) context.Context {
	return httptrace.WithClientTrace(ctx, &httptrace.ClientTrace{
		DNSStart:          func(httptrace.DNSStartInfo) { t.reach(tiers.PhaseResolve) },
		ConnectStart:      func(string, string) { t.reach(tiers.PhaseConnect) },
		TLSHandshakeStart: func() { t.reach(tiers.PhaseTLS) },
		TLSHandshakeDone:  func(tls.ConnectionState, error) {},
		GotConn: func(i httptrace.GotConnInfo) {
			t.mu.Lock()
			t.reused = i.Reused
			t.mu.Unlock()
			t.reach(tiers.PhaseWrite)
		},
		WroteRequest: func(i httptrace.WroteRequestInfo) {
			if i.Err == nil {
				t.reach(tiers.PhaseWait)
			}
		},
		GotFirstResponseByte: func() { t.reach(tiers.PhaseRead) },
	})
}
