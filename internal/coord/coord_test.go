package coord_test

import (
	"context"
	"fmt"
	"net"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/nats-io/nats.go"
	"go.uber.org/goleak"

	"github.com/sluicehq/sluice/internal/coord"
	"github.com/sluicehq/sluice/internal/coord/embedded"
	"github.com/sluicehq/sluice/internal/processtest"
	"github.com/sluicehq/sluice/pkg/jobs"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// patience bounds the waits on a real server; it is reached only by a failure.
const patience = 60 * time.Second

func receive[T any](t *testing.T, c <-chan T) T {
	t.Helper()
	select {
	case v := <-c:
		return v
	case <-time.After(patience):
		t.Fatal("no message arrived")
		panic("unreachable")
	}
}

func inProcess(t *testing.T) *embedded.Server {
	t.Helper()
	s, err := embedded.Start("")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(s.Close)
	return s
}

func connect(t *testing.T, c coord.Config) *coord.Bus {
	t.Helper()
	b, err := coord.Connect(c)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(b.Close)
	return b
}

func TestMessagesCrossTheInProcessServer(t *testing.T) {
	s := inProcess(t)
	if s.Addr() != nil {
		t.Fatalf("the server listens on %v, want no port", s.Addr())
	}
	from := connect(t, coord.Config{InProcess: s, Name: "from"})
	to := connect(t, coord.Config{InProcess: s, Name: "to"})

	beats := make(chan coord.Heartbeat, 1)
	cancels := make(chan coord.CancelRequest, 1)
	events := make(chan []jobs.Event, 8)
	for _, err := range []error{
		to.OnBeat(func(h coord.Heartbeat) { beats <- h }),
		to.OnCancel(func(c coord.CancelRequest) { cancels <- c }),
		to.OnEvents(func(e []jobs.Event) { events <- e }),
	} {
		if err != nil {
			t.Fatal(err)
		}
	}
	ready(t, from, to)

	beat := coord.Heartbeat{Worker: "w1", Boot: 7, Seq: 1, Slots: 16, Busy: 3, ServiceMS: 812.5, Done: 9, MemoryShare: 0.25, Draining: true}
	from.Beat(beat)
	if diff := cmp.Diff(beat, receive(t, beats)); diff != "" {
		t.Error(diff)
	}
	from.AskCancel("job_1")
	if got := receive(t, cancels); got.Job != "job_1" {
		t.Errorf("got a cancel request for %q", got.Job)
	}
	var want []jobs.Event
	for i := range 1200 {
		want = append(want, jobs.Event{
			Job: jobs.ID(fmt.Sprintf("job_%d", i)), Tenant: "acme", Version: int64(i), Type: jobs.EventSucceeded,
			At: time.UnixMilli(1).UTC(), State: jobs.Succeeded, Lane: jobs.Batch, Generation: 1, Tier: 2,
		})
	}
	from.Publish(want)
	var got []jobs.Event
	for len(got) < len(want) {
		got = append(got, receive(t, events)...)
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Error(diff)
	}
}

// ready waits until subscriptions made on to are known to the server.
func ready(t *testing.T, from, to *coord.Bus) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	defer cancel()
	for _, b := range []*coord.Bus{to, from} {
		if err := b.Flush(ctx); err != nil {
			t.Fatal(err)
		}
	}
}

func TestARubbishMessageIsDroppedAndCounted(t *testing.T) {
	s := inProcess(t)
	var dropped atomic.Int64
	seen := make(chan struct{}, 4)
	b := connect(t, coord.Config{InProcess: s, Observer: coord.Observer{Dropped: func(_ string, n int) {
		dropped.Add(int64(n))
		seen <- struct{}{}
	}}})
	if err := b.OnBeat(func(coord.Heartbeat) { t.Error("a rubbish heartbeat was delivered") }); err != nil {
		t.Fatal(err)
	}
	ready(t, b, b)
	stranger, err := nats.Connect("", nats.InProcessServer(s))
	if err != nil {
		t.Fatal(err)
	}
	defer stranger.Close()
	for _, rubbish := range []string{"", "{", `{"slots":"many"}`, `[]`} {
		if err := stranger.Publish("sluice.v1.load", []byte(rubbish)); err != nil {
			t.Fatal(err)
		}
	}
	for range 4 {
		receive(t, seen)
	}
	if got := dropped.Load(); got != 4 {
		t.Errorf("%d messages counted as dropped, want 4", got)
	}
}

