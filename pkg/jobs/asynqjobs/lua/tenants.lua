-- tenants sets the bulkheads of the tenants named.

sched_load()
for _ = 1, num() do
  local name, weight, max, paused = arg(), num(), num(), num()
  sched_tenant(name, weight, max, paused)
end
sched_flush()
return 1
