package config

import (
	"errors"
	"fmt"
	"reflect"
	"slices"
	"strings"

	"github.com/go-viper/mapstructure/v2"
	"github.com/knadh/koanf/v2"
)

// strictDecoding decodes durations from texts such as "30s", numbers from the
// environment's strings, and refuses keys that no field has.
func strictDecoding(target any) koanf.UnmarshalConf {
	return koanf.UnmarshalConf{DecoderConfig: &mapstructure.DecoderConfig{
		DecodeHook:       mapstructure.StringToTimeDurationHookFunc(),
		Result:           target,
		TagName:          "koanf",
		WeaklyTypedInput: true,
		ErrorUnused:      true,
	}}
}

// KnownKeys lists the keys of all fields that are no lists, with dots.
func KnownKeys() []string {
	var keys []string
	walkFields(reflect.TypeFor[Config](), "", func(key string, t reflect.Type) {
		if t.Kind() != reflect.Slice {
			keys = append(keys, key)
		}
	})
	slices.Sort(keys)
	return keys
}

func walkFields(t reflect.Type, base string, visit func(key string, t reflect.Type)) {
	for f := range t.Fields() {
		key := base + f.Tag.Get("koanf")
		if f.Type.Kind() == reflect.Struct {
			walkFields(f.Type, key+".", visit)
			continue
		}
		visit(key, f.Type)
	}
}

// checkKeys finds keys of a file that mean nothing, at any depth, and says
// which key was probably meant.
func checkKeys(raw map[string]any, file string) error {
	return checkLevel(raw, reflect.TypeFor[Config](), "", file)
}

func checkLevel(raw map[string]any, t reflect.Type, base, file string) error {
	fields := map[string]reflect.Type{}
	for field := range t.Fields() {
		fields[field.Tag.Get("koanf")] = field.Type
	}
	names := make([]string, 0, len(fields))
	for name := range fields {
		names = append(names, name)
	}
	slices.Sort(names)
	var problems []error
	for key, value := range raw {
		field, ok := fields[key]
		if !ok {
			problems = append(problems, fmt.Errorf("%s: unknown key %q%s", file, base+key, suggest(key, names)))
			continue
		}
		problems = append(problems, checkValue(value, field, base+key, file))
	}
	return errors.Join(problems...)
}

func checkValue(value any, t reflect.Type, key, file string) error {
	switch v := value.(type) {
	case map[string]any:
		if t.Kind() == reflect.Struct {
			return checkLevel(v, t, key+".", file)
		}
	case []any:
		if t.Kind() != reflect.Slice || t.Elem().Kind() != reflect.Struct {
			return nil
		}
		var problems []error
		for i, item := range v {
			if m, ok := item.(map[string]any); ok {
				problems = append(problems, checkLevel(m, t.Elem(), fmt.Sprintf("%s[%d].", key, i), file))
			}
		}
		return errors.Join(problems...)
	}
	return nil
}

// suggest is a clause that names the closest of the names, or nothing when none
// is close.
func suggest(got string, names []string) string {
	best, distance := "", len(got)/2+1
	for _, name := range names {
		if d := editDistance(strings.ToLower(got), strings.ToLower(name)); d < distance {
			best, distance = name, d
		}
	}
	if best == "" {
		return ""
	}
	return fmt.Sprintf(" (did you mean %q?)", best)
}

// editDistance is the Levenshtein distance of two short texts.
func editDistance(a, b string) int {
	row := make([]int, len(b)+1)
	for j := range row {
		row[j] = j
	}
	for i := range len(a) {
		diagonal := row[0]
		row[0] = i + 1
		for j := range len(b) {
			cost := diagonal
			if a[i] != b[j] {
				cost++
			}
			diagonal = row[j+1]
			row[j+1] = min(cost, row[j]+1, row[j+1]+1)
		}
	}
	return row[len(b)]
}
