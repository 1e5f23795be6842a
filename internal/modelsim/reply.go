package modelsim

import (
	"net/http"
	"time"
)

// Reply says how one call ends. The zero value is the good answer. Fields
// combine: a Reply may be late, dripping and wrong at once.
type Reply struct {
	// Kind names the reply in [Call.Answer]. Empty is "good" for an answer and
	// "raw" for a raw body.
	Kind string

	// Delay passes before the reply leaves.
	Delay time.Duration
	// Hang keeps the caller waiting until it goes away.
	Hang bool
	// EarlyHeaders sends the response headers before Delay or Hang begins.
	EarlyHeaders bool
	// Drip sends the body byte by byte with this pause between them.
	Drip time.Duration
	// Cut closes the connection after half of the body, as a clean end of the
	// stream. The headers promise the whole body.
	Cut bool
	// Reset ends the connection with a TCP reset instead of a reply; with
	// EarlyHeaders or Cut, after these. On a connection in memory it is a
	// plain close.
	Reset bool
	// End closes the connection in order instead of a reply, as a server does
	// with a connection that was idle for too long.
	End bool

	// Status is the HTTP status; 0 is 200.
	Status int
	// Header is added to the response headers.
	Header http.Header
	// Body is sent as it is instead of an answer. A Reply with Raw, with a
	// Body or with a Status of 300 and more is a raw one; it bills nothing.
	Body string
	// Raw sends Body even when it is empty.
	Raw bool
	// MessagesStatus and MessagesBody are sent in place of Status and Body to
	// callers of the [Messages] API; 0 leaves both as they are.
	MessagesStatus int
	MessagesBody   string

	// Content replaces what the model says. Empty: it says what it reads in the
	// document.
	Content string
	// Set puts values into the honest answer, in place of what the document
	// says: one wrong field, or what a document's own instructions ask for.
	Set map[string]any
	// Spoil damages what the model says.
	Spoil Spoil
	// Refusal is set in message.refusal; the content is then null.
	Refusal string
	// NullContent sends the content as null.
	NullContent bool
	// NoChoices sends an empty list of choices.
	NoChoices bool
	// FinishReason replaces "stop"; "null" sends the JSON null.
	FinishReason string
	// ServedModel is the model that the response claims instead of the one
	// that was asked for.
	ServedModel string
	// NoUsage leaves the usage out.
	NoUsage bool
	// UsageTimes multiplies the token counts of the response, but not those of
	// the record. 0 counts as 1.
	UsageTimes int
}

// After returns r delayed by d.
func (r Reply) After(d time.Duration) Reply {
	r.Delay = d
	return r
}

// WithHeader returns r with one more response header.
func (r Reply) WithHeader(name, value string) Reply {
	h := r.Header.Clone()
	if h == nil {
		h = http.Header{}
	}
	h.Add(name, value)
	r.Header = h
	return r
}

// Named returns r with another Kind for the records.
func (r Reply) Named(kind string) Reply {
	r.Kind = kind
	return r
}

// forMessages returns r with another status and body for callers of the
// messages API.
func (r Reply) forMessages(status int, typ, message string) Reply {
	r.MessagesStatus, r.MessagesBody = status, AnthropicError(status, typ, message).Body
	return r
}

// on returns r as the callers of an API get it.
func (r Reply) on(a API) Reply {
	if a == Messages && r.MessagesStatus != 0 {
		r.Status, r.Body = r.MessagesStatus, r.MessagesBody
	}
	return r
}

// raw reports whether r sends its own body instead of an answer.
func (r Reply) raw() bool { return r.Raw || r.Body != "" || r.Status >= 300 }

func (r Reply) status() int {
	if r.Status == 0 {
		return http.StatusOK
	}
	return r.Status
}

func (r Reply) kind() string {
	switch {
	case r.Kind != "":
		return r.Kind
	case r.raw():
		return "raw"
	default:
		return "good"
	}
}
