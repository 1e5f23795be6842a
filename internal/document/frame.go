package document

import (
	"encoding/binary"
	"encoding/json"
	"errors"
	"fmt"
	"io"
)

// Parent and child talk in frames: one byte of kind, four bytes of length (big
// endian), the payload. The parent sends one hello and then documents, one at
// a time; the child answers ready and then one answer each.
const (
	frameHello    = 'H' // JSON of hello
	frameReady    = 'R' // nothing
	frameDocument = 'D' // the bytes of a document
	frameAnswer   = 'A' // JSON of answer
)

const (
	frameHeader = 5
	// maxHello bounds the settings a child reads.
	maxHello = 64 << 10
	// maxAnswer bounds an answer. The largest one has maxWords positions of
	// 100 bytes and twice maxMaxText, for a character may need an escape.
	maxAnswer = 64 << 20
)

// hello is what a child needs to know, sent instead of environment variables.
type hello struct {
	CacheDir string `json:"cache_dir"`
	Limits   Limits `json:"limits"`
	// CPUSeconds bounds the processor time of the child's whole life.
	CPUSeconds uint64 `json:"cpu_seconds"`
}

// answer is what became of one document: exactly one of the first three.
type answer struct {
	Text  *Text  `json:"text,omitempty"`
	Fault *Fault `json:"fault,omitempty"`
	// Unable: the child could not even try, for no fault of the document.
	Unable bool `json:"unable,omitempty"`
	// Broken asks the parent to replace the child.
	Broken bool `json:"broken,omitempty"`
	// CPU is the processor time the child has used so far, in seconds.
	CPU float64 `json:"cpu"`
}

// errProtocol marks bytes that are no frame or no valid answer.
var errProtocol = errors.New("document child protocol")

func writeFrame(w io.Writer, kind byte, payload []byte) error {
	header := make([]byte, frameHeader)
	header[0] = kind
	binary.BigEndian.PutUint32(header[1:], uint32(len(payload)))
	if _, err := w.Write(header); err != nil {
		return fmt.Errorf("write frame: %w", err)
	}
	if _, err := w.Write(payload); err != nil {
		return fmt.Errorf("write frame: %w", err)
	}
	return nil
}

// readFrame reads a frame that must be of the given kind and no longer than
// limit. It returns io.EOF when the other side closed between frames.
func readFrame(r io.Reader, kind byte, limit int64) ([]byte, error) {
	header := make([]byte, frameHeader)
	if _, err := io.ReadFull(r, header); err != nil {
		return nil, err
	}
	size := int64(binary.BigEndian.Uint32(header[1:]))
	if header[0] != kind || size > limit {
		return nil, fmt.Errorf("%w: frame %#x of %d bytes", errProtocol, header[0], size)
	}
	payload, err := io.ReadAll(io.LimitReader(r, size))
	if err != nil {
		return nil, fmt.Errorf("read frame: %w", err)
	}
	if int64(len(payload)) < size {
		return nil, fmt.Errorf("read frame: %w", io.ErrUnexpectedEOF)
	}
	return payload, nil
}

// decodeAnswer reads an answer and checks everything the pool promises about a
// text, because the child has touched hostile bytes.
func decodeAnswer(payload []byte, limits Limits) (answer, error) {
	var a answer
	if err := json.Unmarshal(payload, &a); err != nil {
		return answer{}, fmt.Errorf("%w: %w", errProtocol, err)
	}
	outcomes := 0
	for _, has := range []bool{a.Text != nil, a.Fault != nil, a.Unable} {
		if has {
			outcomes++
		}
	}
	switch {
	case outcomes != 1:
		return answer{}, fmt.Errorf("%w: answer with %d outcomes", errProtocol, outcomes)
	case a.Fault != nil && !knownClass(a.Fault.Class):
		return answer{}, fmt.Errorf("%w: unknown fault class", errProtocol)
	case a.Text != nil && !soundText(a.Text, limits):
		return answer{}, fmt.Errorf("%w: text breaks its own rules", errProtocol)
	}
	return a, nil
}

func knownClass(class string) bool {
	switch class {
	case ClassEmpty, ClassTooLarge, ClassTooManyPages, ClassUnsupportedType,
		ClassEncrypted, ClassCorrupt, ClassTimeout, ClassNeedsOCR:
		return true
	}
	return false
}

// soundText reports whether pages are numbered, words lie in their page's text
// in order, and limits are kept. JSON decoding has made the text valid UTF-8.
func soundText(t *Text, limits Limits) bool {
	if len(t.Pages) == 0 || len(t.Pages) > limits.MaxPages {
		return false
	}
	size := 0
	for i, p := range t.Pages {
		size += len(p.Text)
		if p.Number != i+1 || size > limits.MaxText || !soundWords(p) {
			return false
		}
	}
	return true
}

func soundWords(p Page) bool {
	end := 0
	for _, w := range p.Words {
		if w.Start < end || w.End <= w.Start || w.End > len(p.Text) || !soundBox(w.Box) {
			return false
		}
		end = w.End
	}
	return true
}

func soundBox(b Box) bool {
	return b.X0 >= 0 && b.X0 <= b.X1 && b.X1 <= 1 && b.Y0 >= 0 && b.Y0 <= b.Y1 && b.Y1 <= 1
}
