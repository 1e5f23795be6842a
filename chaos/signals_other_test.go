//go:build !unix

package chaos_test

// pause fails: there is no signal that stops a process.
func (p *program) pause() { p.t.Fatal("a process cannot be paused here") }

// resume is described at pause.
func (p *program) resume() {}
