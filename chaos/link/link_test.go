package link_test

import (
	"bufio"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"sync"
	"syscall"
	"testing"
	"time"

	"go.uber.org/goleak"

	"github.com/sluicehq/sluice/chaos/link"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// patience bounds the waits that only a failure makes long, a while is how long
// a test looks whether nothing happens.
const (
	patience = 10 * time.Second
	aWhile   = 100 * time.Millisecond
)

// echo answers every line with itself, and tells of the lines.
type echo struct {
	net.Listener
	work  sync.WaitGroup
	lines chan string
}

func newEcho(t *testing.T) *echo {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	e := &echo{Listener: l, lines: make(chan string, 100)}
	e.work.Go(func() {
		for {
			c, err := l.Accept()
			if err != nil {
				return
			}
			e.work.Go(func() { e.serve(c) })
		}
	})
	return e
}

func (e *echo) serve(c net.Conn) {
	defer func() { _ = c.Close() }()
	for lines := bufio.NewScanner(c); lines.Scan(); {
		e.lines <- lines.Text()
		if _, err := fmt.Fprintln(c, lines.Text()); err != nil {
			return
		}
	}
}

// rig is a link to an echo and a connection through it.
type rig struct {
	t    *testing.T
	link *link.Link
	echo *echo
	conn net.Conn
	in   *bufio.Reader
}

func newRig(t *testing.T) *rig {
	t.Helper()
	e := newEcho(t)
	k, err := link.Open(e.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	r := &rig{t: t, link: k, echo: e}
	r.dial()
	t.Cleanup(func() {
		_ = r.conn.Close()
		k.Close()
		k.Close() // twice is safe
		_ = e.Close()
		e.work.Wait()
	})
	return r
}

func (r *rig) dial() {
	r.t.Helper()
	if err := r.tryDial(); err != nil {
		r.t.Fatal(err)
	}
}

func (r *rig) tryDial() error {
	if r.conn != nil {
		_ = r.conn.Close()
	}
	c, err := net.DialTimeout("tcp", r.link.Addr(), patience)
	if err != nil {
		return err
	}
	r.conn, r.in = c, bufio.NewReader(c)
	return nil
}

// wantRefusal opens a connection that is to be reset. The reset may come before
// the system has told us that the connection is there.
func (r *rig) wantRefusal() {
	r.t.Helper()
	err := r.tryDial()
	if err == nil {
		_, err = r.hear(patience)
	}
	if !errors.Is(err, syscall.ECONNRESET) {
		r.t.Errorf("a new connection: %v, want a reset", err)
	}
}

func (r *rig) say(line string) {
	r.t.Helper()
	if _, err := fmt.Fprintln(r.conn, line); err != nil {
		r.t.Fatal(err)
	}
}

// hear reads a line.
func (r *rig) hear(within time.Duration) (string, error) {
	r.t.Helper()
	if err := r.conn.SetReadDeadline(time.Now().Add(within)); err != nil {
		r.t.Fatal(err)
	}
	line, err := r.in.ReadString('\n')
	if err != nil {
		return "", err
	}
	return line[:len(line)-1], nil
}

func (r *rig) wantEcho(line string) {
	r.t.Helper()
	r.say(line)
	if got, err := r.hear(patience); got != line || err != nil {
		r.t.Fatalf("got %q, %v; want %q", got, err, line)
	}
	<-r.echo.lines
}

// wantSilence looks for a while whether an answer comes.
func (r *rig) wantSilence() {
	r.t.Helper()
	if got, err := r.hear(aWhile); !errors.Is(err, os.ErrDeadlineExceeded) {
		r.t.Fatalf("got %q, %v; want silence", got, err)
	}
}

func TestALinkHandsOnWhatEitherSideSends(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	for i := range 100 {
		r.wantEcho(fmt.Sprintf("line %d", i))
	}
	r.say("last")
	if err := r.conn.(*net.TCPConn).CloseWrite(); err != nil {
		t.Fatal(err)
	}
	if got, err := io.ReadAll(r.in); string(got) != "last\n" || err != nil {
		t.Errorf("after an orderly end: %q, %v", got, err)
	}
}

func TestEachDirectionIsAsLateAsTheLatencySays(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	r.link.Set(link.Fault{Latency: 50 * time.Millisecond})
	began := time.Now()
	r.wantEcho("slow")
	if took := time.Since(began); took < 100*time.Millisecond {
		t.Errorf("there and back took %s, want at least 100ms", took)
	}
	// Latency is no bandwidth: ten lines are no later than one.
	began = time.Now()
	for range 10 {
		r.say("many")
	}
	for range 10 {
		if _, err := r.hear(patience); err != nil {
			t.Fatal(err)
		}
	}
	if took := time.Since(began); took > time.Second {
		t.Errorf("ten at once took %s", took)
	}
}

func TestWhatIsHeldArrivesOnceTheLinkIsHealed(t *testing.T) {
	t.Parallel()
	for name, f := range map[string]link.Fault{
		"requests": {HoldRequests: true}, "answers": {HoldAnswers: true}, "both": {HoldRequests: true, HoldAnswers: true},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			r := newRig(t)
			r.wantEcho("before")
			r.link.Set(f)
			r.say("held")
			r.wantSilence()
			select {
			case <-r.echo.lines:
				if f.HoldRequests {
					t.Error("the request arrived")
				}
			case <-time.After(aWhile):
				if !f.HoldRequests {
					t.Error("the request did not arrive")
				}
			}
			r.link.Heal()
			if got, err := r.hear(patience); got != "held" || err != nil {
				t.Errorf("after healing: %q, %v", got, err)
			}
		})
	}
}

