package httpapi

import (
	"encoding/base64"
	"net/url"
	"strconv"
	"strings"

	"github.com/sluicehq/sluice/pkg/jobs"
)

// maxListed is the most rows on one page of a list.
const maxListed = 200

// readPage reads the limit and the cursor of a list that goes on behind an ID;
// last is empty for the first page. prefix is that of the list's cursors.
func readPage(q url.Values, prefix string) (limit int, last string, p *Problem) {
	if limit, p = limitParameter(q, jobs.DefaultPage, maxListed); p != nil {
		return 0, "", p
	}
	p = readCursor(q, prefix, func(text string) error {
		last = text
		return jobs.ID(text).Validate()
	})
	return limit, last, p
}

// limitParameter reads ?limit=, usual without it.
func limitParameter(q url.Values, usual, most int) (int, *Problem) {
	if !q.Has("limit") {
		return usual, nil
	}
	n, err := strconv.Atoi(q.Get("limit"))
	if err != nil || n < 1 || n > most {
		return 0, badParameter("limit", "must be 1 to "+strconv.Itoa(most))
	}
	return n, nil
}

// A cursor is where a page ended, such as its last ID, so that it stays good
// while rows come and go. It is encoded, because callers must not build their
// own; one that a caller builds all the same shows no more than the caller may
// see. The prefix keeps the cursor of one list out of the others.
func cursor(prefix, last string) string {
	return base64.RawURLEncoding.EncodeToString([]byte(prefix + last))
}

// readCursor gives what a cursor says to read, if there is one.
func readCursor(q url.Values, prefix string, read func(last string) error) *Problem {
	if !q.Has("cursor") {
		return nil
	}
	text, err := base64.RawURLEncoding.Strict().DecodeString(q.Get("cursor"))
	last, ok := strings.CutPrefix(string(text), prefix)
	if err != nil || !ok || read(last) != nil {
		return badParameter("cursor", "must be a next_cursor as it was given")
	}
	return nil
}
