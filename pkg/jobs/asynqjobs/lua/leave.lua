-- leave ends a wait for loans that gave none.

local now, worker = moment(arg()), arg()
local raw = redis.call('HGET', P .. 'wk', worker)
if raw then
  local w = worker_read(raw)
  w.waiting, w.heard = math.max(w.waiting - 1, 0), now
  worker_write(worker, w)
end
return 1
