-- extend moves the ends of leases that are still held. It answers for each
-- whether its job was told to stop, or -1 for one that is not held.

local now = moment(arg())
local till, answers = now + num(), {}
for i = 1, num() do
  local id, token = arg(), arg()
  local v = redis.call('HMGET', job_key(id), 's', 'k', 'q', 'o')
  if v[1] == 'R' and v[2] == token then
    redis.call('ZADD', P .. 'lease', till, due_member(tonumber(v[3]), id))
    answers[i] = v[4] == '1' and 1 or 0
  else
    answers[i] = -1
  end
end
return { int(till), answers }
