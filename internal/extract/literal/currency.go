package literal

import (
	"strings"
	"unicode"
	"unicode/utf8"
)

// sign is one way to write a currency next to an amount.
type sign struct {
	text string
	code string // ISO 4217, or the sign itself where several currencies share it
}

// signs holds longer texts before their own prefixes. Codes that are also
// common English words (ALL, TOP, TRY, CUP, PEN) are left out: receipts are
// printed in capitals.
var signs = []sign{
	{"US$", "USD"}, {"AU$", "AUD"}, {"CA$", "CAD"}, {"SG$", "SGD"}, {"HK$", "HKD"}, {"NZ$", "NZD"},
	{"A$", "AUD"}, {"C$", "CAD"}, {"S$", "SGD"}, {"R$", "BRL"},
	{"€", "EUR"}, {"£", "GBP"}, {"₹", "INR"}, {"$", "$"}, {"¥", "¥"},
	{"zł", "PLN"}, {"Kč", "CZK"}, {"kr", "kr"}, {"Kr", "kr"},
	{"Rs.", "Rs"}, {"Rs", "Rs"}, {"RM", "MYR"}, {"Fr.", "CHF"}, {"SFr.", "CHF"},
	{"EUR", "EUR"}, {"Euro", "EUR"}, {"euro", "EUR"}, {"EURO", "EUR"}, {"euros", "EUR"}, {"Eur", "EUR"},
	{"USD", "USD"}, {"GBP", "GBP"}, {"CHF", "CHF"}, {"JPY", "JPY"}, {"CNY", "CNY"}, {"INR", "INR"},
	{"AUD", "AUD"}, {"CAD", "CAD"}, {"NZD", "NZD"}, {"SGD", "SGD"}, {"HKD", "HKD"}, {"MYR", "MYR"},
	{"SEK", "SEK"}, {"NOK", "NOK"}, {"DKK", "DKK"}, {"PLN", "PLN"}, {"CZK", "CZK"}, {"HUF", "HUF"},
	{"RON", "RON"}, {"BGN", "BGN"}, {"BRL", "BRL"}, {"MXN", "MXN"}, {"ZAR", "ZAR"}, {"AED", "AED"},
	{"SAR", "SAR"}, {"THB", "THB"}, {"IDR", "IDR"}, {"PHP", "PHP"}, {"KRW", "KRW"}, {"TWD", "TWD"},
	{"DEM", "DEM"},
}

// shared lists, for signs that several currencies use, which ones.
var shared = map[string]string{
	"$":  "USD AUD CAD NZD SGD HKD MXN TWD BBD BMD BSD JMD TTD CLP COP ARS",
	"kr": "SEK NOK DKK ISK",
	"Rs": "INR PKR LKR NPR MUR",
	"¥":  "JPY CNY",
}

// means reports whether a currency as Numbers gives it can be the ISO code.
func means(currency, code string) bool {
	return currency == code || strings.Contains(shared[currency], code)
}

// IsCurrencyCode reports whether code is a currency that this package reads.
func IsCurrencyCode(code string) bool {
	for _, s := range signs {
		if s.code == code && len(code) == 3 {
			return true
		}
	}
	for _, codes := range shared {
		if len(code) == 3 && strings.Contains(codes, code) {
			return true
		}
	}
	return false
}

// FindCurrency returns the byte span of a sign or code in text that stands for
// the ISO code, as a word of its own. Signs that several currencies share
// count.
func FindCurrency(text, code string) (start, end int, ok bool) {
	if code == "" {
		return 0, 0, false
	}
	if start, end, ok := findWord(text, code); ok {
		return start, end, true
	}
	for _, s := range signs {
		if !means(s.code, code) {
			continue
		}
		if start, end, ok := findWord(text, s.text); ok {
			return start, end, true
		}
	}
	return 0, 0, false
}

// findWord finds the first place where word stands alone: no letter touches
// its letters.
func findWord(text, word string) (start, end int, ok bool) {
	for from := 0; from <= len(text)-len(word); {
		i := strings.Index(text[from:], word)
		if i < 0 {
			return 0, 0, false
		}
		start, end := from+i, from+i+len(word)
		if standsAlone(text, start, end) {
			return start, end, true
		}
		from = end
	}
	return 0, 0, false
}

func standsAlone(text string, start, end int) bool {
	first, _ := utf8.DecodeRuneInString(text[start:])
	last, _ := utf8.DecodeLastRuneInString(text[:end])
	before, _ := utf8.DecodeLastRuneInString(text[:start])
	after, _ := utf8.DecodeRuneInString(text[end:])
	return !(unicode.IsLetter(first) && unicode.IsLetter(before)) &&
		!(unicode.IsLetter(last) && unicode.IsLetter(after))
}

// CurrencyWord returns the ISO code or shared sign that word is, if any.
func CurrencyWord(word string) (string, bool) {
	for _, s := range signs {
		if s.text == word {
			return s.code, true
		}
	}
	return "", false
}

// currencyAt reads a currency at the start of s, after at most one space, and
// returns the width of both.
func currencyAt(s string) (code string, width int) {
	trimmed := s[min(spaceLen(s), len(s)):]
	for _, c := range signs {
		if !strings.HasPrefix(trimmed, c.text) {
			continue
		}
		next, _ := utf8.DecodeRuneInString(trimmed[len(c.text):])
		last, _ := utf8.DecodeLastRuneInString(c.text)
		if unicode.IsLetter(next) && unicode.IsLetter(last) || unicode.IsDigit(next) {
			continue // "RMB", "EUR2": not this currency, or that of the next number
		}
		return c.code, len(s) - len(trimmed) + len(c.text)
	}
	return "", 0
}

// currencyBefore reads a currency at the end of s, before at most one space.
func currencyBefore(s string) (code string, width int) {
	trimmed := s
	if r, n := utf8.DecodeLastRuneInString(s); n > 0 && (r == ' ' || r == '\u00a0' || r == '\u202f') {
		trimmed = s[:len(s)-n]
	}
	for _, c := range signs {
		if !strings.HasSuffix(trimmed, c.text) {
			continue
		}
		before, _ := utf8.DecodeLastRuneInString(trimmed[:len(trimmed)-len(c.text)])
		first, _ := utf8.DecodeRuneInString(c.text)
		if unicode.IsLetter(before) && unicode.IsLetter(first) || unicode.IsDigit(before) {
			continue
		}
		return c.code, len(s) - len(trimmed) + len(c.text)
	}
	return "", 0
}
