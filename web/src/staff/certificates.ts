/** A device's certificates: which count, binding one by its file, and revoking one. */
import type { Account } from "../shared/account/session";
import type { Words } from "../shared/account/words";
import { h } from "../shared/dom/h";
import { renderButton, say } from "../shared/form/form";
import { path, table } from "./parts";

interface Certificate {
  readonly serial: string;
  readonly fingerprint: string;
  readonly issuedAt: string;
  readonly expiresAt: string;
  readonly revokedAt: string | null;
}

const day = (text: string) => new Date(text).toLocaleDateString("ja-JP", { timeZone: "Asia/Tokyo" });

function state(one: Certificate, words: Words): string {
  if (one.revokedAt !== null) return `${words.revoked} ${day(one.revokedAt)}`;
  const word = new Date(one.expiresAt) <= new Date() ? words.expired : words.valid;
  return `${word} ${words.until(day(one.expiresAt))}`;
}

/** In fours, as other programs show it beside: whoever compares reads it aloud. */
const readable = (fingerprint: string) => fingerprint.match(/.{1,4}/g)?.join(" ") ?? fingerprint;

export async function certificates(account: Account, words: Words, device: string): Promise<HTMLElement> {
  const listed = h("div", {});
  const may = account.may("devices:write");
  const revoking = (one: Certificate) =>
    h(
      "details",
      {},
      h("summary", {}, words.revoke),
      h("p", {}, words.revokeNote),
      renderButton(words.revokeNow, async () => {
        await account.api("DELETE", path("devices", device, "certificates", one.serial));
        await read();
        say(words.done);
      }),
    );
  async function read(): Promise<void> {
    const found = await account.api<{ certificates: Certificate[] }>(
      "GET",
      path("devices", device, "certificates"),
    );
    const rows = found.certificates.map((one) => [
      h("code", {}, readable(one.fingerprint)),
      state(one, words),
      may && one.revokedAt === null ? revoking(one) : "",
    ]);
    const heads = [words.fingerprint, words.status, words.action];
    listed.replaceChildren(table(heads, rows, words.nothing));
  }
  await read();
  return h("div", { class: "stack" }, listed, may ? binding(account, words, device, read) : "");
}

function binding(account: Account, words: Words, device: string, read: () => Promise<void>): HTMLElement {
  const file = h("input", { type: "file", accept: ".pem,.crt,.cer" });
  const bind = renderButton(words.bind, async () => {
    const chosen = file.files?.[0];
    if (chosen === undefined) throw new Error(words.chooseFile);
    const body = { certificate: await chosen.text() };
    await account.api("POST", path("devices", device, "certificates"), body);
    file.value = "";
    await read();
    say(words.done);
  });
  const label = h("label", {}, h("span", {}, words.certificateFile), file);
  return h("div", { class: "form" }, h("p", {}, words.certificateNote), label, bind);
}
