package tiers

import (
	"bytes"
	"encoding/json"
	"strconv"
	"strings"
	"time"
	"unicode/utf8"
)

// Bounds on what is kept of an error body.
const (
	maxMessage = 512
	maxCode    = 128
)

// errorBody is what an error body says, whatever its shape.
type errorBody struct {
	Code    string
	Type    string
	Message string // the first maxMessage bytes
	Status  int    // the numeric code, where there is one; else 0
	// Wait is a wait that the body names in a field of its own; 0 for none.
	Wait time.Duration
	// Explicit is true when the body says itself that it is an error, so that
	// it counts even under status 200.
	Explicit bool
	// Inner is the error of the provider behind a gateway, where the gateway
	// passes it on; it tells more.
	Inner *errorBody
}

// status is the status that the error itself names, the inner one first; else
// that of the response.
func (e errorBody) status(response int) int {
	if e.Inner != nil && e.Inner.Status >= 400 {
		return e.Inner.Status
	}
	if e.Status >= 400 {
		return e.Status
	}
	return response
}

// says reports whether the error, or the one that it passes on, is of a type.
func (e errorBody) says(typ string) bool {
	return e.Type == typ || e.Inner != nil && e.Inner.Type == typ
}

// parseErrorBody reads the shapes in use: {"error":{…}}, {"error":"…"},
// {"type":"error","error":{…}}, the flat {"object":"error",…}, {"detail":…},
// {"errors":[…]}, {"fault":{…}}, {"statusCode":…}, each also as the only
// element of an array, as the data of a server-sent event or as the error of a
// choice. A body that is none of them gives its first bytes as the message.
func parseErrorBody(body []byte) errorBody {
	body = payload(body)
	var top fields
	if json.Unmarshal(body, &top) != nil {
		return errorBody{Message: cut(string(body), maxMessage)}
	}
	for _, name := range []string{"error", "errors", "fault"} {
		if inner := top[name]; len(inner) > 0 && !bytes.Equal(inner, []byte("null")) && !bytes.Equal(inner, []byte("[]")) {
			return top.named(inner)
		}
	}
	if e, ok := top.choiceError(); ok {
		return e
	}
	e := top.read()
	e.Explicit = text(top["object"], maxCode) == "error" || text(top["type"], maxCode) == "error" || e.Status >= 400
	return e
}

// fields are the members of an object of an error body.
type fields map[string]json.RawMessage

// named reads the member of an object that holds its error: an object, a list
// of them or a text.
func (f fields) named(raw json.RawMessage) errorBody {
	var list []json.RawMessage
	if json.Unmarshal(raw, &list) == nil && len(list) > 0 {
		raw = list[0]
	}
	var inner fields
	if json.Unmarshal(raw, &inner) == nil {
		e := inner.read()
		e.Explicit, e.Inner = true, inner.passedOn()
		return e
	}
	e := f.read()
	e.Explicit, e.Message = true, text(raw, maxMessage)
	if e.Type == "" || e.Type == "error" {
		e.Type = text(f["error_type"], maxCode)
	}
	return e
}

// choiceError reads the error that some gateways put into the first choice.
func (f fields) choiceError() (errorBody, bool) {
	var choices []struct {
		Error json.RawMessage `json:"error"`
	}
	if json.Unmarshal(f["choices"], &choices) != nil || len(choices) == 0 || len(choices[0].Error) == 0 ||
		bytes.Equal(choices[0].Error, []byte("null")) {
		return errorBody{}, false
	}
	return f.named(choices[0].Error), true
}

// read takes an error out of the members that name its parts.
func (f fields) read() errorBody {
	e := errorBody{Code: f.first(maxCode, "code", "errorcode"), Type: f.typ(), Message: f.message(), Wait: f.wait()}
	for _, s := range []string{e.Code, f.first(maxCode, "statusCode", "status_code", "status")} {
		if n, err := strconv.Atoi(s); err == nil && 100 <= n && n <= 599 {
			e.Status = n
			break
		}
	}
	return e
}

// first is the first of the named members that is a text or a number.
func (f fields) first(limit int, names ...string) string {
	for _, name := range names {
		if s := text(f[name], limit); s != "" {
			return s
		}
	}
	return ""
}

// typ is the type of an error: by that name, as the status word of gRPC or as
// the shape that AWS names, with its namespace.
func (f fields) typ() string {
	if s := text(f["type"], maxCode); s != "" {
		return s
	}
	if s := text(f["status"], maxCode); s != "" && strings.Trim(s, "0123456789") != "" {
		return s
	}
	shape := text(f["__type"], maxCode)
	return shape[strings.LastIndex(shape, "#")+1:]
}

