/** This browser as a place where the city's messages arrive: asks the person, subscribes, and tells the city. */
import type { Account } from "../account/session";

const WORKER = "./push-worker.js";
/** Of its own, so that it takes no page from another worker of the city's. */
const SCOPE = "./push/";
const PATIENCE_MS = 20_000;

export type PushState = "on" | "off" | "refused" | "impossible";

function supported(): boolean {
  return "serviceWorker" in navigator && "PushManager" in window && "Notification" in window;
}

/** base64url as the bytes that `PushManager.subscribe` wants. */
export function bytesOf(text: string): Uint8Array<ArrayBuffer> {
  const plain = atob(text.replaceAll("-", "+").replaceAll("_", "/"));
  return Uint8Array.from(plain, (letter) => letter.charCodeAt(0));
}

/** Whether a subscription is bound to this key. Pure. */
export function sameBytes(bound: ArrayBuffer | null, key: Uint8Array): boolean {
  const bytes = new Uint8Array(bound ?? new ArrayBuffer(0));
  return bytes.length === key.length && bytes.every((byte, index) => byte === key[index]);
}

async function subscription(): Promise<PushSubscription | null> {
  const registration = await navigator.serviceWorker.getRegistration(SCOPE);
  return (await registration?.pushManager.getSubscription()) ?? null;
}

/** Whether messages could arrive here, and by which mark the city knows this browser where they do. */
export async function pushState(): Promise<{ readonly state: PushState; readonly mark: string }> {
  if (!supported()) return { state: "impossible", mark: "" };
  if (Notification.permission === "denied") return { state: "refused", mark: "" };
  const own = await subscription();
  if (own === null) return { state: "off", mark: "" };
  const digest = await crypto.subtle.digest("SHA-256", new TextEncoder().encode(own.endpoint));
  const hex = [...new Uint8Array(digest)].map((byte) => byte.toString(16).padStart(2, "0")).join("");
  return { state: "on", mark: hex.slice(0, 16) };
}

async function activated(registration: ServiceWorkerRegistration): Promise<ServiceWorkerRegistration> {
  const worker = registration.installing ?? registration.waiting;
  if (registration.active !== null || worker === null) return registration;
  await new Promise<void>((resolve, reject) => {
    const timer = setTimeout(() => reject(new Error("the service worker does not start")), PATIENCE_MS);
    worker.addEventListener("statechange", () => {
      if (worker.state !== "activated") return;
      clearTimeout(timer);
      resolve();
    });
  });
  return registration;
}

/** Call it from a click: browsers ask the person only then. Gives whether it is on now. */
export async function startPush(account: Account, key: string, matters: readonly string[]): Promise<boolean> {
  if ((await Notification.requestPermission()) !== "granted") return false;
  const registration = await activated(await navigator.serviceWorker.register(WORKER, { scope: SCOPE }));
  const options = { userVisibleOnly: true, applicationServerKey: bytesOf(key) };
  const known = await registration.pushManager.getSubscription();
  // One that is bound to another key (the city moved) is of no use; with the same key it stays the one it was.
  if (known !== null && !sameBytes(known.options.applicationServerKey, options.applicationServerKey))
    await known.unsubscribe();
  const made = (await registration.pushManager.subscribe(options)).toJSON();
  await account.post("/account/ways/browsers", { endpoint: made.endpoint, keys: made.keys ?? {}, matters });
  return true;
}

/** No more messages here; the city is told apart (`DELETE /account/ways`). */
export async function stopPush(): Promise<void> {
  await (await subscription())?.unsubscribe();
}
