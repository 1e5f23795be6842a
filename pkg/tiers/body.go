package tiers

import (
	"bytes"
	"encoding/json"
	"strconv"
	"strings"
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
	// Explicit is true when the body says itself that it is an error, so that
	// it counts even under status 200.
	Explicit bool
}

// parseErrorBody reads the shapes in use: {"error":{…}}, {"error":"…"},
// {"type":"error","error":{…}}, the flat {"object":"error",…}, {"detail":…},
// each also as the only element of an array or as the data of a server-sent
// event. A body that is none of them gives its first bytes as the message.
func parseErrorBody(body []byte) errorBody {
	body = payload(body)
	var top map[string]json.RawMessage
	if json.Unmarshal(body, &top) != nil {
		return errorBody{Message: cut(string(body), maxMessage)}
	}
	if inner := top["error"]; len(inner) > 0 && !bytes.Equal(inner, []byte("null")) {
		var fields map[string]json.RawMessage
		if json.Unmarshal(inner, &fields) == nil {
			return fromFields(fields, true)
		}
		e := fromFields(top, true)
		e.Message = text(inner, maxMessage)
		if e.Type == "" || e.Type == "error" {
			e.Type = text(top["error_type"], maxCode)
		}
		return e
	}
	return fromFields(top, text(top["object"], maxCode) == "error" || text(top["type"], maxCode) == "error")
}

func fromFields(f map[string]json.RawMessage, explicit bool) errorBody {
	e := errorBody{
		Code: text(f["code"], maxCode), Type: text(f["type"], maxCode),
		Message: text(f["message"], maxMessage), Explicit: explicit,
	}
	if e.Message == "" {
		e.Message = detail(f["detail"])
	}
	if n, err := strconv.Atoi(e.Code); err == nil && 100 <= n && n <= 599 {
		e.Status = n
	}
	return e
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
