package main

import (
	"bytes"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"slices"
	"strings"
	"testing"

	"github.com/sluicehq/sluice/pkg/client"
)

// program is dlqctl as a process of its own.
func program(t *testing.T, url string, args ...string) *exec.Cmd {
	t.Helper()
	cmd := exec.CommandContext(t.Context(), "dlqctl", args...)
	cmd.Env = append(os.Environ(), "SLUICE_SERVER="+url, "SLUICE_API_KEY="+operatorKey, "SLUICE_API_KEY_FILE=", "TERM=xterm", "NO_COLOR=1", raceless)
	return cmd
}

// interrupted runs a program and interrupts it once it is as far as wanted. One
// that ends before is not waited for: its code tells.
func interrupted(t *testing.T, cmd *exec.Cmd, reached <-chan struct{}) (code int, out, messages string) {
	t.Helper()
	var stdout, stderr bytes.Buffer
	cmd.Stdout, cmd.Stderr = &stdout, &stderr
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	ended := make(chan struct{})
	go func() {
		defer close(ended)
		_ = cmd.Wait() // the code tells
	}()
	select {
	case <-reached:
		if err := cmd.Process.Signal(os.Interrupt); err != nil {
			t.Error(err)
		}
		<-ended
	case <-ended:
	}
	return cmd.ProcessState.ExitCode(), stdout.String(), stderr.String()
}

// TestAnInterruptEndsABulkAndSaysWhatWasDone interrupts while the server holds
// the second answer back.
func TestAnInterruptEndsABulkAndSaysWhatWasDone(t *testing.T) {
	t.Parallel()
	second := make(chan struct{})
	srv := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if strings.Contains(r.URL.Path, "job_2") {
			_, _ = io.Copy(io.Discard, r.Body) // only then is it noticed that the client has gone
			close(second)
			<-r.Context().Done()
			return
		}
		_, _ = io.WriteString(w, `{"id":"job_1","state":"cancelled"}`)
	}))
	t.Cleanup(srv.Close)
	code, out, messages := interrupted(t, program(t, srv.URL, "cancel", "job_1", "job_2", "job_3", "-y"), second)
	want := "job_1\tcancelled\t\njob_2\tno_answer\tit may have been done or not\njob_3\tnot_tried\t\n"
	if code != exitInterrupted || out != want || !strings.Contains(messages, "dlqctl: interrupted\n") {
		t.Errorf("code %d\n%s%s", code, out, messages)
	}
}

func TestAPersonIsAskedBeforeSeveralJobsAreTouched(t *testing.T) {
	t.Parallel()
	s := newSluice(t)
	one, two := s.corrupt(client.Options{}), s.corrupt(client.Options{})
	const interrupt, endOfInput = "\x03", "\x04"
	for _, tc := range []struct {
		typed string
		code  int
		shown string
	}{
		{"n\n", exitUnconfirmed, "not confirmed, so nothing was done"},
		{"\n", exitUnconfirmed, "not confirmed, so nothing was done"},
		{endOfInput, exitUnconfirmed, "not confirmed, so nothing was done"},
		{interrupt, exitInterrupted, "dlqctl: interrupted"},
		{"y\n", exitOK, "2 requeued."},
	} {
		cmd := program(t, s.url, "requeue", string(one), string(two))
		shown, err := answering(cmd, "Requeue 2 jobs? [y/N] ", tc.typed)
		if err != nil {
			t.Fatal(err)
		}
		if code := cmd.ProcessState.ExitCode(); code != tc.code || !strings.Contains(shown, tc.shown) {
			t.Errorf("typed %q: code %d, want %d\n%s", tc.typed, code, tc.code, shown)
		}
	}
}

func TestAnInterruptEndsTheWaitForStdin(t *testing.T) {
	t.Parallel()
	s := newSluice(t)
	id := string(s.corrupt(client.Options{}))
	for _, args := range [][]string{{"complete", id, "-f", "-"}, {"requeue", "--ids-from", "-"}} {
		cmd := program(t, s.url, args...)
		shown, err := answering(cmd, "Ctrl-D ends them.", "\x03")
		if code := cmd.ProcessState.ExitCode(); err != nil || code != exitInterrupted {
			t.Errorf("%v: code %d, error %v\n%s", args, code, err, shown)
		}
	}
}

// TestAnInterruptLeavesAnOperationRunning interrupts while the operation is
// watched.
func TestAnInterruptLeavesAnOperationRunning(t *testing.T) {
	t.Parallel()
	watched := make(chan struct{})
	looks, others := 0, []string{}
	srv := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if looks++; r.Method != http.MethodGet {
			others = append(others, r.URL.Path)
		} else if looks == 4 {
			close(watched)
		}
		_, _ = io.WriteString(w, `{"id":"op_1","state":"running","action":"requeue","selection":{"matched":9,"selected":9},"counts":{"total":9}}`)
	}))
	t.Cleanup(srv.Close)
	code, out, messages := interrupted(t, program(t, srv.URL, "requeue", "--class", "rate", "-y"), watched)
	if code != exitInterrupted || !strings.Contains(messages, "Watch it with dlqctl ops watch op_1") {
		t.Errorf("code %d\n%s%s", code, out, messages)
	}
	srv.Close()
	if want := []string{"/v1/operations", "/v1/operations/op_1/start"}; !slices.Equal(others, want) {
		t.Errorf("the server was told %v, want %v", others, want)
	}
}

// TestADraftIsDroppedUnlessSomebodyAgrees looks at the operations that are left.
func TestADraftIsDroppedUnlessSomebodyAgrees(t *testing.T) {
	t.Parallel()
	s := newSluice(t)
	s.corrupt(client.Options{})
	s.corrupt(client.Options{})
	for typed, want := range map[string]int{"n\n": exitUnconfirmed, "\x04": exitUnconfirmed, "\x03": exitInterrupted} {
		cmd := program(t, s.url, "requeue", "--class", "corrupt")
		shown, err := answering(cmd, "Requeue 2 jobs? [y/N] ", typed)
		if code := cmd.ProcessState.ExitCode(); err != nil || code != want {
			t.Errorf("typed %q: code %d, want %d, error %v\n%s", typed, code, want, err, shown)
		}
	}
	list, err := s.client(operatorKey).Operations(t.Context(), "", client.Page{})
	if err != nil || len(list.Data) != 3 {
		t.Fatalf("%d operations, error %v", len(list.Data), err)
	}
	for _, op := range list.Data {
		if op.State != client.OperationCancelled || op.Counts.Done != 0 {
			t.Errorf("operation %+v is left", op)
		}
	}
}
