//go:build linux

package httpload

import (
	"bufio"
	"strings"
)

// ReadAnswer reads an answer from text.
func ReadAnswer(text string) (status int, body []byte, err error) {
	return readAnswer(bufio.NewReader(strings.NewReader(text)))
}
