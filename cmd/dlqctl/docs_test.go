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
	each(root, func(c *cobra.Command) {
		name := strings.TrimPrefix(c.CommandPath(), "dlqctl ")
		if c.Runnable() && !c.HasSubCommands() && !strings.Contains(page, "| `"+name+"`") && !strings.Contains(page, "| `"+name+" ") {
			t.Errorf("the page does not name the command %s", name)
		}
		c.LocalNonPersistentFlags().VisitAll(flags)
	})
	for _, called := range regexp.MustCompile(`(?m)(?:^|\| )(?:\$ )?dlqctl ([^|#\n]+)`).FindAllStringSubmatch(page, -1) {
		checkCall(t, root, strings.Fields(called[1]))
	}
	for _, flag := range regexp.MustCompile(`--[a-z][a-z-]+`).FindAllString(page, -1) {
		if !known[flag] && flag != "--help" {
			t.Errorf("the page names %s, which is no flag", flag)
		}
	}
	for _, other := range []string{"../../docs/operations.md", "../../README.md"} {
		text, err := os.ReadFile(other)
		if err != nil {
			t.Fatal(err)
		}
		for _, called := range regexp.MustCompile(`(?m)^(?:bin/)?dlqctl ([^|#\n]+)`).FindAllStringSubmatch(string(text), -1) {
			checkCall(t, root, strings.Fields(called[1]))
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
	root := (&app{}).root()
	root.InitDefaultHelpCmd()
	each(root, func(c *cobra.Command) {
		if c.Short == "" || c.Runnable() && c.Name() != "version" && c.Name() != "help" && (c.Long == "" || c.Example == "") {
			t.Errorf("%s lacks help", c.CommandPath())
		}
		for _, part := range strings.FieldsFunc(c.Example, func(r rune) bool { return r == '\n' || r == '|' }) {
			if words := strings.Fields(part); len(words) > 0 && words[0] == "dlqctl" {
				checkCall(t, root, words[1:])
			}
		}
	})
}

// checkCall reports a call of a command or with a flag that is not there.
func checkCall(t *testing.T, root *cobra.Command, words []string) {
	t.Helper()
	c, _, err := root.Find(words)
	if err != nil || c == root {
		t.Errorf("there is no command in %q", words)
		return
	}
	c.InitDefaultHelpFlag()
	for _, word := range words {
		if name, isFlag := strings.CutPrefix(word, "--"); isFlag && c.Flags().Lookup(name) == nil && c.InheritedFlags().Lookup(name) == nil {
			t.Errorf("%s has no flag %s", c.CommandPath(), word)
		}
	}
}

// each looks at a command and all below it.
func each(c *cobra.Command, look func(*cobra.Command)) {
	look(c)
	for _, sub := range c.Commands() {
		each(sub, look)
	}
}
