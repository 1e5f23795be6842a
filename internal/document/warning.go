package document

import (
	"slices"
)

// Warnings of a [Text].
const (
	// warnPageTextCut: a page holds more characters or lines than are read.
	warnPageTextCut = "page_text_cut"
	// warnWordsCut: the positions of the last words are missing, not their text.
	warnWordsCut = "words_cut"
	// warnPageWithoutText: a page holds a picture and no text.
	warnPageWithoutText = "page_without_text"
	// warnTextOutsidePage: text that no reader sees was left out.
	warnTextOutsidePage = "text_outside_page"
	// warnCharactersReplaced: bytes that are no characters became U+FFFD.
	warnCharactersReplaced = "characters_replaced"
)

// warnings collects each warning once, in the order met.
type warnings struct{ names []string }

func (w *warnings) add(name string) {
	if slices.Contains(w.names, name) {
		return
	}
	w.names = append(w.names, name)
}

func (w *warnings) list() []string { return w.names }
