package modelsim

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log"
	"net"
	"net/http"
	"sync"
	"time"
)

// Endpoint is a [Server] that can be reached. Close it when done.
type Endpoint struct {
	base   string
	dial   func(context.Context) (net.Conn, error)
	http   *http.Server
	trans  *http.Transport
	accept sync.WaitGroup // the accepting goroutine
	conns  sync.WaitGroup // a count for each connection
}

// Listen serves s on a TCP address until Close; an empty addr is a free port on
// 127.0.0.1.
func (s *Server) Listen(addr string) (*Endpoint, error) {
	if addr == "" {
		addr = "127.0.0.1:0"
	}
	l, err := net.Listen("tcp", addr)
	if err != nil {
		return nil, fmt.Errorf("listen on %s for the model simulator: %w", addr, err)
	}
	at := l.Addr().String()
	dial := func(ctx context.Context) (net.Conn, error) {
		var d net.Dialer
		return d.DialContext(ctx, "tcp", at)
	}
	return s.serve(l, "http://"+at+"/v1", dial), nil
}

// Pipe serves s on connections in memory until Close. Inside a
// testing/synctest bubble they wait durably, so that time jumps over the
// simulator's delays; sockets do not. Use the endpoint's Client, or its Dial as
// the DialContext of a transport.
func (s *Server) Pipe() *Endpoint {
	l := &pipeListener{conns: make(chan net.Conn), closed: make(chan struct{})}
	return s.serve(l, "http://modelsim.invalid/v1", l.dial)
}

func (s *Server) serve(l net.Listener, base string, dial func(context.Context) (net.Conn, error)) *Endpoint {
	e := &Endpoint{base: base, dial: dial}
	e.trans = &http.Transport{DialContext: e.Dial}
	e.http = &http.Server{
		Handler:           s,
		ReadHeaderTimeout: time.Minute,
		ErrorLog:          log.New(io.Discard, "", 0),
		ConnState:         e.connState,
		ConnContext:       func(ctx context.Context, c net.Conn) context.Context { return context.WithValue(ctx, connKey{}, c) },
	}
	e.accept.Go(func() { _ = e.http.Serve(l) })
	return e
}

// connState counts the connections, so that Close can wait for their handlers.
func (e *Endpoint) connState(_ net.Conn, state http.ConnState) {
	switch state {
	case http.StateNew:
		e.conns.Add(1)
	case http.StateClosed:
		e.conns.Done()
	case http.StateActive, http.StateIdle, http.StateHijacked: // nothing hijacks
	}
}

// URL is the base URL as an OpenAI SDK takes it: it ends in /v1.
func (e *Endpoint) URL() string { return e.base }

// Dial connects to the endpoint, whatever the network and address say.
func (e *Endpoint) Dial(ctx context.Context, _, _ string) (net.Conn, error) { return e.dial(ctx) }

// Client returns a client that reaches the endpoint. Close closes its idle
// connections.
func (e *Endpoint) Client() *http.Client { return &http.Client{Transport: e.trans} }

// Close stops listening, ends all connections, hanging ones included, and waits
// for their handlers. It is safe to call twice. The error is always nil; it is
// there for io.Closer.
func (e *Endpoint) Close() error {
	_ = e.http.Close()
	e.accept.Wait()
	_ = e.http.Close() // for a connection that was being accepted just then
	e.trans.CloseIdleConnections()
	e.conns.Wait()
	return nil
}

// pipeListener hands out the server halves of pipes.
type pipeListener struct {
	conns  chan net.Conn
	closed chan struct{}
	once   sync.Once
}

func (l *pipeListener) Accept() (net.Conn, error) {
	select {
	case c := <-l.conns:
		return c, nil
	case <-l.closed:
		return nil, net.ErrClosed
	}
}

func (l *pipeListener) Close() error {
	l.once.Do(func() { close(l.closed) })
	return nil
}

func (l *pipeListener) Addr() net.Addr { return pipeAddr{} }

func (l *pipeListener) dial(ctx context.Context) (net.Conn, error) {
	client, server := net.Pipe()
	select {
	case l.conns <- server:
		return client, nil
	case <-l.closed:
		return nil, errors.Join(net.ErrClosed, client.Close(), server.Close())
	case <-ctx.Done():
		return nil, errors.Join(ctx.Err(), client.Close(), server.Close())
	}
}

type pipeAddr struct{}

func (pipeAddr) Network() string { return "pipe" }
func (pipeAddr) String() string  { return "modelsim.invalid" }
