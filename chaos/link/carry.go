package link

import (
	"bytes"
	"net"
	"sync"
	"time"
)

// chunkBytes is the most that is read at once, and queued how many chunks may
// be under way in one direction of a connection before its sender has to wait.
const (
	chunkBytes = 64 << 10
	queued     = 64
)

// pair is a connection to the link and the one from it to the target.
type pair struct {
	number   int
	from, to net.Conn
	once     sync.Once
	gone     chan struct{} // closed by reset
}

// reset ends both connections so that their other sides see a reset.
func (p *pair) reset() { p.end(reset) }

// close ends both connections once all that was sent has been handed on.
func (p *pair) close() { p.end(func(c net.Conn) { _ = c.Close() }) }

func (p *pair) end(how func(net.Conn)) {
	p.once.Do(func() {
		close(p.gone)
		how(p.from)
		how(p.to)
	})
}

// reset closes a connection without the usual farewell.
func reset(c net.Conn) {
	if tcp, ok := c.(*net.TCPConn); ok {
		_ = tcp.SetLinger(0)
	}
	_ = c.Close()
}

// ended reports whether the connections are closed.
func (p *pair) ended() bool {
	select {
	case <-p.gone:
		return true
	default:
		return false
	}
}

// sent is a chunk and when it was read.
type sent struct {
	data []byte
	at   time.Time
}

// carry hands on what one side sends until it ends or the pair is reset. The
// end is handed on in its turn.
func (k *Link) carry(p *pair, d Direction, src, dst net.Conn) {
	queue := make(chan sent, queued)
	var reading sync.WaitGroup
	reading.Go(func() {
		defer close(queue)
		p.read(src, queue)
	})
	defer reading.Wait()
	for s := range queue {
		if !k.wait(p, d, s.at) || !k.show(p, d, s.data) {
			p.reset()
			return
		}
		if _, err := dst.Write(s.data); err != nil {
			p.reset()
			return
		}
	}
	if tcp, ok := dst.(*net.TCPConn); ok && k.wait(p, d, time.Now()) {
		_ = tcp.CloseWrite()
	}
}

// read queues what arrives until its sender ends, in whatever way.
func (p *pair) read(src net.Conn, queue chan<- sent) {
	buf := make([]byte, chunkBytes)
	for {
		n, err := src.Read(buf)
		if n > 0 {
			select {
			case queue <- sent{bytes.Clone(buf[:n]), time.Now()}:
			case <-p.gone:
				return
			}
		}
		if err != nil {
			return
		}
	}
}

// wait blocks until something sent at that time may arrive; false when its
// connection is gone.
func (k *Link) wait(p *pair, d Direction, at time.Time) bool {
	for {
		k.mu.Lock()
		fault, changed := k.fault, k.changed
		k.mu.Unlock()
		early := time.Until(at.Add(fault.Latency))
		if !fault.holds(d) && early <= 0 {
			return true
		}
		timer := time.NewTimer(max(early, 0))
		due := timer.C
		if fault.holds(d) {
			due = nil
		}
		select {
		case <-due:
		case <-changed:
		case <-p.gone:
		}
		timer.Stop()
		if p.ended() {
			return false
		}
	}
}

// show asks whoever watches whether a chunk may go on.
func (k *Link) show(p *pair, d Direction, data []byte) bool {
	k.mu.Lock()
	watch := k.watch
	k.mu.Unlock()
	return watch == nil || watch(Chunk{Conn: p.number, Direction: d, Data: data})
}