// message is what an error says to a person.
func (f fields) message() string {
	if s := f.first(maxMessage, "message", "msg", "faultstring"); s != "" {
		return s
	}
	var object fields
	if json.Unmarshal(f["message"], &object) == nil && len(object["detail"]) > 0 {
		return detail(object["detail"])
	}
	return detail(f["detail"])
}

// wait is the wait in a field of its own: retry_after and retry_after_ms, or
// the retryDelay of one of the details, as Google's services say it.
func (f fields) wait() time.Duration {
	if d := millis(text(f["retry_after_ms"], maxCode)); d > 0 {
		return d
	}
	if d := scale(f.first(maxCode, "retry_after", "retry_after_seconds"), time.Second); d > 0 {
		return d
	}
	var details []struct {
		RetryDelay string `json:"retryDelay"`
	}
	if json.Unmarshal(f["details"], &details) != nil {
		return 0
	}
	for _, one := range details {
		if d, ok := spokenDuration(cut(one.RetryDelay, maxCode)); ok {
			return d
		}
	}
	return 0
}

// passedOn reads the provider's own error out of the metadata of a gateway's:
// an object, or the body as text.
func (f fields) passedOn() *errorBody {
	var metadata struct {
		Raw json.RawMessage `json:"raw"`
	}
	if json.Unmarshal(f["metadata"], &metadata) != nil || len(metadata.Raw) == 0 {
		return nil
	}
	raw := metadata.Raw
	var body string
	if json.Unmarshal(raw, &body) == nil {
		raw = []byte(body)
	}
	e := parseErrorBody(raw)
	e.Inner = nil // one gateway deep
	if !e.Explicit {
		return nil
	}
	return &e
}

// detail reads FastAPI's detail: a text, or a list of objects of which only
// "msg" is the server's own word; the rest echoes the request.
func detail(raw json.RawMessage) string {
	var list []struct {
		Msg string `json:"msg"`
	}
	if json.Unmarshal(raw, &list) != nil {
		return text(raw, maxMessage)
	}
	var b strings.Builder
	for _, d := range list {
		if b.Len() > maxMessage {
			break
		}
		b.WriteString(cut(d.Msg, maxMessage))
		b.WriteString("; ")
	}
	return cut(b.String(), maxMessage)
}

// text reads a string or a number; anything else is nothing.
func text(raw json.RawMessage, limit int) string {
	var s string
	if json.Unmarshal(raw, &s) == nil {
		return cut(s, limit)
	}
	var n json.Number
	if json.Unmarshal(raw, &n) == nil {
		return cut(n.String(), limit)
	}
	return ""
}

// payload takes the wrapping off a body: byte order mark, white space, the
// data line of a server-sent event, an array around one object.
func payload(body []byte) []byte {
	body = body[:min(len(body), MaxBody)]
	body = bytes.TrimSpace(bytes.TrimPrefix(body, []byte("\xef\xbb\xbf")))
	if bytes.HasPrefix(body, []byte("event:")) || bytes.HasPrefix(body, []byte("data:")) {
		body = eventData(body)
	}
	if bytes.HasPrefix(body, []byte("[")) {
		var list []json.RawMessage
		if json.Unmarshal(body, &list) == nil && len(list) > 0 {
			body = list[0]
		}
	}
	return body
}

// eventData finds the first data line with an error among server-sent events;
// without one it answers the first data line.
func eventData(body []byte) []byte {
	var first []byte
	for line := range bytes.Lines(body) {
		data, ok := bytes.CutPrefix(bytes.TrimSpace(line), []byte("data:"))
		if !ok {
			continue
		}
		data = bytes.TrimSpace(data)
		if bytes.Contains(data, []byte(`"error"`)) {
			return data
		}
		if first == nil {
			first = data
		}
	}
	return first
}

// isJSON reports whether a body could be JSON or server-sent events, by its
// first byte: enough to tell an API's answer from a page for people.
func isJSON(body []byte) bool {
	p := payload(body)
	return len(p) > 0 && (p[0] == '{' || p[0] == '[')
}

// cut shortens s to at most n bytes without splitting a character.
func cut(s string, n int) string {
	if len(s) <= n {
		return s
	}
	for n > 0 && !utf8.RuneStart(s[n]) {
		n--
	}
	return s[:n]
}
