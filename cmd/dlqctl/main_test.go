package main

import (
	"bytes"
	"context"
	"flag"
	"fmt"
	"os"
	"os/exec"
	"os/signal"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/rogpeppe/go-internal/testscript"

	"github.com/sluicehq/sluice/pkg/client"
	"github.com/sluicehq/sluice/pkg/jobs"
)

// TestMain lets scripts and tests start this program as a process of its own,
// under the name dlqctl.
func TestMain(m *testing.M) {
	testscript.Main(m, map[string]func(){"dlqctl": testedMain})
}

// nowVariable is the time that a tested process believes in.
const nowVariable = "DLQCTL_TEST_NOW"

// testedMain is main with a clock and much patience.
func testedMain() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt)
	defer stop()
	inv := fromOS()
	inv.patience = time.Minute // the machine of a test may be busy
	inv.pulse = 20 * time.Millisecond
	if text := os.Getenv(nowVariable); text != "" {
		now, err := time.Parse(time.RFC3339Nano, text)
		if err != nil {
			panic(err)
		}
		inv.now = func() time.Time { return now }
	}
	os.Exit(run(ctx, inv))
}

var update = flag.Bool("update", false, "rewrite the expected outputs in testdata/script")

// TestScripts runs each script against a server of its own. Beside the usual
// commands of testscript there are:
//
//	seed KIND [LANE] [k=v...]   a job that is corrupt, review, expired, queued, running or done
//	pass SPAN                   lets time pass, for the server and for dlqctl
//	exits CODE [<FILE] dlqctl…  runs it with pipes; out and err are files then
//	screen WIDTH CODE dlqctl…   runs it in a terminal of that width; screen is a file then
//	types TEXT QUESTION CODE …  the same, and answers the question with the text
//	op                          sets $OP to the newest operation
//
// $J1, $J2 and so on are the IDs of the seeded jobs.
func TestScripts(t *testing.T) {
	files, err := filepath.Glob("testdata/script/*.txtar")
	if err != nil || len(files) == 0 {
		t.Fatalf("%d scripts, error %v", len(files), err)
	}
	for _, file := range files {
		t.Run(strings.TrimSuffix(filepath.Base(file), ".txtar"), func(t *testing.T) {
			s := newSluice(t)
			testscript.Run(t, testscript.Params{
				Files: []string{file}, UpdateScripts: *update, RequireExplicitExec: true,
				Setup: func(env *testscript.Env) error {
					env.Setenv("SLUICE_SERVER", s.url)
					env.Setenv("SLUICE_API_KEY", operatorKey)
					env.Setenv("NO_COLOR", "1")
					env.Setenv("TERM", "xterm")
					env.Setenv(nowVariable, stamp(s.clock()))
					for n := 1; n < 10; n++ {
						env.Setenv("J"+strconv.Itoa(n), fmt.Sprintf("job_01KA7QZ3M%017d", n))
					}
					return nil
				},
				Cmds: map[string]func(*testscript.TestScript, bool, []string){
					"seed": s.cmdSeed, "pass": s.cmdPass, "exits": cmdExits, "screen": cmdScreen,
					"types": cmdTypes, "op": s.cmdOp,
				},
			})
		})
	}
}

func (s *sluice) cmdSeed(ts *testscript.TestScript, _ bool, args []string) {
	o := client.Options{}
	for _, arg := range args[1:] {
		if name, value, ok := strings.Cut(arg, "="); ok {
			o.Labels = map[string]string{name: value}
		} else {
			o.Lane = arg
		}
	}
	switch args[0] {
	case "corrupt":
		s.corrupt(o)
	case "review":
		s.timedOut(o)
	case "expired":
		s.expired(o)
	case "queued":
		s.submit(o)
	case "running":
		s.lend(s.submit(o))
	case "done":
		ended := success()
		ended.Service = 700 * time.Millisecond
		s.finish(s.lend(s.submit(o)), ended)
	default:
		ts.Fatalf("seed: unknown kind %s", args[0])
	}
	ts.Setenv(nowVariable, stamp(s.clock()))
}

