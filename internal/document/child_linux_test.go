package document_test

import (
	"bufio"
	"encoding/binary"
	"encoding/json"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"golang.org/x/sys/unix"

	"github.com/sluicehq/sluice/internal/document"
)

// waitGone waits until a process that is not our child has ended.
func waitGone(t *testing.T, pidfd int) {
	t.Helper()
	fds := []unix.PollFd{{Fd: int32(pidfd), Events: unix.POLLIN}}
	for {
		n, err := unix.Poll(fds, int(time.Minute/time.Millisecond))
		if err == unix.EINTR {
			continue
		}
		if err != nil || n == 0 {
			t.Errorf("the process did not end within a minute: %v", err)
		}
		return
	}
}

func TestChildrenDieWithTheirParent(t *testing.T) {
	t.Parallel()
	parent := exec.Command(os.Args[0], badChildArg+"parent")
	out, err := parent.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := parent.Start(); err != nil {
		t.Fatal(err)
	}
	defer parent.Wait()
	defer parent.Process.Kill()
	line, err := bufio.NewReader(out).ReadString('\n')
	if err != nil {
		t.Fatal(err)
	}
	child, err := strconv.Atoi(strings.TrimSpace(line))
	if err != nil {
		t.Fatal(err)
	}
	pidfd, err := unix.PidfdOpen(child, 0)
	if err != nil {
		t.Fatal(err)
	}
	defer unix.Close(pidfd)
	// This child does not notice that its input ends, as one that is caught
	// in a loop would not: the kernel must kill it.
	if err := parent.Process.Kill(); err != nil {
		t.Fatal(err)
	}
	waitGone(t, pidfd)
}

func TestTheSecondTryIsOnAChildThatIsNew(t *testing.T) {
	t.Parallel()
	fifo := filepath.Join(t.TempDir(), "fifo")
	if err := unix.Mkfifo(fifo, 0o600); err != nil {
		t.Fatal(err)
	}
	e := newChildEvents()
	pool := badPool(t, e, "dies-second", func(c *document.Config) { c.Children = 2 }, fifo)
	var calls sync.WaitGroup
	for range 2 {
		calls.Go(func() {
			if _, err := pool.Parse(t.Context(), smallPDF()); err != nil {
				t.Error(err)
			}
		})
	}
	next(t, e.started)
	next(t, e.started)
	gate, err := os.OpenFile(fifo, os.O_RDWR, 0)
	if err != nil {
		t.Fatal(err)
	}
	calls.Wait()
	// Both children idle now and would die over their second document.
	if got := parseClass(t, pool); got != "" {
		t.Errorf("got class %q, want a text from a third child", got)
	}
	if err := gate.Close(); err != nil {
		t.Fatal(err)
	}
}

// rawChild is a real child that the test talks to by itself.
type rawChild struct {
	cmd *exec.Cmd
	in  io.WriteCloser
	out *bufio.Reader
}

func startRawChild(t *testing.T) rawChild {
	t.Helper()
	cmd := exec.Command(os.Args[0], document.ChildArg)
	in, err := cmd.StdinPipe()
	if err != nil {
		t.Fatal(err)
	}
	out, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		cmd.Process.Kill()
		cmd.Wait()
	})
	return rawChild{cmd, in, bufio.NewReader(out)}
}

func (c rawChild) send(t *testing.T, kind byte, payload []byte) {
	t.Helper()
	frame := binary.BigEndian.AppendUint32([]byte{kind}, uint32(len(payload)))
	if _, err := c.in.Write(append(frame, payload...)); err != nil {
		t.Fatal(err)
	}
}

// greet sends the settings and waits until the child is ready.
func (c rawChild) greet(t *testing.T) {
	t.Helper()
	settings, err := json.Marshal(map[string]any{
		"cache_dir": cacheDir, "limits": document.Limits{}.WithDefaults(), "cpu_seconds": 600})
	if err != nil {
		t.Fatal(err)
	}
	c.send(t, 'H', settings)
	ready := make([]byte, 5)
	if _, err := io.ReadFull(c.out, ready); err != nil || ready[0] != 'R' {
		t.Fatalf("got %q (%v), want a child that is ready", ready, err)
	}
}

func TestAChildEndsWithItsInput(t *testing.T) {
	t.Parallel()
	c := startRawChild(t)
	c.greet(t)
	c.send(t, 'D', smallPDF()) // its answer is never read: the end comes first or just after
	if err := c.in.Close(); err != nil {
		t.Fatal(err)
	}
	if err := c.cmd.Wait(); err != nil {
		t.Errorf("got %v, want exit code 0", err)
	}
}

func TestAChildRefusesWhatIsNotTheProtocol(t *testing.T) {
	t.Parallel()
	for name, bytes := range map[string]string{
		"nothing":            "",
		"a document first":   "D\x00\x00\x00\x01x",
		"endless settings":   "H\xff\xff\xff\xff",
		"settings, not JSON": "H\x00\x00\x00\x01x",
		"no limits":          "H\x00\x00\x00\x02{}",
	} {
		c := startRawChild(t)
		io.WriteString(c.in, bytes)
		c.in.Close()
		if err := c.cmd.Wait(); err == nil || c.cmd.ProcessState.ExitCode() != 4 {
			t.Errorf("%s: got %v, want exit code 4", name, err)
		}
	}
}

func TestAChildIsLimited(t *testing.T) {
	t.Parallel()
	c := startRawChild(t)
	c.greet(t)
	data, err := os.ReadFile(filepath.Join("/proc", strconv.Itoa(c.cmd.Process.Pid), "limits"))
	if err != nil {
		t.Fatal(err)
	}
	got := map[string]string{}
	for line := range strings.Lines(string(data)) {
		for _, name := range []string{"Max cpu time", "Max file size", "Max core file size", "Max open files"} {
			if rest, ok := strings.CutPrefix(line, name); ok {
				got[name] = strings.Join(strings.Fields(rest)[:2], " ")
			}
		}
	}
	want := map[string]string{"Max cpu time": "600 600", "Max file size": "0 0", "Max core file size": "0 0", "Max open files": "16 16"}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("limits differ (-want +got):\n%s", diff)
	}
}
