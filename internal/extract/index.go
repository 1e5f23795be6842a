package extract

import (
	"strings"
	"unicode"

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
	numbers, dates := make([][]literal.Number, len(text.Pages)), make([][]literal.Date, len(text.Pages))
	for i, p := range text.Pages {
		x.addWords(i, p.Text)
		numbers[i], dates[i] = literal.Numbers(p.Text, maxLiterals), literal.Dates(p.Text, maxLiterals)
	}
	h := habitsOf(text.Pages, numbers, dates)
	for i, p := range text.Pages {
		x.addNumbers(i, p.Text, numbers[i], h)
		x.addDates(i, dates[i], h)
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
