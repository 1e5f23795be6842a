package document_test

import (
	"context"
	"errors"
	"fmt"
	"os"

	"github.com/sluicehq/sluice/internal/document"
	"github.com/sluicehq/sluice/internal/document/pdftest"
)

// A program that parses PDFs calls RunChild first in its main function:
//
//	if len(os.Args) == 2 && os.Args[1] == document.ChildArg {
//		os.Exit(document.RunChild(context.Background(), os.Stdin, os.Stdout))
//	}
func Example() {
	ctx := context.Background()
	pool, err := document.NewPool(document.Config{CacheDir: cacheDir, Limits: testLimits()})
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		return
	}
	defer pool.Close()

	text, err := pool.Parse(ctx, pdftest.Build(pdftest.Lines("Item\tNet", "Apples\t12,50", "Pears\t3,00")))
	fmt.Print(text.Pages[0].Text)
	fmt.Println(len(text.Pages[0].Words), "words", err)

	_, err = pool.Parse(ctx, pdftest.BuildEncrypted("user", "owner", pdftest.Lines("Secret")))
	if fault, ok := errors.AsType[*document.Fault](err); ok {
		fmt.Println(fault.Class)
	}
	// Output:
	// Item                               Net
	// Apples                             12,50
	// Pears                              3,00
	// 6 words <nil>
	// encrypted
}