func (s *sluice) cmdPass(ts *testscript.TestScript, _ bool, args []string) {
	d, err := time.ParseDuration(args[0])
	ts.Check(err)
	s.pass(d)
	ts.Setenv(nowVariable, stamp(s.clock()))
}

func cmdExits(ts *testscript.TestScript, _ bool, args []string) {
	want, args := args[0], args[1:]
	stdin := ""
	if file, ok := strings.CutPrefix(args[0], "<"); ok {
		stdin, args = ts.ReadFile(file), args[1:]
	}
	cmd := scripted(ts, args)
	var out, err bytes.Buffer
	cmd.Stdin, cmd.Stdout, cmd.Stderr = strings.NewReader(stdin), &out, &err
	_ = cmd.Run() // the code tells
	ts.Check(os.WriteFile(ts.MkAbs("out"), out.Bytes(), 0o600))
	ts.Check(os.WriteFile(ts.MkAbs("err"), err.Bytes(), 0o600))
	if got := strconv.Itoa(cmd.ProcessState.ExitCode()); got != want {
		ts.Fatalf("exit code %s, want %s\n%s%s", got, want, out.String(), err.String())
	}
}

// cmdOp names the newest operation.
func (s *sluice) cmdOp(ts *testscript.TestScript, _ bool, _ []string) {
	list, err := s.client(operatorKey).Operations(context.Background(), "", client.Page{Limit: 1})
	ts.Check(err)
	if len(list.Data) == 0 {
		ts.Fatalf("there is no operation")
	}
	ts.Setenv("OP", string(list.Data[0].ID))
}

// redrawn is a line that was drawn to be drawn over: how often depends on how
// fast the machine is.
var redrawn = regexp.MustCompile(`\r[^\r\n]*\x1b\[K`)

func cmdTypes(ts *testscript.TestScript, _ bool, args []string) {
	cmd := scripted(ts, args[3:])
	shown, err := answering(cmd, args[1], args[0]+"\n")
	ts.Check(err)
	ts.Check(os.WriteFile(ts.MkAbs("screen"), []byte(redrawn.ReplaceAllString(shown, "")), 0o600))
	if got := strconv.Itoa(cmd.ProcessState.ExitCode()); got != args[2] {
		ts.Fatalf("exit code %s, want %s\n%s", got, args[2], shown)
	}
}

func cmdScreen(ts *testscript.TestScript, _ bool, args []string) {
	width, err := strconv.Atoi(args[0])
	ts.Check(err)
	cmd := scripted(ts, args[2:])
	shown, err := onTerminal(cmd, width)
	ts.Check(err)
	ts.Check(os.WriteFile(ts.MkAbs("screen"), []byte(redrawn.ReplaceAllString(shown, "")), 0o600))
	if got := strconv.Itoa(cmd.ProcessState.ExitCode()); got != args[1] {
		ts.Fatalf("exit code %s, want %s\n%s", got, args[1], shown)
	}
}

// raceless spares a process the second that the race detector waits at its end.
const raceless = "GORACE=atexit_sleep_ms=0"

// scripted is a command with the script's environment.
func scripted(ts *testscript.TestScript, args []string) *exec.Cmd {
	cmd := exec.Command(args[0], args[1:]...)
	cmd.Dir = ts.MkAbs(".")
	cmd.Env = append(os.Environ(), raceless)
	for _, name := range []string{"SLUICE_SERVER", "SLUICE_API_KEY", "SLUICE_API_KEY_FILE", "NO_COLOR", "TERM", nowVariable} {
		cmd.Env = append(cmd.Env, name+"="+ts.Getenv(name))
	}
	return cmd
}

// success is a degraded answer of tier 2.
func success() jobs.Outcome {
	return jobs.Outcome{Kind: jobs.Succeed, Tier: 2, Result: &jobs.Result{
		Data:    []byte(`{"invoice_number":"8812","total":120.50}`),
		Quality: jobs.Quality{Tier: 2, ServedModel: "gpt-small-2026", Degraded: true, Reasons: []string{"net_ambiguous"}, Review: "none"},
		Usage:   jobs.Usage{InputTokens: 1830, OutputTokens: 220, CostMicroUSD: 1100},
	}}
}
