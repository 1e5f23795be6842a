package asynqjobs

import (
	"encoding/json"
	"fmt"
	"strings"

	"github.com/sluicehq/sluice/pkg/jobs"
)

// event is an event as it is stored. Its job is in its key, and its version is
// its place in the list.
type event struct {
	Type       jobs.EventType `json:"e"`
	At         stamp          `json:"a"`
	State      jobs.State     `json:"s"`
	Lane       uint8          `json:"l,omitempty"`
	Generation int            `json:"g"`
	Tier       int            `json:"t,omitempty"`
	Reason     string         `json:"r,omitempty"`
	Actor      string         `json:"w,omitempty"`
}

func encodeEvent(ev jobs.Event) (string, error) {
	return encode(event{
		Type: ev.Type, At: stampOf(ev.At), State: ev.State, Lane: uint8(ev.Lane), Generation: ev.Generation,
		Tier: ev.Tier, Reason: ev.Reason, Actor: ev.Actor,
	})
}

// decodeEvents reads a stretch of a history that begins with the version
// first. A started event is stored as its time and worker alone; for the rest
// it is as the event before it, than which it is not older.
func decodeEvents(list []string, id jobs.ID, tenant string, first int64) ([]jobs.Event, error) {
	events := make([]jobs.Event, 0, len(list))
	var last event
	for i, text := range list {
		if started, ok := strings.CutPrefix(text, "+"); ok {
			at, worker, _ := strings.Cut(started, " ")
			last.Type, last.At, last.State = jobs.EventStarted, max(last.At, stampOf(millis(at))), jobs.Running
			last.Reason, last.Actor = "", worker
		} else {
			last = event{}
			if err := json.Unmarshal([]byte(text), &last); err != nil {
				return nil, damaged(fmt.Sprintf("history of job %s", id), err)
			}
		}
		events = append(events, jobs.Event{
			Job: id, Tenant: tenant, Version: first + int64(i), Type: last.Type, At: last.At.time(), State: last.State,
			Lane: jobs.Lane(last.Lane), Generation: last.Generation, Tier: last.Tier, Reason: last.Reason, Actor: last.Actor,
		})
	}
	return events, nil
}
