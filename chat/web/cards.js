/** The coping toolbox: staff choose a card, see what it says, and share it with the room or with one person. */

import { form, openDialog } from "./dialogs.js";
import { el, fill, say } from "./dom.js";
import { cardBody } from "./message.js";

/** `cards` as the server named them; `who` is one person, or nobody for the whole room. */
export function shareCard(session, cards, who = null) {
  openDialog({
    title: who ? `Share a card with ${who.name}` : "Share a card with the group",
    build: (close) => {
      const choice = {
        name: "card",
        label: "Card",
        kind: "select",
        options: cards.map(({ card, name }) => [card, name]),
        value: cards[0].card,
        autofocus: true,
      };
      const preview = el("div", { class: "card-preview", role: "status" });
      const asked = form({
        fields: [choice],
        confirm: "Share",
        cancel: { label: "Cancel", act: close },
        act: async ({ card }) => {
          await session.send("card", { card, to: who?.id });
          close();
          if (who) say(`${who.name} has it now. Nobody else sees it.`);
        },
      });
      const show = () => fill(preview, cardBody(cards.find(({ card }) => card === asked.fields.card.read())));
      asked.fields.card.input.addEventListener("change", show);
      asked.fields.card.node.after(preview);
      show();
      return [asked.node];
    },
  });
}
