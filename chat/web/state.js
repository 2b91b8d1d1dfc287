/**
 * What is true in a room, as a pure fold over its events: no socket, no clock, no page.
 *
 * A state is never changed; `apply` gives the next one and shares what stayed the same, so that a view can tell by
 * identity what to draw again. The log is kept in order of `seq`; modifying events (`edited`, `reacted`, ...) are
 * kept in it too, for their position, and change their target.
 */

const ROOM_FIELDS = ["topic", "phase", "slow_mode", "locked", "turns", "hold", "title", "closed"];

/** A room that nothing is known of yet. */
export function emptyRoom(room = "") {
  return {
    room,
    epoch: null,
    head: 0,
    uhead: 0,
    title: "",
    topic: "",
    phase: "",
    slow_mode: 0,
    locked: false,
    turns: false,
    hold: "none",
    hands: [],
    speaker: null,
    pins: [],
    pinned: [],
    reactions: [],
    staffed: true,
    closed: false,
    agreement: null,
    log: [],
    whole: false,
    members: [],
    count: 0,
    typing: [],
    you: { role: "participant", muted_until: null },
    own: emptyOwn(),
  };
}

/** What only this person is told. `notes` are whispers, decisions, cards and offers, in order of `useq`. */
function emptyOwn() {
  return { held: [], support: [], notes: [], removed: null };
}

/** How an event stands to what is known: `next`, `duplicate` or `gap`; an unlogged one is always `next`. */
export function place(state, event) {
  const [position, head] = event.useq ? [event.useq, state.uhead] : [event.seq, state.head];
  if (!position || event.type === "flag") return "next";
  if (position <= head) return "duplicate";
  return position === head + 1 ? "next" : "gap";
}

/** The state after `joined`: the missed events applied, or all begun anew from the latest page. */
export function enter(state, joined) {
  const events = joined.events ?? [];
  const told = joined.private ?? { head: 0, events: [] };
  const came = (known, item) => (place(known, item) === "duplicate" ? known : apply(known, item));
  let next = state;
  if (joined.recovered && joined.epoch === state.epoch) {
    next = events.reduce(came, next);
    next = (told.events ?? []).reduce(came, next);
  } else {
    const notes = state.epoch === joined.epoch ? state.own.notes : [];
    const noted = new Set(notes.map((item) => item.useq));
    next = addPage(own(emptyRoom(joined.room), { notes }), events);
    next = (told.events ?? []).filter((item) => !noted.has(item.useq)).reduce(apply, next);
  }
  const { pins = [], ...stands } = joined.state;
  return {
    ...next,
    ...stands,
    pins: pins.map((pin) => pin.target ?? pin.seq).sort((one, other) => one - other),
    pinned: pins.filter((pin) => pin.type === "message"),
    room: joined.room,
    epoch: joined.epoch,
    head: Math.max(joined.head, next.head),
    uhead: Math.max(told.head ?? 0, next.uhead),
    members: joined.members ?? [],
    count: joined.count ?? joined.members?.length ?? 0,
    you: { ...next.you, ...joined.you },
    whole: next.whole || joined.head === 0 || next.log[0]?.seq === 1,
  };
}

/**
 * The state with a stretch of history put to what is known, its entries as they stand now. A page may have been read
 * before a change that is known here already: what is known to have changed its entries is applied once more.
 */
export function addPage(state, events) {
  const known = new Set(state.log.map((entry) => entry.seq));
  const fresh = events.filter((entry) => entry.seq && !known.has(entry.seq));
  const came = new Set(fresh.map((entry) => entry.seq));
  const log = [...fresh, ...state.log].sort((one, other) => one.seq - other.seq);
  const whole = state.whole || events.length === 0 || log[0]?.seq === 1;
  const next = { ...state, log, whole, head: Math.max(state.head, log.at(-1)?.seq ?? 0) };
  return log.filter((entry) => came.has(entry.target)).reduce(alterTarget, next);
}

/** The state after one event. Unknown types keep their place in the log and change nothing else. */
export function apply(state, event) {
  if (event.useq) return { ...fold(state, event), uhead: Math.max(state.uhead, event.useq) };
  if (!event.seq || event.type === "flag") return fold(state, event);
  const next = { ...state, head: Math.max(state.head, event.seq), log: [...state.log, event] };
  return alterTarget(fold(next, event), event);
}

function fold(state, event) {
  return FOLDS[event.type]?.(state, event) ?? state;
}

