package modelsim

import (
	"encoding/json"
	"strings"
)

// answerTo reads the document in the prompt and fills in the schema that the
// request asks for.
func (l *lexicon) answerTo(r request) map[string]any {
	s := requestedSchema(r)
	f := filler{facts: l.read(documentText(r.prompt())), defs: s.Defs}
	s, _ = s.resolve(s.Defs)
	return f.object(s, place{}, 0)
}

// documentText is the document inside a prompt: what stands between the first
// <document…> and the last </document>, else the whole prompt.
func documentText(prompt string) string {
	open := strings.Index(prompt, "<document")
	last := strings.LastIndex(prompt, "</document")
	if open < 0 || last < open {
		return prompt
	}
	inside := prompt[open:last]
	if _, after, ok := strings.Cut(inside, ">"); ok {
		return after
	}
	return prompt
}

// filler turns facts into the values that a schema wants.
type filler struct {
	facts facts
	defs  map[string]schema
}

// place says what the object being filled is about.
type place struct {
	party *party
	line  *line
}

// object fills in what can be read. What cannot is null where the schema allows
// null, and is left out elsewhere.
func (f filler) object(s schema, at place, depth int) map[string]any {
	out := map[string]any{}
	for name, p := range s.Properties {
		p, nullable := p.resolve(f.defs)
		if v, ok := f.value(name, p, at, depth+1); ok {
			out[name] = v
		} else if nullable {
			out[name] = nil
		}
	}
	return out
}

func (f filler) value(name string, s schema, at place, depth int) (any, bool) {
	switch {
	case depth > maxSchemaDepth:
		return nil, false
	case s.is("array"):
		return f.array(name, s, depth)
	case len(s.Properties) > 0:
		return f.nested(name, s, at, depth)
	}
	found := f.lookup(name, s.Title, at)
	if found.text == "" {
		return nil, false
	}
	return convert(found, s)
}

// nested fills in an object inside an object. One with nothing in it counts as
// not read.
func (f filler) nested(name string, s schema, at place, depth int) (any, bool) {
	switch kindOf(name) {
	case kindSeller:
		at = place{party: &f.facts.seller}
	case kindBuyer:
		at = place{party: &f.facts.buyer}
	}
	out := f.object(s, at, depth)
	for _, v := range out {
		if v != nil {
			return out, true
		}
	}
	return nil, false
}

// array fills in a list of lines; other lists are not read.
func (f filler) array(name string, s schema, depth int) (any, bool) {
	if s.Items == nil || !isLines(name) || len(f.facts.lines) == 0 {
		return nil, false
	}
	item, _ := s.Items.resolve(f.defs)
	out := make([]any, 0, len(f.facts.lines))
	for i := range f.facts.lines {
		out = append(out, f.object(item, place{line: &f.facts.lines[i]}, depth+1))
	}
	return out, true
}

func isLines(name string) bool {
	switch normalise(name) {
	case "lines", "items", "line items", "positions", "articles", "goods", "lineitems":
		return true
	default:
		return false
	}
}

// kindOf maps the name of a property to what the reader knows, or "".
func kindOf(name string) kind {
	switch n := normalise(name); n {
	case "invoice number", "invoice no", "invoice id", "number":
		return kindNumber
	case "invoice date", "issue date", "date":
		return kindDate
	case "due date", "payment due date":
		return kindDue
	case "total", "total amount", "grand total", "amount due", "total due", "gross":
		return kindTotal
	case "subtotal", "net", "net amount", "net total":
		return kindSubtotal
	case "tax", "vat", "tax amount", "vat amount", "total tax":
		return kindTax
	case "currency":
		return kindCurrency
	case "seller", "vendor", "supplier", "seller name", "vendor name", "supplier name":
		return kindSeller
	case "buyer", "customer", "buyer name", "customer name":
		return kindBuyer
	case "vat id", "seller vat id", "tax id":
		return kindVATID
	case "iban":
		return kindIBAN
	default:
		return ""
	}
}

// lookup finds the fact for a property; an empty one when there is none.
func (f filler) lookup(name, title string, at place) fact {
	switch {
	case at.line != nil:
		return at.line.lookup(name, title)
	case at.party != nil:
		return at.party.lookup(name)
	}
	switch k := kindOf(name); k {
	case kindSeller:
		return fact{text: f.facts.seller.name}
	case kindBuyer:
		return fact{text: f.facts.buyer.name}
	case "":
		return fact{text: f.byLabel(name, title)}
	default:
		return f.facts.known[k]
	}
}

// byLabel looks for a label that reads like the property's name or title, with
// or without the word "number".
func (f filler) byLabel(names ...string) string {
	for _, name := range names {
		stem := strings.TrimSuffix(normalise(name), " number")
		for _, label := range []string{stem, stem + " number", stem + " no", stem + " nr"} {
			if v := f.facts.labels[label]; v != "" && stem != "" {
				return v
			}
		}
	}
	return ""
}

func (p *party) lookup(name string) fact {
	switch normalise(name) {
	case "name", "company":
		return fact{text: p.name}
	case "address":
		return fact{text: p.address}
	case "vat id", "tax id":
		return fact{text: p.vatID}
	default:
		return fact{}
	}
}

func (l *line) lookup(name, title string) fact {
	var k column
	switch normalise(name) {
	case "description", "name":
		k = colDescription
	case "quantity", "qty":
		k = colQuantity
	case "unit price", "price":
		k = colUnitPrice
	case "amount", "total", "line total":
		k = colAmount
	}
	if found, ok := l.byKind[k]; ok {
		return found
	}
	if found, ok := l.byHead[normalise(name)]; ok {
		return found
	}
	return l.byHead[normalise(title)]
}

// convert gives a fact the type that s wants, if it can.
func convert(f fact, s schema) (any, bool) {
	if len(s.Enum) > 0 {
		return pickEnum(f.text, s.Enum)
	}
	a := f.amount
	if a == "" {
		a, _, _ = parseAmount(f.text)
	}
	switch {
	case s.is("integer") && a != "":
		whole, fraction, _ := strings.Cut(string(a), ".")
		return json.Number(whole), strings.Trim(fraction, "0") == ""
	case s.is("number") && a != "":
		return json.Number(a), true
	case s.is("boolean"):
		return parseBool(f.text)
	case !s.is("string") && len(s.Type) > 0:
		return nil, false
	case s.Format == "date":
		return parseDate(f.text)
	default:
		return f.text, true
	}
}

func pickEnum(text string, options []any) (any, bool) {
	for _, o := range options {
		if v, ok := o.(string); ok && strings.EqualFold(v, strings.TrimSpace(text)) {
			return v, true
		}
	}
	return nil, false
}
