package extract

import (
	"cmp"
	"slices"
	"strings"
	"unicode"

	"github.com/shopspring/decimal"

	"github.com/sluicehq/sluice/internal/document"
	"github.com/sluicehq/sluice/internal/extract/literal"
)

// maxLiterals bounds the numbers and dates of each page that are indexed.
const maxLiterals = 50_000

// spot is a place in the text.
type spot struct {
	page       int // index into index.pages
	start, end int
}

// index finds words, numbers and dates in a document.
type index struct {
	pages   []document.Page
	ids     map[string]int32 // folded word → number
	known   []string         // number → folded word
	words   [][]int32        // of each page
	spots   [][]spot         // of each word
	first   map[int32][]at   // where each word stands
	numbers map[string][]spot
	unsure  map[string][]spot // numbers that can be read in another way
	loose   map[string][]spot // digits that are glued to something
	digits  [][]extent        // of each page, where its numbers stand, in order
	dates   map[string][]spot
	swapped map[string][]spot // dates that can be read in another way
	work    int               // what is left for comparing words
}

// extent is where one number stands on a page.
type extent struct{ start, end int }

// at is a word's place.
type at struct{ page, word int }

// maxWork bounds the words that are compared for one answer.
const maxWork = 20_000_000

func newIndex(text document.Text) *index {
	x := &index{
		pages: text.Pages, ids: map[string]int32{}, first: map[int32][]at{},
		numbers: map[string][]spot{}, unsure: map[string][]spot{}, loose: map[string][]spot{},
		dates: map[string][]spot{}, swapped: map[string][]spot{}, work: maxWork,
	}
	for i, p := range text.Pages {
		x.addWords(i, p.Text)
		x.addNumbers(i, p.Text)
		x.addDates(i, p.Text)
	}
	return x
}

func (x *index) addWords(page int, text string) {
	var ids []int32
	var spots []spot
	eachWord(text, func(start, end int) {
		w := literal.Fold(text[start:end])
		id, ok := x.ids[w]
		if !ok {
			id = int32(len(x.ids))
			x.ids[w] = id
			x.known = append(x.known, w)
		}
		x.first[id] = append(x.first[id], at{page, len(ids)})
		ids, spots = append(ids, id), append(spots, spot{page, start, end})
	})
	x.words, x.spots = append(x.words, ids), append(x.spots, spots)
}

// eachWord calls f for every run of letters and digits.
func eachWord(text string, f func(start, end int)) {
	start := -1
	for i, r := range text {
		switch word := unicode.IsLetter(r) || unicode.IsDigit(r) || unicode.Is(unicode.Mn, r); {
		case word && start < 0:
			start = i
		case !word && start >= 0:
			f(start, i)
			start = -1
		}
	}
	if start >= 0 {
		f(start, len(text))
	}
}

func (x *index) addNumbers(page int, text string) {
	add := func(m map[string][]spot, v decimal.Decimal, s spot) {
		if key := v.String(); len(m[key]) < maxPlaces {
			m[key] = append(m[key], s)
		}
	}
	var digits []extent
	for _, n := range literal.Numbers(text, maxLiterals) {
		if !n.Spaced { // may be two numbers
			digits = append(digits, extent{n.Start, n.End})
		}
		to := x.numbers
		if _, sure := n.Value(literal.StyleUnknown); !sure || n.UnsureSign || n.Spaced {
			to = x.unsure
		}
		for _, v := range n.Readings() {
			add(to, v, spot{page, n.Start, n.End})
		}
	}
	for _, n := range literal.LooseNumbers(text, maxLiterals) {
		digits = append(digits, extent{n.Start, n.End})
		for _, v := range n.Readings() {
			add(x.loose, v, spot{page, n.Start, n.End})
		}
	}
	slices.SortFunc(digits, func(a, b extent) int { return cmp.Compare(a.start, b.start) })
	x.digits = append(x.digits, digits)
}

// cuts reports whether a place begins or ends within the digits of a number, so
// that it is a part of another value: 234.56 in 1,234.56.
func (x *index) cuts(s spot) bool { return x.within(s.page, s.start) || x.within(s.page, s.end) }

// within reports whether an offset has digits of one number on both sides.
func (x *index) within(page, at int) bool {
	list := x.digits[page]
	i, _ := slices.BinarySearchFunc(list, at, func(d extent, at int) int { return cmp.Compare(d.start, at) })
	if i == 0 || at >= list[i-1].end {
		return false
	}
	text := x.pages[page].Text
	return strings.ContainsAny(text[list[i-1].start:at], "0123456789") && strings.ContainsAny(text[at:list[i-1].end], "0123456789")
}

