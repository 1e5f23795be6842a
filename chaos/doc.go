// Package chaos kills, pauses and starves real processes and then judges their
// histories. `make test` runs each test short; `make chaos` runs it long.
package chaos
