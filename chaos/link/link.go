// Package link puts a way that can fail between two processes on one machine: a
// TCP proxy on loopback that can be slow, silent in one direction or both, or
// cut, and that can be healed again.
package link

import (
	"context"
	"fmt"
	"net"
	"sync"
	"time"
)

// Direction says who sent a chunk.
type Direction int

// The directions of a connection.
const (
	Request Direction = iota // from the side that connected
	Answer                   // from the side that listens
)

// Fault is what is wrong with a link; the zero value is a link that works.
type Fault struct {
	// Latency is how much later than sent each byte arrives, in each direction.
	Latency time.Duration
	// HoldRequests and HoldAnswers keep what is sent in that direction until
	// the link is healed, as a network does whose packets are lost and sent
	// again. With both the other side is silent: connections stay open, new
	// ones are taken, and nothing is refused.
	HoldRequests, HoldAnswers bool
	// Cut resets every connection, and new ones as soon as they are made.
	// What was held is lost.
	Cut bool
}

// holds reports whether what goes in a direction has to wait.
func (f Fault) holds(d Direction) bool {
	if d == Request {
		return f.HoldRequests
	}
	return f.HoldAnswers
}

// Chunk is a piece of what one side sent, as it was read: neither a whole
// message nor only one. Data must not be kept.
type Chunk struct {
	Conn      int // counts the connections of a link from 1
	Direction Direction
	Data      []byte
}

// Link takes connections and hands them on to one address. Its methods are safe
// for concurrent use.
type Link struct {
	target   string
	listener net.Listener
	life     context.Context //nolint:containedctx // the life of the goroutines, ended by Close
	end      context.CancelFunc
	work     sync.WaitGroup

	mu      sync.Mutex
	fault   Fault
	changed chan struct{} // closed, and made anew, at each change of fault
	watch   func(Chunk) bool
	pairs   map[*pair]struct{}
	count   int
}

// Open makes a link to an address on which nobody has to listen yet.
func Open(target string) (*Link, error) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return nil, fmt.Errorf("open a link to %s: %w", target, err)
	}
	k := &Link{target: target, listener: l, changed: make(chan struct{}), pairs: make(map[*pair]struct{})}
	k.life, k.end = context.WithCancel(context.Background())
	k.work.Go(k.accept)
	return k, nil
}

// Addr is where the link listens, as "host:port".
func (k *Link) Addr() string { return k.listener.Addr().String() }

// Set makes f what is wrong with the link, on open connections too.
func (k *Link) Set(f Fault) {
	k.mu.Lock()
	defer k.mu.Unlock()
	k.fault = f
	close(k.changed)
	k.changed = make(chan struct{})
	if f.Cut {
		for p := range k.pairs {
			p.reset()
		}
	}
}

// Heal makes the link work.
func (k *Link) Heal() { k.Set(Fault{}) }

// Watch shows f every chunk just before it is handed on; nil ends that. When f
// answers false, the chunk is lost and its connection reset. f is called by
// several connections at once and holds up only its own.
func (k *Link) Watch(f func(Chunk) bool) {
	k.mu.Lock()
	defer k.mu.Unlock()
	k.watch = f
}

// Close resets all connections, stops listening and waits for what the link
// runs. It is safe to call twice.
func (k *Link) Close() {
	k.end()
	_ = k.listener.Close()
	k.mu.Lock()
	for p := range k.pairs {
		p.reset()
	}
	k.mu.Unlock()
	k.work.Wait()
}

func (k *Link) accept() {
	for {
		from, err := k.listener.Accept()
		if err != nil {
			return // closed
		}
		k.work.Go(func() { k.serve(from) })
	}
}

// serve joins a new connection with one to the target until either ends.
func (k *Link) serve(from net.Conn) {
	var d net.Dialer
	to, err := d.DialContext(k.life, "tcp", k.target)
	if err != nil {
		reset(from)
		return
	}
	p := &pair{from: from, to: to, gone: make(chan struct{})}
	if !k.add(p) {
		p.reset()
		return
	}
	defer k.remove(p)
	var both sync.WaitGroup
	both.Go(func() { k.carry(p, Request, from, to) })
	both.Go(func() { k.carry(p, Answer, to, from) })
	both.Wait()
	p.close()
}

// add counts a connection unless the link is cut or closed.
func (k *Link) add(p *pair) bool {
	k.mu.Lock()
	defer k.mu.Unlock()
	if k.fault.Cut || k.life.Err() != nil {
		return false
	}
	k.count++
	p.number = k.count
	k.pairs[p] = struct{}{}
	return true
}

func (k *Link) remove(p *pair) {
	k.mu.Lock()
	delete(k.pairs, p)
	k.mu.Unlock()
}
