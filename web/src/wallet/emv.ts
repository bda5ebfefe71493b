/** Name and amount in a shop's code, to show before paying. Whether it is whole the city says. Pure. */

export interface ShownShop {
  readonly name: string;
  readonly amount: string | null;
}

/** Tag, length, value: two digits, two digits, so many characters (EMV QRCPS MPM 1.1). Null for anything else. */
function read(text: string): ReadonlyMap<string, string> | null {
  const tags = new Map<string, string>();
  const characters = [...text];
  for (let at = 0; at < characters.length; ) {
    const head = characters.slice(at, at + 4).join("");
    if (!/^\d{4}$/.test(head)) return null;
    const length = Number(head.slice(2));
    const value = characters.slice(at + 4, at + 4 + length);
    if (value.length !== length) return null;
    tags.set(head.slice(0, 2), value.join(""));
    at += 4 + length;
  }
  return tags;
}

/** The name in Japanese (tag 64), else the Latin one. Null for what is no such code. */
export function readShopCode(text: string): ShownShop | null {
  const tags = read(text);
  const name = read(tags?.get("64") ?? "")?.get("01") ?? tags?.get("59");
  return tags?.get("00") === "01" && name !== undefined ? { name, amount: tags.get("54") ?? null } : null;
}
