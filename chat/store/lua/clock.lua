-- clock: what falls due in a room by time, each once over all nodes.
--
-- The due list is a sorted set, `clocks`: KIND:ID by when it is due. Kinds: open (a flag's opening call), flag (its
-- next call), reply (a message that nobody answered), task (a follow-up), page (a word that waits to go outside), aside (a side room that is over), staff (the last of them
-- has gone).
--
-- args   op  look: most. What is due, and who of staff can be reached
--            call: flag, member, rev, take ({step, next_at, groups, to, cover}), support (for the author) or nothing,
--                  targets and page_least: what is paged, if anything, under which number
--            reply: seq, author, staff (whom to nudge), peers (an event for the room, or nothing), answered
--            task: flag, to, again (ms until it is asked for once more)
--            staff: slow (seconds), close (ms until it closes after that, or nothing), word (an event for the room)
--            aside: again (ms until it is looked at once more, or nothing: it is listed no more)
--            lease: page, at (as it was due), lease (ms);  sent: page;  failed: page, wait (ms, or nothing: given up),
--                  why (a word), to;  again, dismiss: page, one that was given up
-- reply  msgpack: look {now, due = [{member, at, flag | task | page}], staff = [{id, name, role, duty, is_here}]};
--        call, reply, task, staff, aside, lease, again, dismiss {is_taken}; sent, failed {}
--
-- A script of its own, because it is nobody's command: nodes decide by a table what is due (chat/room/clocks.py), and
-- of all that do so at once one alone may act. A step, its audit entry, its notices, its pages and the next step are
-- one act, so that a node that dies leaves either all of it or none, and another one takes it up.

local SYSTEM = {id = 'system', name = '', role = 'system'}
local ops = {}

local function task_of(flag)
  local bytes = redis.call('HGET', P .. 'follow_ups', flag)
  return bytes and cmsgpack.unpack(bytes) or nil
end

local function page_of(id)
  local bytes = redis.call('HGET', P .. 'pages', id)
  return bytes and cmsgpack.unpack(bytes) or nil
end

function ops.look()
  local found = redis.call('ZRANGEBYSCORE', P .. 'clocks', '-inf', now, 'WITHSCORES', 'LIMIT', 0, arg.most)
  local list = {}
  for i = 1, #found, 2 do
    local kind, id = string.match(found[i], '^(%l+):(.*)$')
    local item = {kind = kind, id = id, at = tonumber(found[i + 1])}
    if kind == 'open' or kind == 'flag' then item.flag = flag_of(id)
    elseif kind == 'task' then item.task = task_of(id)
    elseif kind == 'page' then item.page = page_of(id)
    elseif kind == 'reply' then
      item.entry = entry_of(id)
      local flag = redis.call('HGET', P .. 'flagged', id)
      item.flag = flag and flag_of(flag) or nil
    end
    if kind == 'staff' then item.is_thinned = redis.call('HEXISTS', P .. 'room', 'thinned') == 1 end
    if kind == 'aside' then
      item.is_idle = redis.call('ZCARD', P .. 'clocks') == 1 and redis.call('ZCARD', P .. 'queue') == 0
        and redis.call('HLEN', P .. 'pages') == 0
    end
    -- What it was about is gone.
    if (kind == 'page' and not item.page) or (kind == 'task' and not item.task)
      or ((kind == 'open' or kind == 'flag') and not item.flag) then
      redis.call('ZREM', P .. 'clocks', found[i])
    else
      table.insert(list, item)
    end
  end
  return {now = now, due = list, staff = reached()}
end

-- One delivery for each target; the number of the call makes a repeated one known to whoever gets it.
local function page(flag, step)
  for _, target in ipairs(arg.targets or {}) do
    local id = flag.flag .. '/' .. step .. '/' .. target
    redis.call('HSET', P .. 'pages', id, cmsgpack.pack({room = arg.room, flag = flag.flag, kind = flag.kind,
      severity = flag.severity, step = step, target = target, made_at = now, tries = 0, on_call = arg.on_call}))
    due('page', id, now)
  end
end

