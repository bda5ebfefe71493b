/** The programme manager's page: campaigns and budgets, rules tried before they count, shops, check-ins, grants. */
import { h } from "../shared/dom/h";
import { openPointsPage } from "../shared/points/page";
import { campaigns } from "./campaigns";
import { claims, events } from "./events";
import { shops } from "./shops";

openPointsPage("pageProgramme", "points:staff", async (page) => {
  const parts = [campaigns(page), shops(page), events(page)];
  page.main.append(
    ...parts.map((part) => part.node),
    h("section", { class: "card", id: "claims" }, h("h2", {}, page.words.claims), claims(page)),
  );
  await Promise.all(parts.map((part) => part.redraw()));
});
