package main

import (
	"bufio"
	"context"
	"io"
	"time"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"github.com/sluicehq/sluice/pkg/client"
)

// invocation is all that one run of the program touches.
type invocation struct {
	args []string // without the program's name
	env  func(name string) string
	now  func() time.Time

	stdin          io.Reader
	stdout, stderr io.Writer
	// The terminals among the three. A prompt needs stdin and stderr.
	stdinTTY, stdoutTTY, stderrTTY bool
	// width is the terminal's in cells; 0 where stdout is none.
	width int
	// patience is how long a shell waits for the completion of a word.
	patience time.Duration
	// pulse is how often an operation that is watched is read.
	pulse time.Duration
}

// app is one run of the program.
type app struct {
	invocation
	out *bufio.Writer // stdout

	// Global flags.
	server  string
	timeout time.Duration
	format  format
	flags   *pflag.FlagSet

	api *client.Client // made at its first use
	// working is true once a command has begun, so that an error before is one
	// of usage.
	working bool
}

// run runs the program and answers its exit code.
func run(ctx context.Context, inv invocation) int {
	a := &app{invocation: inv, out: bufio.NewWriter(inv.stdout)}
	root := a.root()
	root.SetArgs(append([]string{}, inv.args...)) // nil would mean os.Args
	root.SetIn(inv.stdin)
	root.SetOut(a.out)
	root.SetErr(inv.stderr)
	cmd, err := root.ExecuteContextC(ctx)
	if flushErr := a.out.Flush(); err == nil {
		a.working, err = true, flushErr // a full disk is no mistake of usage
	}
	return a.finish(ctx, cmd, err)
}

// root is the command that holds all others.
func (a *app) root() *cobra.Command {
	root := &cobra.Command{
		Use:   "dlqctl",
		Short: "See what failed and why, and requeue, complete, reject or cancel it",
		Long: `dlqctl works on the jobs of a Sluice server that need somebody: dead letters
(failed and expired) and jobs that wait for a person (in_review).`,
		Example: `  dlqctl groups                   what goes wrong, the most frequent first
  dlqctl ls                       what failed, expired or waits for a person
  dlqctl explain job_01KA7QZ3     what was tried, when, and why it ended so
  dlqctl requeue job_01KA7QZ3     run it again
  dlqctl requeue --class rate     run all of a kind again, after a look and a question
  dlqctl help environment         which server, which key
  dlqctl help exit-codes          for scripts`,
		SilenceErrors: true,
		SilenceUsage:  true,
	}
	a.flags = root.PersistentFlags()
	a.flags.StringVar(&a.server, "server", "", "the server's `URL` (default $SLUICE_SERVER, else "+client.DefaultURL+")")
	a.flags.DurationVar(&a.timeout, "timeout", 30*time.Second, "how long each request may take")
	a.flags.VarP(&a.format, "output", "o", "table, tsv, json or name (default table on a terminal, else tsv)")
	_ = root.RegisterFlagCompletionFunc("output", cobra.FixedCompletions(formats(), cobra.ShellCompDirectiveNoFileComp))
	group(root, "see", "See:", a.groupsCommand(), a.lsCommand(), a.countCommand(), a.showCommand(), a.explainCommand(), a.lanesCommand())
	group(root, "act", "Act on jobs:", a.requeueCommand(), a.cancelCommand(), a.completeCommand(), a.rejectCommand(), a.moveCommand(), a.eraseCommand())
	group(root, "manage", "Reviews, operations, tenants, gates:", a.reviewCommand(), a.opsCommand(), a.tenantsCommand(), a.gatesCommand())
	root.AddCommand(a.versionCommand(), environmentTopic(), exitCodesTopic())
	return root
}

// group adds commands under a heading of the help.
func group(root *cobra.Command, id, title string, commands ...*cobra.Command) {
	root.AddGroup(&cobra.Group{ID: id, Title: title})
	for _, c := range commands {
		c.GroupID = id
		root.AddCommand(c)
	}
}

// family makes a command that only holds others. Called by itself it is help;
// with a word that is none of them, a mistake of usage.
func family(cmd *cobra.Command, members ...*cobra.Command) *cobra.Command {
	cmd.Args = cobra.NoArgs
	cmd.RunE = func(cmd *cobra.Command, _ []string) error { return cmd.Help() }
	cmd.AddCommand(members...)
	return cmd
}

// begin wraps the work of a command: what fails before it is a mistake of
// usage.
func (a *app) begin(work func(ctx context.Context, args []string) error) func(*cobra.Command, []string) error {
	return func(cmd *cobra.Command, args []string) error {
		if a.timeout <= 0 {
			return usagef("--timeout must be more than 0")
		}
		a.working = true
		return work(cmd.Context(), args)
	}
}
