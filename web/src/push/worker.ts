/** Shows what the city pushes to this browser, while no page is open too. It keeps nothing and answers no requests. */

interface Message {
  readonly id: string;
  readonly title: string;
  readonly text: string;
  readonly mode: "actual" | "exercise" | "test";
  readonly page?: string;
}
interface Waiting extends Event {
  waitUntil(work: Promise<unknown>): void;
}
interface Pushed extends Waiting {
  readonly data: { json(): unknown } | null;
}
interface Clicked extends Waiting {
  readonly notification: Notification;
}
interface Page {
  readonly url: string;
  focus(): Promise<unknown>;
}
interface WorkerScope {
  readonly location: Location;
  readonly registration: ServiceWorkerRegistration;
  readonly clients: {
    matchAll(options: { type: "window"; includeUncontrolled: boolean }): Promise<readonly Page[]>;
    openWindow(url: string): Promise<unknown>;
  };
  skipWaiting(): Promise<void>;
  addEventListener(type: "install", listener: (event: Waiting) => void): void;
  addEventListener(type: "push", listener: (event: Pushed) => void): void;
  addEventListener(type: "notificationclick", listener: (event: Clicked) => void): void;
}
const worker = self as unknown as WorkerScope;

const MODES = { actual: "", exercise: "【訓練】", test: "【テスト】" } as const;

/** The page of the city's own that a message names; anything else leads to the front page. */
function addressOf(page: string | undefined): string {
  const url = new URL(page ?? "", worker.location.href);
  return url.origin === worker.location.origin ? url.href : worker.location.origin;
}

async function open(address: string): Promise<void> {
  const pages = await worker.clients.matchAll({ type: "window", includeUncontrolled: true });
  const shown = pages.find((page) => page.url === address);
  if (shown === undefined) await worker.clients.openWindow(address);
  else await shown.focus();
}

worker.addEventListener("install", (event) => event.waitUntil(worker.skipWaiting()));
worker.addEventListener("push", (event) => {
  const message = event.data?.json() as Message | undefined;
  if (message === undefined) return;
  const title = MODES[message.mode] + message.title;
  // The same message again replaces the first, silently.
  const shown = { body: message.text, tag: message.id, lang: "ja", data: addressOf(message.page) };
  event.waitUntil(worker.registration.showNotification(title, shown));
});
worker.addEventListener("notificationclick", (event) => {
  event.notification.close();
  event.waitUntil(open(String(event.notification.data)));
});

export {};