func TestASilentLinkTakesNewConnections(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	r.link.Set(link.Fault{HoldRequests: true, HoldAnswers: true})
	r.dial()
	r.say("anybody there")
	r.wantSilence()
	r.link.Heal()
	if got, err := r.hear(patience); got != "anybody there" || err != nil {
		t.Errorf("after healing: %q, %v", got, err)
	}
}

func TestACutResetsOldAndNewConnections(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	r.wantEcho("before")
	r.link.Set(link.Fault{Cut: true})
	if _, err := r.hear(patience); !errors.Is(err, syscall.ECONNRESET) {
		t.Errorf("an open connection: %v, want a reset", err)
	}
	r.wantRefusal()
	r.link.Heal()
	r.dial()
	r.wantEcho("after")
}

func TestALinkToNobodyResets(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	if err := r.echo.Close(); err != nil {
		t.Fatal(err)
	}
	r.wantRefusal()
}

func TestAWatcherSeesEveryChunkAndMayEndTheConnection(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	r.wantEcho("unseen")
	var mu sync.Mutex
	var seen []link.Chunk
	r.link.Watch(func(c link.Chunk) bool {
		mu.Lock()
		defer mu.Unlock()
		c.Data = append([]byte(nil), c.Data...)
		seen = append(seen, c)
		return string(c.Data) != "stop\n" || c.Direction == link.Request
	})
	r.wantEcho("go on")
	r.say("stop")
	if got := <-r.echo.lines; got != "stop" {
		t.Errorf("the echo got %q", got)
	}
	if _, err := r.hear(patience); !errors.Is(err, syscall.ECONNRESET) {
		t.Errorf("got %v, want a reset in place of the answer", err)
	}
	mu.Lock()
	defer mu.Unlock()
	var got []string
	for _, c := range seen {
		got = append(got, fmt.Sprintf("%d %d %q", c.Conn, c.Direction, c.Data))
	}
	want := []string{`1 0 "go on\n"`, `1 1 "go on\n"`, `1 0 "stop\n"`, `1 1 "stop\n"`}
	if fmt.Sprint(got) != fmt.Sprint(want) {
		t.Errorf("seen %q, want %q", got, want)
	}
}

func TestCloseEndsWhatIsHeld(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	r.link.Set(link.Fault{HoldRequests: true})
	r.say("held")
	r.link.Close()
	if _, err := r.hear(patience); err == nil {
		t.Error("a connection outlives its link")
	}
}
