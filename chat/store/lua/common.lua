-- What all scripts share. It goes before each of them.
--
-- KEYS[1]  hearth:{ROOM}:room; every other key of the room is made from it, in the same slot
-- ARGV[1]  one msgpack map of arguments; `seal`, for scripts that write audit entries: the key's two blocks
--
-- Time is the store's, in milliseconds. An event comes as a msgpack map of at most 13 fields without number and
-- time; both are appended to its bytes, so that what is kept, what is published and what clients read are the same.

local P = string.sub(KEYS[1], 1, -5)
local arg = cmsgpack.unpack(ARGV[1])
local clock = redis.call('TIME')
local now = clock[1] * 1000 + math.floor(clock[2] / 1000)

local RANK = {participant = 1, facilitator = 2, moderator = 3, admin = 4}
local SEVERITY = {none = 0, low = 1, moderate = 2, high = 3, imminent = 4}

local function publish(channel, number, bytes)
  redis.call(arg.sharded and 'SPUBLISH' or 'PUBLISH', P .. channel, struct.pack('>I8', number) .. bytes)
end

local function with_fields(body, count, bytes)
  return string.char(string.byte(body, 1) + count) .. string.sub(body, 2) .. bytes
end

local function stamped(body, name, number)
  return with_fields(body, 2, name .. cmsgpack.pack(number) .. '\162at' .. cmsgpack.pack(now))
end

-- Append to the room's log and publish. Returns the seq.
local function say(body)
  local seq = redis.call('HINCRBY', P .. 'heads', ':room', 1)
  local entry = stamped(body, '\163seq', seq)
  redis.call('HSET', P .. 'log', seq, entry)
  publish('all', seq, entry)
  return seq
end

-- Append to a person's private log and publish to them alone. Returns the useq.
local function tell(user, body)
  local useq = redis.call('HINCRBY', P .. 'heads', user, 1)
  local entry = stamped(body, '\164useq', useq)
  redis.call('HSET', P .. 'private:' .. user, useq, entry)
  publish('u:' .. user, useq, entry)
  return useq
end

-- Tell the room whose hands are up; without turns, and where nobody's is, nobody is the speaker.
local function hands_now()
  local queue = redis.call('LRANGE', P .. 'hands', 0, -1)
  local turns = redis.call('HGET', P .. 'room', 'turns') == '1'
  local speaker = turns and queue[1] or cjson.null
  publish('all', 0, cmsgpack.pack({type = 'hands', room = arg.room, queue = queue, speaker = speaker}))
end

local function entry_of(seq)
  local bytes = redis.call('HGET', P .. 'log', seq)
  return bytes and cmsgpack.unpack(bytes) or nil
end

local function keep(entry)
  redis.call('HSET', P .. 'log', entry.seq, cmsgpack.pack(entry))
end

local function hash(key)
  local flat, map = redis.call('HGETALL', P .. key), {}
  for i = 1, #flat, 2 do map[flat[i]] = flat[i + 1] end
  return map
end

local function person(user) return hash('person:' .. user) end

-- A sanction's end in milliseconds: 0 is "until lifted", nothing is "there is none".
local function is_running(till)
  till = tonumber(till)
  return till ~= nil and (till == 0 or till > now)
end

local function ends(seconds)
  return seconds == 0 and 0 or now + seconds * 1000
end

-- The newest grant wins: what the store was told after the caller's token was issued, else what the token says.
local function rank_of(who, claimed, issued)
  if who.role and tonumber(who.role_at) > issued then return RANK[who.role] or 0 end
  return RANK[claimed] or 0
end

-- The rank of somebody who did not call: as granted, else as last seen.
local function known_rank(who)
  return RANK[who.role or who.seen or 'participant'] or 1
end

-- HMAC-SHA1 by the room's key, whose inner and outer block are `arg.seal`.
local function seal(bytes)
  local inner = redis.sha1hex(string.sub(arg.seal, 1, 64) .. bytes)
  local digest = string.gsub(inner, '..', function(pair) return string.char(tonumber(pair, 16)) end)
  return redis.sha1hex(string.sub(arg.seal, 65) .. digest)
