package document

import (
	"fmt"
	"time"
)

// Limits bound what one document may be and cost. The zero value takes every
// default.
type Limits struct {
	// MaxBytes bounds the size of the document. Default 20 MiB.
	MaxBytes int64 `json:"max_bytes"`
	// MaxPages bounds the pages. Default 100.
	MaxPages int `json:"max_pages"`
	// MaxText bounds the rendered text of all pages in bytes. Default 5 MiB.
	MaxText int `json:"max_text"`
	// Timeout bounds the wall time of parsing, waiting for a child not
	// counted. Default 20 s.
	Timeout time.Duration `json:"timeout"`
	// MaxMemory bounds the resident memory of a child while it parses, in
	// bytes. Default 256 MiB. It is watched on Linux only.
	MaxMemory int64 `json:"max_memory"`
	// MemoryPages bounds PDFium's own memory, in WebAssembly pages of 64 KiB.
	// Default 2048 (128 MiB); growing it needs the old and the new memory at
	// once, so more would run into MaxMemory first.
	MemoryPages int `json:"memory_pages"`
}

const (
	defaultMaxBytes    = 20 << 20
	defaultMaxPages    = 100
	defaultMaxText     = 5 << 20
	defaultTimeout     = 20 * time.Second
	defaultMaxMemory   = 256 << 20
	defaultMemoryPages = 2048

	// PDFium alone starts with 256 pages of memory, and 32-bit WebAssembly
	// ends at 65,536.
	minMemoryPages = 512
	maxMemoryPages = 65536
	// A child that has loaded PDFium and parsed nothing needs about 60 MiB.
	minMaxMemory = 96 << 20
	// Answers and documents travel in frames with a 32-bit length.
	maxMaxBytes = 1 << 30
	maxMaxText  = 16 << 20
	maxMaxPages = 10_000
)

// WithDefaults returns a copy in which zero fields have their default.
func (l Limits) WithDefaults() Limits {
	if l.MaxBytes == 0 {
		l.MaxBytes = defaultMaxBytes
	}
	if l.MaxPages == 0 {
		l.MaxPages = defaultMaxPages
	}
	if l.MaxText == 0 {
		l.MaxText = defaultMaxText
	}
	if l.Timeout == 0 {
		l.Timeout = defaultTimeout
	}
	if l.MaxMemory == 0 {
		l.MaxMemory = defaultMaxMemory
	}
	if l.MemoryPages == 0 {
		l.MemoryPages = defaultMemoryPages
	}
	return l
}

func (l Limits) validate() error {
	checks := []struct {
		field         string
		got, min, max int64
	}{
		{"MaxBytes", l.MaxBytes, 1, maxMaxBytes},
		{"MaxPages", int64(l.MaxPages), 1, maxMaxPages},
		{"MaxText", int64(l.MaxText), 1, maxMaxText},
		{"Timeout", int64(l.Timeout), int64(time.Millisecond), int64(time.Hour)},
		{"MaxMemory", l.MaxMemory, minMaxMemory, 1 << 40},
		{"MemoryPages", int64(l.MemoryPages), minMemoryPages, maxMemoryPages},
	}
	for _, c := range checks {
		if c.got < c.min || c.got > c.max {
			return fmt.Errorf("document limit %s is %d, must be %d to %d", c.field, c.got, c.min, c.max)
		}
	}
	return nil
}
