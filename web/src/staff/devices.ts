/** Devices: who there is and when each was heard, new ones, secrets, stickers' codes, and commands with their states. */
import type { Account } from "../shared/account/session";
import type { Words } from "../shared/account/words";
import { h } from "../shared/dom/h";
import { renderButton, renderForm, say } from "../shared/form/form";
import { certificates } from "./certificates";
import { path, section, table, time } from "./parts";

interface Device {
  readonly id: string;
  readonly family: string;
  readonly status: string;
  readonly lastSeen: string | null;
  readonly overdue: boolean | null;
}

interface Secret {
  readonly username: string;
  readonly password: string;
}

interface Command {
  readonly name: string;
  readonly status: string;
  readonly asked_by: string;
  readonly asked_at: string;
  readonly answer: string | null;
}

function showOnce(place: HTMLElement, note: string, lines: readonly string[]): void {
  place.replaceChildren(h("p", {}, note), h("pre", { class: "secret", id: "secret" }, lines.join("\n")));
}

const asLines = (made: readonly Secret[]) => made.map(({ username, password }) => `${username}\t${password}`);

export function devices(account: Account, words: Words) {
  const shown = h("div", {});
  const opened = h("div", { id: "device", class: "stack" });
  return section("devices", words.devices, async (redraw) => {
    const found = await account.api<{ devices: Device[] }>("GET", path("devices"));
    const set = (id: string, status: string, label: string) =>
      renderButton(label, async () => {
        await account.api("PUT", path("devices", id, "status"), { status });
        await redraw();
      });
    const turn = ({ id, status }: Device) =>
      status === "approved"
        ? set(id, "suspended", words.suspend)
        : set(id, "approved", status === "suspended" ? words.resume : words.approve);
    const rows = found.devices.map((device) => [
      device.id,
      device.family,
      device.status,
      (device.lastSeen ? time(device.lastSeen) : words.never) + (device.overdue ? ` ${words.overdue}` : ""),
      h(
        "div",
        { class: "row" },
        renderButton(words.open, () => open(opened, account, words, device, redraw)),
        account.may("devices:write") ? turn(device) : "",
      ),
    ]);
    const heads = [words.id, words.family, words.status, words.heard, words.action];
    const listed = table(heads, rows, words.nothing);
    return account.may("devices:write")
      ? [listed, opened, ...adding(account, words, shown, redraw), shown]
      : [listed, opened];
  });
}

function adding(account: Account, words: Words, shown: HTMLElement, redraw: () => Promise<void>): Node[] {
  const one = renderForm(
    [
      { name: "id", label: words.id, required: true },
      { name: "family", label: words.family, required: true, value: "river_gauge" },
      { name: "entity_id", label: words.entity },
    ],
    words.addDevice,
    async ({ id, family, entity_id }) => {
      const wanted = { id, family, entity_id: entity_id || null };
      const made = await account.api<Secret>("POST", path("devices"), wanted);
      showOnce(shown, words.secretOnce, asLines([made]));
      await redraw();
    },
  );
  const many = renderForm(
    [{ name: "csv", label: words.csv, type: "textarea" }],
    words.addCsv,
    async ({ csv }) => {
      const made = await account.api<{ devices: Secret[] }>("POST", path("devices", "csv"), csv ?? "");
      showOnce(shown, words.secretOnce, asLines(made.devices));
      await redraw();
    },
  );
  return [one, many];
}

/** One device: a new secret, a code for its sticker, and what it was told to do. */
async function open(
  place: HTMLElement,
  account: Account,
  words: Words,
  device: Device,
  redraw: () => Promise<void>,
): Promise<void> {
  const shown = h("div", {});
  const listed = h("div", {});
  const read = async () => {
    const { commands } = await account.api<{ commands: Command[] }>(
      "GET",
      path("devices", device.id, "commands"),
    );
    const rows = commands.map((line) => [
      time(line.asked_at),
      line.name,
      words.commandStates[line.status] ?? line.status,
      line.answer ?? "",
      line.asked_by,
    ]);
    const heads = [words.when, words.command, words.status, words.answer, words.who];
    listed.replaceChildren(table(heads, rows, words.nothing));
  };
  await read();
  place.replaceChildren(
    h("h3", { tabindex: -1 }, device.id),
    account.may("devices:write") ? secrets(account, words, device, shown, redraw) : "",
    shown,
    h("h4", {}, words.certificates),
    await certificates(account, words, device.id),
    h("h4", {}, words.commands),
    listed,
    renderButton(words.reread, read),
    account.may("devices:command") ? telling(account, words, device, read) : "",
  );
  place.querySelector("h3")?.focus();
}

function secrets(
  account: Account,
  words: Words,
  device: Device,
  shown: HTMLElement,
  redraw: () => Promise<void>,
): HTMLElement {
  const renew = renderButton(words.newSecret, async () => {
    const made = await account.api<Secret>("POST", `${path("devices", device.id, "secret")}?keep_s=86400`);
    showOnce(shown, words.secretKept, asLines([made]));
  });
  const sticker = renderButton(words.claimCode, async () => {
    const { code } = await account.api<{ code: string }>("POST", path("devices", device.id, "claim-code"));
    showOnce(shown, words.claimNote, [code]);
    await redraw();
  });
  return h("div", { class: "row" }, renew, sticker);
}

function telling(account: Account, words: Words, device: Device, read: () => Promise<void>): HTMLElement {
  return renderForm(
    [
      { name: "command", label: words.command, required: true },
      { name: "arguments", label: words.commandArguments, value: "{}" },
    ],
    words.sendCommand,
    async (values) => {
      const body = { command: values.command, arguments: JSON.parse(values.arguments || "{}") };
      await account.api("POST", path("devices", device.id, "commands"), body);
      await read();
      say(words.commandTaken);
    },
  );
}
