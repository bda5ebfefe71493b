/** The districts as cards, gravest first: what is proposed and why, what is in force, what is not known. */
import { h } from "../shared/dom/h";
import { renderButton } from "../shared/form/form";
import type { Around, Desk, District, Evidence } from "./types";
import type { OfficerWords } from "./words";

export interface Picking {
  readonly picked: ReadonlySet<string>;
  readonly may: boolean;
  toggle(district: string, on: boolean): void;
  answer(district: string): Promise<void>;
  /** Shows a camera's latest image. */
  look(camera: string, district: string): Promise<void>;
}

export function time(text: string | null): string {
  if (text === null) return "—";
  return new Date(text).toLocaleString("ja-JP", {
    timeZone: "Asia/Tokyo",
    month: "numeric",
    day: "numeric",
    hour: "2-digit",
    minute: "2-digit",
  });
}

export function levelName(desk: Desk, level: number): string {
  const name = desk.levels[String(level)];
  return document.documentElement.lang === "en" ? (name?.en ?? "") : (name?.ja ?? "");
}

function fact(found: Evidence, words: OfficerWords): HTMLElement {
  const { sign } = found;
  const parts = [
    `${sign.name || sign.gauge}: ${found.why}`,
    sign.level === null ? "" : words.metres(sign.level, time(sign.observedAt)),
    sign.danger === null ? "" : words.danger(sign.danger),
    ...sign.ahead.map((one) => words.ahead(one.lead, one.level, one.low, one.high)),
  ];
  return h("li", {}, parts.filter((part) => part !== "").join("、"));
}

function beside(found: Around): HTMLElement {
  const at = found.observedAt === null ? "" : `（${time(found.observedAt)}）`;
  return h("li", {}, `${found.name}: ${found.words}${at}`);
}

function card(district: District, desk: Desk, words: OfficerWords, picking: Picking): HTMLElement {
  const { proposal, standing } = district;
  const box = h("input", { type: "checkbox", value: district.id, id: `pick-${district.id}` });
  box.checked = picking.picked.has(district.id);
  box.addEventListener("change", () => picking.toggle(district.id, box.checked));
  const waits = proposal.level > 0 && proposal.answeredAt === null && standing.level < proposal.level;
  return h(
    "li",
    {
      class: "district",
      "data-level": Math.max(proposal.level, standing.level),
      "data-district": district.id,
    },
    h("h3", {}, picking.may ? h("label", { class: "district__pick" }, box, district.name) : district.name),
    h(
      "p",
      { class: "district__proposal" },
      proposal.level > 0
        ? words.proposed(proposal.level, levelName(desk, proposal.level))
        : words.nothingProposed,
    ),
    h(
      "p",
      {},
      standing.level > 0
        ? words.standing(standing.level, levelName(desk, standing.level))
        : words.nothingStanding,
    ),
    h("p", { class: "quiet" }, words.people(district.households, district.people, district.needHelp)),
    proposal.evidence.length > 0
      ? h("ul", { class: "facts" }, ...proposal.evidence.map((found) => fact(found, words)))
      : null,
    proposal.around.some((found) => found.words !== "")
      ? h(
          "ul",
          { class: "facts", "aria-label": words.around },
          ...proposal.around.filter((found) => found.words !== "").map(beside),
        )
      : null,
    proposal.missing.length > 0
      ? h("ul", { class: "facts gap" }, ...proposal.missing.map((text) => h("li", {}, text)))
      : null,
    proposal.level > 0 ? h("p", { class: "quiet" }, words.past(proposal.level, proposal.past)) : null,
    ...district.cameras.map((camera) =>
      renderButton(words.camera(camera), () => picking.look(camera, district.name)),
    ),
    proposal.escalatedAt !== null && waits
      ? h("p", { class: "gap" }, words.unanswered(proposal.raised, time(proposal.escalatedAt)))
      : null,
    waits && picking.may ? renderButton(words.seen(district.name), () => picking.answer(district.id)) : null,
  );
}

export function districtList(desk: Desk, words: OfficerWords, picking: Picking): HTMLElement {
  if (desk.districts.length === 0) return h("p", {}, words.noDistricts);
  return h("ul", { class: "districts" }, ...desk.districts.map((one) => card(one, desk, words, picking)));
}
