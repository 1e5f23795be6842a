package priority

// order names the heaps that a flow can be in, and its place in each.
type order int

const (
	byTag  order = iota // ready flows, smallest tag first
	byDue               // ready flows, oldest head first
	byIdle              // flows without work or running jobs, smallest tag first
	orders
)

// flowHeap is a binary heap of flows by key, then by tenant name. Each flow
// knows its place, so that any flow can be moved or taken out in O(log n).
type flowHeap struct {
	order order
	items []heapItem
}

// heapItem keeps the key beside the flow: most comparisons then touch one
// array only.
type heapItem struct {
	key int64
	f   *flow
}

func (a heapItem) before(b heapItem) bool {
	return a.key < b.key || a.key == b.key && a.f.name < b.f.name
}

func (h *flowHeap) len() int { return len(h.items) }

// first is the flow at the top; the heap must not be empty.
func (h *flowHeap) first() *flow { return h.items[0].f }

// has reports whether f is in the heap.
func (h *flowHeap) has(f *flow) bool { return f.place[h.order] > 0 }

// set puts f into the heap with that key, or moves it there.
func (h *flowHeap) set(f *flow, key int64) {
	if !h.has(f) {
		h.items = append(h.items, heapItem{})
		h.up(len(h.items)-1, heapItem{key, f})
		return
	}
	if i := int(f.place[h.order] - 1); h.items[i].key != key {
		h.fix(i, heapItem{key, f})
	}
}

// remove takes f out, if it is in.
func (h *flowHeap) remove(f *flow) {
	if !h.has(f) {
		return
	}
	i, end := int(f.place[h.order]-1), len(h.items)-1
	last := h.items[end]
	h.items[end] = heapItem{}
	h.items = h.items[:end]
	f.place[h.order] = 0
	if i < end {
		h.fix(i, last)
	}
	if c := cap(h.items); c > 64 && end < c/4 {
		h.items = append(make([]heapItem, 0, c/2), h.items...)
	}
}

// fix finds the place of it, starting at the free place i.
func (h *flowHeap) fix(i int, it heapItem) {
	if i > 0 && it.before(h.items[(i-1)/2]) {
		h.up(i, it)
		return
	}
	h.down(i, it)
}

func (h *flowHeap) up(i int, it heapItem) {
	for i > 0 {
		parent := (i - 1) / 2
		if !it.before(h.items[parent]) {
			break
		}
		h.put(i, h.items[parent])
		i = parent
	}
	h.put(i, it)
}

func (h *flowHeap) down(i int, it heapItem) {
	for {
		child := 2*i + 1
		if child >= len(h.items) {
			break
		}
		if r := child + 1; r < len(h.items) && h.items[r].before(h.items[child]) {
			child = r
		}
		if !h.items[child].before(it) {
			break
		}
		h.put(i, h.items[child])
		i = child
	}
	h.put(i, it)
}

func (h *flowHeap) put(i int, it heapItem) {
	h.items[i] = it
	it.f.place[h.order] = int32(i + 1)
}