func TestABusOutlivesItsServer(t *testing.T) {
	address := processtest.FreeAddress(t)
	state := make(chan bool, 16)
	var dropped atomic.Int64
	b := connect(t, coord.Config{URL: "nats://" + address, Observer: coord.Observer{
		Connection: func(ok bool, _ error) { state <- ok },
		Dropped:    func(string, int) { dropped.Add(1) },
	}})
	if b.Connected() {
		t.Fatal("connected to a server that is not there")
	}
	b.Beat(coord.Heartbeat{Worker: "early"}) // dropped, not kept and not blocking

	beats := make(chan coord.Heartbeat, 4)
	if err := b.OnBeat(func(h coord.Heartbeat) { beats <- h }); err != nil {
		t.Fatal(err)
	}
	for life := range 2 {
		s, err := embedded.Start(address)
		if err != nil {
			t.Fatal(err)
		}
		if !receive(t, state) {
			t.Fatal("the bus reports the server as away")
		}
		ready(t, b, b)
		b.Beat(coord.Heartbeat{Worker: "w", Seq: int64(life)})
		if got := receive(t, beats); got.Worker != "w" || got.Seq != int64(life) {
			t.Errorf("got %+v", got)
		}
		s.Close()
		if receive(t, state) {
			t.Fatal("the bus reports the server as back")
		}
		b.Beat(coord.Heartbeat{Worker: "away"})
	}
	if dropped.Load() == 0 {
		t.Error("heartbeats sent while the server was away were not counted")
	}
}

// TestEventsThatFillAMessageAreSentInSeveral writes the longest reasons and
// actors there are, in characters that JSON makes six times as long.
func TestEventsThatFillAMessageAreSentInSeveral(t *testing.T) {
	s := inProcess(t)
	var dropped atomic.Int64
	observer := coord.Observer{Dropped: func(_ string, n int) { dropped.Add(int64(n)) }}
	from := connect(t, coord.Config{InProcess: s, Observer: observer})
	to := connect(t, coord.Config{InProcess: s})
	events := make(chan []jobs.Event, 64)
	if err := to.OnEvents(func(e []jobs.Event) { events <- e }); err != nil {
		t.Fatal(err)
	}
	ready(t, from, to)
	var want []jobs.Event
	for i := range 700 {
		want = append(want, jobs.Event{
			Job: jobs.ID(fmt.Sprintf("job_%d", i)), At: time.UnixMilli(1).UTC(), Type: jobs.EventErased, State: jobs.Erased,
			Reason: strings.Repeat("<", jobs.MaxReasonBytes), Actor: strings.Repeat("\x01", jobs.MaxActorBytes),
		})
	}
	from.Publish(want)
	var got []jobs.Event
	for len(got) < len(want) {
		got = append(got, receive(t, events)...)
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Error(diff)
	}
	if n := dropped.Load(); n != 0 {
		t.Errorf("%d events were dropped", n)
	}
}

func TestEventsAreDroppedWhenTheBusIsBehind(t *testing.T) {
	var dropped atomic.Int64
	b := connect(t, coord.Config{URL: "nats://" + processtest.FreeAddress(t), Observer: coord.Observer{
		Dropped: func(_ string, n int) { dropped.Add(int64(n)) },
	}})
	b.Close()
	const batches = 1000 // more than the bus holds
	for range batches {
		b.Publish([]jobs.Event{{Job: "a"}, {Job: "b"}})
	}
	if dropped.Load() == 0 {
		t.Error("nothing was counted as dropped")
	}
}

func TestConnectRefusesAConfigurationThatCannotWork(t *testing.T) {
	s := inProcess(t)
	for name, c := range map[string]coord.Config{
		"nothing": {}, "both": {URL: "nats://127.0.0.1:1", InProcess: s}, "no URL": {URL: "nats://%zz"},
	} {
		if _, err := coord.Connect(c); err == nil {
			t.Errorf("%s: connected", name)
		}
	}
}

func TestTheEmbeddedServerRefusesABadAddress(t *testing.T) {
	for _, listen := range []string{"nonsense", "127.0.0.1:0", "127.0.0.1:x", "127.0.0.1:70000"} {
		if s, err := embedded.Start(listen); err == nil {
			s.Close()
			t.Errorf("%q: started", listen)
		}
	}
	taken, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = taken.Close() }()
	if s, err := embedded.Start(taken.Addr().String()); err == nil {
		s.Close()
		t.Error("started on a port that is taken")
	}
}
