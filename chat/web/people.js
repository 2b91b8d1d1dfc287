/** Who is here, whose hands are up, and what may be done with a person. */

import { personItems } from "./actions.js";
import { el, fill, icon, say } from "./dom.js";
import { menuButton } from "./menu.js";
import { avatar } from "./message.js";
import { person } from "./state.js";
import { parentOf } from "./talk.js";
import { problemText, RANK, ROLES, WORDS } from "./words.js";

/** The panel of one room; `room` is its view. */
export class PeopleView {
  #room;

  constructor(room) {
    this.#room = room;
    this.node = el("div", { class: "people" });
  }

  show() {
    const { session } = this.#room;
    const { state } = session;
    const words = WORDS.people;
    const staff = state.members.filter((member) => RANK[member.role] > 0);
    const others = state.members.filter((member) => !(RANK[member.role] > 0));
    const byName = (one, other) => one.name.localeCompare(other.name);
    const focused = this.node.contains(document.activeElement) ? document.activeElement.dataset.user : null;
    fill(
      this.node,
      state.turns && this.#hands(state),
      this.#group(words.team, staff.sort(byName)) ?? el("p", { class: "notice" }, words.unstaffed),
      this.#group(parentOf(session.room) ? words.talk : words.group, others.sort(byName)),
      state.count > state.members.length
        && el("p", { class: "hint" }, `and ${state.count - state.members.length} more`),
    );
    if (focused) this.node.querySelector(`[data-user="${CSS.escape(focused)}"]`)?.focus();
  }

  #hands(state) {
    const { session } = this.#room;
    const queue = state.hands.map((id) => person(state, id));
    return el(
      "section",
      { class: "hands", "aria-label": "Hands" },
      el("h3", {}, icon("hand"), "Hands"),
      state.speaker && el("p", { class: "speaking" }, `${person(state, state.speaker).name || "Somebody"} is speaking`),
      queue.length
        ? el("ol", {}, queue.map((who) => el("li", {}, who.name || "Somebody", who.id === session.me.id ? " (you)" : "")))
        : el("p", { class: "hint" }, "No hands are up."),
    );
  }

  #group(title, members) {
    if (!members.length) return null;
    return el("section", {}, el("h3", {}, title), el("ul", { class: "members" }, members.map((who) => this.#member(who))));
  }

  #member(who) {
    const { session } = this.#room;
    const items = personItems(this.#room, who);
    const isMe = who.id === session.me.id;
    return el(
      "li",
      { class: "member" },
      avatar(who),
      el(
        "span",
        { class: "member-name" },
        who.name,
        isMe && el("span", { class: "tag" }, "You"),
        ROLES[who.role] && el("span", { class: "tag staff" }, ROLES[who.role]),
        this.#room.isHidden(who.id) && el("span", { class: "tag" }, "Hidden"),
      ),
      session.state.typing.includes(who.id) && el("span", { class: "hint writing", "aria-hidden": "true" }, "writing…"),
      items.length > 0
        && menuButton(`What you can do for ${who.name}`, () => items, { class: "quiet round", data: { user: who.id } }, icon("more")),
    );
  }
}

/** Hide or show a person's messages on this page, and let the server know for the next visit. */
export async function keepHidden(session, hidden) {
  try {
    await session.sendAnywhere("profile", { hidden: [...hidden] });
  } catch (problem) {
    say(problemText(problem));
  }
}
