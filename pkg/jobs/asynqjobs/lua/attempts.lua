-- attempts writes rows of the ledger for the holders of leases.

return each(function()
  local id, token = arg(), arg()
  local v = redis.call('HMGET', job_key(id), 's', 'k', 'g', 't')
  if v[1] ~= 'R' or v[2] ~= token then return 'stale' end
  attempts_put(id, v[3], v[4])
  return 'ok'
end)
