package jobs

import "fmt"

// Lane is a priority class of work. Lanes share the slots by weight, so a
// higher lane goes first more often but a lower one is never starved.
type Lane uint8

// The four lanes, most urgent first. The order is the order in which a tie
// between lanes is broken and the order in which overload sheds last.
const (
	Critical Lane = iota
	Interactive
	Standard
	Batch
)

// NumLanes is the number of lanes; arrays indexed by [Lane] have this length.
const NumLanes = 4

// Lanes lists all lanes, most urgent first.
func Lanes() [NumLanes]Lane { return [NumLanes]Lane{Critical, Interactive, Standard, Batch} }

// String is the lane's name as users write it.
func (l Lane) String() string {
	switch l {
	case Critical:
		return "critical"
	case Interactive:
		return "interactive"
	case Standard:
		return "standard"
	case Batch:
		return "batch"
	default:
		return fmt.Sprintf("lane(%d)", uint8(l))
	}
}

// Valid reports whether l is one of the four lanes.
func (l Lane) Valid() bool { return l < NumLanes }

// ParseLane reads a lane's name. An unknown name gives an error that wraps
// [ErrInvalid] and lists the names.
func ParseLane(s string) (Lane, error) {
	for _, l := range Lanes() {
		if l.String() == s {
			return l, nil
		}
	}
	return 0, fmt.Errorf("%w: lane %.32q is not one of critical, interactive, standard, batch", ErrInvalid, s)
}

// MarshalText writes the lane's name.
func (l Lane) MarshalText() ([]byte, error) {
	if !l.Valid() {
		return nil, fmt.Errorf("%w: %s", ErrInvalid, l)
	}
	return []byte(l.String()), nil
}

// UnmarshalText reads the lane's name.
func (l *Lane) UnmarshalText(b []byte) error {
	v, err := ParseLane(string(b))
	if err != nil {
		return err
	}
	*l = v
	return nil
}
