package main

import (
	"bytes"
	"encoding/json"
	"fmt"
	"slices"
	"strings"

	"github.com/mattn/go-runewidth"

	"github.com/sluicehq/sluice/pkg/jobs"
)

// format is how data is written. It is a flag's value.
type format string

const (
	byTerminal format = "" // table on a terminal, else tsv
	asTable    format = "table"
	asTSV      format = "tsv"
	asJSON     format = "json"
	asName     format = "name"
)

func formats() []string {
	return []string{string(asTable), string(asTSV), string(asJSON), string(asName)}
}

// String implements pflag.Value.
func (f *format) String() string { return string(*f) }

// Set implements pflag.Value.
func (f *format) Set(s string) error {
	if !slices.Contains(formats(), s) {
		return fmt.Errorf("want %s", strings.Join(formats(), ", "))
	}
	*f = format(s)
	return nil
}

// Type implements pflag.Value.
func (f *format) Type() string { return "format" }

// as is the format to write in.
func (a *app) as() format {
	switch {
	case a.format != byTerminal:
		return a.format
	case a.stdoutTTY:
		return asTable
	default:
		return asTSV
	}
}

// colour reports whether data may be coloured.
func (a *app) colour() bool {
	return a.stdoutTTY && a.env("NO_COLOR") == "" && a.env("TERM") != "dumb"
}

// print writes a line of data. Texts and errors among args are cleaned.
func (a *app) print(format string, args ...any) {
	_, _ = fmt.Fprintf(a.out, format+"\n", cleaned(args)...) // the last flush tells of errors
}

// say writes a line of a message. Texts and errors among args are cleaned.
func (a *app) say(format string, args ...any) {
	_, _ = fmt.Fprintf(a.stderr, format+"\n", cleaned(args)...) // there is nowhere to tell
}

// sayLines writes a message of several lines without the empty ones.
func (a *app) sayLines(text string) {
	for line := range strings.Lines(text) {
		if line = strings.TrimRight(line, "\n"); line != "" {
			a.say("%s", strings.Replace(line, "\t", "  ", 1))
		}
	}
}

// painted is a text that was cleaned before it was dressed.
type painted string

// paint cleans and dresses a text.
func (a *app) paint(s style, text string) painted { return painted(s.paint(clean(text), a.colour())) }

func cleaned(args []any) []any {
	safe := make([]any, len(args))
	for i, arg := range args {
		switch v := arg.(type) {
		case painted, int, int64:
			safe[i] = v
		default:
			safe[i] = clean(fmt.Sprint(v))
		}
	}
	return safe
}

// tsv writes a line of fields with tabs between them.
func (a *app) tsv(fields ...string) {
	for i, field := range fields {
		if i > 0 {
			_ = a.out.WriteByte('\t')
		}
		_, _ = a.out.WriteString(clean(field))
	}
	_ = a.out.WriteByte('\n')
}

// envelope is the form of all JSON that the program writes.
type envelope struct {
	APIVersion string `json:"apiVersion"`
	Kind       string `json:"kind"`
	Data       any    `json:"data"`
	Summary    string `json:"summary,omitempty"`
	NextCursor string `json:"next_cursor,omitempty"`
	Truncated  bool   `json:"truncated,omitempty"`
}

// json writes an envelope: indented for a person, on one line for a program.
func (a *app) json(e envelope) error {
	e.APIVersion = "v1"
	var buf bytes.Buffer
	enc := json.NewEncoder(&buf)
	enc.SetEscapeHTML(false)
	if a.stdoutTTY {
		enc.SetIndent("", "  ")
	}
	if err := enc.Encode(e); err != nil {
		return fmt.Errorf("write json: %w", err)
	}
	_, err := a.out.Write(cleanJSON(buf.Bytes()))
	return err
}

// showDone says what was done to something with a name: the envelope as JSON,
// result for other programs, and text for a person.
func (a *app) showDone(e envelope, name, result, text string) error {
	switch a.as() {
	case asJSON:
		return a.json(e)
	case asName:
		a.print("%s", name)
	case asTSV:
		a.tsv(name, result)
	case asTable, byTerminal:
		a.print("%s %s  %s", a.paint(green, "✓"), a.paint(bold, name), a.paint(green, text))
	}
	return nil
}

// next suggests commands to a person at a terminal. A server that was given as
// a flag is needed there again.
func (a *app) next(commands ...string) {
	if !a.stdoutTTY || !a.stderrTTY || a.as() != asTable {
		return
	}
	_ = a.out.Flush() // the suggestion comes last
	a.say("")
	lead := "Next: "
	for _, c := range commands {
		if a.server != "" {
			c += " --server " + a.server
		}
		a.say("%s%s", lead, "dlqctl "+c)
		lead = "      "
	}
}

// notices tells a person what holds for every job on the server.
func (a *app) notices(list []string) {
	if !a.stdoutTTY || a.as() != asTable {
		return
	}
	for _, n := range list[:min(len(list), 4)] {
		if n == "no_model_configured" {
			a.say("Note: the server has no model configured, so only its rule parser and people answer.")
			continue
		}
		a.say("Note: the server says %s.", n)
	}
}

// wrapped cleans a text and breaks it into lines that fit the terminal; all but
// the first begin with indent.
func (a *app) wrapped(text, indent string) painted {
	text = clean(text)
	room := a.width - runewidth.StringWidth(indent)
	if a.width == 0 || room < 20 {
		return painted(text)
	}
	var b strings.Builder
	used := 0
	for i, word := range strings.Fields(text) {
		width := runewidth.StringWidth(word)
		switch {
		case i == 0:
		case used+1+width > room:
			b.WriteString("\n" + indent)
			used = 0
		default:
			b.WriteByte(' ')
			used++
		}
		b.WriteString(word)
		used += width
	}
	return painted(b.String())
}

// stateStyle is how a state looks.
func stateStyle(s jobs.State) style {
	switch s {
	case jobs.Failed:
		return red
	case jobs.Expired:
		return yellow
	case jobs.InReview:
		return cyan
	case jobs.Succeeded:
		return green
	case jobs.Queued, jobs.Running, jobs.Parked, jobs.Cancelled, jobs.Erased:
		return plain
	default:
		return plain
	}
}
