-- presence: who is in a room, once per person over all their connections and nodes.
--
-- args   op  enter: user, who ({id, name, role}), role, issued, node, lease (ms), capacity, version and agree (of the
--                   agreement, or nothing)
--            leave: user, node, lost
--            renew: node, lease, users (who is here on that node)
--            staffing  of enter, leave and renew, in a room that needs staff: {grace (ms), back (an event)}; else nothing
--            watch: node, lease, watchers (who of staff watches the room on that node: {id, name, role})
-- reply  msgpack: enter {role, muted, count, epoch, uhead} | {code, wait}; leave {count};
--        renew {missing}: users of the node that the room did not know of; they have to enter anew; watch {}
--
-- A script of its own, because the first arrival and the last leaving of a person can only be told where the
-- connections on all nodes are counted, and because entering checks rights and capacity at that same moment.

local WAIT = 30000  -- ms after which somebody who waits for staff may ask again
local here_key, lease_key = P .. 'here', P .. 'leases'

local function announce(joined, left, lost)
  publish('all', 0, cmsgpack.pack({type = 'presence', room = arg.room, joined = joined, left = left, lost = lost,
    count = redis.call('HLEN', here_key)}))
end

local function here(user)
  local bytes = redis.call('HGET', here_key, user)
  return bytes and cmsgpack.unpack(bytes) or nil
end

-- Staff learn when somebody whom they worry about goes, or comes back; a lost line is told apart from leaving.
local function mind(user, code)
  for _, id in ipairs(redis.call('ZREVRANGE', P .. 'flags:' .. user, 0, 9)) do
    local flag = flag_of(id)
    if flag and flag.state ~= 'decided' and SEVERITY[flag.severity] >= SEVERITY.moderate then
      notify(flag.author, {code = code, flag = id, severity = flag.severity})
      return
    end
  end
end

local function is_staff(at) return at.who.role ~= 'participant' end

-- Whether a participant has to wait until staff are there. Whoever was in when they went may come back.
local function has_to_wait(me, room)
  if not arg.staffing or has_staff() then return false end
  if not room.unstaffed or room.asleep then return true end
  local since = tonumber(room.unstaffed)
  return now >= since + arg.staffing.grace and tonumber(me.left_at or 0) < since
end

-- Take a node away from where a person is. True when that was the last.
local function gone(user, at, node)
  for i = #at.nodes, 1, -1 do
    if at.nodes[i] == node then table.remove(at.nodes, i) end
  end
  if #at.nodes > 0 then
    redis.call('HSET', here_key, user, cmsgpack.pack(at))
    return false
  end
  redis.call('HDEL', here_key, user)
  if arg.staffing then redis.call('HSET', P .. 'person:' .. user, 'left_at', now) end
  if redis.call('LREM', P .. 'hands', 0, user) > 0 then
    hands_now()
  end
  return true
end

-- Nodes that have not renewed their word: whoever was only there is lost.
local function sweep()
  local flat, lost, changed = redis.call('HGETALL', lease_key), {}, false
  for i = 1, #flat, 2 do
    if tonumber(flat[i + 1]) < now then
      redis.call('HDEL', lease_key, flat[i])
      local people = redis.call('HGETALL', here_key)
      for j = 1, #people, 2 do
        local at = cmsgpack.unpack(people[j + 1])
        if gone(people[j], at, flat[i]) then
          table.insert(lost, people[j])
          changed = changed or is_staff(at)
        end
      end
    end
  end
  if #lost > 0 then
    announce({}, {}, lost)
    mind_staff()
  end
  flat = redis.call('HGETALL', P .. 'watch')
  for i = 1, #flat, 2 do
    changed = changed or cmsgpack.unpack(flat[i + 1]).till <= now
  end
  if changed then tell_reached() end
  for _, user in ipairs(lost) do mind(user, 'lost') end
end

local ops = {}

