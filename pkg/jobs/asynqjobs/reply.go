package asynqjobs

import (
	"fmt"
	"strconv"

	"github.com/sluicehq/sluice/pkg/jobs"
)

// integer reads a number that a script answered as such or as text.
func integer(list []any, i int) (int64, bool) {
	if i >= len(list) {
		return 0, false
	}
	switch v := list[i].(type) {
	case int64:
		return v, true
	case string:
		n, err := strconv.ParseInt(v, 10, 64)
		return n, err == nil
	default:
		return 0, false
	}
}

// text reads a string that a script answered.
func text(list []any, i int) string {
	if i >= len(list) {
		return ""
	}
	s, _ := list[i].(string)
	return s
}

// sublist reads a list that a script answered.
func sublist(list []any, i int) []any {
	if i >= len(list) {
		return nil
	}
	l, _ := list[i].([]any)
	return l
}

// pairs reads a list of names and values, as HGETALL answers.
func pairs(list []any) map[string]string {
	m := make(map[string]string, len(list)/2)
	for i := 0; i+1 < len(list); i += 2 {
		m[text(list, i)] = text(list, i+1)
	}
	return m
}

// malformed is the error for an answer that no script gives.
func malformed(what string) error {
	return fmt.Errorf("%w: the script %s gave a strange answer", jobs.ErrUnavailable, what)
}
