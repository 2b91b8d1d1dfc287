-- act: an authorised change of a room or of a person's standing in it, with its event and its audit entry.
--
-- args   op, room, by ({id, name, role}), role, issued (of the caller's token, ms), least (rank that the op asks)
--        key and receipt (seconds), or nothing; what else an op reads stands at its head
-- reply  msgpack: {seq, wait (end_pins)} | {code, wait, by}
--
-- One script, because a change, its event and its audit entry must not come apart, and because the caller's right is
-- settled at the moment of the change: a revocation or a mute that landed first wins.

local me = person(arg.by.id)
local rank = rank_of(me, arg.role, arg.issued)

local function standing(user) return P .. 'person:' .. user end

-- Whether the caller stands above `user`; a refusal where not.
local function above(user)
  if user == arg.by.id then return 'forbidden' end
  local them = person(user)
  if arg.known and not next(them) then return 'not_found' end
  if rank <= known_rank(them) then return 'forbidden' end
end

-- A decision that no flag asked for gets one of its own, decided: its person can appeal, and it can be accounted for.
local function record(author, decision, text, body)
  local flag = arg.record
  if not flag then return '' end
  flag.author, flag.seq, flag.state, flag.opened_at, flag.due_at = author, arg.seq, 'decided', now, now
  decision.by, decision.at, decision.note = arg.by, now, arg.reason
  flag.decision = decision
  redis.call('HSET', P .. 'flag:' .. flag.flag, 'user', author.id, 'key', '')
  keep_evidence(flag, text, {body = body, op = 'post'})
  keep_flag(flag)
  return flag.flag
end

local function as_author(user)
  local them = person(user)
  local role = them.role ~= '' and them.role or them.seen or 'participant'
  return {id = user, name = them.name or '', role = role}
end

local function sanction(field, event)  -- user, seconds, reason, record: the flag to account for it, or nothing
  local code = above(arg.user)
  if code then return code end
  local till = ends(arg.seconds)
  redis.call('HSET', standing(arg.user), field, till)
  local flag = arg.user and record(as_author(arg.user), {action = arg.op, till = till}) or ''
  if event then
    event = with_fields(event, 1, '\164flag' .. cmsgpack.pack(flag))
    tell(arg.user, with_fields(event, 1, '\165until' .. cmsgpack.pack(till)))
  end
  audit(arg.op, {user = arg.user, reason = arg.reason, till = till})
end

local function lift(field, event)
  local code = above(arg.user)
  if code then return code end
  if redis.call('HDEL', standing(arg.user), field) == 1 and event then tell(arg.user, event) end
  audit(arg.op, {user = arg.user, reason = arg.reason})
end

local function message_at(seq)
  local entry = entry_of(seq)
  if entry and entry.type == 'message' and not entry.retracted then return entry end
end

local ops = {}

-- user, seconds, reason, event: the private event without its `until`
function ops.mute() return sanction('muted', arg.event) end
function ops.unmute() return lift('muted', arg.event) end
function ops.remove()
  local code = sanction('removed', arg.event)
  if not code and redis.call('LREM', P .. 'hands', 0, arg.user) > 0 then hands_now() end
  return code
end
function ops.readmit() return lift('removed', nil) end
function ops.ban() return sanction('banned', nil) end
function ops.unban() return lift('banned', nil) end

-- user, grant (a role, or nothing to take every right): the newest word on what somebody may do here
function ops.grant()
  redis.call('HSET', standing(arg.user), 'role', arg.grant or '', 'role_at', now)
  audit('grant', {user = arg.user, role = arg.grant})
end

-- what, user or nothing, reason or nothing: somebody of staff reads private things, or asks to
function ops.read() audit_read(arg.what, {user = arg.user, reason = arg.reason}) end

-- seq: a message; staff's own, or that of anyone below; reason, record: as above
function ops.retract()
  local entry = message_at(arg.seq)
  if not entry then return 'not_found' end
  if entry.from.id == arg.by.id then return nil, retract(entry, 'author') end
  if rank < 2 or rank <= RANK[entry.from.role] then return 'forbidden' end
  audit('retract', {user = entry.from.id, seq = arg.seq, reason = arg.reason})
  local flag = record(entry.from, {action = 'retract'}, entry.text, body_of(entry))
  tell(entry.from.id, cmsgpack.pack({type = 'held_decided', room = arg.room, key = '', flag = flag,
    action = 'retract', seq = arg.seq, text = arg.text}))
  return nil, retract(entry, 'staff')
end

-- held: key of an own held message, which then can no longer be released
function ops.withdraw()
  local id = redis.call('HGET', P .. receipt_key(arg.by.id, arg.held), 'flag')
  local flag = id and flag_of(id)
  if not flag or (flag.verdict ~= 'held' and flag.verdict ~= 'blocked') then return 'not_found' end
  if flag.state == 'decided' then return 'conflict' end
  redis.call('HDEL', P .. 'flag:' .. id, 'body')
  forget_held(arg.by.id, arg.held)
  flag.verdict = 'withdrawn'
  if SEVERITY[flag.severity] < 2 then
    flag.state, flag.decision, flag.text = 'decided', {action = 'withdrawn', at = now}, nil
  end
  keep_flag(flag)
  tell(arg.by.id, cmsgpack.pack({type = 'held_decided', room = arg.room, key = arg.held, flag = id,
    action = 'withdrawn', text = arg.text}))
  note_decision(arg.by.id, arg.held, 'withdrawn')
end

-- seq, warning
function ops.warn()
  local entry = message_at(arg.seq)
  if not entry then return 'not_found' end
  if entry.from.id ~= arg.by.id and rank <= RANK[entry.from.role] then return 'forbidden' end
  audit('warn', {user = entry.from.id, seq = arg.seq})
  return nil, put_warning(entry, arg.warning)
end

-- Unpin what was pinned for a time that is over. Whoever comes second finds nothing left to do. Gives the
-- milliseconds until the next pin ends, or nothing where none does.
function ops.end_pins()
  local ended, soonest = {}, nil
  for seq, till in pairs(hash('pins')) do
    till = tonumber(till)
    if till > now then
      soonest = math.min(soonest or till, till)
    elseif till > 0 then
      table.insert(ended, tonumber(seq))
    end
  end
  table.sort(ended)
  for _, seq in ipairs(ended) do
    redis.call('HDEL', P .. 'pins', seq)
    say(cmsgpack.pack({type = 'unpinned', room = arg.room, target = seq}))
  end
  return nil, nil, soonest and soonest - now
end

-- seq, seconds, most: how many pins a room has at the most
function ops.pin()
  local entry = message_at(arg.seq)
  if not entry then return 'not_found' end
  ops.end_pins()
  if redis.call('HEXISTS', P .. 'pins', arg.seq) == 0 and redis.call('HLEN', P .. 'pins') >= arg.most then
    return 'conflict'
  end
  local till = ends(arg.seconds)
  redis.call('HSET', P .. 'pins', arg.seq, till)
  audit('pin', {seq = arg.seq})
  return nil, say(cmsgpack.pack({type = 'pinned', room = arg.room, target = arg.seq, ['until'] = till > 0 and till or nil}))
end

function ops.unpin()
  if redis.call('HDEL', P .. 'pins', arg.seq) == 0 then return 'not_found' end
  audit('unpin', {seq = arg.seq})
  return nil, say(cmsgpack.pack({type = 'unpinned', room = arg.room, target = arg.seq}))
end

-- seq, reaction, on, burst, interval
function ops.react()
  if is_running(me.muted) then return 'muted' end
  if is_running(me.removed) then return 'removed' end
  local room = hash('room')
  if rank == 1 and room.locked == '1' then return 'room_locked' end
  if room.closed == '1' or (room.asleep and rank == 1) then return 'room_closed' end
  local entry = message_at(arg.seq)
  if not entry then return 'not_found' end
  local at = math.max(now, tonumber(me.reacted_tat or 0))
  if at - (arg.burst - 1) * arg.interval > now then return 'rate_limited', nil, at - (arg.burst - 1) * arg.interval - now end
  local member = arg.by.id .. '\0' .. arg.reaction
  local key = P .. 'reacted:' .. arg.seq
  local changed = redis.call(arg.on and 'SADD' or 'SREM', key, member)
  if changed == 0 then return nil end
  if arg.interval > 0 then redis.call('HSET', standing(arg.by.id), 'reacted_tat', at + arg.interval) end
  entry.reactions = entry.reactions or {}
  local count = (entry.reactions[arg.reaction] or 0) + (arg.on and 1 or -1)
  entry.reactions[arg.reaction] = count > 0 and count or nil
  if not next(entry.reactions) then entry.reactions = nil end
  keep(entry)
  return nil, say(cmsgpack.pack({type = 'reacted', room = arg.room, target = arg.seq, reaction = arg.reaction, count = count}))
end

-- changes: field to value; stored: the same as the store keeps it; notice: an event for those who are there, or none
function ops.set_room()
  for name, value in pairs(arg.stored) do redis.call('HSET', P .. 'room', name, value) end
  local event = {type = 'room_changed', room = arg.room}
  for name, value in pairs(arg.changes) do event[name] = value end
  audit('set_room', {changes = arg.changes})
  local seq = say(cmsgpack.pack(event))
  if arg.notice then publish('all', 0, arg.notice) end
  if arg.changes.turns ~= nil then hands_now() end
  return nil, seq
end

-- up
function ops.hand()
  if is_running(me.muted) then return 'muted' end
  if is_running(me.removed) then return 'removed' end
  local removed = redis.call('LREM', P .. 'hands', 0, arg.by.id)
  if arg.up then
    if removed > 0 then  -- already up: the place in the queue stays
      redis.call('LPUSH', P .. 'hands', arg.by.id)
      return nil
    end
    redis.call('RPUSH', P .. 'hands', arg.by.id)
  end
  hands_now()
end

-- event, user or nothing
function ops.card()
  audit('card', {user = arg.user, card = arg.card})
  if not arg.user then return nil, say(arg.event) end
  if not next(person(arg.user)) then return 'not_found' end
  tell(arg.user, arg.event)
end

-- state: what somebody of staff says of their duty in this room;  staffing: as above `mind_staff`, or nothing
function ops.duty()
  local said = {name = arg.by.name, role = arg.by.role, state = arg.state, at = now}
  redis.call('HSET', P .. 'duty', arg.by.id, cmsgpack.pack(said))
  audit('duty', {state = arg.state})
  tell_reached()
  mind_staff()
  if arg.state == 'on_duty' or arg.state == 'on_call' then hear_unheard() end
end

-- user, side, invites (user to private event): a side room is open, and whoever is to come is told
function ops.aside()
  local them = person(arg.user)
  if not them.seen or is_running(them.banned) then return 'not_found' end
  if is_running(them.removed) then return 'conflict' end
  for user, event in pairs(arg.invites) do tell(user, event) end
  audit('aside', {user = arg.user, side = arg.side})
  publish('mods', 0, cmsgpack.pack({type = 'notice', code = 'aside', room = arg.room, side = arg.side}))
end

-- again (ms until it is listed no more): this side room is over; the seq goes to whoever ended it
function ops.end_aside()
  if redis.call('HGET', P .. 'room', 'closed') == '1' then return nil end
  redis.call('HSET', P .. 'room', 'closed', '1')
  due('aside', 'over', now + arg.again)
  audit('end_aside', {})
  return nil, say(cmsgpack.pack({type = 'room_changed', room = arg.room, closed = true}))
end

-- members, event, to, side, card: a side room of this one is over; staff may look after the others now
function ops.aside_over()
  for _, user in ipairs(arg.members) do tell(user, arg.event) end
  audit('aside_over', {side = arg.side})
  if #arg.to > 0 then
    publish('staff', 0, cmsgpack.pack({type = 'notice', code = 'aftercare', room = arg.room, to = arg.to, card = arg.card}))
  end
end

-- flag, note: somebody asked after its author
function ops.follow_up()
  local bytes = redis.call('HGET', P .. 'follow_ups', arg.flag)
  local task = bytes and cmsgpack.unpack(bytes)
  -- Nobody asks after themselves; staff are asked after by moderators.
  if not task or task.user.id == arg.by.id then return 'not_found' end
  if task.user.role ~= 'participant' and rank < RANK.moderator then return 'not_found' end
  redis.call('HDEL', P .. 'follow_ups', arg.flag)
  undue('task', arg.flag)
  audit('follow_up', {flag = arg.flag, user = task.user.id, note = arg.note})
end

-- user, support: the author is told that staff retracted, or anything else in their private log
function ops.tell() tell(arg.user, arg.event) end

local receipt = arg.key and P .. receipt_key(arg.by.id, arg.key)
if receipt then
  local answer = redis.call('HGET', receipt, 'answer')
  if answer then return answer end
end
if is_running(me.banned) then return refused('banned') end
if rank == 0 then return refused('not_found') end
if rank < arg.least then return refused('forbidden') end
local code, seq, wait = ops[arg.op]()
if code then return refused(code, wait) end
local answer = cmsgpack.pack({seq = seq or -1, wait = wait})
if receipt then
  redis.call('HSET', receipt, 'answer', answer)
  redis.call('EXPIRE', receipt, arg.receipt)
end
return answer