end

-- Append to the room's audit trail: each entry carries the digest of the one before, and the head is sealed, so that
-- a trail that was cut has none that fits. A note or reason stays apart, to go with its person.
local function audit(action, fields)
  local number = redis.call('HINCRBY', P .. 'heads', ':audit', 1)
  local words = fields.note or fields.reason
  fields.note, fields.reason = nil, nil
  if words and words ~= '' then
    redis.call('HSET', P .. 'words', number, words)
    fields.words = seal('w' .. number .. ':' .. words)
  end
  fields.n, fields.at, fields.action, fields.room = number, now, action, arg.room
  fields.by = fields.by or arg.by
  fields.prev = redis.call('HGET', P .. 'heads', ':chain') or ''
  local entry = cmsgpack.pack(fields)
  local last = seal('e' .. entry)
  redis.call('HSET', P .. 'audit', number, entry)
  redis.call('HSET', P .. 'heads', ':chain', last, ':sealed', seal('h' .. number .. ':' .. last))
end

-- A reading of private things, once for as long as it goes on page after page.
local function audit_read(what, fields)
  local last = redis.call('HGET', P .. 'audit', redis.call('HGET', P .. 'heads', ':audit') or '0')
  local before = last and cmsgpack.unpack(last)
  if before and before.action == 'read' and before.what == what and before.by.id == arg.by.id
    and before.user == fields.user and before.flag == fields.flag and now - before.at < 600000 then
    return
  end
  fields.what = what
  audit('read', fields)
end

local function flag_of(id)
  local bytes = redis.call('HGET', P .. 'flag:' .. id, 'wire')
  return bytes and cmsgpack.unpack(bytes) or nil
end

-- What is due at a time of its own; see clock.lua for the kinds.
local function due(kind, id, at) redis.call('ZADD', P .. 'clocks', at, kind .. ':' .. id) end
local function undue(kind, id) return redis.call('ZREM', P .. 'clocks', kind .. ':' .. id) == 1 end