func (x *index) addDates(page int, text string) {
	for _, d := range literal.Dates(text, maxLiterals) {
		to := x.dates
		if _, sure := d.Only(); !sure {
			to = x.swapped
		}
		for _, r := range d.Readings {
			if key := r.Day.String(); len(to[key]) < maxPlaces {
				to[key] = append(to[key], spot{page, d.Start, d.End})
			}
		}
	}
}

// maxPlaces bounds the places of one value that are remembered.
const maxPlaces = 64

// maxSought bounds the words of a value that is looked for.
const maxSought = 500

// wordsOf returns the numbers of the words of a value. It is false when the
// document lacks one of them, or the value has none or too many.
func (x *index) wordsOf(value string) ([]int32, bool) {
	var ids []int32
	known := true
	eachWord(value, func(start, end int) {
		if !known || len(ids) == maxSought {
			known = false
			return
		}
		id, ok := x.ids[literal.Fold(value[start:end])]
		known = known && ok
		ids = append(ids, id)
	})
	return ids, known && len(ids) > 0
}

// phrase finds the places where the words stand one after another.
func (x *index) phrase(ids []int32) []spot {
	var found []spot
	for _, p := range x.first[ids[0]] {
		words := x.words[p.page]
		if x.work < 0 {
			break
		}
		if p.word+len(ids) > len(words) || !x.same(words[p.word:p.word+len(ids)], ids) {
			continue
		}
		s := x.spots[p.page]
		if place := (spot{p.page, s[p.word].start, s[p.word+len(ids)-1].end}); !x.cuts(place) {
			found = append(found, place)
		}
		if len(found) == maxPlaces {
			break
		}
	}
	return found
}

func (x *index) same(a, b []int32) bool {
	for i := range a {
		if x.work--; x.work < 0 || a[i] != b[i] {
			return false
		}
	}
	return true
}

// maxScatter is how many foreign words may stand between those of a value that
// runs over several lines beside another column.
const maxScatter = 80

// scattered finds a place where the words stand in order with others between.
// Two of them must have letters: numbers in any order stand in every document.
func (x *index) scattered(ids []int32) []spot {
	spelt := 0
	for _, id := range ids {
		if strings.ContainsFunc(x.known[id], unicode.IsLetter) {
			spelt++
		}
	}
	if spelt < 2 {
		return nil
	}
	for _, p := range x.first[ids[0]] {
		words := x.words[p.page]
		limit := min(len(words), p.word+len(ids)+maxScatter)
		next, last := 0, p.word
		for i := p.word; i < limit && next < len(ids); i++ {
			if x.work--; x.work < 0 {
				return nil
			}
			if words[i] == ids[next] {
				next, last = next+1, i
			}
		}
		if next == len(ids) {
			s := x.spots[p.page]
			return []spot{{p.page, s[p.word].start, s[last].end}}
		}
	}
	return nil
}

// minSqueezed is the least length of an identifier that is found although its
// spacing differs: "DE02120300000000202051" for "DE02 1203 0000 …".
const minSqueezed = 8

// squeezed finds the places where words written together give the value's
// words written together.
func (x *index) squeezed(value string) []spot {
	var want []byte
	digits := false
	eachWord(value, func(start, end int) { want = append(want, literal.Fold(value[start:end])...) })
	for _, c := range want {
		digits = digits || '0' <= c && c <= '9'
	}
	if len(want) < minSqueezed || len(want) > 64 || !digits {
		return nil
	}
	for page := range x.pages {
		for w := range x.words[page] {
			if x.work--; x.work < 0 {
				return nil
			}
			if end, ok := x.spells(page, w, string(want)); ok {
				s := x.spots[page]
				if place := (spot{page, s[w].start, s[end].end}); !x.cuts(place) {
					return []spot{place}
				}
			}
		}
	}
	return nil
}

// spells reports whether the words from w on, on one line, spell want.
func (x *index) spells(page, w int, want string) (last int, ok bool) {
	text, s := x.pages[page].Text, x.spots[page]
	for i := w; i < len(s); i++ {
		if i > w && !closeBy(text[s[i-1].end:s[i].start]) {
			return 0, false
		}
		word := x.known[x.words[page][i]]
		if len(word) > len(want) || want[:len(word)] != word {
			return 0, false
		}
		if want = want[len(word):]; want == "" {
			return i, true
		}
	}
	return 0, false
}

// closeBy reports whether nothing but a narrow gap on the line parts two words.
func closeBy(gap string) bool { return len(gap) <= 4 && !strings.Contains(gap, "\n") }
