package modelsim_test

import (
	"fmt"
	"io"
	"net/http"
	"strings"
	"time"

	"github.com/sluicehq/sluice/internal/modelsim"
)

// A provider that is overloaded once and then answers from the document.
func Example() {
	sim := modelsim.New(modelsim.Config{
		Rules: []modelsim.Rule{
			modelsim.Always(modelsim.Match{Model: "large", To: 1}, modelsim.Overloaded()),
		},
	})
	at, err := sim.Listen("")
	if err != nil {
		fmt.Println(err)
		return
	}
	defer at.Close()

	for range 2 {
		body := `{"model":"large","messages":[{"role":"user","content":"Invoice No: A-17\nTotal: EUR 1,184.00"}]}`
		res, err := at.Client().Post(at.URL()+"/chat/completions", "application/json", strings.NewReader(body))
		if err != nil {
			fmt.Println(err)
			return
		}
		answer, _ := io.ReadAll(res.Body)
		_ = res.Body.Close()
		fmt.Println(res.StatusCode, strings.Contains(string(answer), `\"total\":1184.00`))
	}
	for _, c := range sim.Calls() {
		fmt.Println(c.Number, c.Answer)
	}
	// Output:
	// 503 false
	// 200 true
	// 1 overloaded
	// 2 good
}

// Inside a testing/synctest bubble sockets would stop the clock; connections in
// memory let it run, so that a call that hangs for a minute takes no time. The
// body of this example is what stands inside synctest.Test.
func ExampleServer_Pipe() {
	sim := modelsim.New(modelsim.Config{
		Rules: []modelsim.Rule{modelsim.Always(modelsim.Match{}, modelsim.Hang())},
	})
	at := sim.Pipe()
	defer at.Close()

	client := at.Client()
	client.Timeout = 50 * time.Millisecond // a minute in a bubble
	body := strings.NewReader(`{"model":"large","messages":[{"role":"user","content":"Invoice"}]}`)
	_, err := client.Post(at.URL()+"/chat/completions", "application/json", body)
	fmt.Println(err != nil, http.StatusText(sim.Calls()[0].Status))
	// Output:
	// true OK
}
