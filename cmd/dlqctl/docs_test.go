package main

import (
	"os"
	"regexp"
	"strings"
	"testing"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"
)

// TestThePageNamesEveryCommandFlagAndExitCode keeps docs/dlqctl.md and the
// program from drifting apart, both ways.
func TestThePageNamesEveryCommandFlagAndExitCode(t *testing.T) {
	t.Parallel()
	text, err := os.ReadFile("../../docs/dlqctl.md")
	if err != nil {
		t.Fatal(err)
	}
	page := string(text)
	root := (&app{}).root()
	known := map[string]bool{}
	flags := func(f *pflag.Flag) {
		known["--"+f.Name] = true
		if !strings.Contains(page, "--"+f.Name) {
			t.Errorf("the page does not name --%s", f.Name)
		}
	}
	root.PersistentFlags().VisitAll(flags)
	for _, c := range root.Commands() {
		if c.Runnable() && !strings.Contains(page, "| `"+c.Name()) {
			t.Errorf("the page does not name the command %s", c.Name())
		}
		c.LocalNonPersistentFlags().VisitAll(flags)
	}
	for _, flag := range regexp.MustCompile(`--[a-z][a-z-]+`).FindAllString(page, -1) {
		if !known[flag] && flag != "--help" {
			t.Errorf("the page names %s, which is no flag", flag)
		}
	}
	codes := regexp.MustCompile(`(?m)^  (\d+) `).FindAllStringSubmatch(exitCodesTopic().Long, -1)
	if len(codes) != 10 {
		t.Errorf("the help names %d exit codes", len(codes))
	}
	for _, code := range codes {
		if !strings.Contains(page, "\n| "+code[1]+" | ") {
			t.Errorf("the page does not name exit code %s", code[1])
		}
	}
}

// TestEveryCommandSaysWhatItIsFor looks at the help of each command.
func TestEveryCommandSaysWhatItIsFor(t *testing.T) {
	t.Parallel()
	var look func(c *cobra.Command)
	look = func(c *cobra.Command) {
		if c.Short == "" || c.Runnable() && c.Name() != "version" && (c.Long == "" || c.Example == "") {
			t.Errorf("%s lacks help", c.CommandPath())
		}
		for _, sub := range c.Commands() {
			look(sub)
		}
	}
	look((&app{}).root())
}
