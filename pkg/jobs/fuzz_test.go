package jobs_test

import (
	"errors"
	"regexp"
	"strings"
	"testing"

	"github.com/sluicehq/sluice/pkg/jobs"
)

var (
	wellFormed = regexp.MustCompile(`\A[0-9A-Za-z_-]{1,64}\z`)
	idError    = regexp.MustCompile(`\Ainvalid: id has (\d+ characters, want 1 to 64|a character outside 0-9 A-Z a-z _ -)\z`)
)

func FuzzAnIDIsWellFormedOrInvalid(f *testing.F) {
	for _, s := range []string{
		"", "a", "job_01HZY", "-", "a b", "a/b", "..", "\x00", "ä", "a\n", strings.Repeat("x", 64), strings.Repeat("x", 65),
	} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, s string) {
		err := jobs.ID(s).Validate()
		switch {
		case wellFormed.MatchString(s):
			if err != nil {
				t.Errorf("%q: %v", s, err)
			}
		case !errors.Is(err, jobs.ErrInvalid):
			t.Errorf("%q: got %v, want ErrInvalid", s, err)
		case !idError.MatchString(err.Error()):
			t.Errorf("the error may repeat the ID: %v", err)
		}
	})
}

func FuzzALaneIsReadOnlyAsItIsWritten(f *testing.F) {
	for _, s := range []string{"", "critical", "Critical", "batch", "lane(1)", strings.Repeat("x", 1000)} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, s string) {
		l, err := jobs.ParseLane(s)
		switch {
		case err == nil && l.String() != s:
			t.Errorf("%q is read as %s", s, l)
		case err != nil && (!errors.Is(err, jobs.ErrInvalid) || len(err.Error()) > 300):
			t.Errorf("%q: %v", s, err)
		}
	})
}

func FuzzAStateIsReadOnlyAsItIsWritten(f *testing.F) {
	for _, s := range []string{"", "queued", "QUEUED", "in_review", "gone", strings.Repeat("\xff", 1000)} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, s string) {
		state, err := jobs.ParseState(s)
		switch {
		case err == nil && (string(state) != s || !state.Valid()):
			t.Errorf("%q is read as %q", s, state)
		case err != nil && (!errors.Is(err, jobs.ErrInvalid) || len(err.Error()) > 300):
			t.Errorf("%q: %v", s, err)
		}
	})
}

func FuzzAnIdempotencyKeyIsPrintable(f *testing.F) {
	for _, s := range []string{"", "k", "with space ~", "tab\t", "\x7f", "ü", strings.Repeat("k", 255), strings.Repeat("k", 256)} {
		f.Add(s)
	}
	printable := regexp.MustCompile(`\A[ -~]{0,255}\z`)
	f.Fuzz(func(t *testing.T, key string) {
		s := sound()
		s.Key = key
		err := s.Validate()
		if printable.MatchString(key) != (err == nil) || err != nil && !errors.Is(err, jobs.ErrInvalid) {
			t.Errorf("%q: %v", key, err)
		}
	})
}
