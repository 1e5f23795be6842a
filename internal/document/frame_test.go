package document_test

import (
	"strings"
	"testing"

	"github.com/sluicehq/sluice/internal/document"
)

func TestAnswersMustKeepTheirPromises(t *testing.T) {
	t.Parallel()
	page := func(s string) string { return `{"text":{"pages":[` + s + `]}}` }
	word := func(s string) string { return page(`{"number":1,"text":"ab cd\n","words":[` + s + `]}`) }
	box := `"b":{"x0":0.1,"y0":0.1,"x1":0.2,"y1":0.2}`
	good := []string{
		page(`{"number":1,"text":""},{"number":2,"text":"x\n"}`),
		word(`{"s":0,"e":2,` + box + `},{"s":3,"e":5,` + box + `}`),
		`{"fault":{"class":"corrupt","detail":"d"},"broken":true}`,
		`{"unable":true}`,
	}
	bad := []string{
		``, `null`, `[]`, `{}`, `{"text":`,
		`{"text":{"pages":[{"number":1}]},"fault":{"class":"corrupt"}}`,
		`{"fault":{"class":"corrupt"},"unable":true}`,
		`{"fault":{"class":"somebody's own"}}`,
		page(``),
		page(`{"number":2,"text":"x"}`),
		page(`{"number":1,"text":"x"},{"number":1,"text":"x"}`),
		page(`{"number":1,"text":"` + strings.Repeat("x", 6<<20) + `"}`),
		page(strings.Repeat(`{"number":1},`, 200) + `{"number":1}`),
		word(`{"s":3,"e":9,` + box + `}`),
		word(`{"s":-1,"e":2,` + box + `}`),
		word(`{"s":2,"e":2,` + box + `}`),
		word(`{"s":3,"e":5,` + box + `},{"s":0,"e":2,` + box + `}`),
		word(`{"s":0,"e":3,` + box + `},{"s":2,"e":5,` + box + `}`),
		word(`{"s":0,"e":2,"b":{"x0":0.3,"y0":0.1,"x1":0.2,"y1":0.2}}`),
		word(`{"s":0,"e":2,"b":{"x0":0.1,"y0":0.1,"x1":1.2,"y1":0.2}}`),
	}
	for _, s := range good {
		if _, _, err := document.DecodeAnswer([]byte(s)); err != nil {
			t.Errorf("%.80s: got %v, want no error", s, err)
		}
	}
	for _, s := range bad {
		if text, fault, err := document.DecodeAnswer([]byte(s)); err == nil {
			t.Errorf("%.80s: got %v and %v, want an error", s, text, fault)
		}
	}
}

func FuzzDecodeAnswer(f *testing.F) {
	f.Add([]byte(`{"text":{"pages":[{"number":1,"text":"ab\n","words":[{"s":0,"e":2,"b":{"x0":0,"y0":0,"x1":1,"y1":1}}]}]},"cpu":0.5}`))
	f.Add([]byte(`{"fault":{"class":"corrupt","detail":"d"}}`))
	f.Fuzz(func(t *testing.T, payload []byte) {
		text, fault, err := document.DecodeAnswer(payload)
		if err != nil || fault != nil || text == nil {
			return
		}
		for _, p := range text.Pages {
			end := 0
			for _, w := range p.Words {
				if w.Start < end || w.End <= w.Start || w.End > len(p.Text) {
					t.Errorf("word %d to %d after %d in a text of %d bytes", w.Start, w.End, end, len(p.Text))
				}
				end = w.End
			}
		}
	})
}
