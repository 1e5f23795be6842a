package tiers

import (
	_ "embed"
	"fmt"
	"slices"
	"strconv"
	"strings"

	"github.com/sluicehq/sluice/pkg/jobs"
)

//go:embed patterns.txt
var builtinPatterns string

// patternVersion is the only version of the pattern format so far.
const patternVersion = "version 1"

// maxPatterns bounds a pattern file.
const maxPatterns = 1000

// pattern is one rule of a pattern file.
type pattern struct {
	statuses []statusRange // empty means any
	class    jobs.Class
	value    string // lower case
	anchored bool   // a text that must stand at the start
	and      string // a second text, lower case; empty means none
}

// statusRange is first to last, both included.
type statusRange struct{ first, last int }

func (p pattern) fits(status int) bool {
	return len(p.statuses) == 0 || slices.ContainsFunc(p.statuses, func(r statusRange) bool {
		return r.first <= status && status <= r.last
	})
}

func (p pattern) inText(message string) bool {
	if p.anchored && !strings.HasPrefix(message, p.value) {
		return false
	}
	return strings.Contains(message, p.value) && strings.Contains(message, p.and)
}

// patterns are the rules of one or more pattern files, by field.
type patterns struct {
	code, typ, text []pattern
}

// match finds the class that an error body names; empty when it names none.
func (ps patterns) match(e errorBody, status int) jobs.Class {
	message := strings.ToLower(e.Message)
	for _, p := range ps.code {
		if e.Code != "" && strings.EqualFold(p.value, e.Code) && p.fits(status) && strings.Contains(message, p.and) {
			return p.class
		}
	}
	for _, p := range ps.typ {
		if e.Type != "" && strings.EqualFold(p.value, e.Type) && p.fits(status) && strings.Contains(message, p.and) {
			return p.class
		}
	}
	for _, p := range ps.text {
		if p.fits(status) && p.inText(message) {
			return p.class
		}
	}
	return ""
}

// parsePatterns reads a pattern file. Errors name the line.
func parsePatterns(file string) (patterns, error) {
	var ps patterns
	versioned, count := false, 0
	for i, line := range strings.Split(file, "\n") {
		line = strings.TrimSpace(line)
		switch {
		case line == "" || strings.HasPrefix(line, "#"):
			continue
		case !versioned:
			if line != patternVersion {
				return patterns{}, fmt.Errorf("line %d: want %q first, got %.32q", i+1, patternVersion, line)
			}
			versioned = true
			continue
		}
		if count++; count > maxPatterns {
			return patterns{}, fmt.Errorf("line %d: more than %d rules", i+1, maxPatterns)
		}
		if err := ps.add(line); err != nil {
			return patterns{}, fmt.Errorf("line %d: %w", i+1, err)
		}
	}
	return ps, nil
}

func (ps *patterns) add(line string) error {
	cols := strings.Fields(line)
	if len(cols) < 4 {
		return fmt.Errorf("want field, statuses, class and value, got %d columns", len(cols))
	}
	statuses, err := parseStatuses(cols[1])
	if err != nil {
		return err
	}
	class := jobs.Class(cols[2])
	if !slices.ContainsFunc(classTable, func(r Rule) bool { return r.Class == class }) {
		return fmt.Errorf("class %.32q is not in the table", class)
	}
	value, and, _ := strings.Cut(strings.ToLower(strings.Join(cols[3:], " ")), " ~ ")
	value, anchored := strings.CutPrefix(value, "^")
	p := pattern{statuses: statuses, class: class, value: value, anchored: anchored, and: and}
	switch cols[0] {
	case "code":
		ps.code = append(ps.code, p)
	case "type":
		ps.typ = append(ps.typ, p)
	case "text":
		ps.text = append(ps.text, p)
	default:
		return fmt.Errorf("field %.32q is not code, type or text", cols[0])
	}
	return nil
}

// parseStatuses reads "*", "400,403" and "5xx".
func parseStatuses(s string) ([]statusRange, error) {
	if s == "*" {
		return nil, nil
	}
	var out []statusRange
	for part := range strings.SplitSeq(s, ",") {
		digits, family := strings.CutSuffix(part, "xx")
		n, err := strconv.Atoi(digits)
		if err != nil || n < 1 || n > 599 {
			return nil, fmt.Errorf("statuses %.32q are not like 400,403 or 5xx", s)
		}
		if family {
			out = append(out, statusRange{n * 100, n*100 + 99})
		} else {
			out = append(out, statusRange{n, n})
		}
	}
	return out, nil
}
