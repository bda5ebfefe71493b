/** How a station is set up, as it told when it was last asked; it can be asked anew. */
import type { Station, Variable } from "../shared/chargers/types";
import { h } from "../shared/dom/h";
import { renderButton, say } from "../shared/form/form";
import { send } from "./commands";
import { type ChargersPage, path, timeText } from "./page";

/** A station of 2.0.1 says only that it will tell: its report comes in the seconds after. */
const REPORT_MS = 3_000;

export function variables(page: ChargersPage, station: Station): HTMLElement {
  const { account, words, code } = page;
  const found = h("div", { class: "stack" });
  const look = async () => {
    const address = path("stations", station.id, "variables");
    const { variables: listed } = await account.api<{ variables: Variable[] }>("GET", address);
    const lines = listed.flatMap(({ name, value, unit, writable, at }) => [
      h("dt", {}, name),
      h(
        "dd",
        {},
        value === null ? words.secret : [value, unit].filter(Boolean).join(" "),
        h("div", { class: "quiet" }, words.variable(writable, timeText(at, code))),
      ),
    ]);
    found.replaceChildren(lines.length === 0 ? h("p", {}, words.notToldYet) : h("dl", {}, ...lines));
    return listed.length;
  };
  const ask = renderButton(words.readSetUp, async () => {
    await send(page, station.id, words.readSetUp, "get-configuration", {});
    if (station.protocol !== "1.6") await new Promise((done) => setTimeout(done, REPORT_MS));
    say(words.setUpRead(await look()));
  });
  const node = h("details", { id: "variables" }, h("summary", {}, words.setUp), ask, found);
  node.addEventListener("toggle", () => {
    if (node.open) void look();
  });
  return node;
}
