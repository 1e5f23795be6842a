package extract

import (
	"errors"
	"slices"
	"strings"

	"github.com/sluicehq/sluice/internal/strictjson"
)

// errNoObject marks an answer in which no JSON object was found.
var errNoObject = errors.New("no JSON object")

// maxObjects bounds how many objects are looked at in an answer with prose.
const maxObjects = 8

// decodeContent finds the one JSON object in an answer: by itself, in a code
// fence, behind a model's reasoning, or between sentences. Two objects are no
// answer, for nothing tells which one is meant.
func decodeContent(content string) (map[string]any, error) {
	s := strings.TrimSpace(strings.TrimPrefix(content, "\ufeff"))
	if _, after, ok := strings.Cut(s, "</think>"); ok && strings.HasPrefix(s, "<think>") {
		s = strings.TrimSpace(after)
	}
	v, first := decodeObject(s)
	if first == nil {
		return v, nil
	}
	var found map[string]any
	for _, part := range objects(s) {
		v, err := decodeObject(part)
		switch {
		case err != nil:
			first = err
		case found != nil:
			return nil, errors.New("two JSON objects")
		default:
			found = v
		}
	}
	if found == nil {
		return nil, first
	}
	return found, nil
}

func decodeObject(s string) (map[string]any, error) {
	v, err := strictjson.Decode([]byte(s), strictjson.Limits{})
	if err != nil {
		return nil, err
	}
	if object, ok := v.(map[string]any); ok {
		return object, nil
	}
	return nil, errNoObject
}

// objects returns the parts of s from a brace to the one that closes it,
// outermost only.
func objects(s string) []string {
	var parts []string
	start, depth, inString := -1, 0, false
	for i := 0; i < len(s) && len(parts) < maxObjects; i++ {
		c := s[i]
		switch {
		case inString:
			switch c {
			case '\\':
				i++
			case '"':
				inString = false
			}
		case c == '{':
			if depth == 0 {
				start = i
			}
			depth++
		case depth == 0: // prose, in which a quote opens nothing
		case c == '"':
			inString = true
		case c == '}':
			if depth--; depth == 0 {
				parts = append(parts, s[start:i+1])
			}
		}
	}
	return parts
}

// refusals are beginnings of sentences with which models decline.
var refusals = []string{
	"i'm sorry", "i’m sorry", "i am sorry", "sorry, ", "i can't", "i can’t", "i cannot", "i'm unable", "i’m unable", "i am unable",
	"i'm not able", "i am not able", "i won't", "i won’t", "i must decline", "as an ai",
}

// isRefusal reports whether an answer without an object declines in prose. One
// with a brace may be a broken object that quotes the document: there only the
// first words count.
func isRefusal(content string) bool {
	s := strings.ToLower(strings.TrimSpace(content[:min(len(content), 400)]))
	if strings.Contains(content, "{") {
		return slices.ContainsFunc(refusals, func(r string) bool { return strings.HasPrefix(s, r) })
	}
	return slices.ContainsFunc(refusals, func(r string) bool { return strings.Contains(s, r) })
}
