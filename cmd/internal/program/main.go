package program

import (
	"context"
	"os"
	"os/signal"
	"syscall"

	"github.com/sluicehq/sluice/internal/document"
)

// Main is the main function of a server. It does not return. The first signal
// asks the server to stop, and the second ends the process at once.
func Main(p Program) {
	if len(os.Args) == 2 && os.Args[1] == document.ChildArg {
		os.Exit(document.RunChild(context.Background(), os.Stdin, os.Stdout))
	}
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	go func() {
		<-ctx.Done()
		stop()
	}()
	os.Exit(p.Run(ctx, os.Args[1:], os.Environ(), os.Stdout, os.Stderr))
}
