/** The treasurer's page: what is outstanding, closing days, whether the books agree, budgets, settlements. */
import { openPointsPage } from "../shared/points/page";
import { closings, outstanding, reconciliation } from "./books";
import { unpaidFares } from "./fares";
import { funds } from "./funds";
import { settlements } from "./settlements";

openPointsPage("pageTreasury", "points:treasury", async (page) => {
  const parts = [
    outstanding(page),
    closings(page),
    reconciliation(page),
    settlements(page),
    unpaidFares(page),
    funds(page),
  ];
  page.main.append(...parts.map((part) => part.node));
  await Promise.all(parts.map((part) => part.redraw()));
});
