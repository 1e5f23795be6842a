package document_test

import (
	"context"
	"encoding/binary"
	"encoding/json"
	"fmt"
	"io"
	"os"
	"os/signal"
	"syscall"
	"time"

	"github.com/sluicehq/sluice/internal/document"
)

// badChildArg starts a child process that misbehaves in the way its suffix
// says, spoken to over the same pipes as a real one.
const badChildArg = "__bad-child-"

func runBadChild(mode string, args []string) int {
	switch mode {
	case "exits":
		return 7
	case "never-ready":
		select {}
	case "parent":
		return runOrphanMaker()
	}
	readFrame() // the settings
	writeFrame('R', nil)
	for n := 1; ; n++ {
		data := readFrame()
		if data == nil {
			return 0
		}
		misbehave(mode, args, n)
	}
}

// misbehave handles the n-th document.
func misbehave(mode string, args []string, n int) {
	switch mode {
	case "dies":
		os.Exit(9)
	case "dies-first": // the marker file says that one has died already
		if _, err := os.Stat(args[0]); err != nil {
			os.WriteFile(args[0], nil, 0o600)
			os.Exit(9)
		}
	case "hangs":
		select {}
	case "hogs":
		hog()
	case "hogs-second":
		if n == 2 {
			hog()
		}
	case "dies-second": // the first document waits until the named pipe opens
		if n == 2 {
			os.Exit(9)
		}
		os.Open(args[0])
	case "unable":
		writeFrame('A', []byte(`{"unable":true,"broken":true}`))
		return
	case "talks-nonsense":
		writeFrame('A', []byte(`{"text":{"pages":[{"number":1,"text":"ab","words":[{"s":1,"e":9}]}]}}`))
		return
	case "announces-4-GiB":
		os.Stdout.Write([]byte{'A', 0xff, 0xff, 0xff, 0xff})
		select {}
	case "deaf": // it neither reads on nor minds a hangup
		signal.Ignore(syscall.SIGHUP)
		answerText("fine")
		select {}
	case "shows-environment":
		answerText(os.Environ()...)
		return
	}
	answerText("fine")
}

// hog takes memory until it is stopped.
func hog() {
	var kept [][]byte
	for {
		block := make([]byte, 8<<20)
		for i := 0; i < len(block); i += 4096 {
			block[i] = 1
		}
		kept = append(kept, block)
		if len(kept) > 128 {
			os.Exit(1)
		}
	}
}

func answerText(pages ...string) {
	var text document.Text
	for i, p := range pages {
		text.Pages = append(text.Pages, document.Page{Number: i + 1, Text: p})
	}
	payload, err := json.Marshal(map[string]any{"text": text})
	if err != nil {
		os.Exit(8)
	}
	writeFrame('A', payload)
}

func writeFrame(kind byte, payload []byte) {
	header := binary.BigEndian.AppendUint32([]byte{kind}, uint32(len(payload)))
	os.Stdout.Write(append(header, payload...))
}

func readFrame() []byte {
	var header [5]byte
	if _, err := io.ReadFull(os.Stdin, header[:]); err != nil {
		return nil
	}
	payload := make([]byte, binary.BigEndian.Uint32(header[1:]))
	io.ReadFull(os.Stdin, payload)
	return payload
}

// runOrphanMaker parses one document, so that a child idles, says which one,
// and waits to be killed.
func runOrphanMaker() int {
	pool, err := document.NewPool(document.Config{
		Command: badChild("deaf"),
		Events: document.Events{
			ChildStarted: func(pid int, _ time.Duration) { fmt.Println(pid) },
		},
	})
	if err != nil {
		return 1
	}
	if _, err := pool.Parse(context.Background(), smallPDF()); err != nil {
		return 2
	}
	select {}
}
