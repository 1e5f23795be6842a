package program_test

import (
	"bytes"
	"context"
	"errors"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/sluicehq/sluice/cmd/internal/program"
	"github.com/sluicehq/sluice/internal/app/config"
)

// server is a program that notes what it is started with.
type server struct {
	slots int
	fails error
}

func (s *server) program() program.Program {
	return program.Program{
		Name: "server", Version: "v1.2.3",
		Flags: func(f program.Flags) { f.Key("slots", "slots", "`jobs` at once") },
		Serve: func(_ context.Context, call program.Call) error {
			c, err := call.Config()
			s.slots = c.Slots
			return errors.Join(err, s.fails)
		},
		Probes: func(c config.Config) (string, error) {
			if c.AdminAddr == "off" {
				return "", errors.New("nothing can be asked")
			}
			return c.AdminAddr, nil
		},
	}
}

func TestArgumentsAndEnvironmentDecideWhatRuns(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		args, environ  []string
		fails          error
		code, slots    int
		stdout, stderr string
	}{
		"nothing":             {slots: 16},
		"an environment":      {environ: []string{"SLUICE_SLOTS=3"}, slots: 3},
		"a flag before it":    {args: []string{"-slots", "4"}, environ: []string{"SLUICE_SLOTS=3"}, slots: 4},
		"the version":         {args: []string{"-version"}, stdout: "v1.2.3\n"},
		"help":                {args: []string{"-h"}, stderr: "configuration file"},
		"an unknown flag":     {args: []string{"-nonsense"}, code: program.ExitUsage, stderr: "-nonsense"},
		"an argument":         {args: []string{"now"}, code: program.ExitUsage, stderr: `server: unexpected argument "now"`},
		"a wrong value":       {args: []string{"-slots", "many"}, code: program.ExitError, stderr: "server: "},
		"a missing file":      {args: []string{"-config", "/nonexistent.yaml"}, code: program.ExitError, stderr: "/nonexistent.yaml"},
		"an error while up":   {fails: errors.New("it broke"), slots: 16, code: program.ExitError, stderr: "server: it broke\n"},
		"a check of nothing":  {args: []string{"healthcheck"}, environ: []string{"SLUICE_ADMIN_ADDR=off"}, code: program.ExitError, stderr: "server healthcheck: nothing can be asked\n"},
		"a check, wrong keys": {args: []string{"healthcheck"}, environ: []string{"SLUICE_SLOTS=many"}, code: program.ExitError, stderr: "server healthcheck: "},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s := &server{fails: c.fails}
			var stdout, stderr bytes.Buffer
			if code := s.program().Run(t.Context(), c.args, c.environ, &stdout, &stderr); code != c.code {
				t.Errorf("exit code %d, want %d", code, c.code)
			}
			if c.code == program.ExitOK && s.slots != c.slots {
				t.Errorf("%d slots, want %d", s.slots, c.slots)
			}
			if stdout.String() != c.stdout || !strings.Contains(stderr.String(), c.stderr) || c.stderr == "" && stderr.Len() > 0 {
				t.Errorf("stdout %q, stderr %q", stdout.String(), stderr.String())
			}
		})
	}
}

func TestTheHealthCheckTellsReadyFromNot(t *testing.T) {
	t.Parallel()
	status := http.StatusOK
	srv := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.URL.Path != "/readyz" {
			t.Errorf("it asks for %s", r.URL.Path)
		}
		w.WriteHeader(status)
	}))
	check := func() (int, string) {
		var out bytes.Buffer
		environ := []string{"SLUICE_ADMIN_ADDR=" + srv.Listener.Addr().String()}
		return (&server{}).program().Run(t.Context(), []string{"healthcheck"}, environ, &out, &out), out.String()
	}
	if code, out := check(); code != program.ExitOK || out != "" {
		t.Errorf("of a server that is ready: %d, %s", code, out)
	}
	status = http.StatusServiceUnavailable
	if code, out := check(); code != program.ExitError || out != "server healthcheck: not ready: status 503\n" {
		t.Errorf("of one that is not: %d, %s", code, out)
	}
	srv.Close()
	if code, _ := check(); code != program.ExitError {
		t.Errorf("of one that is gone: %d", code)
	}
}
