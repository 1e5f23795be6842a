package document

import (
	"encoding/json"
	"fmt"
	"os"
	"os/exec"
	"runtime"
	"time"
)

// process is a child process and the pipes to it. One goroutine at a time
// talks to it.
type process struct {
	cmd    *exec.Cmd
	in     *os.File      // documents go here
	out    *os.File      // answers come from here
	exited chan struct{} // closed when the process is gone and waited for

	started   time.Time
	documents int     // handed to it so far
	bytes     int64   // of those documents
	cpu       float64 // seconds used, by its last answer
	taken     chan struct{}
}

// spawner starts processes on one thread of its own. A child asks the kernel
// to be killed when the thread that started it ends, and Go ends threads when
// it likes; this one lives until the pool is closed.
type spawner struct {
	requests chan *exec.Cmd
	results  chan error
}

func newSpawner() spawner {
	return spawner{requests: make(chan *exec.Cmd), results: make(chan error)}
}

func (s *spawner) run() {
	// The thread is given back when all children are gone, and does not end: it
	// may have started processes of others before.
	runtime.LockOSThread()
	defer runtime.UnlockOSThread()
	for cmd := range s.requests {
		s.results <- cmd.Start()
	}
}

// start starts cmd. Callers take turns.
func (s *spawner) start(cmd *exec.Cmd) error {
	s.requests <- cmd
	return <-s.results
}

// newProcess starts a child and sends it its settings; it is not ready yet.
// The caller waits for it.
func newProcess(s *spawner, argv []string, limits Limits) (*process, error) {
	childIn, in, err := os.Pipe()
	if err != nil {
		return nil, err
	}
	out, childOut, err := os.Pipe()
	if err != nil {
		closeAll(childIn, in)
		return nil, err
	}
	cmd := exec.Command(argv[0], argv[1:]...) //nolint:gosec,noctx // G204: the program itself, which its owner ends
	cmd.Env = childEnvironment(limits)
	cmd.Stdin, cmd.Stdout = childIn, childOut
	cmd.SysProcAttr = childAttributes()
	err = s.start(cmd)
	closeAll(childIn, childOut)
	if err != nil {
		closeAll(in, out)
		return nil, err
	}
	return &process{cmd: cmd, in: in, out: out, exited: make(chan struct{}), started: time.Now()}, nil
}

// childEnvironment is all a child gets: nothing of ours, which holds secrets.
// The runtime collects garbage harder as it nears three quarters of the memory
// limit; a second processor lets it do so while PDFium runs.
func childEnvironment(limits Limits) []string {
	return []string{
		"GOMAXPROCS=2",
		fmt.Sprintf("GOMEMLIMIT=%d", limits.MaxMemory/4*3),
		"GOTRACEBACK=none",
	}
}

func closeAll(files ...*os.File) {
	for _, f := range files {
		_ = f.Close()
	}
}

// greet sends the settings and waits until the child has loaded PDFium.
func (p *process) greet(h hello) error {
	payload, err := json.Marshal(h)
	if err != nil {
		return err
	}
	if err := writeFrame(p.in, frameHello, payload); err != nil {
		return err
	}
	_, err = readFrame(p.out, frameReady, 0)
	return err
}

// ask hands over a document and waits for the answer.
func (p *process) ask(data []byte, limits Limits) (answer, error) {
	p.documents++
	p.bytes += int64(len(data))
	if err := writeFrame(p.in, frameDocument, data); err != nil {
		return answer{}, err
	}
	payload, err := readFrame(p.out, frameAnswer, maxAnswer)
	if err != nil {
		return answer{}, err
	}
	a, err := decodeAnswer(payload, limits)
	p.cpu = a.CPU
	return a, err
}

// wait waits for the process to end.
func (p *process) wait() {
	_ = p.cmd.Wait() // how it ended says nothing that the pipes do not
	close(p.exited)
}

// kill ends the process now. A child keeps nothing that would be lost.
func (p *process) kill() { _ = p.cmd.Process.Kill() }

// alive reports whether the process has not ended yet.
func (p *process) alive() bool {
	select {
	case <-p.exited:
		return false
	default:
		return true
	}
}