function ops.enter()
  local me = person(arg.user)
  local room = hash('room')
  if not room.epoch then return {code = 'not_found'} end
  local rank = rank_of(me, arg.role, arg.issued)
  if rank == 0 then return {code = 'not_found'} end
  if is_running(me.banned) then return {code = 'banned'} end
  if is_running(me.removed) then
    local till = tonumber(me.removed)
    return {code = 'removed', wait = till > 0 and till - now or nil}
  end
  if room.closed == '1' and (rank == 1 or room.members) then return {code = 'room_closed'} end
  if arg.version and tonumber(me.agreed or 0) < arg.version then
    if arg.agree ~= arg.version then return {code = 'agreement_required'} end
    redis.call('HSET', P .. 'person:' .. arg.user, 'agreed', arg.version)
  end
  redis.call('HSET', lease_key, arg.node, now + arg.lease)
  if arg.staffing then sweep() end
  local at = here(arg.user)
  if rank == 1 and not at and has_to_wait(me, room) then
    return {code = 'room_closed', wait = WAIT, is_unstaffed = true}
  end
  if not at and rank == 1 and arg.capacity > 0 and redis.call('HLEN', here_key) >= arg.capacity then
    sweep()
    if redis.call('HLEN', here_key) >= arg.capacity then return {code = 'room_full'} end
  end
  for name, value in pairs(RANK) do
    if value == rank then arg.who.role = name end
  end
  redis.call('HSET', P .. 'person:' .. arg.user, 'seen', arg.who.role, 'name', arg.who.name)
  local was_staff = at and is_staff(at)
  local is_new = not at or at.who.role ~= arg.who.role or at.who.name ~= arg.who.name
  at = at or {nodes = {}}
  at.who = arg.who
  local is_known = false
  for _, node in ipairs(at.nodes) do is_known = is_known or node == arg.node end
  if not is_known then table.insert(at.nodes, arg.node) end
  redis.call('HSET', here_key, arg.user, cmsgpack.pack(at))
  if is_new then
    announce({arg.who}, {}, {})
    mind(arg.user, 'back')
    mind_staff()
    if rank > 1 then hear_unheard() end
    if rank > 1 or was_staff then tell_reached() end
  end
  return {role = arg.who.role, muted = is_running(me.muted) and tonumber(me.muted) or nil, epoch = room.epoch,
    count = redis.call('HLEN', here_key), uhead = tonumber(redis.call('HGET', P .. 'heads', arg.user) or 0)}
end

function ops.leave()
  local at = here(arg.user)
  if at and gone(arg.user, at, arg.node) then
    announce({}, arg.lost and {} or {arg.user}, arg.lost and {arg.user} or {})
    mind(arg.user, arg.lost and 'lost' or 'left')
    mind_staff()
    if is_staff(at) then tell_reached() end
  end
  return {count = redis.call('HLEN', here_key)}
end

-- A node's word about who is here replaces what it said before: a leaving that never arrived, or an arrival that was
-- swept while the node could not be heard, comes right.
function ops.renew()
  redis.call('HSET', lease_key, arg.node, now + arg.lease)
  sweep()
  local mine, flat, left, changed = {}, redis.call('HGETALL', here_key), {}, false
  for _, user in ipairs(arg.users) do mine[user] = true end
  for i = 1, #flat, 2 do
    local at = cmsgpack.unpack(flat[i + 1])
    for _, node in ipairs(at.nodes) do
      if node == arg.node then
        if mine[flat[i]] then
          mine[flat[i]] = nil
        elseif gone(flat[i], at, arg.node) then
          table.insert(left, flat[i])
          changed = changed or is_staff(at)
        end
        break
      end
    end
  end
  if #left > 0 then announce({}, left, {}) end
  for _, user in ipairs(left) do mind(user, 'left') end
  if #left > 0 then mind_staff() end
  if changed then tell_reached() end
  local missing = {}
  for user in pairs(mine) do table.insert(missing, user) end
  return {missing = missing}
end

function ops.watch()
  local before, was, changed = redis.call('HGET', P .. 'watch', arg.node), {}, false
  before = before and cmsgpack.unpack(before)
  for _, who in ipairs(before and before.till > now and before.users or {}) do was[who.id] = who.role end
  for _, who in ipairs(arg.watchers) do
    changed = changed or was[who.id] ~= who.role
    was[who.id] = nil
  end
  if #arg.watchers > 0 then
    redis.call('HSET', P .. 'watch', arg.node, cmsgpack.pack({till = now + arg.lease, users = arg.watchers}))
    hear_unheard()
  else
    redis.call('HDEL', P .. 'watch', arg.node)
  end
  if changed or next(was) then tell_reached() end
  return {}
end

return cmsgpack.pack(ops[arg.op]())
