package sqlitejobs

import "github.com/sluicehq/sluice/pkg/jobs"

// regroup moves a job from the group that it was in to the one that it is in
// now, if any, and returns since when it is there, in unix milliseconds.
func (t *tx) regroup(before *jobs.Job, r *row) (since int64, err error) {
	group, ok := jobs.GroupOf(r.job)
	if ok {
		since = millis(group.FirstAt)
	}
	if r.group != 0 && ok && before.State == r.job.State {
		was, _ := jobs.GroupOf(*before)
		if was.Fingerprint == group.Fingerprint && was.FirstAt.Equal(group.FirstAt) {
			return since, nil
		}
	}
	if err := t.ungroup(r); err != nil || !ok {
		return 0, err
	}
	v, err := t.writeRow(t.st.enterGroup, t.names.num(r.job.Tenant), int64(codeOf(group.State)), string(group.Class),
		group.Provider, int64(group.Tier), group.Schema)
	if err != nil {
		return 0, err
	}
	r.group = integer(v[0])
	return since, nil
}

// ungroup takes a job out of its group.
func (t *tx) ungroup(r *row) error {
	if r.group == 0 {
		return nil
	}
	if err := t.writeOne(t.st.leaveGroup, r.group); err != nil {
		return err
	}
	_, err := t.write(t.st.dropGroup, r.group)
	r.group = 0
	return err
}
