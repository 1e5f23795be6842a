package literal

import (
	"strings"
	"unicode"

	"golang.org/x/text/unicode/norm"
)

// months names the months in English, German, French, Spanish, Dutch, Italian
// and Portuguese, folded. No name means different months in two of them.
var months = map[string]int{
	"january": 1, "jan": 1, "januar": 1, "janner": 1, "jaenner": 1, "janvier": 1, "janv": 1, "enero": 1, "ene": 1, "januari": 1, "gennaio": 1, "gen": 1, "janeiro": 1,
	"february": 2, "feb": 2, "februar": 2, "fevrier": 2, "fevr": 2, "fev": 2, "febrero": 2, "februari": 2, "febbraio": 2, "febb": 2, "fevereiro": 2,
	"march": 3, "mar": 3, "marz": 3, "maerz": 3, "mrz": 3, "mars": 3, "marzo": 3, "maart": 3, "mrt": 3, "marco": 3,
	"april": 4, "apr": 4, "avril": 4, "avr": 4, "abril": 4, "abr": 4, "aprile": 4,
	"may": 5, "mai": 5, "mayo": 5, "mei": 5, "maggio": 5, "mag": 5, "maio": 5,
	"june": 6, "jun": 6, "juni": 6, "juin": 6, "junio": 6, "giugno": 6, "giu": 6, "junho": 6,
	"july": 7, "jul": 7, "juli": 7, "juillet": 7, "juil": 7, "julio": 7, "luglio": 7, "lug": 7, "julho": 7,
	"august": 8, "aug": 8, "aout": 8, "agosto": 8, "ago": 8, "augustus": 8,
	"september": 9, "sep": 9, "sept": 9, "septembre": 9, "septiembre": 9, "setiembre": 9, "settembre": 9, "sett": 9, "setembro": 9,
	"october": 10, "oct": 10, "oktober": 10, "okt": 10, "octobre": 10, "octubre": 10, "ottobre": 10, "ott": 10, "outubro": 10,
	"november": 11, "nov": 11, "novembre": 11, "noviembre": 11, "novembro": 11,
	"december": 12, "dec": 12, "dezember": 12, "dez": 12, "decembre": 12, "diciembre": 12, "dic": 12, "dicembre": 12, "dezembro": 12,
}

// Fold is s in lower case without accents, for comparing words of European
// languages.
func Fold(s string) string {
	if isPlain(s) {
		return strings.ToLower(s)
	}
	return strings.Map(func(r rune) rune {
		if unicode.Is(unicode.Mn, r) {
			return -1
		}
		return r
	}, strings.ReplaceAll(norm.NFKD.String(strings.ToLower(s)), "ß", "ss"))
}

func isPlain(s string) bool {
	for i := range len(s) {
		if s[i] >= 0x80 {
			return false
		}
	}
	return true
}
