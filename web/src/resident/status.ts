/** The head of the page: whose page it is, how old the data is, whether it is live, and whether it is a replay. */
import type { Gauge } from "../shared/api/types";
import { byId, h, setText } from "../shared/dom/h";
import type { Dictionary } from "../shared/language/dictionary";
import type { CityClock } from "../shared/time/clock";
import { ageText, fullTime, nearTime } from "../shared/time/format";
import type { State } from "./state";

/**
 * When the newest reading of any gauge was made; null without any. A time after the city's present is a wrong clock's
 * and would make old data look fresh: it counts only where no gauge has another.
 */
export function newestReading(gauges: readonly Gauge[] | null, now: Date | null): Date | null {
  const times = (gauges ?? []).flatMap(({ observedAt }) => (observedAt === null ? [] : [observedAt]));
  const past = times.filter((at) => now === null || at <= now);
  const newest = Math.max(...(past.length > 0 ? past : times).map((at) => at.getTime()));
  return Number.isFinite(newest) ? new Date(newest) : null;
}

function failedText({ failed, answeredAt, words }: State): string {
  if (!failed) return "";
  return answeredAt === null ? words.failedNever : words.failed(nearTime(answeredAt, null, words));
}

export function createStatus(clock: CityClock): (state: State) => void {
  const city = byId("city", HTMLElement);
  const title = byId("title", HTMLElement);
  const skip = byId("skip", HTMLElement);
  const language = byId("language", HTMLButtonElement);
  const age = byId("age", HTMLElement);
  const stream = byId("stream", HTMLElement);
  const failed = byId("failed", HTMLElement);
  const replay = createReplay(clock);

  return (state) => {
    const { words, config } = state;
    const place = words.code === "en" ? (config?.city.nameEn ?? config?.city.name) : config?.city.name;
    setText(city, place ?? "");
    setText(title, words.title);
    setText(skip, words.skipToList);
    setText(language, words.switchLanguage.label);
    language.lang = words.switchLanguage.code;
    document.title = place === undefined ? words.title : `${words.title} - ${place}`;
    document.documentElement.lang = words.code;
    const newest = newestReading(state.gauges, clock.now());
    const time = newest === null ? null : nearTime(newest, clock.now(), words);
    const old = words.dataAge(ageText(clock.minutesSince(newest), words), time);
    setText(age, state.gauges === null ? words.loading : old);
    setText(stream, words.stream[state.stream]);
    stream.dataset.state = state.stream;
    setText(failed, failedText(state));
    replay(state);
  };
}

function createReplay(clock: CityClock): (state: State) => void {
  const box = byId("replay", HTMLElement);
  const label = h("strong", { class: "replay__label", id: "replay-label" });
  const note = h("span", { class: "replay__note" });
  const time = h("span", { class: "replay__time" });
  box.append(label, note, time);
  return ({ config, words }) => {
    box.hidden = config?.mode !== "replay";
    setText(label, words.replayTitle);
    setText(note, words.replayNote);
    setText(time, replayTime(clock.now(), words));
  };
}

function replayTime(now: Date | null, words: Dictionary): string {
  return now === null ? "" : words.replayTime(fullTime(now, words));
}
