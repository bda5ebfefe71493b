/** The operation page of those who run the city's charging stations. */
import { openFor } from "../shared/account/desk";
import { chargerWords } from "../shared/chargers/words";
import { say } from "../shared/form/form";
import { cards } from "./cards";
import { disaster } from "./disaster";
import type { ChargersPage } from "./page";
import { sessions } from "./sessions";
import { sites } from "./sites";
import { stations } from "./stations";

const EVERY_MS = 5_000;

openFor("pageChargers", "chargers:read", async (main, account, code) => {
  const page: ChargersPage = { account, code, words: chargerWords(code) };
  const again = () => redraw();
  const load = sites(page);
  const plugs = stations(page, again);
  const parts = [disaster(page, again), load, plugs, sessions(page)];
  const redraw = async () => {
    await Promise.all([load.redraw(), plugs.redraw()]);
  };
  const steady = account.may("chargers:write") ? [cards(page)] : [];
  main.append(...[...parts, ...steady].map((part) => part.node));
  await Promise.all([...parts, ...steady].map((part) => part.redraw()));
  let away = false;
  const timer = window.setInterval(() => {
    if (!main.contains(load.node)) return clearInterval(timer);
    // A part in which somebody is at work is not drawn under their hands.
    const idle = parts.filter((part) => part === plugs || !busy(part.node));
    void Promise.all(idle.map((part) => part.redraw())).then(
      () => {
        if (away) say("");
        away = false;
      },
      () => {
        away = true;
        say(page.words.away, true);
      },
    );
  }, EVERY_MS);
});

function busy(node: HTMLElement): boolean {
  return node.contains(document.activeElement) || node.querySelector("form, details[open]") !== null;
}
