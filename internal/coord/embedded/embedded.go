// Package embedded runs a NATS server inside the process, so that one binary
// is a whole system. By default it opens no port.
package embedded

import (
	"errors"
	"fmt"
	"net"
	"strconv"
	"time"

	"github.com/nats-io/nats-server/v2/server"
)

// readyWithin is how long the server may take to come up.
const readyWithin = 5 * time.Second

// Server is a NATS server without JetStream inside this process. It is an
// in-process connection provider for nats.go.
type Server struct{ *server.Server }

// Start runs a server. With an empty listen address it opens no port and is
// reached in-process only; else listen is "host:port".
func Start(listen string) (*Server, error) {
	opts, err := options(listen)
	if err != nil {
		return nil, err
	}
	s, err := server.NewServer(opts)
	if err != nil {
		return nil, fmt.Errorf("set up the embedded NATS server: %w", err)
	}
	s.Start()
	if !s.ReadyForConnections(readyWithin) {
		s.Shutdown()
		return nil, fmt.Errorf("start the embedded NATS server on %q: not ready within %s", listen, readyWithin)
	}
	return &Server{s}, nil
}

func options(listen string) (*server.Options, error) {
	opts := &server.Options{
		ServerName: "sluice",
		DontListen: listen == "",
		NoLog:      true,
		NoSigs:     true,
		MaxPayload: 1 << 20,
		// Nothing is written to disk and no other port is opened.
		JetStream: false,
	}
	if listen == "" {
		return opts, nil
	}
	host, port, err := net.SplitHostPort(listen)
	if err != nil {
		return nil, fmt.Errorf("NATS listen address: %w", err)
	}
	// The server does not say why it cannot listen, so ask first.
	probe, err := net.Listen("tcp", listen)
	if err != nil {
		return nil, fmt.Errorf("NATS listen address: %w", err)
	}
	if err := probe.Close(); err != nil {
		return nil, fmt.Errorf("NATS listen address: %w", err)
	}
	opts.Host = host
	if opts.Port, err = strconv.Atoi(port); err != nil || opts.Port < 1 || opts.Port > 65535 {
		return nil, errors.New("NATS listen address: the port must be a number from 1 to 65535")
	}
	return opts, nil
}

// Close stops the server and waits for it.
func (s *Server) Close() {
	s.Shutdown()
	s.WaitForShutdown()
}
