package jobs

import "time"

// EventType names what happened to a job.
type EventType string

// The events. Each change of a job appends exactly one.
const (
	EventQueued      EventType = "queued"       // accepted
	EventStarted     EventType = "started"      // lent to a worker
	EventParked      EventType = "parked"       // waits for a time or a gate
	EventWoken       EventType = "woken"        // back in its queue after parking
	EventReleased    EventType = "released"     // given back by its worker
	EventLeaseEnded  EventType = "lease_ended"  // its worker was lost; back in its queue
	EventInReview    EventType = "in_review"    // waits for a person
	EventSucceeded   EventType = "succeeded"    //
	EventFailed      EventType = "failed"       //
	EventCancelAsked EventType = "cancel_asked" // a running job was told to stop
	EventCancelled   EventType = "cancelled"    //
	EventExpired     EventType = "expired"      // its deadline passed while it waited
	EventRequeued    EventType = "requeued"     // a new generation, by command
	EventSentBack    EventType = "sent_back"    // from review to a new generation
	EventMoved       EventType = "moved"        // to another lane
	EventClaimed     EventType = "claimed"      // a person took the review, or took it for longer
	EventDrafted     EventType = "drafted"      // a person saved unfinished work
	EventUnclaimed   EventType = "unclaimed"    // a person gave the review back
	EventErased      EventType = "erased"       // document and result were removed
)

// Event is one change of a job. Events are written in the commit of the change
// and numbered by the job's version, without gaps.
type Event struct {
	Job        ID        `json:"job"`
	Tenant     string    `json:"tenant"`
	Version    int64     `json:"version"`
	Type       EventType `json:"type"`
	At         time.Time `json:"at"`
	State      State     `json:"state"`
	Lane       Lane      `json:"lane"`
	Generation int       `json:"generation"`
	Tier       int       `json:"tier,omitempty"`
	// Reason is a word in a fixed vocabulary, or the free text of a command.
	Reason string `json:"reason,omitempty"`
	// Actor is the worker or the caller behind the change; empty when the
	// engine itself acted.
	Actor string `json:"actor,omitempty"`
}
