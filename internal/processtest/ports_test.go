package processtest_test

import (
	"net"
	"strconv"
	"testing"

	"github.com/sluicehq/sluice/internal/processtest"
)

func TestNoTwoTestsGetTheSamePort(t *testing.T) {
	t.Parallel()
	owned := make(map[int]bool)
	for range 200 {
		first := processtest.FreePorts(t, 20)
		for port := first; port < first+20; port++ {
			if owned[port] {
				t.Fatalf("port %d was given away twice", port)
			}
			owned[port] = true
		}
	}
}

func TestAPortIsFreeAndOutsideTheRangeOfOutgoingConnections(t *testing.T) {
	t.Parallel()
	l, err := net.Listen("tcp", processtest.FreeAddress(t))
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = l.Close() }()
	_, port, err := net.SplitHostPort(l.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	// Linux gives outgoing connections 32768 and up.
	if n, err := strconv.Atoi(port); err != nil || n >= 32768 {
		t.Errorf("got port %s, %v", port, err)
	}
}

func TestAPortIsFreeAgainWhenItsTestEnds(t *testing.T) {
	dir, port := t.TempDir(), processtest.FreePorts(t, 1)
	t.Run("owner", func(t *testing.T) {
		if !processtest.Reserve(t, dir, port, 1) {
			t.Error("a free port was not given away")
		}
		if processtest.Reserve(t, dir, port, 1) {
			t.Error("a port was given away twice")
		}
	})
	if !processtest.Reserve(t, dir, port, 1) {
		t.Error("the port is still its old owner's")
	}
}
