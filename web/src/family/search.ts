/** When the wearer is missing: reporting it, seeing which officers may look, and ending it once they are found. */
import { request } from "../shared/account/session";
import { h } from "../shared/dom/h";
import { renderButton, renderForm, say } from "../shared/form/form";
import { when } from "./now";
import { pathOf, type View } from "./view";

interface Search {
  readonly id: string;
  readonly reportedAt: string;
  readonly words: string;
  readonly officers: readonly { readonly officer: string; readonly since: string; readonly until: string }[];
}

interface Shown {
  readonly search: Search | null;
  readonly names: Readonly<Record<string, string>>;
}

function reporting(view: View, redraw: () => Promise<void>): HTMLElement {
  const { account, words, tag } = view;
  const form = renderForm(
    [{ name: "words", label: words.missingWords, type: "textarea" }],
    words.missingReport,
    async (values) => {
      await account.post(pathOf(tag.id, "search"), { words: values.words ?? "" });
      await redraw();
      say(words.missingReported);
    },
  );
  return h(
    "details",
    {},
    h("summary", {}, words.missingOpen),
    h("p", { class: "warning" }, words.missingNote),
    form,
  );
}

function open(view: View, { search, names }: Shown, redraw: () => Promise<void>): HTMLElement {
  const { account, words, tag, code } = view;
  const now = new Date();
  const lines = (search?.officers ?? []).map(({ officer, since, until }) =>
    h(
      "li",
      {},
      words.missingOfficer(names[officer] ?? officer, when(since, now, code), when(until, now, code)),
    ),
  );
  const found = renderButton(words.missingFound, async () => {
    await account.change("DELETE", pathOf(tag.id, "search"));
    await redraw();
    say(words.missingEnded);
  });
  found.classList.add("button--main");
  return h(
    "div",
    { class: "stack" },
    h("p", { class: "warning" }, words.missingSince(when(search?.reportedAt ?? "", now, code))),
    search?.words ? h("p", {}, search.words) : null,
    lines.length > 0 ? h("ul", { class: "entries" }, ...lines) : h("p", {}, words.missingNobody),
    h("div", { class: "row" }, found),
  );
}

/** The card, drawn anew by `redraw`. */
export function searchCard(view: View): { readonly node: HTMLElement; readonly redraw: () => Promise<void> } {
  const { words, tag } = view;
  const body = h("div", { class: "stack" });
  const redraw = async (): Promise<void> => {
    const shown = await request<Shown>("GET", pathOf(tag.id, "search"));
    body.replaceChildren(shown.search === null ? reporting(view, redraw) : open(view, shown, redraw));
  };
  const title = h("h2", { id: "missing-title" }, words.missing);
  return {
    node: h("section", { class: "card", id: "missing", "aria-labelledby": "missing-title" }, title, body),
    redraw,
  };
}
