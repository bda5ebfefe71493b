/** The resident's flood map: puts the parts together. */
import { createApi } from "../shared/api/client";
import { byId, setText } from "../shared/dom/h";
import {
  chooseLanguage,
  dictionaryOf,
  rememberedLanguage,
  rememberLanguage,
} from "../shared/language/language";
import { browserPorts } from "../shared/stream/stream";
import { CityClock } from "../shared/time/clock";
import { createAlerts } from "./alerts";
import { ChartFeed } from "./chartfeed";
import { createDetail } from "./detail";
import { Feed } from "./feed";
import { createList } from "./list";
import { MapView } from "./mapview";
import { createOrders } from "./orders";
import { createPages } from "./pages";
import { gaugeOfHash } from "./route";
import { createShelters } from "./shelters";
import { initialState, type State, Store } from "./state";
import { createStatus } from "./status";

/** Ages are in minutes: drawing four times a minute keeps them right. */
const REDRAW_MS = 15_000;

function goBack(): void {
  // Without the hash but with the language; the list is one step of history, so that "back" works both ways.
  history.pushState(null, "", location.pathname + location.search);
  window.dispatchEvent(new PopStateEvent("popstate"));
}

function createFoot(): (state: State) => void {
  const notice = byId("notice", HTMLElement);
  const sources = byId("sources", HTMLElement);
  const pages = createPages();
  return (state) => {
    const { words, config } = state;
    pages(state);
    setText(notice, words.notice);
    const map = config?.tileUrl ? (config.tileAttribution ?? "") : words.baseMap;
    const data = config?.dataAttribution ? words.dataSource(config.dataAttribution) : "";
    setText(sources, [map, data].filter((text) => text !== "").join(" ／ "));
  };
}

function main(): void {
  const words = chooseLanguage(location.search, rememberedLanguage());
  const store = new Store(initialState(words, gaugeOfHash(location.hash)));
  const clock = new CityClock({ wall: () => Date.now(), steady: () => performance.now() });
  const api = createApi();
  const feed = new Feed(api, store, clock, browserPorts, () => performance.now());
  const chartFeed = new ChartFeed(api, store, clock);
  const status = createStatus(clock);
  const alerts = createAlerts(clock);
  const orders = createOrders(store);
  const shelters = createShelters(store);
  const foot = createFoot();
  const list = createList(store, clock);
  const detail = createDetail(store, clock, goBack, () => chartFeed.retry());
  const map = new MapView();
  map.requestRender = () => store.tell();

  store.subscribe((state, before) => {
    status(state);
    alerts(state, before);
    orders(state, before);
    shelters(state, before);
    foot(state);
    list.render(state);
    detail.render(state);
    map.render(state);
    if (state.selected === before.selected) return;
    if (state.selected !== null) detail.focus();
    else if (before.selected !== null) list.focus(before.selected);
  });

  const follow = () => store.set({ selected: gaugeOfHash(location.hash) });
  window.addEventListener("hashchange", follow);
  window.addEventListener("popstate", follow);
  window.addEventListener("resize", () => store.tell());
  document.addEventListener("visibilitychange", () => {
    if (document.visibilityState === "visible") feed.wake();
  });
  window.addEventListener("offline", () => feed.offline());
  window.addEventListener("online", () => feed.online());
  byId("language", HTMLButtonElement).addEventListener("click", () => {
    const next = store.get().words.switchLanguage.code;
    rememberLanguage(next);
    store.set({ words: dictionaryOf(next) });
  });
  setInterval(() => store.tell(), REDRAW_MS);
  store.tell();
  feed.start();
}

main();
