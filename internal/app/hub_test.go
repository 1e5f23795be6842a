package app_test

import (
	"testing"

	"github.com/sluicehq/sluice/internal/app"
	"github.com/sluicehq/sluice/pkg/jobs"
)

func woken(c <-chan struct{}) bool {
	select {
	case <-c:
		return true
	default:
		return false
	}
}

func TestAWatcherHearsOfItsJobOnly(t *testing.T) {
	hub := app.NewHub()
	a, stopA := hub.Watch("a")
	b, stopB := hub.Watch("b")
	defer stopB()
	hub.Tell([]jobs.Event{{Job: "a"}, {Job: "a"}, {Job: "c"}})
	if !woken(a) || woken(a) {
		t.Error("two changes of a job must fold into one wake-up")
	}
	if woken(b) {
		t.Error("the watcher of another job was woken")
	}
	stopA()
	stopA()
	hub.Tell([]jobs.Event{{Job: "a"}, {Job: "b"}})
	if woken(a) || !woken(b) {
		t.Error("want a watch that ended silent and the other awake")
	}
}
