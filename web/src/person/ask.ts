/** An app's question: may it have this data for this purpose? It brings the person here with the question in the address. */
import { type Account, request } from "../shared/account/session";
import { h } from "../shared/dom/h";
import { renderButton, renderForm, say } from "../shared/form/form";
import { card, type Names } from "./parts";
import type { PersonWords } from "./words";

const DAYS = { month: 30, halfYear: 182, year: 365 } as const;

/** The card with the question in `?ask=CLIENT&data=CATEGORY&purpose=PURPOSE`, or null where there is none. */
export async function askCard(
  account: Account,
  person: string,
  names: Names,
  words: PersonWords,
  redraw: () => Promise<void>,
): Promise<HTMLElement | null> {
  const asked = new URLSearchParams(location.search);
  const recipient = asked.get("ask");
  const category = asked.get("data") ?? "";
  const purpose = asked.get("purpose") ?? "";
  const known = category in names.vocabulary.categories && purpose in names.vocabulary.purposes;
  if (recipient === null || !known) return null;
  const { name } = await request<{ name: string }>(
    "GET",
    `/account/personal/recipients/${encodeURIComponent(recipient)}`,
  );
  const answered = async (text: string) => {
    for (const key of ["ask", "data", "purpose"]) asked.delete(key);
    history.replaceState(history.state, "", `${location.pathname}?${asked}`);
    await redraw();
    say(text);
  };
  const options = (["month", "halfYear", "year"] as const).map(
    (key) => [String(DAYS[key]), words[key]] as const,
  );
  const form = renderForm([{ name: "days", label: words.until, options }], words.allow, async ({ days }) => {
    const until = new Date(Date.now() + Number(days) * 86_400_000).toISOString();
    const sensitive = names.sensitive(category);
    await account.post("/account/personal/consents", {
      person,
      recipient,
      category,
      purpose,
      until,
      sensitive,
    });
    await answered(words.allowed);
  });
  form.append(renderButton(words.deny, () => answered(words.denied)));
  return card(
    "ask",
    words.asks(name),
    h(
      "dl",
      { class: "facts" },
      h("dt", {}, words.data),
      h("dd", {}, names.category(category)),
      h("dt", {}, words.purpose),
      h("dd", {}, names.purpose(purpose)),
    ),
    ...(names.sensitive(category) ? [h("p", { class: "warning" }, words.sensitiveNote)] : []),
    form,
  );
}
