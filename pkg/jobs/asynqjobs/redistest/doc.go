// Package redistest runs real servers for tests: redis-server, redis-sentinel
// and nats-server, as processes on free loopback ports. Each ends with the test
// that started it. They can be killed, started again on the same directory and
// port, and paused.
//
// redis-server has to be on the PATH; `make test` puts it there where it may. A
// test without it fails and says so, for a test that skips proves nothing.
// nats-server is built from the module that this project depends on anyway.
package redistest
