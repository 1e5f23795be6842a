package extract

import (
	"slices"
	"strconv"
	"strings"

	"github.com/sluicehq/sluice/internal/extract/schema"
)

// maxPruned bounds how many values without evidence are left out; an answer
// with more of them is no answer.
const maxPruned = 64

// prune leaves out the values at paths where the schema lets it: the value
// itself, else null in its place, else the item or object that it stands in.
// It changes data. It returns the pointers that it left out and those that it
// could not leave out, both sorted, with the indexes of the untouched answer.
func prune(s *schema.Schema, data map[string]any, paths [][]string) (gone, required []string) {
	if len(paths) > maxPruned {
		for _, p := range paths {
			required = append(required, pointerOf(p))
		}
		return nil, required
	}
	for _, path := range slices.Backward(paths) { // from the end, so that indexes stay right
		pointer := pointerOf(path)
		if slices.ContainsFunc(gone, func(g string) bool { return strings.HasPrefix(pointer+"/", g+"/") }) {
			continue
		}
		cut, ok := cutOne(s, data, path)
		if !ok {
			required = append(required, pointer)
			continue
		}
		gone = slices.DeleteFunc(gone, func(g string) bool { return strings.HasPrefix(g, cut+"/") })
		gone = append(gone, cut)
	}
	slices.Sort(gone)
	slices.Sort(required)
	return gone, required
}

// cutOne leaves out the smallest part around path that the schema can do
// without, and returns its pointer.
func cutOne(s *schema.Schema, data map[string]any, path []string) (string, bool) {
	for n := len(path); n > 0; n-- {
		if undo, ok := remove(data, path[:n]); ok {
			if len(s.Validate(data)) == 0 {
				return pointerOf(path[:n]), true
			}
			undo()
		}
		if undo, ok := replaceByNull(data, path[:n]); ok {
			if len(s.Validate(data)) == 0 {
				return pointerOf(path[:n]), true
			}
			undo()
		}
	}
	return "", false
}

// remove takes a member or an item out and returns how to put it back.
func remove(data map[string]any, path []string) (undo func(), ok bool) {
	parent, last := lookup(data, path[:len(path)-1]), path[len(path)-1]
	switch p := parent.(type) {
	case map[string]any:
		old, ok := p[last]
		delete(p, last)
		return func() { p[last] = old }, ok
	case []any:
		i, err := strconv.Atoi(last)
		if err != nil || i < 0 || i >= len(p) || len(path) < 2 {
			return nil, false
		}
		put := func(list []any) { set(data, path[:len(path)-1], list) }
		put(slices.Delete(slices.Clone(p), i, i+1))
		return func() { put(p) }, true
	}
	return nil, false
}

func replaceByNull(data map[string]any, path []string) (undo func(), ok bool) {
	old := lookup(data, path)
	if old == nil {
		return nil, false
	}
	set(data, path, nil)
	return func() { set(data, path, old) }, true
}

// lookup follows a path; nil when it leads nowhere.
func lookup(v any, path []string) any {
	for _, t := range path {
		switch p := v.(type) {
		case map[string]any:
			v = p[t]
		case []any:
			i, err := strconv.Atoi(t)
			if err != nil || i < 0 || i >= len(p) {
				return nil
			}
			v = p[i]
		default:
			return nil
		}
	}
	return v
}

// set puts a value at a path that exists.
func set(data map[string]any, path []string, value any) {
	switch p := lookup(data, path[:len(path)-1]).(type) {
	case map[string]any:
		p[path[len(path)-1]] = value
	case []any:
		if i, err := strconv.Atoi(path[len(path)-1]); err == nil && i >= 0 && i < len(p) {
			p[i] = value
		}
	}
}

// withoutNulls returns a copy without the members that are null.
func withoutNulls(v any) any {
	switch v := v.(type) {
	case map[string]any:
		object := map[string]any{}
		for k, m := range v {
			if m != nil {
				object[k] = withoutNulls(m)
			}
		}
		return object
	case []any:
		list := make([]any, len(v))
		for i, m := range v {
			list[i] = withoutNulls(m)
		}
		return list
	}
	return v
}