-- The clock of a crisis flag: it begins, with the opening call, when the flag is raised or grows graver, and stands
-- still once a person is there or it is decided.
local function set_clock(flag)
  local is_crisis = SEVERITY[flag.severity] >= SEVERITY.moderate
  if is_crisis and flag.state ~= 'decided' and (#flag.attended_by == 0 or flag.summons) then
    if flag.clock ~= flag.severity or not flag.next_at then
      flag.clock, flag.clock_at, flag.step = flag.severity, now, 1
      flag.next_at = now + (arg.wait or flag.due_at - now)
      redis.call('SREM', P .. 'unheard', flag.flag)
      due('open', flag.flag, now)
    end
    due('flag', flag.flag, flag.next_at)
  elseif flag.next_at then
    flag.next_at = nil
    undue('open', flag.flag)
    undue('flag', flag.flag)
  end
end

-- Who of staff can be reached, and what they said of their duty.
local function reached()
  local found, order = {}, {}
  local function note(id, fields)
    if not found[id] then
      found[id] = {id = id, name = '', role = 'facilitator', is_here = false}
      table.insert(order, id)
    end
    for name, value in pairs(fields) do found[id][name] = value end
  end
  local flat = redis.call('HGETALL', P .. 'duty')
  for i = 1, #flat, 2 do
    local said = cmsgpack.unpack(flat[i + 1])
    note(flat[i], {name = said.name, role = said.role, duty = said.state})
  end
  flat = redis.call('HGETALL', P .. 'here')
  for i = 1, #flat, 2 do
    local who = cmsgpack.unpack(flat[i + 1]).who
    if who.role ~= 'participant' then note(who.id, {name = who.name, role = who.role, is_here = true}) end
  end
  flat = redis.call('HGETALL', P .. 'watch')
  for i = 1, #flat, 2 do
    local seen = cmsgpack.unpack(flat[i + 1])
    if seen.till > now then
      for _, who in ipairs(seen.users) do note(who.id, {name = who.name, role = who.role, is_here = true}) end
    else
      redis.call('HDEL', P .. 'watch', flat[i])
    end
  end
  local staff = {}
  for _, id in ipairs(order) do
    -- A right that was taken since counts at once.
    local who = person(id)
    if not who.role or who.role == found[id].role then table.insert(staff, found[id]) end
  end
  return staff
end

-- Staff learn that this changed.
local function tell_reached()
  publish('staff', 0, cmsgpack.pack({type = 'reachable', room = arg.room, staff = reached()}))
end

-- Somebody of staff is there: what reached nobody when it was called is called again. It stays listed until a call
-- reaches somebody, since those who are there may not be those whom it may reach.
local function hear_unheard()
  for _, id in ipairs(redis.call('SMEMBERS', P .. 'unheard')) do
    local flag = flag_of(id)
    if flag and flag.next_at then
      due('open', id, now)
    else
      redis.call('SREM', P .. 'unheard', id)
    end
  end
end

-- Keep a flag as it stands now, in the queue while it is open, and show it to staff. About staff: to moderators only.
local function keep_flag(flag)
  set_clock(flag)
  flag.rev = (flag.rev or 0) + 1
  local bytes = cmsgpack.pack(flag)
  redis.call('HSET', P .. 'flag:' .. flag.flag, 'wire', bytes)
  redis.call('ZADD', P .. 'flags:' .. flag.author.id, flag.opened_at, flag.flag)
  redis.call('ZADD', P .. 'opened', flag.opened_at, flag.flag)
  if flag.state == 'decided' then
    redis.call('ZREM', P .. 'queue', flag.flag)
    redis.call('ZREM', P .. 'claims', flag.flag)
  else
    redis.call('ZADD', P .. 'queue', flag.due_at - SEVERITY[flag.severity] * 1e13, flag.flag)
    if flag.lease_until then
      redis.call('ZADD', P .. 'claims', flag.lease_until, flag.flag)
    else
      redis.call('ZREM', P .. 'claims', flag.flag)
    end
  end
  publish(flag.author.role == 'participant' and 'staff' or 'mods', 0, bytes)
end

-- A word to staff that is in no log; the node adds the text of its code. `about`: whose flag it speaks of.
local function notify(about, notice)
  local is_staff = about.role ~= 'participant'
  notice.type, notice.room, notice.about = 'notice', arg.room, about.id
  notice.least = is_staff and 'moderator' or 'facilitator'
  publish(is_staff and 'mods' or 'staff', 0, cmsgpack.pack(notice))
end

-- Keep a decided text for staff alone, apart from flag and log, until it expires; what could be released goes along.
local function keep_evidence(flag, text, kept)
  local also = flag.also
  flag.text, flag.also = nil, nil
  if ((not text or text == '') and not also) or not arg.evidence or arg.evidence == 0 then return end
  local key = P .. 'evidence:' .. flag.flag
  redis.call('HSET', key, 'text', text or '', 'user', flag.author.id)
  if also then redis.call('HSET', key, 'also', cmsgpack.pack(also)) end
  for name, value in pairs(kept) do redis.call('HSET', key, name, value) end
  flag.evidence_until = now + arg.evidence
  redis.call('PEXPIREAT', key, flag.evidence_until)
end

-- A message of the log as it could be said once more.
local function body_of(entry)
  return cmsgpack.pack({type = 'message', room = arg.room, from = entry.from, text = entry.text,
    reply_to = entry.reply_to, warning = entry.warning, masked = entry.masked})
end

-- Put a message's new text in its place, in its entry and in the entries of earlier edits.
local function rewrite(entry, text, masked, edit_seq)
  entry.text, entry.masked = text, masked
  for _, seq in ipairs(entry.edits or {}) do
    local edit = entry_of(seq)
    if edit then
      edit.text, edit.masked = text, masked
      keep(edit)
    end
  end
  if edit_seq then
    entry.edits = entry.edits or {}
    table.insert(entry.edits, edit_seq)
  end
  keep(entry)
end

-- Take a message's text out of the log for good, and say so.
local function retract(entry, by)
  entry.retracted, entry.warning, entry.reactions = true, nil, nil
  rewrite(entry, nil, nil)
  redis.call('DEL', P .. 'reacted:' .. entry.seq)
  if redis.call('HDEL', P .. 'pins', entry.seq) == 1 then
    say(cmsgpack.pack({type = 'unpinned', room = arg.room, target = entry.seq}))
  end
  return say(cmsgpack.pack({type = 'retracted', room = arg.room, target = entry.seq, by = by}))
end

local function put_warning(entry, warning)
  entry.warning = warning
  keep(entry)
  return say(cmsgpack.pack({type = 'warned', room = arg.room, target = entry.seq, warning = warning}))
end

local function receipt_key(user, key) return 'receipt:' .. user .. ':' .. key end

-- What became of a text since, for whoever sends its key again.
local function note_decision(user, key, action, seq)
  local receipt = P .. receipt_key(user, key)
  if redis.call('EXISTS', receipt) == 1 then
    redis.call('HSET', receipt, 'decision', cmsgpack.pack({action = action, seq = seq}))
  end
end

-- Take the text out of a person's own `held` entries of one key.
local function forget_held(user, key)
  local flat = redis.call('HGETALL', P .. 'private:' .. user)
  for i = 1, #flat, 2 do
    local entry = cmsgpack.unpack(flat[i + 1])
    if entry.type == 'held' and entry.key == key and entry.text then
      entry.text = nil
      redis.call('HSET', P .. 'private:' .. user, flat[i], cmsgpack.pack(entry))
    end
  end
end

-- Deliver what a flag or a post carries. Returns the seq, or nothing where its target is gone.
local function deliver(op, body, target)
  if op == 'post' then return say(body) end
  local entry = entry_of(target)
  if not entry or entry.retracted then return nil end
  local event = cmsgpack.unpack(body)
  local seq = say(body)
  rewrite(entry, event.text, event.masked, seq)
  return seq
end

-- Whether somebody of staff is in the room who has not said that they are off or on a break.
local function has_staff()
  for _, bytes in ipairs(redis.call('HVALS', P .. 'here')) do
    local who = cmsgpack.unpack(bytes).who
    if who.role ~= 'participant' then
      local said = redis.call('HGET', P .. 'duty', who.id)
      local state = said and cmsgpack.unpack(said).state
      if state ~= 'off' and state ~= 'break' then return true end
    end
  end
  return false
end

-- A room that needs staff (`staffing`: {grace (ms), back (an event)}): its clock begins when the last of them goes, or
-- says that they do, and all is undone when one comes.
local function mind_staff()
  if not arg.staffing then return end
  local room = hash('room')
  if not has_staff() then
    if not room.unstaffed then
      redis.call('HSET', P .. 'room', 'unstaffed', now)
      due('staff', 'gone', now + arg.staffing.grace)
    end
    return
  end
  undue('staff', 'gone')
  redis.call('HDEL', P .. 'room', 'unstaffed', 'thinned', 'slow_before', 'slow_since', 'asleep')
  if not room.thinned then return end
  local event = {type = 'room_changed', room = arg.room, slow_mode = tonumber(room.slow_mode)}
  if room.slow_mode == room.slow_since then  -- what staff have set meanwhile stays
    redis.call('HSET', P .. 'room', 'slow_mode', room.slow_before)
    event.slow_mode = tonumber(room.slow_before)
  end
  if room.asleep then event.closed = false end
  say(cmsgpack.pack(event))
  publish('all', 0, arg.staffing.back)
end

local function refused(code, wait, by)
  return cmsgpack.pack({code = code, wait = wait, by = by})
end
