package schema

import (
	"fmt"
	"maps"
	"slices"

	"github.com/santhosh-tekuri/jsonschema/v6"

	"github.com/sluicehq/sluice/internal/strictjson"
)

// maxCost bounds how many subschemas may be evaluated on one path through a
// value. A plain schema needs one a level; two alternatives that both recurse
// double it on every level.
const maxCost = 500

// checkCost refuses schemas whose validation could take exponential time, and
// references that go round in a circle without entering the value.
func checkCost(root *jsonschema.Schema) error {
	c := costs{memo: map[costKey]int{}, open: map[*jsonschema.Schema]bool{}}
	total := c.of(root, strictjson.DefaultDepth)
	if c.loop != nil {
		return &Error{Pointer: fragment(c.loop.Location), Message: "the reference refers to itself without end"}
	}
	if total > maxCost {
		return &Error{Message: fmt.Sprintf("alternatives and references nest too deeply: validation would take more than %d steps on one value", maxCost)}
	}
	return nil
}

type costKey struct {
	schema *jsonschema.Schema
	depth  int
}

// costs computes an upper bound by dynamic programming: what a schema costs at
// a value with so many levels below it.
type costs struct {
	memo map[costKey]int
	open map[*jsonschema.Schema]bool // being expanded at the same place of the value
	loop *jsonschema.Schema          // set when a schema was found in its own expansion
}

func (c *costs) of(s *jsonschema.Schema, depth int) int {
	if s == nil || c.loop != nil {
		return 0
	}
	key := costKey{s, depth}
	if cost, ok := c.memo[key]; ok {
		return cost
	}
	if c.open[s] {
		c.loop = s
		return 0
	}
	c.open[s] = true
	own, below := c.expand(s, depth)
	delete(c.open, s)
	cost := own
	if depth > 0 {
		cost = saturate(own + c.deepest(below, depth-1))
	}
	c.memo[key] = cost
	return cost
}

// expand counts the evaluations at the same place of the value and collects
// the schemas for the places below, by property name. The name "" stands for
// every property or item.
func (c *costs) expand(s *jsonschema.Schema, depth int) (own int, below map[string][]*jsonschema.Schema) {
	own = 1
	below = children(s)
	for _, same := range inPlace(s) {
		own = saturate(own + c.of(same, depth))
	}
	return own, below
}

// deepest is the cost of the most expensive place below.
func (c *costs) deepest(below map[string][]*jsonschema.Schema, depth int) int {
	open := c.open
	c.open = map[*jsonschema.Schema]bool{} // recursion through the value is fine
	defer func() { c.open = open }()
	every := c.sum(below[""], depth)
	most := every
	for _, name := range slices.Sorted(maps.Keys(below)) {
		if name != "" {
			most = max(most, saturate(every+c.sum(below[name], depth)))
		}
	}
	return most
}

func (c *costs) sum(list []*jsonschema.Schema, depth int) int {
	total := 0
	for _, s := range list {
		total = saturate(total + c.of(s, depth))
	}
	return total
}

func saturate(n int) int { return min(n, maxCost+1) }

// inPlace lists the subschemas that apply to the same value.
func inPlace(s *jsonschema.Schema) []*jsonschema.Schema {
	list := []*jsonschema.Schema{s.Ref, s.Not, s.If, s.Then, s.Else}
	list = append(list, s.AllOf...)
	list = append(list, s.AnyOf...)
	list = append(list, s.OneOf...)
	for _, name := range slices.Sorted(maps.Keys(s.DependentSchemas)) {
		list = append(list, s.DependentSchemas[name])
	}
	return slices.DeleteFunc(list, func(s *jsonschema.Schema) bool { return s == nil })
}

// children lists the subschemas that apply to members and items.
func children(s *jsonschema.Schema) map[string][]*jsonschema.Schema {
	below := map[string][]*jsonschema.Schema{}
	for name, p := range s.Properties {
		below["."+name] = append(below["."+name], p)
	}
	every := []*jsonschema.Schema{s.PropertyNames, s.UnevaluatedProperties, s.Items2020, s.Contains, s.UnevaluatedItems}
	if extra, ok := s.AdditionalProperties.(*jsonschema.Schema); ok {
		below["+"] = []*jsonschema.Schema{extra} // only where no name matches
	}
	for _, p := range s.PatternProperties {
		every = append(every, p)
	}
	every = append(every, s.PrefixItems...)
	if every = slices.DeleteFunc(every, func(s *jsonschema.Schema) bool { return s == nil }); len(every) > 0 {
		below[""] = every
	}
	return below
}
