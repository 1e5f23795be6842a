package config

import (
	"fmt"
	"slices"
	"strings"
)

const prefix = "SLUICE_"

// shortNames are the variables whose names scripts rely on and that do not
// follow the rule of [variableKey].
func shortNames() map[string]string {
	return map[string]string{
		"SLUICE_PRIMARY_URL":    "primary.url",
		"SLUICE_PRIMARY_MODEL":  "primary.model",
		"SLUICE_PRIMARY_API":    "primary.api",
		"SLUICE_FALLBACK_URL":   "fallback.url",
		"SLUICE_FALLBACK_MODEL": "fallback.model",
		"SLUICE_FALLBACK_API":   "fallback.api",
		"NATS_URL":              "nats.url",
	}
}

// foreignNames are variables with our prefix that other programs of the
// project read.
func foreignNames() []string {
	return []string{"SLUICE_SERVER", "SLUICE_URL", "SLUICE_API_KEY", "SLUICE_API_KEY_FILE", "SLUICE_METAMORPHIC", "SLUICE_CONTEXT"}
}

// environment turns variables into keys and returns the configuration file they
// name. A variable with our prefix that means nothing is an error: it is most
// likely misspelt.
func environment(environ []string) (layer map[string]any, file string, err error) {
	layer = map[string]any{}
	known := KnownKeys()
	short := shortNames()
	for _, pair := range environ {
		name, value, _ := strings.Cut(pair, "=")
		key, isShort := short[name]
		switch {
		case name == "SLUICE_CONFIG":
			file = value
			continue
		case isShort:
		case !strings.HasPrefix(name, prefix), slices.Contains(foreignNames(), name):
			continue
		default:
			key = variableKey(name)
			if !slices.Contains(known, key) {
				return nil, "", fmt.Errorf("environment: unknown variable %s%s", name, suggest(name, variableNames()))
			}
		}
		if value != "" {
			layer[key] = value
		}
	}
	return layer, file, nil
}

// variableKey is the key that a variable sets: SLUICE_LOG__LEVEL sets
// log.level, SLUICE_DATA_DIR sets data_dir.
func variableKey(name string) string {
	return strings.ReplaceAll(strings.ToLower(strings.TrimPrefix(name, prefix)), "__", ".")
}

// variableNames lists the variables that mean something.
func variableNames() []string {
	names := []string{"SLUICE_CONFIG"}
	for name := range shortNames() {
		names = append(names, name)
	}
	for _, key := range KnownKeys() {
		names = append(names, prefix+strings.ToUpper(strings.ReplaceAll(key, ".", "__")))
	}
	slices.Sort(names)
	return names
}
