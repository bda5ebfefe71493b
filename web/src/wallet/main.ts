/** A resident's points: how many, how long they last, where they came from, and paying with them. */
import { Refused } from "../shared/account/session";
import { h } from "../shared/dom/h";
import { attempt, renderButton, renderForm, say } from "../shared/form/form";
import { table } from "../shared/form/section";
import { dateText, newId, openPointsPage, type PointsPage, path } from "../shared/points/page";
import { drawCode } from "../shared/points/qr";
import { waysSection } from "../shared/ways/ways";
import { history } from "./history";
import { payShop } from "./paying";

interface Lot {
  readonly points: number;
  readonly kind: string;
  readonly programme: string;
  readonly spend_on: readonly string[];
  readonly expires_at: string | null;
}

interface Wallet {
  readonly resident: string | null;
  readonly pointBalance: number;
  readonly expirationDateOfPoint: string | null;
  readonly moneyBalance: number;
  readonly expirationDateOfMoney: string | null;
  readonly reserved: number;
  readonly lots: readonly Lot[];
}

const LOOK_EVERY_MS = 4_000;

/** The last day on which a lot can be used: it expires at the first instant of the next. */
function lastDay(expires: string, code: PointsPage["code"]): string {
  const before = new Date(new Date(expires).getTime() - 1);
  return dateText(before.toLocaleDateString("en-CA", { timeZone: "Asia/Tokyo" }), code);
}

function balance({ words, code }: PointsPage, wallet: Wallet): HTMLElement {
  const soonest = wallet.lots.find((lot) => lot.expires_at !== null);
  return h(
    "section",
    { class: "card", id: "balance" },
    h("h2", {}, words.balance),
    h("p", { class: "balance" }, words.points(wallet.pointBalance + wallet.moneyBalance)),
    h(
      "p",
      {},
      soonest?.expires_at
        ? words.soonest(words.points(soonest.points), lastDay(soonest.expires_at, code))
        : words.noExpiry,
    ),
    wallet.moneyBalance > 0
      ? h(
          "p",
          { class: "quiet" },
          `${words.given} ${words.points(wallet.pointBalance)}・${words.bought} ${words.points(wallet.moneyBalance)}`,
        )
      : null,
    wallet.reserved > 0 ? h("p", { class: "quiet" }, words.reserved(words.points(wallet.reserved))) : null,
  );
}

function lots({ words, code }: PointsPage, wallet: Wallet): HTMLElement {
  const rows = wallet.lots.map((lot) => [
    lot.expires_at === null ? words.forever : lastDay(lot.expires_at, code),
    words.points(lot.points),
    words.kind[lot.kind] ?? lot.kind,
    lot.spend_on.length === 0
      ? words.anything
      : lot.spend_on.map((one) => words.purpose[one] ?? one).join("・"),
    lot.programme,
  ]);
  return h(
    "section",
    { class: "card", id: "lots" },
    h("h2", {}, words.lots),
    table(
      words.lots,
      [words.until, words.amount, words.type, words.spendOn, words.programme],
      rows,
      words.none,
    ),
  );
}

/** Shows a one-time code until it ends or was used: then the balance has changed, and the page says so. */
function codeCard(page: PointsPage, before: number, paid: () => Promise<void>): HTMLElement {
  const { account, words } = page;
  const place = h("div", { class: "stack", "aria-live": "polite" });
  const show = async () => {
    const made = await account.api<{ code: string; expiresAt: string }>("POST", path("me", "codes"));
    const left = h("p", { role: "timer" });
    place.replaceChildren(
      h("p", {}, words.codeHelp),
      drawCode(made.code, words.codePicture),
      left,
      h(
        "details",
        {},
        h("summary", {}, words.codeText),
        h("pre", { class: "secret", id: "code" }, made.code),
      ),
    );
    const end = new Date(made.expiresAt).getTime();
    const looks = window.setInterval(() => {
      if (!place.isConnected) return clearInterval(looks);
      void account.api<Wallet>("GET", path("me")).then(async (now) => {
        if (now.pointBalance + now.moneyBalance === before) return;
        clearInterval(looks);
        clearInterval(ticks);
        await paid();
        say(words.paid);
      }, console.warn);
    }, LOOK_EVERY_MS);
    const ticks = window.setInterval(() => {
      const seconds = Math.round((end - Date.now()) / 1000);
      if (seconds > 0) left.textContent = words.codeLeft(seconds);
      else {
        clearInterval(ticks);
        clearInterval(looks);
        place.replaceChildren(h("p", {}, words.codeOver));
      }
    }, 1_000);
  };
  const button = renderButton(words.showCode, show);
  button.classList.add("button--main", "button--tall");
  return h("section", { class: "card", id: "pay" }, button, place);
}

function giving({ account, words }: PointsPage, redraw: () => Promise<void>): HTMLElement {
  let id = newId();
  const form = renderForm(
    [
      { name: "points", label: words.amount, type: "number", required: true },
      { name: "to", label: words.giveTo },
    ],
    words.giveButton,
    async ({ points, to }) => {
      const body = { id, points: Number(points), to: to?.trim() || null };
      try {
        await account.api("POST", path("me", "transfers"), body);
      } catch (error) {
        // An answer ends the wish; without one the next try is the same wish.
        if (error instanceof Refused && error.status > 0 && error.status < 500) id = newId();
        throw error;
      }
      id = newId();
      await redraw();
      say(words.done);
    },
  );
  return h("details", { class: "card", id: "give" }, h("summary", {}, words.give), form);
}

/** Somebody scanned an event's code with the phone's camera, which opened this page. */
async function checkIn({ account, words }: PointsPage): Promise<void> {
  const asked = new URLSearchParams(location.search);
  const code = asked.get("checkin");
  if (code === null) return;
  const done = await account.api<{ title: string; earned: readonly { points: number }[] }>(
    "POST",
    path("me", "checkins"),
    { code },
  );
  asked.delete("checkin");
  window.history.replaceState(window.history.state, "", `${location.pathname}?${asked}`);
  const points = done.earned.reduce((sum, one) => sum + one.points, 0);
  say(points > 0 ? words.checkedIn(done.title, words.points(points)) : words.checkedInOnly(done.title));
}

openPointsPage("pageWallet", "points:own", async (page) => {
  const { account, words, main } = page;
  const told = waysSection(account, "points", page.code, { title: words.toldTitle, note: words.toldNote });
  await told.redraw();
  const redraw = async (): Promise<void> => {
    const wallet = await account.api<Wallet>("GET", path("me"));
    if (wallet.resident === null) {
      const open = renderButton(words.join, async () => {
        await account.api("PUT", path("me"));
        await begin();
      });
      open.classList.add("button--main");
      main.replaceChildren(h("section", { class: "card", id: "join" }, h("p", {}, words.joinIntro), open));
      return;
    }
    main.replaceChildren(
      balance(page, wallet),
      codeCard(page, wallet.pointBalance + wallet.moneyBalance, redraw),
      payShop(page, redraw),
      lots(page, wallet),
      await history(page),
      giving(page, redraw),
      told.node,
      h(
        "section",
        { class: "card" },
        h("p", { id: "number" }, words.myNumber(wallet.resident)),
        h("p", { class: "quiet" }, words.numberHelp),
      ),
    );
  };
  const begin = async () => {
    await redraw();
    if (main.querySelector("#join") !== null) return;
    await attempt(async () => {
      const before = location.search;
      await checkIn(page);
      if (location.search === before) return;
      const said = document.getElementById("said")?.textContent ?? "";
      await redraw();
      say(said);
    });
  };
  await begin();
});