const FOLDS = {
  pinned: (state, event) => ({
    ...state,
    pins: [...without(state.pins, event.target), event.target].sort((one, other) => one - other),
  }),
  unpinned: (state, event) => ({ ...state, pins: without(state.pins, event.target) }),
  retracted: (state, event) => ({
    ...state,
    pins: without(state.pins, event.target),
    pinned: state.pinned.filter((entry) => entry.seq !== event.target),
  }),
  room_changed: (state, event) => {
    const changed = ROOM_FIELDS.filter((name) => event[name] !== undefined);
    return { ...state, ...Object.fromEntries(changed.map((name) => [name, event[name]])) };
  },
  card: (state, event) => (event.useq ? note(state, event) : state),

  support: (state, event) => {
    const others = state.own.support.filter((card) => card.key !== event.key);
    return own(state, { support: [...others, event] });
  },
  held: (state, event) => {
    const others = state.own.held.filter((item) => item.key !== event.key);
    return own(state, { held: [...others, event] });
  },
  held_decided: (state, event) => {
    const held = state.own.held.filter((item) => item.key !== event.key);
    const was = state.own.held.find((item) => item.key === event.key);
    return note(own(state, { held }), { ...event, was: was?.text });
  },
  whisper: (state, event) => note(state, event),
  aside: (state, event) => {
    const notes = state.own.notes.filter((one) => one.type !== "aside" || one.side_room !== event.side_room);
    return own(state, { notes: event.is_over ? notes : [...notes, event] });
  },
  muted: (state, event) => {
    const muted = { ...state, you: { ...state.you, muted_until: event.until } };
    return event.flag ? note(muted, event) : muted;
  },
  unmuted: (state) => ({ ...state, you: { ...state.you, muted_until: null } }),
  removed: (state, event) => own(state, { removed: { until: event.until, text: event.text } }),

  presence: (state, event) => {
    const gone = new Set([...(event.left ?? []), ...(event.lost ?? [])]);
    const came = event.joined ?? [];
    for (const member of came) gone.add(member.id);
    const members = [...state.members.filter((member) => !gone.has(member.id)), ...came];
    const staffed = members.some((member) => member.role !== "participant");
    return { ...state, members, staffed, count: event.count ?? members.length };
  },
  hands: (state, event) => ({ ...state, hands: event.queue ?? [], speaker: event.speaker ?? null }),
  typing: (state, event) => ({ ...state, typing: event.users ?? [] }),
};

/** The log's entry of that `seq`, or undefined. */
export function find(state, seq) {
  let [low, high] = [0, state.log.length - 1];
  while (low <= high) {
    const middle = (low + high) >> 1;
    if (state.log[middle].seq === seq) return state.log[middle];
    if (state.log[middle].seq < seq) low = middle + 1;
    else high = middle - 1;
  }
  return undefined;
}

/** A person by id: from the members, else from what they said, else unnamed. */
export function person(state, id) {
  return state.members.find((member) => member.id === id)
    ?? state.log.findLast((entry) => entry.from?.id === id)?.from
    ?? { id, name: "", role: "participant" };
}

/** Whether this person can't post at the time `now`; 0 means until lifted. */
export function isMuted(state, now) {
  const until = state.you.muted_until;
  return until !== null && until !== undefined && (until === 0 || until > now);
}

function own(state, fields) {
  return { ...state, own: { ...state.own, ...fields } };
}

function note(state, event) {
  return own(state, { notes: [...state.own.notes, event] });
}

function without(pins, seq) {
  return pins.filter((pin) => pin !== seq);
}

/** What an event of the log makes of the message that it names. */
function alterTarget(state, event) {
  const alter = CHANGES[event.type];
  const target = alter && find(state, event.target);
  if (!target || target.type !== "message") return state;
  let changed = target;
  if (event.type === "retracted" || !target.retracted) changed = alter(target, event);
  else if (event.type === "edited") changed = { ...target, edits: editsOf(target, event) };
  const edits = new Set(["edited", "retracted"].includes(event.type) ? changed.edits : []);
  const log = state.log.map((entry) => {
    if (entry === target) return changed;
    return edits.has(entry.seq) ? bare({ ...entry, text: changed.text, masked: changed.masked }) : entry;
  });
  return { ...state, log };
}

const CHANGES = {
  edited: (entry, event) => {
    const edits = editsOf(entry, event);
    if (event.text === undefined) return { ...entry, edits };
    return bare({ ...entry, text: event.text, masked: event.masked, edits });
  },
  retracted: (entry) => {
    const { text, warning, masked, reactions, ...rest } = entry;
    return { ...rest, retracted: true };
  },
  warned: (entry, event) => ({ ...entry, warning: event.warning }),
  reacted: (entry, event) => {
    const { [event.reaction]: was, ...others } = entry.reactions ?? {};
    const reactions = event.count > 0 ? { ...others, [event.reaction]: event.count } : others;
    return bare({ ...entry, reactions: Object.keys(reactions).length ? reactions : undefined });
  },
};

function editsOf(entry, event) {
  return [...new Set([...(entry.edits ?? []), event.seq])].sort((one, other) => one - other);
}

/** Without what is not so, as on the wire. */
function bare(entry) {
  return Object.fromEntries(Object.entries(entry).filter(([, value]) => value !== undefined && value !== false && value !== null));
}