function ops.call()
  local flag, take = flag_of(arg.flag), arg.take
  if not flag then return {is_taken = false} end
  if arg.is_opening then
    if not undue('open', arg.flag) then return {is_taken = false} end
  else
    if flag.rev ~= arg.rev or not flag.next_at or flag.next_at > now then return {is_taken = false} end
    flag.step, flag.next_at = take.step, take.next_at
    flag.summons = nil
    keep_flag(flag)
  end
  local is_unheard = #take.groups > 0 and #take.to == 0 and not arg.targets
  local is_new = redis.call(is_unheard and 'SADD' or 'SREM', P .. 'unheard', flag.flag) == 1
  -- Its author was told so by then: each renewal of a watch that it can't reach calls again.
  if arg.is_opening and is_unheard and not is_new then return {is_taken = false} end
  local number = take.step - 1
  if #take.groups > 0 then
    local code = arg.is_opening and 'call' or 'missed'
    if #take.to > 0 then
      notify(flag.author, {code = code, to = take.to, flag = flag.flag, severity = flag.severity, step = number})
    end
    if #take.cover > 0 then publish('staff', 0, cmsgpack.pack({type = 'notice', code = 'cover', room = arg.room, to = take.cover})) end
    page(flag, number)
    audit('call', {flag = flag.flag, user = flag.author.id, step = number, groups = take.groups, to = take.to,
      paged = arg.targets and #arg.targets or 0, told = arg.tells, severity = flag.severity})
    if arg.support then
      local event = cmsgpack.unpack(arg.support)
      event.key = redis.call('HGET', P .. 'flag:' .. arg.flag, 'key') or ''
      tell(flag.author.id, cmsgpack.pack(event))
    end
  end
  return {is_taken = true}
end

function ops.reply()
  if not undue('reply', arg.seq) then return {is_taken = false} end
  if not arg.answered then
    if #arg.staff > 0 then notify(arg.author, {code = 'unanswered', to = arg.staff, target = arg.seq}) end
    if arg.peers then publish('all', 0, arg.peers) end
    audit('unanswered', {user = arg.author.id, seq = arg.seq, to = arg.staff})
  end
  return {is_taken = true}
end

-- It stays until it is done, and is asked for again each day.
function ops.task()
  local task = task_of(arg.flag)
  local at = redis.call('ZSCORE', P .. 'clocks', 'task:' .. arg.flag)
  if not task or not at or tonumber(at) > now then return {is_taken = false} end
  due('task', arg.flag, now + arg.again)
  if #arg.to > 0 then
    notify(task.user, {code = 'follow_up', to = arg.to, flag = arg.flag, severity = task.severity})
  end
  return {is_taken = true}
end

-- The last of staff has been gone for a while: the room goes slowly, and after another while it closes.
function ops.staff()
  local room, at = hash('room'), redis.call('ZSCORE', P .. 'clocks', 'staff:gone')
  if not at or tonumber(at) > now then return {is_taken = false} end
  undue('staff', 'gone')
  if not room.unstaffed or room.asleep then return {is_taken = false} end
  if not room.thinned then
    local slow = math.max(arg.slow, tonumber(room.slow_mode or 0))
    redis.call('HSET', P .. 'room', 'thinned', '1', 'slow_before', room.slow_mode or '0', 'slow_mode', slow,
      'slow_since', slow)
    if arg.close then due('staff', 'gone', now + arg.close) end
    audit('unstaffed', {slow_mode = slow})
    say(cmsgpack.pack({type = 'room_changed', room = arg.room, slow_mode = slow}))
  else
    redis.call('HSET', P .. 'room', 'asleep', '1')
    audit('close_unstaffed', {})
    say(cmsgpack.pack({type = 'room_changed', room = arg.room, closed = true}))
  end
  publish('all', 0, arg.word)
  return {is_taken = true}
end

-- A side room is listed until nothing of it is open any more.
function ops.aside()
  if not arg.again then return {is_taken = undue('aside', 'over')} end
  due('aside', 'over', now + arg.again)
  return {is_taken = true}
end

function ops.lease()
  local at = redis.call('ZSCORE', P .. 'clocks', 'page:' .. arg.page)
  if not at or tonumber(at) ~= arg.at then return {is_taken = false} end
  due('page', arg.page, now + arg.lease)
  return {is_taken = true}
end

function ops.sent()
  local sent = page_of(arg.page)
  if not sent then return {} end
  redis.call('HDEL', P .. 'pages', arg.page)
  undue('page', arg.page)
  audit('page', {flag = sent.flag, step = sent.step, target = sent.target, tries = sent.tries + 1})
  return {}
end

function ops.failed()
  local failed = page_of(arg.page)
  if not failed then return {} end
  failed.tries, failed.why = failed.tries + 1, arg.why
  if arg.wait then
    due('page', arg.page, now + arg.wait)
  else
    failed.dead_at = now
    undue('page', arg.page)
    audit('page_failed', {flag = failed.flag, step = failed.step, target = failed.target, tries = failed.tries, why = arg.why})
    if #arg.to > 0 then
      publish('staff', 0, cmsgpack.pack({type = 'notice', code = 'page_failed', room = arg.room, to = arg.to, outlet = failed.target}))
    end
  end
  redis.call('HSET', P .. 'pages', arg.page, cmsgpack.pack(failed))
  return {}
end

-- A page that was given up is tried anew.
function ops.again()
  local dead = page_of(arg.page)
  if not dead or not dead.dead_at then return {is_taken = false} end
  dead.dead_at, dead.tries = nil, 0
  redis.call('HSET', P .. 'pages', arg.page, cmsgpack.pack(dead))
  due('page', arg.page, now)
  audit('page_again', {flag = dead.flag, step = dead.step, target = dead.target})
  return {is_taken = true}
end

-- One that was given up has been looked at: it is listed no more.
function ops.dismiss()
  local dead = page_of(arg.page)
  if not dead or not dead.dead_at then return {is_taken = false} end
  redis.call('HDEL', P .. 'pages', arg.page)
  audit('page_dismissed', {flag = dead.flag, step = dead.step, target = dead.target, why = dead.why})
  return {is_taken = true}
end

arg.by = arg.by or SYSTEM
return cmsgpack.pack(ops[arg.op]())
