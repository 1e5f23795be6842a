package figures

// Verdict is one target and what was measured.
type Verdict struct {
	What     string
	Target   string
	Measured string
	Met      bool
	// Unknown says why nothing was measured; empty when it was.
	Unknown string
}

// Verdicts makes the table of all targets.
func Verdicts(all []Verdict) Table {
	t := Table{Title: "Targets", Head: []string{"what", "target", "measured", "met"}}
	for _, v := range all {
		met := "no"
		switch {
		case v.Unknown != "":
			met, v.Measured = "not measured", v.Unknown
		case v.Met:
			met = "yes"
		}
		t.Add(v.What, v.Target, v.Measured, met)
	}
	return t
}
