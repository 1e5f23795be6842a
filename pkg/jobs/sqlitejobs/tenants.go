package sqlitejobs

import "sync"

// tenants numbers the tenants, so that rows and indexes hold a small number
// instead of a name. The writer adds; readers look up the numbers of rows that
// are durable, which never change their name.
type tenants struct {
	mu    sync.RWMutex
	nums  map[string]int64
	names map[int64]string
}

func newTenants() *tenants {
	return &tenants{nums: make(map[string]int64), names: make(map[int64]string)}
}

// num is the tenant's number, 0 when it has none.
func (t *tenants) num(name string) int64 {
	t.mu.RLock()
	defer t.mu.RUnlock()
	return t.nums[name]
}

func (t *tenants) name(num int64) string {
	t.mu.RLock()
	defer t.mu.RUnlock()
	return t.names[num]
}

func (t *tenants) len() int {
	t.mu.RLock()
	defer t.mu.RUnlock()
	return len(t.nums)
}

func (t *tenants) add(num int64, name string) {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.nums[name], t.names[num] = num, name
}

// replace takes over what read holds, which nobody else has, in one step.
func (t *tenants) replace(read *tenants) {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.nums, t.names = read.nums, read.names
}
