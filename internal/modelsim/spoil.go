package modelsim

import (
	"bytes"
	"encoding/json"
	"strings"
	"time"
)

// Spoil is a way to damage what the model says. The zero value leaves it alone.
type Spoil string

// The kinds of damage.
const (
	SpoilFence         Spoil = "fenced"         // ```json … ```
	SpoilBOM           Spoil = "bom"            // a byte order mark in front
	SpoilProse         Spoil = "prose"          // a sentence before and after
	SpoilBadJSON       Spoil = "bad_json"       // breaks off before the end
	SpoilNaN           Spoil = "nan"            // a NaN among the values
	SpoilDuplicateKeys Spoil = "duplicate_keys" // the first key twice, the second time with null
	SpoilWrongSchema   Spoil = "wrong_schema"   // every value wrapped in an object
	SpoilUngrounded    Spoil = "ungrounded"     // values that are not the document's
	SpoilDeep          Spoil = "deep"           // 10,000 arrays inside each other
	SpoilHuge          Spoil = "huge"           // 10 MB of spaces inside
)

const (
	deepLevels = 10_000
	hugeBytes  = 10_000_000
)

// apply returns the text of answer, damaged.
func (s Spoil) apply(answer map[string]any) string {
	switch s {
	case SpoilWrongSchema:
		answer = wrapValues(answer)
	case SpoilUngrounded:
		answer = alterValues(answer)
	}
	text := marshal(answer)
	switch s {
	case SpoilFence:
		return "```json\n" + text + "\n```"
	case SpoilBOM:
		return "\ufeff" + text
	case SpoilProse:
		return "Here is the extracted data:\n\n" + text + "\n\nLet me know if you need anything else."
	case SpoilBadJSON:
		return strings.ToValidUTF8(text[:max(1, len(text)*2/3)], "")
	case SpoilNaN:
		return addMember(text, `"confidence":NaN`)
	case SpoilDuplicateKeys:
		return addMember(text, firstKey(text)+":null")
	case SpoilDeep:
		return strings.Repeat("[", deepLevels) + text + strings.Repeat("]", deepLevels)
	case SpoilHuge:
		return text[:len(text)-1] + strings.Repeat(" ", hugeBytes) + "}"
	default:
		return text
	}
}

// marshal writes v as JSON with its keys sorted and HTML characters as they are.
func marshal(v any) string {
	var b bytes.Buffer
	enc := json.NewEncoder(&b)
	enc.SetEscapeHTML(false)
	if err := enc.Encode(v); err != nil {
		panic("modelsim: " + err.Error()) // only values that read built come here
	}
	return strings.TrimSuffix(b.String(), "\n")
}

// addMember appends a member to the JSON object in text.
func addMember(text, member string) string {
	if text == "{}" {
		return "{" + member + "}"
	}
	return text[:len(text)-1] + "," + member + "}"
}

// firstKey is the first key of the JSON object in text, quoted.
func firstKey(text string) string {
	dec := json.NewDecoder(strings.NewReader(text))
	_, _ = dec.Token() // {
	if key, err := dec.Token(); err == nil {
		if k, ok := key.(string); ok {
			return marshal(k)
		}
	}
	return `"value"`
}

func wrapValues(answer map[string]any) map[string]any {
	out := map[string]any{}
	for k, v := range answer {
		out[k] = map[string]any{"value": v}
	}
	if len(out) == 0 {
		out["result"] = map[string]any{"value": nil}
	}
	return out
}

// alterValues changes the numbers and texts of the top level to ones of the
// same form.
func alterValues(answer map[string]any) map[string]any {
	out := map[string]any{}
	for k, v := range answer {
		switch v := v.(type) {
		case json.Number:
			out[k] = json.Number(swapDigits(v.String()))
		case string:
			out[k] = alterText(v)
		default:
			out[k] = v
		}
	}
	return out
}

// alterText keeps dates dates: only their year changes.
func alterText(s string) string {
	if _, err := time.Parse(time.DateOnly, s); err == nil {
		return "19" + swapDigits(s[2:4]) + s[4:]
	}
	if strings.ContainsAny(s, "0123456789") {
		return swapDigits(s)
	}
	return s
}

// swapDigits replaces every digit d by 9-d, but never makes a leading zero.
func swapDigits(s string) string {
	b := []byte(s)
	for i, c := range b {
		if c < '0' || c > '9' {
			continue
		}
		b[i] = '9' - (c - '0')
		if b[i] == '0' && (i == 0 || b[i-1] == '-') {
			b[i] = '8'
		}
	}
	return string(b)
}
