package httpapi

import (
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"time"
	"unicode/utf8"

	"github.com/sluicehq/sluice/pkg/jobs"
)

// labelPrefix begins the query parameters that filter by label.
const labelPrefix = "label."

// maxParameter bounds a query parameter's value in bytes.
const maxParameter = 512

// readQuery reads the query parameters. One that is not known, is there twice
// or is not UTF-8 is refused; the problem names known parameters only.
func readQuery(r *http.Request, known ...string) (url.Values, *Problem) {
	values, err := url.ParseQuery(r.URL.RawQuery)
	if err != nil {
		return nil, problem(CodeInvalidParameter, "The query cannot be read.")
	}
	for name, all := range values {
		// Labels are named by the caller, so their names stay unsaid.
		shown := name
		if strings.HasPrefix(name, labelPrefix) && slices.Contains(known, labelPrefix) {
			shown = labelPrefix + "*"
		} else if !slices.Contains(known, name) {
			return nil, unknownParameter(known)
		}
		switch {
		case len(all) > 1:
			return nil, badParameter(shown, "is there more than once")
		case len(all[0]) > maxParameter || !utf8.ValidString(all[0]):
			return nil, badParameter(shown, "is too long or not UTF-8")
		}
	}
	return values, nil
}

func refuseQuery(r *http.Request) *Problem {
	_, p := readQuery(r)
	return p
}

func unknownParameter(known []string) *Problem {
	if len(known) == 0 {
		return problem(CodeInvalidParameter, "This route takes no query parameters.")
	}
	return problem(CodeInvalidParameter, "A query parameter is not known; known are %s.", strings.Join(known, ", "))
}

func badParameter(name, reason string) *Problem {
	return problem(CodeInvalidParameter, "A query parameter cannot be used.").at(name, reason)
}

// waitParameter reads ?wait=, 0 without it.
func waitParameter(q url.Values) (time.Duration, *Problem) {
	if !q.Has("wait") {
		return 0, nil
	}
	n, err := strconv.ParseUint(q.Get("wait"), 10, 31)
	if limit := maxWait / time.Second; err != nil || n > uint64(limit) {
		return 0, badParameter("wait", "must be whole seconds from 0 to 30")
	}
	return time.Duration(n) * time.Second, nil
}

// words reads a list with commas through parse.
func words[T any](q url.Values, name, want string, parse func(string) (T, error)) ([]T, *Problem) {
	if !q.Has(name) {
		return nil, nil
	}
	var list []T
	for word := range strings.SplitSeq(q.Get(name), ",") {
		v, err := parse(word)
		if err != nil || len(list) == maxWords {
			return nil, badParameter(name, want)
		}
		list = append(list, v)
	}
	return list, nil
}

func parseWord(s string) (string, error) {
	return s, jobs.ID(s).Validate()
}

func parseClass(s string) (jobs.Class, error) { return jobs.Class(s), jobs.ID(s).Validate() }

func moment(q url.Values, name string) (time.Time, *Problem) {
	if !q.Has(name) {
		return time.Time{}, nil
	}
	t, ok := parseMoment(q.Get(name))
	if !ok {
		return time.Time{}, badParameter(name, wantMoment)
	}
	return t, nil
}
