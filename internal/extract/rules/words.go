package rules

import (
	"strings"
	"unicode"

	"github.com/sluicehq/sluice/internal/extract/literal"
)

// words splits a label into folded words. "N°", "nº", "№" and "#" become "no",
// and letters joined by dots or spaced out become one word: "T.T.C.", "T O T A L".
func words(label string) []string {
	label = literal.Fold(strings.ReplaceAll(label, "#", " no "))
	label = strings.ReplaceAll(label, "n°", "no ")
	var list []string
	single := 0 // letters at the end of list that stand alone and touch
	for i, last := 0, -1; i < len(label); {
		start, end := nextWord(label, i)
		if start == end {
			break
		}
		w := label[start:end]
		joint := label[max(last, 0):start]
		switch {
		case len(w) != 1 || !unicode.IsLetter(rune(w[0])):
			single = 0
		case last >= 0 && single > 0 && (joint == "." || joint == " " || joint == ". "):
			single++
		default:
			single = 1
		}
		list = append(list, w)
		if single == 2 && joint == "." || single > 2 {
			list = mergeTail(list)
			if single == 2 {
				single = 3 // merged already; go on merging
			}
		}
		i, last = end, end
	}
	return list
}

// mergeTail joins the single letters at the end of list.
func mergeTail(list []string) []string {
	n := len(list) - 1
	if n >= 2 && len(list[n-1]) == 1 && len(list[n-2]) == 1 {
		return append(list[:n-2], list[n-2]+list[n-1]+list[n])
	}
	return append(list[:n-1], list[n-1]+list[n])
}

// nextWord finds the next run of letters and digits from i on.
func nextWord(s string, i int) (start, end int) {
	start, end = len(s), len(s)
	for j, r := range s[i:] {
		word := unicode.IsLetter(r) || unicode.IsDigit(r)
		if word && start == len(s) {
			start = i + j
		}
		if !word && start < len(s) {
			return start, i + j
		}
	}
	return start, end
}

// phrase is the words of a label joined by spaces.
func phrase(label string) string { return strings.Join(words(label), " ") }

func hasDigit(s string) bool { return strings.ContainsFunc(s, unicode.IsDigit) }

func hasLetter(s string) bool { return strings.ContainsFunc(s, unicode.IsLetter) }
