-- erase: take everything that one person said, and their name, out of a room.
--
-- args   op       log | private | flags | words | rest
--        user, by and with ({id, name, role}: who asked and who confirmed), reason, gone: what stands for the name
--        first, last (log, words: numbers; flags: places in the order of opening), owner (private: whose log)
--        receipts (rest): names of the keys of their receipts
-- reply  msgpack: {changed}
--
-- A script of its own, because it reads whole logs: it goes over a room in stretches, and each stretch is one step, so
-- that what others write meanwhile fits. Done again it changes nothing more; broken off, it is begun anew. The audit
-- entry comes last, when it is true.

local ops, changed = {}, 0

local function is_theirs(who) return who and who.id == arg.user end

function ops.log()
  for seq = arg.first, arg.last do
    local entry = entry_of(seq)
    if entry and is_theirs(entry.from) then
      local before = entry.from.name
      entry.from.name = arg.gone
      if entry.type == 'message' and not entry.retracted then
        retract(entry, 'staff')
        changed = changed + 1
      elseif before ~= arg.gone then
        keep(entry)
      end
    end
  end
end

function ops.private()
  local key = P .. 'private:' .. arg.owner
  if arg.owner == arg.user then
    changed = redis.call('DEL', key)
    return
  end
  local flat = redis.call('HGETALL', key)
  for i = 1, #flat, 2 do
    local entry = cmsgpack.unpack(flat[i + 1])
    if is_theirs(entry.from) or is_theirs(entry.with) then
      (entry.from or entry.with).name = arg.gone
      if entry.text then entry.text = '' end
      redis.call('HSET', key, flat[i], cmsgpack.pack(entry))
      changed = changed + 1
    elseif is_theirs(entry.supervisor) then
      entry.supervisor.name = arg.gone
      redis.call('HSET', key, flat[i], cmsgpack.pack(entry))
    end
  end
end

function ops.flags()
  for _, id in ipairs(redis.call('ZRANGE', P .. 'opened', arg.first, arg.last)) do
    local flag, touched = flag_of(id), false
    if flag and is_theirs(flag.author) then
      touched = flag.text ~= nil or flag.also ~= nil or flag.author.name ~= arg.gone
      flag.also = nil
      flag.text, flag.notes, flag.author.name, flag.evidence_until = nil, nil, arg.gone, nil
      for _, report in ipairs(flag.reports) do report.reason = '' end
      if flag.decision then flag.decision.note = nil end
      if flag.state ~= 'decided' then
        flag.claimed_by, flag.lease_until = nil, nil
        flag.state, flag.decision = 'decided', {action = 'erased', at = now}
        touched = true
      end
      redis.call('DEL', P .. 'evidence:' .. id)
      redis.call('HDEL', P .. 'flag:' .. id, 'body')
      redis.call('HDEL', P .. 'follow_ups', id)
      undue('task', id)
    end
    for _, report in ipairs(flag and flag.reports or {}) do
      if is_theirs(report.by) and report.by.name ~= arg.gone then
        report.reason, report.by.name, touched = '', arg.gone, true
      end
    end
    if touched then
      keep_flag(flag)
      changed = changed + 1
    end
  end
end

-- Notes and reasons about them: the trail knows that these went with their person.
function ops.words()
  for n = arg.first, arg.last do
    local bytes = redis.call('HGET', P .. 'audit', n)
    if bytes and cmsgpack.unpack(bytes).user == arg.user then
      changed = changed + redis.call('HDEL', P .. 'words', n)
    end
  end
end

function ops.rest()
  for _, key in ipairs(arg.receipts) do redis.call('DEL', P .. key) end
  redis.call('HDEL', P .. 'person:' .. arg.user, 'name')
  redis.call('LREM', P .. 'hands', 0, arg.user)
  redis.call('HDEL', P .. 'duty', arg.user)
  audit('erase', {user = arg.user, reason = arg.reason, ['with'] = arg.with})
end

ops[arg.op]()
return cmsgpack.pack({changed = changed})
