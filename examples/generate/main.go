// Generate writes the PDF files among the examples. Run it from the root of the
// repository:
//
//	go run ./examples/generate
//
// It needs nothing but the standard library and writes the same bytes every
// time. The text files beside them are written by hand.
package main

import (
	"flag"
	"fmt"
	"os"
	"path/filepath"
)

func main() {
	dir := flag.String("dir", "examples", "folder to write to")
	flag.Parse()
	if err := run(*dir); err != nil {
		fmt.Fprintln(os.Stderr, "generate:", err)
		os.Exit(1)
	}
}

func run(dir string) error {
	for name, content := range files() {
		if err := os.WriteFile(filepath.Join(dir, name), content, 0o644); err != nil {
			return err
		}
	}
	return nil
}

// files returns the content of every generated file by name.
func files() map[string][]byte {
	out := map[string][]byte{}
	for _, v := range documents() {
		out[v.file] = v.pdf()
	}
	out["broken.pdf"] = broken(stationer().pdf())
	return out
}
