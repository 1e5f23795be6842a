package schema

import (
	"errors"
	"fmt"
	"math/big"
	"slices"
	"strings"

	"github.com/santhosh-tekuri/jsonschema/v6"
	"github.com/santhosh-tekuri/jsonschema/v6/kind"
)

// maxProblems bounds the problems of one validation.
const maxProblems = 20

// Problem is one way in which a value does not fit its schema.
type Problem struct {
	// Pointer is the JSON pointer to the value; empty for the whole.
	Pointer string
	// Message says what was expected. It repeats nothing of the value.
	Message string
}

// String is the problem as one line.
func (p Problem) String() string {
	if p.Pointer == "" {
		return "the answer " + p.Message
	}
	return p.Pointer + " " + p.Message
}

// Validate returns the problems of v, which must be as strictjson.Decode gives
// it; none when it fits. At most 20 are returned, in the order of their
// pointers.
func (s *Schema) Validate(v any) []Problem {
	err := s.compiled.Validate(v)
	if err == nil {
		return nil
	}
	e, ok := errors.AsType[*jsonschema.ValidationError](err)
	if !ok {
		return []Problem{{Message: "cannot be validated"}}
	}
	return problems(e)
}

// problems flattens a validation error to its leaves.
func problems(e *jsonschema.ValidationError) []Problem {
	l := leaves{left: maxPointers}
	l.of(e)
	slices.SortStableFunc(l.found, func(a, b Problem) int { return strings.Compare(a.Pointer, b.Pointer) })
	found := slices.Compact(l.found)
	return found[:min(len(found), maxProblems)]
}

const (
	// maxLeaves bounds the work on errors that branch in many anyOf.
	maxLeaves = 1000
	// maxPointers bounds the bytes of their pointers together: each repeats the
	// names of what its value is in, and one name may be as long as a text.
	maxPointers = 1 << 20
)

// leaves collects the problems at the ends of a validation error. The first
// always finds a place.
type leaves struct {
	found []Problem
	left  int // of maxPointers
}

func (l *leaves) of(e *jsonschema.ValidationError) {
	if l.full() {
		return
	}
	if len(e.Causes) > 0 {
		for _, c := range e.Causes {
			l.of(c)
		}
		return
	}
	at := pointer(e.InstanceLocation)
	if r, ok := e.ErrorKind.(*kind.Required); ok {
		for _, name := range r.Missing {
			l.add(at, "/"+escape(name), "is required")
		}
		return
	}
	l.add(at, "", message(e.ErrorKind))
}

func (l *leaves) full() bool { return len(l.found) >= maxLeaves || l.left < 0 }

func (l *leaves) add(at, name, message string) {
	if !l.full() {
		l.left -= len(at) + len(name)
		l.found = append(l.found, Problem{at + name, message})
	}
}

// message describes what the schema wants, and never what the value is.
func message(k jsonschema.ErrorKind) string {
	switch k := k.(type) {
	case *kind.Type:
		return fmt.Sprintf("must be %s, not %s", strings.Join(k.Want, " or "), k.Got)
	case *kind.Enum:
		return "must be one of the values that the schema lists"
	case *kind.Const:
		return "must be the value that the schema gives"
	case *kind.Format:
		return "must be a valid " + k.Want
	case *kind.Pattern:
		return "must match the pattern " + clip(k.Want)
	case *kind.AdditionalProperties:
		return fmt.Sprintf("has %d properties that the schema does not know", len(k.Properties))
	case *kind.FalseSchema:
		return "is not allowed"
	case *kind.DependentRequired:
		return "needs further properties: " + clip(strings.Join(k.Missing, ", "))
	default:
		return bound(k)
	}
}

// bound describes a limit on a size or a number.
func bound(k jsonschema.ErrorKind) string {
	switch k := k.(type) {
	case *kind.MinLength:
		return fmt.Sprintf("must have at least %d characters", k.Want)
	case *kind.MaxLength:
		return fmt.Sprintf("must have at most %d characters", k.Want)
	case *kind.MinItems:
		return fmt.Sprintf("must have at least %d items", k.Want)
	case *kind.MaxItems:
		return fmt.Sprintf("must have at most %d items", k.Want)
	case *kind.MinProperties:
		return fmt.Sprintf("must have at least %d properties", k.Want)
	case *kind.MaxProperties:
		return fmt.Sprintf("must have at most %d properties", k.Want)
	case *kind.UniqueItems:
		return "must not repeat an item"
	case *kind.Minimum:
		return "must be at least " + number(k.Want)
	case *kind.Maximum:
		return "must be at most " + number(k.Want)
	case *kind.ExclusiveMinimum:
		return "must be more than " + number(k.Want)
	case *kind.ExclusiveMaximum:
		return "must be less than " + number(k.Want)
	case *kind.MultipleOf:
		return "must be a multiple of " + number(k.Want)
	default:
		return "does not fit the schema"
	}
}

func number(r *big.Rat) string { return clip(r.RatString()) }

// clip bounds text that comes from a schema.
func clip(s string) string {
	const limit = 100
	if len(s) <= limit {
		return s
	}
	return strings.ToValidUTF8(s[:limit], "") + "…"
}

func pointer(tokens []string) string {
	var b strings.Builder
	for _, t := range tokens {
		b.WriteByte('/')
		b.WriteString(escape(t))
	}
	return b.String()
}
