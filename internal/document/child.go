package document

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"io"
	"runtime"
	"runtime/debug"
)

// ChildArg is the command line argument with which a program that uses a
// [Pool] starts itself as a child; see [RunChild].
const ChildArg = "__parse-document"

// Exit codes of a child, for whoever looks at the process.
const (
	childDone    = 0 // the parent is gone or wants no more
	childSetup   = 3 // PDFium did not load
	childWrong   = 4 // what came in was not the protocol
	childOutGone = 5 // nobody reads the answers
)

// RunChild is the whole life of a child process: it parses the documents that
// come in and answers on out, until in ends. It returns the exit code. The
// main function of a program calls it before anything else:
//
//	if len(os.Args) == 2 && os.Args[1] == document.ChildArg {
//		os.Exit(document.RunChild(context.Background(), os.Stdin, os.Stdout))
//	}
//
// It puts limits on the whole process, so it must not run in any other.
func RunChild(ctx context.Context, in io.Reader, out io.Writer) int {
	payload, err := readFrame(in, frameHello, maxHello)
	var h hello
	if err != nil || json.Unmarshal(payload, &h) != nil || h.Limits.validate() != nil {
		return childWrong
	}
	limitStart(h.CPUSeconds)
	engine, err := newEngine(h.CacheDir, h.Limits.MemoryPages, nil)
	if err != nil {
		return childSetup
	}
	defer engine.close()
	limitRunning()
	debug.FreeOSMemory() // a compilation leaves 200 MB of garbage
	if writeFrame(out, frameReady, nil) != nil {
		return childOutGone
	}
	return serve(ctx, engine, h.Limits, in, out)
}

// serve answers documents until in ends. The end is noticed during a document
// too: a child never outlives its parent by more than the time a signal takes.
func serve(ctx context.Context, engine *engine, limits Limits, in io.Reader, out io.Writer) int {
	documents, ended := make(chan []byte), make(chan int, 1)
	go func() { // ends with the process
		for {
			data, err := readFrame(in, frameDocument, limits.MaxBytes)
			if errors.Is(err, io.EOF) {
				ended <- childDone
				return
			}
			if err != nil {
				ended <- childWrong
				return
			}
			documents <- data
		}
	}()
	answered := make(chan error, 1)
	for {
		select {
		case <-ctx.Done():
			return childDone
		case code := <-ended:
			return code
		case data := <-documents:
			go func() { answered <- reply(ctx, engine, limits, data, out) }() // as above
		case err := <-answered:
			if err != nil {
				return childOutGone
			}
		}
	}
}

// reply parses one document and writes the answer.
func reply(ctx context.Context, engine *engine, limits Limits, data []byte, out io.Writer) error {
	a := parse(ctx, engine, limits, data)
	a.CPU = cpuTime().Seconds()
	var payload bytes.Buffer
	encoder := json.NewEncoder(&payload)
	encoder.SetEscapeHTML(false) // it would make six bytes of one
	if err := encoder.Encode(a); err != nil {
		return err
	}
	if err := writeFrame(out, frameAnswer, payload.Bytes()); err != nil {
		return err
	}
	tidy()
	return nil
}

// tidy gives memory back after a large document, so that it is not counted
// against the next one.
func tidy() {
	const large = 96 << 20
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	if m.HeapSys-m.HeapReleased > large {
		debug.FreeOSMemory()
	}
}

// parse reads a document through a guest of its own.
func parse(ctx context.Context, engine *engine, limits Limits, data []byte) (a answer) {
	defer func() {
		if recover() != nil {
			a = answer{Fault: &Fault{Class: ClassCorrupt, Detail: "the parser crashed on this document"}, Broken: true}
		}
	}()
	guest, err := engine.open(ctx)
	if err != nil {
		return answer{Unable: true, Broken: true}
	}
	defer guest.close()
	text, err := parsePDF(ctx, guest, data, limits)
	if err == nil {
		return answer{Text: &text}
	}
	if fault, ok := errors.AsType[*Fault](err); ok {
		return answer{Fault: fault, Broken: guest.trapped}
	}
	return answer{Unable: true, Broken: true}
}
